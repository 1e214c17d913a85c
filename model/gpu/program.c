/* program.c - from a plan to calls with every pointer fixed, run or captured. */
#include "model/gpu/machine.h"
#include "core/die.h"

/* ---- pointers ---- */

static void *at(const struct machine *m, const struct plan *p, int value) {
    return value < 0 ? NULL : m->arena + p->value[value].offset;
}

/* What kernels read as parameter p, and where its gradient goes. */
static void *parameter(const struct machine *m, int p) {
    const struct gpu_weights *w = &m->weights;
    if (m->job.graph->param[p].buffer) return m->buffers + m->at[p];
    if (!m->layout[p].matrix || !w->copy) return w->w + m->at[p];
    return (uint8_t *)w->copy + m->at[p] * gpu_element(m->gpu.precision, 0);
}

static void *gradient(const struct machine *m, int p) {
    const struct gpu_weights *w = &m->weights;
    if (m->job.graph->param[p].buffer || m->frozen[p]) return NULL;
    if (!m->layout[p].matrix) return w->vector_gradient + (m->at[p] - w->matrices);
    return (uint8_t *)w->gradient + m->at[p] * gpu_element(m->gpu.precision, 0);
}

static void fill_call(const struct machine *m, const struct plan *p, const struct action *a,
                      int N, int i, struct call *c) {
    const struct graph *g = m->job.graph;
    const int node = p->step[a->step].first + i;
    const struct slot *s = &a->slot[i];
    *c = plan_call(g, &m->kernels, node, N);
    for (int k = 0; k < NODE_INPUTS; k++) {
        c->x[k] = at(m, p, s->x[k]);
        c->dx[k] = at(m, p, s->dx[k]);
        c->sum[k] = s->sum[k];
    }
    c->y = at(m, p, s->y);
    c->dy = at(m, p, s->dy);
    c->sum_dw = s->sum_dw;
    c->saved = at(m, p, a->saved);
    c->scratch = at(m, p, a->scratch);
    for (int k = 0; k < NODE_PARAMS; k++) {
        const int param = g->node[node].param[k];
        if (param < 0) continue;
        c->w[k] = parameter(m, param);
        if (a->kind == BACKWARD) c->dw[k] = gradient(m, param);
    }
    c->seed = m->job.seed;
    c->position = m->gpu.position;
    c->flip = m->gpu.flip;
    c->loss = m->loss;
}

static void fill_calls(struct machine *m, struct gpu_program *program) {
    const struct plan *p = &program->plan;
    for (int a = 0; a < p->actions; a++)
        for (int i = 0; i < p->step[p->action[a].step].nodes; i++)
            fill_call(m, p, &p->action[a], program->N, i, &program->calls[a][i]);
}

/* All programs share one arena, as large as the largest wants: a new one may move it. */
static void grow_arena(struct machine *m, const struct plan *plan) {
    struct gpu_program *const all[] = {&m->train, &m->tail, &m->infer, &m->small};
    if (plan->bytes <= m->arena_bytes) return;
    gpu_drop_captures(m);
    device_free(m->gpu.device, m->arena);
    m->bytes -= m->arena_bytes;
    m->arena = gpu_take(m, plan->bytes, "activations");
    m->arena_bytes = plan->bytes;
    for (int i = 0; i < 4; i++)
        if (all[i]->N) fill_calls(m, all[i]);
}

void gpu_program_make(struct machine *m, struct gpu_program *p, int N, int train) {
    gpu_program_free(p);
    plan_make(&p->plan, m->job.graph, &m->kernels, N, train, m->job.fusions_off, m->frozen);
    p->calls = xcalloc((size_t)p->plan.actions, sizeof *p->calls);
    for (int a = 0; a < p->plan.actions; a++) {
        const int n = p->plan.step[p->plan.action[a].step].nodes;
        p->calls[a] = xcalloc((size_t)n, sizeof **p->calls);
    }
    p->N = N;
    grow_arena(m, &p->plan);
    fill_calls(m, p);
}

void gpu_program_free(struct gpu_program *p) {
    for (int a = 0; a < p->plan.actions; a++) xfree(p->calls[a]);
    xfree(p->calls);
    plan_free(&p->plan);
    *p = (struct gpu_program){.N = 0};
}

/* ---- running ---- */

static void run_action(const struct machine *m, const struct step *s, enum kind kind,
                       const struct call *calls) {
    const struct kernel *kernel = &m->kernels.op[m->job.graph->node[s->first].op];
    if (s->fusion)
        (kind == BACKWARD ? s->fusion->backward : s->fusion->forward)(calls, s->nodes);
    else
        (kind == BACKWARD ? kernel->backward : kernel->forward)(calls);
}

void gpu_program_action(struct machine *m, const struct gpu_program *program, int i,
                        enum phase phase) {
    const struct action *a = &program->plan.action[i];
    const struct step *s = &program->plan.step[a->step];
    for (int k = 0; k < s->nodes; k++)
        program->calls[i][k].phase = a->kind == AGAIN ? PHASE_AGAIN : phase;
    run_action(m, s, a->kind, program->calls[i]);
}

void gpu_program_run(struct machine *m, const struct gpu_program *program,
                     enum phase phase) {
    for (int i = 0; i < program->plan.actions; i++)
        gpu_program_action(m, program, i, phase);
}

struct captured *gpu_capture(struct machine *m, const struct gpu_set *set,
                             void (*enqueue)(struct machine *m, const void *arg),
                             const void *arg) {
    m->gpu.image = set->image;
    m->gpu.mask = set->mask;
    device_capture_begin(m->gpu.device);
    enqueue(m, arg);
    return device_capture_end(m->gpu.device);
}

void gpu_drop_captures(struct machine *m) {
    struct captured **all[] = {&m->train_step,        &m->tail_step,
                               &m->infer_pass,        &m->set[SET_TRAIN].pass,
                               &m->set[SET_VAL].pass, &m->set[SET_PICK].pass};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        captured_free(*all[i]);
        *all[i] = NULL;
    }
}
