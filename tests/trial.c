/* trial.c - see trial.h. The order of calls and the NULLs are those of model/plan.c. */
#include "tests/trial.h"
#include "core/die.h"
#include "core/rng.h"
#include "tests/test.h"
#include "tests/trial_room.h"

static struct shape leaf_shape(const struct trial *t, int leaf) {
    return t->g->node[leaf].shape;
}
size_t trial_leaf_count(const struct trial *t, int leaf) {
    return (size_t)t->N * shape_count(leaf_shape(t, leaf));
}
size_t trial_out_count(const struct trial *t) {
    return (size_t)t->N * shape_count(t->g->node[t->first + t->nodes - 1].shape);
}

size_t trial_open_count(const struct trial *t) {
    for (int i = 0; i < t->nodes - 1; i++)
        if (t->open >> i & 1)
            return (size_t)t->N * shape_count(t->g->node[t->first + i].shape);
    return 0;
}

void trial_begin(struct trial *t, int N, int leaves, const struct shape *shape) {
    *t = (struct trial){.g = graph_new(),
                        .first = leaves,
                        .leaves = leaves,
                        .N = N,
                        .largest = N,
                        .loss_scale = 2};
    for (int i = 0; i < leaves; i++) {
        int node = add_input(t->g, 1, &(struct attr){0});
        t->g->node[node].shape = shape[i];
    }
}

static double *drawn(uint64_t seed, uint32_t what, size_t n, double scale, double offset) {
    double *x = xmalloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(offset + scale * rng_normal(seed, STREAM_INIT, what, i));
    return x;
}

static void fill_batch(struct trial *t, uint64_t seed) {
    size_t n = (size_t)t->N, S = 1;
    for (int i = 0; i < t->g->nodes; i++) {
        const struct node *node = &t->g->node[i];
        if (node->op == OP_loss) S = (size_t)t->g->node[node->in[0]].shape.dim[1];
        if (node->op == OP_input && i >= t->leaves) S = (size_t)node->shape.dim[1];
    }
    t->seed = seed;
    t->epoch = 3;
    t->position = xcalloc(n, sizeof *t->position);
    t->image = xcalloc(n, sizeof *t->image);
    t->mask = xcalloc(n, sizeof *t->mask);
    t->flip = xcalloc(n, 1);
    for (size_t i = 0; i < n; i++) {
        t->position[i] = (int64_t)(5 + 3 * i);
        t->flip[i] = (uint8_t)(i % 4);
        t->image[i] = xmalloc(3 * S * S);
        t->mask[i] = xcalloc(S * S / 8 + 1, 1);
        for (size_t j = 0; j < 3 * S * S; j++)
            t->image[i][j] = (uint8_t)rng_u32(seed, STREAM_INIT, 900, i * 3 * S * S + j);
        for (size_t j = 0; j < S * S; j++)
            if (rng_u32(seed, STREAM_INIT, 901, i * S * S + j) % 5 == 0)
                t->mask[i][j / 8] |= (uint8_t)(1 << j % 8);
    }
}

void trial_fill(struct trial *t, uint64_t seed) {
    t->nodes = t->g->nodes - t->leaves;
    for (int i = 0; i < t->leaves; i++)
        t->leaf[i] = drawn(seed, (uint32_t)i, trial_leaf_count(t, i), 1, .1);
    assert_true(t->g->params <= TRIAL_PARAMS);
    for (int i = 0; i < t->g->params; i++) {
        const struct param *p = &t->g->param[i];
        double scale = p->ndim > 1 ? sqrt(1. / p->fan) : .3;
        t->param[i] = drawn(seed, 100 + (uint32_t)i, p->count, scale, p->init == INIT_ONE);
        for (size_t j = 0; j < p->count && strstr(p->name, "running_var"); j++)
            t->param[i][j] = (float)(.5 + fabs(t->param[i][j]));
    }
    t->dy = drawn(seed, 200, trial_out_count(t), 1, 0);
    if (t->open) t->dopen = drawn(seed, 201, trial_open_count(t), 1, 0);
    fill_batch(t, seed);
}

void trial_free(struct trial *t) {
    for (int i = 0; i < TRIAL_LEAVES; i++) xfree(t->leaf[i]);
    for (int i = 0; i < TRIAL_PARAMS; i++) xfree(t->param[i]);
    for (int i = 0; i < t->N && t->image; i++) {
        xfree(t->image[i]);
        xfree(t->mask[i]);
    }
    xfree(t->dy);
    xfree(t->dopen);
    xfree(t->position);
    xfree(t->image);
    xfree(t->mask);
    xfree(t->flip);
    graph_free(t->g);
}

void result_free(struct result *r) {
    xfree(r->y);
    xfree(r->open);
    xfree(r->loss);
    for (int i = 0; i < TRIAL_LEAVES; i++) xfree(r->dx[i]);
    for (int i = 0; i < TRIAL_PARAMS; i++) xfree(r->dw[i]), xfree(r->after[i]);
    *r = (struct result){0};
}

/* ---- one run ---- */

enum { NODES = 16 };
struct state {
    const struct trial *t;
    const struct manner *m;
    const struct kernels *k;
    struct room room;
    struct call
        call[NODES]; /* by node of the run; pointers as a forward pass has them all */
    void *out[NODES + TRIAL_LEAVES], *grad[NODES + TRIAL_LEAVES]; /* by node of the graph */
    void *param[TRIAL_PARAMS], *dparam[TRIAL_PARAMS];
    double *loss;
};

/* How the arrays of node and parameter lie on this machine. */
static struct form node_form(const struct state *s, int node) {
    size_t count = (size_t)s->t->N * shape_count(s->t->g->node[node].shape);
    if (s->room.ground) return s->room.ground->node(s->room.ground, s->t, node);
    return form_plain(s->k->real == T_F64 ? NUMBER_F64 : NUMBER_F32, count);
}
static struct form param_form(const struct state *s, int p) {
    if (s->room.ground) return s->room.ground->param(s->room.ground, s->t, p);
    return form_plain(s->k->real == T_F64 ? NUMBER_F64 : NUMBER_F32,
                      s->t->g->param[p].count);
}
static struct form loss_form(const struct state *s) {
    return form_plain(NUMBER_F64, (size_t)s->t->N);
}
static void *take_form(struct state *s, struct form f) {
    return room_take(&s->room, form_bytes(&f));
}

static const struct node *node_of(const struct state *s, int i) {
    return &s->t->g->node[s->t->first + i];
}

static struct call blank(const struct state *s, int i, int N) {
    const struct node *n = node_of(s, i);
    struct call c = {.attr = &n->attr,
                     .phase = s->m->phase,
                     .N = N,
                     .inputs = n->inputs,
                     .ys = n->shape,
                     .estimate = .25,
                     .seed = s->t->seed,
                     .epoch = s->t->epoch,
                     .position = s->t->position,
                     .image = (const uint8_t *const *)s->t->image,
                     .mask = (const uint8_t *const *)s->t->mask,
                     .flip = s->t->flip,
                     .loss_scale = s->t->loss_scale,
                     .loss = s->loss};
    if (s->room.ground) c.machine = s->room.ground->machine;
    for (int k = 0; k < n->inputs; k++) {
        struct form f = node_form(s, n->in[k]);
        c.xs[k] = s->t->g->node[n->in[k]].shape;
        if (f.C) c.xs[k].dim[0] = (int)f.padded;
    }
    return c;
}

/* Room for saved and scratch is asked for with the largest batch and no pointers, as plan.c
 * does. */
static void lend(struct state *s) {
    struct call largest[NODES];
    for (int i = 0; i < s->t->nodes; i++) largest[i] = blank(s, i, s->t->largest);
    const struct fusion *f = s->m->fusion;
    for (int i = 0; i < (f ? 1 : s->t->nodes); i++) {
        const struct kernel *k = &s->k->op[node_of(s, i)->op];
        size_t saved = f          ? (f->saved ? f->saved(largest, s->t->nodes) : 0)
                       : k->saved ? k->saved(&largest[i])
                                  : 0;
        size_t scratch = f            ? (f->scratch ? f->scratch(largest, s->t->nodes) : 0)
                         : k->scratch ? k->scratch(&largest[i])
                                      : 0;
        if (saved) s->call[i].saved = room_take(&s->room, saved);
        if (scratch) s->call[i].scratch = room_take(&s->room, scratch);
    }
}

static void set_up(struct state *s) {
    const struct trial *t = s->t;
    if (s->room.ground) s->room.ground->batch(s->room.ground, t);
    s->loss = take_form(s, loss_form(s));
    for (int i = 0; i < t->leaves; i++) {
        struct form f = node_form(s, i);
        s->out[i] = room_hold(&s->room, &f, t->leaf[i]);
    }
    for (int i = 0; i < t->g->params; i++) {
        struct form f = param_form(s, i);
        s->param[i] = room_hold(&s->room, &f, t->param[i]);
    }
    for (int i = 0; i < t->nodes; i++) {
        struct call *c = &s->call[i];
        const struct node *n = node_of(s, i);
        *c = blank(s, i, t->N);
        int inner = s->m->fusion && i < t->nodes - 1 && !(t->open >> i & 1);
        s->out[t->first + i] = inner ? NULL : take_form(s, node_form(s, t->first + i));
        c->y = s->out[t->first + i];
        for (int k = 0; k < n->inputs; k++) c->x[k] = s->out[n->in[k]];
        for (int k = 0; k < NODE_PARAMS; k++)
            if (n->param[k] >= 0) c->w[k] = s->param[n->param[k]];
    }
    lend(s);
}

static void forward(struct state *s, enum phase phase) {
    for (int i = 0; i < s->t->nodes; i++) s->call[i].phase = phase;
    if (s->m->fusion) {
        s->m->fusion->forward(s->call, s->t->nodes);
        return;
    }
    for (int i = 0; i < s->t->nodes; i++) s->k->op[node_of(s, i)->op].forward(&s->call[i]);
}

static double stands(size_t i) {
    return .25 * (double)(i % 7);
}

/* A gradient's room: NaN where it will be set, numbers where it will be added to. */
static void *gradient_room(struct state *s, struct form f, int sum) {
    if (!sum) return take_form(s, f);
    double *numbers = xmalloc(f.count * sizeof *numbers);
    for (size_t i = 0; i < f.count; i++) numbers[i] = stands(i);
    void *room = room_hold(&s->room, &f, numbers);
    xfree(numbers);
    return room;
}

/* Is a gradient with respect to this node's output of use to anybody? As find_wants in
 * plan.c. */
static int wanted(const struct state *s, int node) {
    const struct trial *t = s->t;
    const struct node *n = &t->g->node[node];
    if (node < t->leaves) return !(s->m->without >> node & 1);
    for (int k = 0; k < NODE_PARAMS; k++)
        if (n->param[k] >= 0 && !t->g->param[n->param[k]].buffer &&
            !(s->m->without >> (8 + n->param[k]) & 1))
            return 1;
    for (int k = 0; k < n->inputs; k++)
        if (wanted(s, n->in[k])) return 1;
    return 0;
}

static void want_inputs(struct state *s, int i, struct call *c) {
    const struct trial *t = s->t;
    const struct node *n = node_of(s, i);
    int inside = s->m->fusion != NULL;
    for (int k = 0; k < n->inputs; k++) {
        int in = n->in[k], leaf = in < t->leaves;
        if (!wanted(s, in) || (!leaf && inside)) continue;
        c->sum[k] = s->grad[in] ? 1 : leaf && s->m->sum;
        if (!s->grad[in]) s->grad[in] = gradient_room(s, node_form(s, in), c->sum[k]);
        c->dx[k] = s->grad[in];
    }
}

/* The pointers that backward may see, and no other. */
static void backward_call(struct state *s, int i, struct call *c) {
    const struct trial *t = s->t;
    const struct node *n = node_of(s, i);
    const struct fusion *f = s->m->fusion;
    int keeps_x = f ? f->keep >> i & 1 : op_keeps_x(n->op);
    int last = i == t->nodes - 1;
    int keeps_y = !f     ? op_keeps_y(n->op)
                  : last ? (f->keep & RUN_KEEP_Y) != 0
                         : f->open >> i & 1 && f->keep & RUN_KEEP_OPEN;
    *c = s->call[i];
    for (int k = 0; k < n->inputs; k++)
        if (!keeps_x) c->x[k] = NULL;
    if (!keeps_y) c->y = NULL;
    c->phase = s->m->phase;
    c->dy = s->grad[t->first + i];
    want_inputs(s, i, c);
    for (int k = 0; k < NODE_PARAMS; k++) {
        int p = n->param[k];
        if (p < 0 || t->g->param[p].buffer || s->m->without >> (8 + p) & 1) continue;
        c->sum_dw |= s->dparam[p] != NULL;
        if (!s->dparam[p]) s->dparam[p] = take_form(s, param_form(s, p));
        c->dw[k] = s->dparam[p];
    }
}

static void *held(struct state *s, int node, const double *numbers) {
    struct form f = node_form(s, node);
    return room_hold(&s->room, &f, numbers);
}

static void backward(struct state *s) {
    const struct trial *t = s->t;
    struct call calls[NODES];
    if (node_of(s, t->nodes - 1)->op != OP_loss)
        s->grad[t->first + t->nodes - 1] = held(s, t->first + t->nodes - 1, t->dy);
    /* what readers outside the run would have given */
    for (int i = 0; i < t->nodes - 1; i++)
        if (t->open >> i & 1) s->grad[t->first + i] = held(s, t->first + i, t->dopen);
    /* the order of plan.c: which of two gradients of the same thing is the first */
    for (int i = 0; s->m->fusion && i < t->nodes; i++) backward_call(s, i, &calls[i]);
    for (int i = t->nodes - 1; i >= 0 && !s->m->fusion; i--) {
        backward_call(s, i, &calls[i]);
        if (!s->m->fusion && wanted(s, t->first + i))
            s->k->op[node_of(s, i)->op].backward(&calls[i]);
    }
    if (s->m->fusion) s->m->fusion->backward(calls, t->nodes);
}

static double *back(const struct state *s, struct form f, const void *from) {
    return from ? room_back(&s->room, &f, from) : NULL;
}

static void hand_over(struct state *s, struct result *r) {
    const struct trial *t = s->t;
    int out = t->first + t->nodes - 1;
    r->y = back(s, node_form(s, out), s->out[out]);
    for (int i = 0; i < t->nodes - 1; i++)
        if (t->open >> i & 1)
            r->open = back(s, node_form(s, t->first + i), s->out[t->first + i]);
    for (int i = 0; i < t->leaves; i++) r->dx[i] = back(s, node_form(s, i), s->grad[i]);
    for (int i = 0; i < t->g->params; i++) {
        r->dw[i] = back(s, param_form(s, i), s->dparam[i]);
        r->after[i] = back(s, param_form(s, i), s->param[i]);
    }
    if (t->g->node[out].op == OP_loss) r->loss = back(s, loss_form(s), s->loss);
}

void trial_run(const struct trial *t, const struct kernels *k, const struct manner *m,
               struct result *r) {
    struct state s = {.t = t, .m = m, .k = k, .room.ground = m->ground};
    assert_true(t->nodes <= NODES);
    set_up(&s);
    forward(&s, m->phase);
    if (m->again) {
        struct form f = node_form(&s, t->first + t->nodes - 1);
        room_spoil(&s.room, s.out[t->first + t->nodes - 1], form_bytes(&f));
        forward(&s, PHASE_AGAIN);
    }
    for (int i = 0; i < t->nodes; i++) s.call[i].phase = m->phase;
    if (!m->forward_only) backward(&s);
    *r = (struct result){0};
    hand_over(&s, r);
    room_leave(&s.room);
}
