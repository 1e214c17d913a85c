/* plan.c - schedule and memory; see plan.h. Placement: largest first, at the lowest offset
 * that no value alive at the same time covers. */
#include "model/plan.h"
#include "core/die.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct maker {
    struct plan *plan;
    const struct graph *g;
    const struct kernels *k;
    int batch, train;
    const unsigned char *frozen;
    int *step_of;  /* node -> step */
    int *now;      /* node -> value that holds its output, -1: none */
    int *gradient; /* node -> value that holds its gradient, -1: none yet */
    int *saved;    /* step -> value */
    char *wants;   /* node: does anything upstream want a gradient */
    char *touched; /* parameter: gradient already written */
};

struct call plan_call(const struct graph *g, const struct kernels *k, int node, int batch) {
    const struct node *n = &g->node[node];
    struct call c = {.attr = &n->attr,
                     .machine = k->machine,
                     .N = batch,
                     .inputs = n->inputs,
                     .ys = n->shape};
    for (int i = 0; i < n->inputs; i++) {
        c.xs[i] = g->node[n->in[i]].shape;
        if (k->picture && g->node[n->in[i]].op == OP_input && c.xs[i].dim[0] == 3)
            c.xs[i].dim[0] = k->picture;
    }
    return c;
}

/* ---- which nodes make a step ---- */

static int switched_off(const char *list, const char *name) {
    if (!list) return 0;
    if (strcmp(list, "all") == 0) return 1;
    size_t n = strlen(name);
    for (const char *at = list; (at = strstr(at, name)); at += n)
        if ((at == list || at[-1] == ',') && (at[n] == 0 || at[n] == ',')) return 1;
    return 0;
}

int plan_fits(const struct graph *g, const struct fusion *f, int first, int train) {
    const int n = f->train && !train ? 0 : f->match(g, first);
    if (n == 0) return 0;
    if (g->logits >= first && g->logits < first + n - 1 && !f->train) return 0;
    for (int i = first + n; i < g->nodes; i++)
        for (int k = 0; k < g->node[i].inputs; k++) {
            int inner = g->node[i].in[k] - first;
            if (inner >= 0 && inner < n - 1 && !(f->open >> inner & 1)) return 0;
        }
    return n;
}

static int is_open(const struct step *s, int i) {
    return s->fusion && i < s->nodes - 1 && s->fusion->open >> i & 1;
}

void plan_steps(struct plan *p, const struct graph *g, const struct kernels *k, int batch,
                int train, const char *off) {
    memset(p, 0, sizeof *p);
    p->step = xcalloc((size_t)g->nodes, sizeof *p->step);
    for (int node = 0; node < g->nodes;) {
        struct step s = {node, 1, NULL, op_cheap(g->node[node].op)};
        for (int i = 0; i < k->fusions && !s.fusion; i++) {
            const struct fusion *f = &k->fusion[i];
            const int n = switched_off(off, f->name) ? 0 : plan_fits(g, f, node, train);
            if (n && (!k->worth || k->worth(k, g, f, node, batch, train)))
                s = (struct step){node, n, f, f->cheap};
        }
        p->step[p->steps++] = s;
        node += s.nodes;
    }
}

/* ---- actions and values ---- */

static int new_value(struct maker *m, size_t bytes) {
    struct plan *p = m->plan;
    if (p->values == p->room_values) {
        p->room_values = p->room_values ? 2 * p->room_values : 1024;
        p->value = xrealloc(p->value, (size_t)p->room_values, sizeof *p->value);
    }
    int t = p->actions - 1;
    p->value[p->values] = (struct value){(bytes + 255) / 256 * 256, 0, t, t};
    return p->values++;
}

static int use(struct maker *m, int value) {
    assert(value >= 0);
    m->plan->value[value].last = m->plan->actions - 1;
    return value;
}

static size_t node_bytes(const struct maker *m, int node) {
    if (m->k->node_bytes) return m->k->node_bytes(m->k, m->g, node, m->batch);
    return shape_count(m->g->node[node].shape) * (size_t)m->batch * type_size(m->k->real);
}

static struct action *new_action(struct maker *m, enum kind kind, int step) {
    struct plan *p = m->plan;
    if (p->actions == p->room_actions) {
        p->room_actions = p->room_actions ? 2 * p->room_actions : 512;
        p->action = xrealloc(p->action, (size_t)p->room_actions, sizeof *p->action);
    }
    int n = p->step[step].nodes;
    struct action *a = &p->action[p->actions++];
    *a = (struct action){kind, step, xmalloc((size_t)n * sizeof *a->slot), -1, -1};
    for (int i = 0; i < n; i++) {
        struct slot *s = &a->slot[i];
        for (int k = 0; k < NODE_INPUTS; k++) s->x[k] = s->dx[k] = -1, s->sum[k] = 0;
        s->y = s->dy = -1;
        s->sum_dw = 0;
    }
    return a;
}

static void step_sizes(const struct maker *m, const struct step *s, size_t *saved,
                       size_t *scratch) {
    struct call *calls = xmalloc((size_t)s->nodes * sizeof *calls);
    for (int i = 0; i < s->nodes; i++) {
        calls[i] = plan_call(m->g, m->k, s->first + i, m->batch);
        /* no backward: less may do */
        calls[i].phase = m->train ? PHASE_TRAIN : PHASE_INFER;
    }
    *saved = *scratch = 0;
    if (s->fusion) {
        if (s->fusion->saved) *saved = s->fusion->saved(calls, s->nodes);
        if (s->fusion->scratch) *scratch = s->fusion->scratch(calls, s->nodes);
    } else {
        const struct kernel *k = &m->k->op[m->g->node[s->first].op];
        if (k->saved) *saved = k->saved(calls);
        if (k->scratch) *scratch = k->scratch(calls);
    }
    xfree(calls);
}

static void emit_forward(struct maker *m, enum kind kind, int step) {
    const struct step *s = &m->plan->step[step];
    struct action *a = new_action(m, kind, step);
    size_t saved, scratch;
    step_sizes(m, s, &saved, &scratch);
    for (int i = 0; i < s->nodes; i++) {
        const struct node *n = &m->g->node[s->first + i];
        for (int k = 0; k < n->inputs; k++)
            if (m->step_of[n->in[k]] != step) a->slot[i].x[k] = use(m, m->now[n->in[k]]);
        if (is_open(s, i))
            a->slot[i].y = m->now[s->first + i] = new_value(m, node_bytes(m, s->first + i));
    }
    int out = s->first + s->nodes - 1;
    a->slot[s->nodes - 1].y = m->now[out] = new_value(m, node_bytes(m, out));
    if (saved) {
        if (kind == FORWARD) m->saved[step] = new_value(m, saved);
        a->saved = use(m, m->saved[step]);
    }
    if (scratch) a->scratch = new_value(m, scratch);
}

/* Makes sure that the output of `node` is in memory, computing it (and what it reads) again
 * if not. */
static void ensure(struct maker *m, int node) {
    if (m->now[node] >= 0) return;
    int step = m->step_of[node];
    const struct step *s = &m->plan->step[step];
    for (int i = 0; i < s->nodes; i++) {
        const struct node *n = &m->g->node[s->first + i];
        for (int k = 0; k < n->inputs; k++)
            if (m->step_of[n->in[k]] != step) ensure(m, n->in[k]);
    }
    emit_forward(m, AGAIN, step);
}

static int keeps_x(const struct maker *m, const struct step *s, int i) {
    return s->fusion ? s->fusion->keep >> i & 1 : op_keeps_x(m->g->node[s->first].op);
}

static int keeps_y(const struct maker *m, const struct step *s) {
    return s->fusion ? (s->fusion->keep & RUN_KEEP_Y) != 0
                     : op_keeps_y(m->g->node[s->first].op);
}

static int keeps_open(const struct step *s, int i) {
    return is_open(s, i) && s->fusion->keep & RUN_KEEP_OPEN;
}

static void emit_backward(struct maker *m, int step) {
    const struct step *s = &m->plan->step[step];
    int out = s->first + s->nodes - 1;
    for (int i = 0; i < s->nodes; i++) {
        const struct node *n = &m->g->node[s->first + i];
        for (int k = 0; k < n->inputs && keeps_x(m, s, i); k++)
            if (m->step_of[n->in[k]] != step) ensure(m, n->in[k]);
        if (keeps_open(s, i)) ensure(m, s->first + i);
    }
    if (keeps_y(m, s)) ensure(m, out);

    struct action *a = new_action(m, BACKWARD, step);
    size_t saved, scratch;
    step_sizes(m, s, &saved, &scratch);
    for (int i = 0; i < s->nodes; i++) {
        const struct node *n = &m->g->node[s->first + i];
        struct slot *slot = &a->slot[i];
        for (int k = 0; k < n->inputs; k++) {
            int in = n->in[k];
            if (m->step_of[in] == step) continue;
            if (keeps_x(m, s, i)) slot->x[k] = use(m, m->now[in]);
            if (!m->wants[in]) continue;
            slot->sum[k] = m->gradient[in] >= 0;
            if (!slot->sum[k]) m->gradient[in] = new_value(m, node_bytes(m, in));
            slot->dx[k] = use(m, m->gradient[in]);
        }
        for (int k = 0; k < NODE_PARAMS; k++)
            if (n->param[k] >= 0) {
                slot->sum_dw = m->touched[n->param[k]];
                m->touched[n->param[k]] = 1;
            }
        if (keeps_open(s, i)) slot->y = use(m, m->now[s->first + i]);
        if (is_open(s, i) && m->gradient[s->first + i] >= 0)
            slot->dy = use(m, m->gradient[s->first + i]);
    }
    struct slot *end = &a->slot[s->nodes - 1];
    if (keeps_y(m, s)) end->y = use(m, m->now[out]);
    if (m->gradient[out] >= 0) end->dy = use(m, m->gradient[out]);
    if (saved) a->saved = use(m, m->saved[step]);
    if (scratch) a->scratch = new_value(m, scratch);
}

/* wants[i]: a gradient with respect to node i's output is of use to some parameter before
 * it. */
static void find_wants(struct maker *m) {
    for (int i = 0; i < m->g->nodes; i++) {
        const struct node *n = &m->g->node[i];
        for (int k = 0; k < NODE_PARAMS; k++) {
            int p = n->param[k];
            if (p >= 0 && !m->g->param[p].buffer && !(m->frozen && m->frozen[p]))
                m->wants[i] = 1;
        }
        for (int k = 0; k < n->inputs; k++) m->wants[i] |= m->wants[n->in[k]];
    }
}

/* ---- placement ---- */

static int by_size(const void *a, const void *b) {
    const struct value *x = *(struct value *const *)a, *y = *(struct value *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x < y ? -1 : 1;
}

static int by_offset(const void *a, const void *b) {
    const struct value *x = *(struct value *const *)a, *y = *(struct value *const *)b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void place_values(struct plan *p) {
    struct value **order = xmalloc((size_t)p->values * sizeof *order + 1);
    struct value **live = xmalloc((size_t)p->values * sizeof *live + 1);
    for (int i = 0; i < p->values; i++) order[i] = &p->value[i];
    qsort(order, (size_t)p->values, sizeof *order, by_size);
    for (int i = 0; i < p->values; i++) {
        struct value *v = order[i];
        int n = 0;
        for (int k = 0; k < i; k++)
            if (order[k]->first <= v->last && v->first <= order[k]->last)
                live[n++] = order[k];
        qsort(live, (size_t)n, sizeof *live, by_offset);
        size_t at = 0;
        for (int k = 0; k < n; k++) {
            if (at + v->bytes <= live[k]->offset) break;
            if (live[k]->offset + live[k]->bytes > at)
                at = live[k]->offset + live[k]->bytes;
        }
        v->offset = at;
        if (at + v->bytes > p->bytes) p->bytes = at + v->bytes;
    }
    xfree(order);
    xfree(live);
}

/* Forward, then: the logits' value must outlive the pass, cheap outputs are forgotten. */
static void schedule(struct maker *m) {
    struct plan *p = m->plan;
    for (int s = 0; s < p->steps; s++) emit_forward(m, FORWARD, s);
    int logits = m->now[m->g->logits]; /* -1: an inner output of a step */
    p->logits = logits < 0 ? -1 : use(m, logits);
    if (!m->train) return;
    find_wants(m);
    for (int i = 0; i < m->g->nodes; i++)
        if (p->step[m->step_of[i]].cheap) m->now[i] = -1;
    for (int s = p->steps - 1; s >= 0; s--) {
        int out = p->step[s].first + p->step[s].nodes - 1;
        if (m->wants[out] && (out == m->g->loss || m->gradient[out] >= 0))
            emit_backward(m, s);
    }
}

void plan_make(struct plan *plan, const struct graph *g, const struct kernels *k, int batch,
               int train, const char *fusions_off, const unsigned char *frozen) {
    size_t n = (size_t)g->nodes;
    struct maker m = {
        .plan = plan, .g = g, .k = k, .batch = batch, .train = train, .frozen = frozen};
    m.step_of = xcalloc(n, sizeof(int));
    m.now = xmalloc(n * sizeof(int));
    m.gradient = xmalloc(n * sizeof(int));
    m.saved = xmalloc(n * sizeof(int));
    m.wants = xcalloc(n, 1);
    m.touched = xcalloc((size_t)g->params + 1, 1);
    for (size_t i = 0; i < n; i++) m.now[i] = m.gradient[i] = m.saved[i] = -1;
    plan_steps(plan, g, k, batch, train, fusions_off);
    for (int i = 0; i < plan->steps; i++)
        for (int j = 0; j < plan->step[i].nodes; j++)
            m.step_of[plan->step[i].first + j] = i;
    schedule(&m);
    place_values(plan);
    xfree(m.step_of);
    xfree(m.now);
    xfree(m.gradient);
    xfree(m.saved);
    xfree(m.wants);
    xfree(m.touched);
}

void plan_free(struct plan *plan) {
    for (int i = 0; i < plan->actions; i++) xfree(plan->action[i].slot);
    xfree(plan->action);
    xfree(plan->value);
    xfree(plan->step);
    memset(plan, 0, sizeof *plan);
}
