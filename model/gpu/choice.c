/* choice.c - is a fused step quicker here than what would stand in its place? Both are
 * run, forward and backward as a step of training would, on a device full of zeros; the
 * answer is kept in the plan file (library_choose), so that it is asked once a device
 * and shape. */
#include "model/gpu/kernels.h"
#include "model/plan.h"
#include "core/die.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WAYS = 2, APART = 0, FUSED = 1, BLOCKS = 256, NAME = 1024 };

/* Some steps that do the same, and their calls. */
struct way {
    int steps;
    struct step *step;
    struct call *calls; /* [nodes] */
};

struct choice {
    struct kernels k;
    struct gpu gpu;
    const struct graph *g;
    int first, nodes, batch, train;
    struct way way[WAYS];
    int ready;
    void *block[BLOCKS]; /* device memory */
    int blocks;
};

/* ---- memory: taken when something is timed, not when the answer is known ---- */

static void *take(struct choice *c, size_t bytes) {
    if (c->blocks == BLOCKS)
        die_no("gpu: a run of %d nodes is too long to be timed", c->nodes);
    return c->block[c->blocks++] =
               device_alloc(c->gpu.device, bytes + 1, "timing fused steps");
}

/* One picture, all black, whose mask is empty: the batch is of it alone. */
static void take_batch(struct choice *c) {
    size_t n = (size_t)c->batch, side = 1;
    for (int i = 0; i < c->g->nodes; i++)
        if (c->g->node[i].shape.ndim == 3 && (size_t)c->g->node[i].shape.dim[1] > side)
            side = (size_t)c->g->node[i].shape.dim[1];
    c->gpu.now = take(c, sizeof *c->gpu.now);
    c->gpu.item = take(c, n * sizeof *c->gpu.item);
    c->gpu.position = take(c, n * sizeof *c->gpu.position);
    c->gpu.flip = take(c, n);
    c->gpu.image = take(c, 3 * side * side);
    c->gpu.mask = take(c, side * side / 8 + 1);
}

/* What both ways share: maps, parameters, and gradients of both. Inputs from outside
 * begin as zeros too. */
static void share_memory(struct choice *c) {
    const struct graph *g = c->g;
    const int last = c->first + c->nodes;
    struct call *calls = c->way[FUSED].calls;
    void **out = xcalloc((size_t)last, sizeof *out),
         **grad = xcalloc((size_t)last, sizeof *grad);
    double *loss = take(c, (size_t)c->batch * sizeof *loss);
    for (int i = c->first; i < last; i++) {
        const struct node *n = &g->node[i];
        struct call *call = &calls[i - c->first];
        for (int k = -1; k < n->inputs; k++) {
            const int at = k < 0 ? i : n->in[k];
            const size_t bytes = gpu_bytes_hook(&c->k, g, at, c->batch);
            if (!out[at]) out[at] = take(c, bytes);
            if (!grad[at] && c->train) grad[at] = take(c, bytes);
            if (k >= 0)
                call->x[k] = out[at], call->dx[k] = n->op == OP_input ? NULL : grad[at];
        }
        call->y = out[i], call->dy = grad[i], call->loss = loss;
        for (int k = 0; k < NODE_PARAMS; k++) {
            if (n->param[k] < 0) continue;
            const size_t bytes = gpu_layout(g, n->param[k]).all * sizeof(float);
            call->w[k] = take(c, bytes);
            if (c->train && !g->param[n->param[k]].buffer) call->dw[k] = take(c, bytes);
        }
    }
    memcpy(c->way[APART].calls, calls, (size_t)c->nodes * sizeof *calls);
    xfree(out);
    xfree(grad);
}

/* What stays inside a fused step has no memory, as in a plan. */
static void hide_inner(const struct choice *c, const struct step *s, struct call *calls) {
    for (int i = 0; i < s->nodes; i++) {
        const struct node *n = &c->g->node[s->first + i];
        for (int k = 0; k < n->inputs; k++)
            if (n->in[k] >= s->first) calls[i].x[k] = calls[i].dx[k] = NULL;
        if (i < s->nodes - 1 && !(s->fusion->open >> i & 1))
            calls[i].y = NULL, calls[i].dy = NULL;
    }
}

static void own_memory(struct choice *c, struct way *w) {
    for (int i = 0; i < w->steps; i++) {
        const struct step *s = &w->step[i];
        struct call *calls = w->calls + (s->first - c->first);
        const struct kernel *k = &c->k.op[c->g->node[s->first].op];
        size_t saved = 0, scratch = 0;
        if (s->fusion) {
            hide_inner(c, s, calls);
            if (s->fusion->saved) saved = s->fusion->saved(calls, s->nodes);
            if (s->fusion->scratch) scratch = s->fusion->scratch(calls, s->nodes);
        } else {
            if (k->saved) saved = k->saved(calls);
            if (k->scratch) scratch = k->scratch(calls);
        }
        if (saved) calls[0].saved = take(c, saved);
        if (scratch) calls[0].scratch = take(c, scratch);
    }
}

static void make_ready(struct choice *c) {
    if (c->ready) return;
    take_batch(c);
    share_memory(c);
    for (int w = 0; w < WAYS; w++) own_memory(c, &c->way[w]);
    c->ready = 1;
}

/* ---- running ---- */

static void go(const struct choice *c, const struct way *w, const struct step *s,
               enum phase phase, int back) {
    struct call *calls = w->calls + (s->first - c->first);
    const struct kernel *k = &c->k.op[c->g->node[s->first].op];
    for (int i = 0; i < s->nodes; i++) calls[i].phase = phase;
    if (s->fusion)
        (back ? s->fusion->backward : s->fusion->forward)(calls, s->nodes);
    else
        (back ? k->backward : k->forward)(calls);
}

/* All of a way: library_choose times it. */
static void run_way(void *arg, int which) {
    struct choice *c = arg;
    const struct way *w = &c->way[which];
    make_ready(c);
    for (int i = 0; i < w->steps; i++)
        go(c, w, &w->step[i], c->train ? PHASE_TRAIN : PHASE_INFER, 0);
    if (!c->train) return;
    for (int i = 0; i < w->steps; i++) /* what is cheap is computed again in backward */
        if (w->step[i].cheap) go(c, w, &w->step[i], PHASE_AGAIN, 0);
    for (int i = w->steps - 1; i >= 0; i--) go(c, w, &w->step[i], PHASE_TRAIN, 1);
}

/* ---- the question ---- */

static void plan_way(struct choice *c, struct way *w, const struct fusion *from,
                     int fusions) {
    w->step = xcalloc((size_t)c->nodes, sizeof *w->step);
    w->calls = xcalloc((size_t)c->nodes, sizeof *w->calls);
    for (int i = 0; i < c->nodes; i++) {
        w->calls[i] = plan_call(c->g, &c->k, c->first + i, c->batch);
        w->calls[i].phase = c->train ? PHASE_TRAIN : PHASE_INFER;
    }
    for (int i = 0; i < c->nodes;) {
        const int node = c->first + i;
        struct step s = {node, 1, NULL, op_cheap(c->g->node[node].op)};
        for (int f = 0; f < fusions && !s.fusion; f++) {
            const int n = plan_fits(c->g, &from[f], node, c->train);
            if (n && i + n <= c->nodes) s = (struct step){node, n, &from[f], from[f].cheap};
        }
        w->step[w->steps++] = s;
        i += s.nodes;
    }
}

static void say(char *name, const char *form, ...) __attribute__((format(printf, 2, 3)));
static void say(char *name, const char *form, ...) {
    const size_t at = strlen(name);
    va_list args;
    va_start(args, form);
    vsnprintf(name + at, NAME - at, form, args);
    va_end(args);
}

static void say_shape(char *name, const struct shape *s) {
    for (int i = 0; i < s->ndim; i++) say(name, "%s%d", i ? "x" : " ", s->dim[i]);
}

/* All that the time may hang on. */
static void name_of(const struct choice *c, const struct fusion *f, char *name) {
    name[0] = 0;
    say(name, "%s %s n%d", f->name, c->train ? "train" : "infer", c->batch);
    for (int i = 0; i < c->nodes; i++) {
        const struct call *call = &c->way[FUSED].calls[i];
        const struct attr *a = call->attr;
        for (int k = 0; k < call->inputs; k++)
            if (c->g->node[c->first + i].in[k] < c->first) say_shape(name, &call->xs[k]);
        say(name, " %s", op_name(c->g->node[c->first + i].op));
        if (a->kernel)
            say(name, "%d/%d,%d,%d,%d", a->kernel, a->stride, a->pad, a->dilation,
                a->groups);
        if (i == 0 || a->kernel || i == c->nodes - 1) say_shape(name, &call->ys);
    }
}

int gpu_worth(const struct kernels *k, const struct graph *g, const struct fusion *f,
              int first, int batch, int train) {
    char name[NAME];
    struct choice c = {.k = *k, .gpu = *(struct gpu *)k->machine, .g = g, .first = first};
    c.nodes = f->match(g, first);
    c.batch = batch;
    c.train = train;
    c.k.machine = &c.gpu;
    plan_way(&c, &c.way[FUSED], f, 1);
    plan_way(&c, &c.way[APART], f + 1, (int)(k->fusion + k->fusions - (f + 1)));
    name_of(&c, f, name);
    const int can = !f->can || f->can(c.way[FUSED].calls, c.nodes);
    const int way = can ? library_choose(c.gpu.library, name, WAYS, run_way, &c) : APART;
    for (int i = 0; i < c.blocks; i++) device_free(c.gpu.device, c.block[i]);
    for (int w = 0; w < WAYS; w++) xfree(c.way[w].step), xfree(c.way[w].calls);
    return way == FUSED;
}
