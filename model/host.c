/* host.c - a machine in the host's memory: plans, runs, steps, scores; see host.h. The
 * kernels are somebody else's (ref, cpu); parameters in and out are host_state.c's. */
#include "model/host_machine.h"
#include "core/die.h"
#include "core/rng.h"
#include <math.h>
#include <string.h>

static void *at(const struct machine *m, const struct plan *p, int value) {
    return value < 0 ? NULL : m->arena + p->value[value].offset;
}

static void *parameter(const struct machine *m, void *weights, int p) {
    const struct param *param = &m->job.graph->param[p];
    return (uint8_t *)(param->buffer ? m->buffers : weights) + param->offset * m->real;
}

/* ---- prepare ---- */

static void fill_call(struct machine *m, const struct plan *p, const struct action *a,
                      int i, struct call *c) {
    const struct graph *g = m->job.graph;
    const struct node *n = &g->node[p->step[a->step].first + i];
    const struct slot *s = &a->slot[i];
    *c = plan_call(g, m->k, p->step[a->step].first + i, m->job.batch);
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
        if (n->param[k] < 0) continue;
        c->w[k] = parameter(m, m->rounded, n->param[k]);
        if (m->job.train && !g->param[n->param[k]].buffer && !m->frozen[n->param[k]])
            c->dw[k] = parameter(m, m->gradient, n->param[k]);
    }
    c->seed = m->job.seed;
    c->position = m->position;
    c->image = m->image;
    c->mask = m->mask;
    c->flip = m->flip;
    c->loss = m->loss;
    c->loss_scale = 1;
}

static void fill_program(struct machine *m, struct program *program) {
    const struct plan *p = &program->plan;
    program->calls = xcalloc((size_t)p->actions, sizeof *program->calls);
    for (int a = 0; a < p->actions; a++) {
        int n = p->step[p->action[a].step].nodes;
        program->calls[a] = xcalloc((size_t)n, sizeof **program->calls);
        for (int i = 0; i < n; i++)
            fill_call(m, p, &p->action[a], i, &program->calls[a][i]);
    }
}

static void *block(const struct machine *m, size_t count) {
    void *b = xaligned(count * m->real + 64);
    memset(b, 0, count * m->real + 64);
    return b;
}

static void host_prepare(struct machine *m, const struct job *job) {
    const struct graph *g = job->graph;
    const struct recipe *r = job->recipe;
    size_t n = (size_t)(job->batch > r->batch ? job->batch : r->batch);
    m->job = *job;
    m->real = type_size(m->k->real);
    m->frozen = xcalloc((size_t)g->params + 1, 1);
    for (int i = 0; i < g->params; i++) m->frozen[i] = r->freeze && g->param[i].encoder;
    m->weights = block(m, g->weights);
    m->buffers = block(m, g->buffers);
    m->rounded = r->precision == FP32 ? m->weights : block(m, g->weights);
    /* each product sees its operands */
    if (r->precision == TF32) m->job.fusions_off = "all";
    host_make_operands(m);
    if (job->train) {
        m->gradient = block(m, g->weights);
        m->m = block(m, g->weights);
        m->v = block(m, g->weights);
        m->kept = block(m, g->weights + g->buffers);
        if (r->batch > job->batch) m->parts = block(m, g->weights);
        plan_make(&m->train.plan, g, m->k, job->batch, 1, m->job.fusions_off, m->frozen);
    }
    plan_make(&m->infer.plan, g, m->k, job->batch, 0, m->job.fusions_off, m->frozen);
    m->arena_bytes = m->infer.plan.bytes;
    if (m->train.plan.bytes > m->arena_bytes) m->arena_bytes = m->train.plan.bytes;
    m->arena = xaligned(m->arena_bytes + 64);
    m->item = xcalloc(n, sizeof *m->item);
    m->position = xcalloc(n, sizeof *m->position);
    m->image = xcalloc(n, sizeof *m->image);
    m->mask = xcalloc(n, sizeof *m->mask);
    m->flip = xcalloc(n, 1);
    m->loss = xcalloc(n, sizeof *m->loss);
    m->order_epoch = -1;
    m->loss_scale = r->precision == FP16 ? 4096 : 1;
    m->unscale = 1;
    if (job->train) fill_program(m, &m->train);
    fill_program(m, &m->infer);
}

static void host_data(struct machine *m, enum set set, const struct pictures *p) {
    m->set[set] = *p;
    if (set != SET_TRAIN) return;
    m->order = xrealloc(m->order, (size_t)p->count + 1, sizeof *m->order);
    m->order_epoch = -1;
}

/* ---- running ---- */

static void execute(struct machine *m, const struct step *s, int backward,
                    const struct call *calls) {
    const struct kernel *kernel = &m->k->op[m->job.graph->node[s->first].op];
    struct call operands;
    if (m->job.recipe->precision == TF32 && node_is_product(m->job.graph, s->first)) {
        operands = host_operands(m, calls);
        calls = &operands; /* no step is fused then */
    }
    if (s->fusion)
        (backward ? s->fusion->backward : s->fusion->forward)(calls, s->nodes);
    else
        (backward ? kernel->backward : kernel->forward)(calls);
}

/* Runs a program over the batch of n pictures that stands in m->image and its
 * companions. */
static void run(struct machine *m, struct program *program, enum phase phase, int n,
                uint32_t epoch, double estimate) {
    const struct plan *p = &program->plan;
    for (int i = 0; i < p->actions; i++) {
        const struct action *a = &p->action[i];
        const struct step *s = &p->step[a->step];
        struct call *calls = program->calls[i];
        for (int k = 0; k < s->nodes; k++) {
            calls[k].N = n;
            calls[k].epoch = epoch;
            calls[k].phase = a->kind == AGAIN ? PHASE_AGAIN : phase;
            calls[k].estimate = estimate;
            calls[k].loss_scale = m->loss_scale;
        }
        execute(m, s, a->kind == BACKWARD, calls);
        if (precision_is_16bit(m->job.recipe->precision))
            host_round_results(m, p, a, calls);
    }
}

static void take(struct machine *m, const struct pictures *p, int place, int item,
                 int64_t position, uint8_t flip) {
    m->image[place] = p->image[item];
    m->mask[place] = p->mask[item];
    m->position[place] = position;
    m->flip[place] = flip;
}

/* ---- training ---- */

static void adam_block(struct machine *m, size_t from, size_t to, int encoder) {
    const struct recipe *r = m->job.recipe;
    if (from == to || (encoder && r->freeze)) return;
    size_t skip = from * m->real;
    m->k->adam(&(struct adam){.count = to - from,
                              .w = (uint8_t *)m->weights + skip,
                              .g = (uint8_t *)m->gradient + skip,
                              .m = (uint8_t *)m->m + skip,
                              .v = (uint8_t *)m->v + skip,
                              .lr = rate_of(r, m->step, encoder),
                              .beta1 = r->betas[0],
                              .beta2 = r->betas[1],
                              .eps = r->eps,
                              .weight_decay = r->weight_decay,
                              .unscale = 1 / m->loss_scale,
                              .correction1 = 1 - pow(r->betas[0], (double)m->step),
                              .correction2 = 1 - pow(r->betas[1], (double)m->step)});
}

/* Encoder parameters come first in the flat block: the place where the decoder's begin. */
static size_t encoder_end(const struct graph *g) {
    size_t end = g->weights;
    for (int i = 0; i < g->params; i++)
        if (!g->param[i].buffer && !g->param[i].encoder && g->param[i].offset < end)
            end = g->param[i].offset;
    return end;
}

/* One optimizer step, or none where fp16 overflowed: then the loss scale is halved, and
 * doubled after 2000 good steps, as PyTorch's GradScaler does. */
static void update(struct machine *m) {
    const struct graph *g = m->job.graph;
    if (m->job.recipe->precision == FP16) {
        m->unscale = 1 / m->loss_scale;
        if (!m->k->finite(m->gradient, g->weights)) {
            m->good_steps = 0;
            m->loss_scale /= 2;
            if (m->loss_scale < 1.0 / 65536)
                die_world(
                    "step %lld: gradients overflow fp16 at every loss scale; the last "
                    "checkpoint stands; use precision bf16, tf32 or fp32",
                    (long long)m->step);
            return;
        }
        m->good_steps++;
    }
    m->step++;
    size_t end = encoder_end(g);
    adam_block(m, 0, end, 1);
    adam_block(m, end, g->weights, 0);
    host_round_weights(m);
    if (m->job.recipe->precision == FP16 && m->good_steps == 2000) {
        m->good_steps = 0;
        if (m->loss_scale < 65536) m->loss_scale *= 2;
    }
}

/* Loss and gradient of a step, part by part; what stands at a part's places was taken
 * before. */
static double compute(struct machine *m, uint32_t epoch, int step) {
    const struct recipe *r = m->job.recipe;
    const struct pictures *p = &m->set[SET_TRAIN];
    const int all = batch_of(r, m->order, p->count, step, m->item, m->position);
    double sum = 0;
    for (int first = 0; first < all; first += m->job.batch) {
        const int n = all - first < m->job.batch ? all - first : m->job.batch;
        for (int i = 0; i < n; i++)
            take(m, p, i, m->item[first + i], m->position[first + i],
                 flips_of(r, m->job.seed, epoch, m->item[first + i]));
        run(m, &m->train, PHASE_TRAIN, n, epoch, 0);
        for (int i = 0; i < n; i++) sum += m->loss[i];
        if (m->parts) host_add_part(m, n, first, all);
    }
    return sum / all;
}

static int host_train(struct machine *m, uint32_t epoch, int first, int last,
                      double *losses, const volatile sig_atomic_t *stop) {
    const struct pictures *p = &m->set[SET_TRAIN];
    if (m->order_epoch != (int)epoch) {
        rng_permutation(m->job.seed, STREAM_ORDER, epoch, p->count, m->order);
        m->order_epoch = (int)epoch;
    }
    for (int step = first; step < last; step++) {
        if (stop && *stop) return step - first;
        losses[step - first] = compute(m, epoch, step);
        if (!isfinite(losses[step - first])) return step - first;
        update(m);
    }
    return last - first;
}

/* ---- forward only ---- */

static int take_plain(struct machine *m, const struct pictures *p, int first) {
    int n = p->count - first < m->job.batch ? p->count - first : m->job.batch;
    for (int i = 0; i < n; i++) take(m, p, i, first + i, first + i, 0);
    return n;
}

static void host_estimate(struct machine *m) {
    const struct pictures *p = &m->set[SET_TRAIN];
    int batch = m->job.batch, calls = 0;
    for (int i = 0; i < p->count; i += batch) {
        int n = take_plain(m, p, i);
        if (n < batch && i) break; /* every batch weighs alike */
        run(m, &m->infer, PHASE_ESTIMATE, n, 0, 1.0 / ++calls);
    }
}

static double logit(const struct machine *m, const void *y, size_t i) {
    return m->k->real == T_F64 ? ((const double *)y)[i] : ((const float *)y)[i];
}

static void host_score(struct machine *m, enum set set, struct counts *counts,
                       double *loss) {
    const struct pictures *p = &m->set[set];
    size_t pixels = (size_t)p->side * (size_t)p->side;
    const void *y = at(m, &m->infer.plan, m->infer.plan.logits);
    for (int i = 0; i < p->count; i += m->job.batch) {
        int n = take_plain(m, p, i);
        run(m, &m->infer, PHASE_INFER, n, 0, 0);
        for (int k = 0; k < n; k++) {
            struct counts c = {0, 0, 0};
            for (size_t j = 0; j < pixels; j++) {
                int pred = logit(m, y, (size_t)k * pixels + j) > 0;
                int truth = m->mask[k][j / 8] >> (j % 8) & 1;
                c.pred += pred;
                c.truth += truth;
                c.inter += pred & truth;
            }
            counts[i + k] = c;
            if (loss) loss[i + k] = m->loss[k];
        }
    }
}

static void host_infer(struct machine *m, const uint8_t *const *image, int count,
                       float *logits) {
    const struct graph *g = m->job.graph;
    size_t each = shape_count(g->node[g->logits].shape),
           pixels = shape_count(g->node[0].shape) / 3;
    uint8_t *blank = xcalloc(pixels / 8 + 1, 1);
    const void *y = at(m, &m->infer.plan, m->infer.plan.logits);
    for (int i = 0; i < count; i += m->job.batch) {
        int n = count - i < m->job.batch ? count - i : m->job.batch;
        for (int k = 0; k < n; k++) {
            m->image[k] = image[i + k];
            m->mask[k] = blank;
            m->flip[k] = 0;
        }
        run(m, &m->infer, PHASE_INFER, n, 0, 0);
        for (size_t j = 0; j < (size_t)n * each; j++)
            logits[(size_t)i * each + j] = (float)logit(m, y, j);
    }
    xfree(blank);
}

/* ---- the rest ---- */

static size_t host_memory(const struct machine *m) {
    size_t blocks = 1 + (m->rounded != m->weights) + (m->job.train ? 4 : 0) + !!m->parts;
    return m->arena_bytes +
           (blocks * m->job.graph->weights + m->job.graph->buffers) * m->real;
}

static const char *host_describe(const struct machine *m) {
    return m->k->describe();
}

static const char *host_plans(const struct machine *m) {
    (void)m;
    return "none";
}

static void close_program(struct program *p) {
    for (int i = 0; i < p->plan.actions; i++) xfree(p->calls[i]);
    xfree(p->calls);
    plan_free(&p->plan);
}

static void host_close(struct machine *m) {
    close_program(&m->train);
    close_program(&m->infer);
    if (m->rounded != m->weights) xfree(m->rounded);
    void *const all[] = {m->weights,    m->gradient, m->m,     m->v,    m->buffers,
                         m->arena,      m->frozen,   m->order, m->item, m->position,
                         m->image,      m->mask,     m->flip,  m->loss, m->operand[0],
                         m->operand[1], m->kept,     m->parts, m};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) xfree(all[i]);
}

struct machine *host_machine(const struct kernels *k) {
    struct machine *m = xcalloc(1, sizeof *m);
    m->k = k;
    return m;
}

static struct machine *ref_open(const char *wish, int threads, char *why, size_t size) {
    (void)wish, (void)threads, (void)why, (void)size;
    return host_machine(&ref_kernels);
}

static struct machine *cpu_open(const char *wish, int threads, char *why, size_t size) {
    (void)wish, (void)why, (void)size;
    cpu_start(threads);
    return host_machine(&cpu_kernels);
}

#define HOST(name_, kernels_, open_)                                                       \
    {                                                                                      \
        .name = name_, .kernels = kernels_, .open = open_, .prepare = host_prepare,        \
        .data = host_data, .put = host_put, .get = host_get, .gradient = host_gradient,    \
        .save = host_save, .load = host_load, .keep = host_keep,                           \
        .exchange = host_exchange, .train = host_train, .estimate = host_estimate,         \
        .score = host_score, .infer = host_infer, .memory = host_memory,                   \
        .describe = host_describe, .plans = host_plans, .close = host_close                \
    }
const struct backend backend_ref = HOST("ref", &ref_kernels, ref_open);
const struct backend backend_cpu = HOST("cpu", &cpu_kernels, cpu_open);
