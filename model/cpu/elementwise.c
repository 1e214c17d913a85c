/* elementwise.c - one element in, one element out: relu, gelu, add, dropout, concat. */
#include "model/cpu/kernels.h"
#include "model/cpu/threads.h"
#include "model/cpu/vmath.h"
#include "core/rng.h"

static size_t elements(const struct call *c) {
    return (size_t)c->N * shape_count(c->ys);
}

/* A pass over all elements of y in ranges. */
struct pass {
    const struct call *c;
    void (*range)(const struct call *c, size_t from, size_t to);
    size_t n;
    int parts;
};

static void pass_task(void *arg, int task, int worker) {
    const struct pass *p = arg;
    (void)worker;
    p->range(p->c, cut_elements(p->n, p->parts, task),
             cut_elements(p->n, p->parts, task + 1));
}

static void pass(const struct call *c, void (*range)(const struct call *, size_t, size_t)) {
    struct pass p = {c, range, elements(c), parts_of(elements(c))};
    parallel(p.parts, pass_task, &p);
}

/* Writes eight gradients of input k, or adds them. */
INLINE void give(const struct call *c, int k, size_t i, const vec *g, size_t left) {
    float *dx = (float *)c->dx[k] + i;
    vec v = *g, old;
    if (c->sum[k]) {
        get(&old, dx, left);
        v += old;
    }
    put(dx, &v, left);
}

FAST static void relu_range(const struct call *c, size_t from, size_t to) {
    const float *x = c->x[0];
    float *y = c->y;
    for (size_t i = from; i < to; i += LANES) {
        vec v;
        get(&v, x + i, to - i);
        v = (vec)(~(v <= 0) & (ivec)v); /* NaN stays NaN */
        put(y + i, &v, to - i);
    }
}

FAST static void relu_back(const struct call *c, size_t from, size_t to) {
    const float *y = c->y, *dy = c->dy;
    for (size_t i = from; i < to; i += LANES) {
        vec v, g;
        get(&v, y + i, to - i);
        get(&g, dy + i, to - i);
        g = (vec)((v > 0) & (ivec)g);
        give(c, 0, i, &g, to - i);
    }
}

void cpu_relu_forward(const struct call *c) {
    pass(c, relu_range);
}
void cpu_relu_backward(const struct call *c) {
    pass(c, relu_back);
}

FAST static void gelu_range(const struct call *c, size_t from, size_t to) {
    const float *x = c->x[0];
    float *y = c->y;
    for (size_t i = from; i < to; i += LANES) {
        vec v, normal, density;
        get(&v, x + i, to - i);
        normal8(&v, &normal, &density);
        v *= normal;
        put(y + i, &v, to - i);
    }
}

FAST static void gelu_back(const struct call *c, size_t from, size_t to) {
    const float *x = c->x[0], *dy = c->dy;
    for (size_t i = from; i < to; i += LANES) {
        vec v, g, normal, density;
        get(&v, x + i, to - i);
        get(&g, dy + i, to - i);
        normal8(&v, &normal, &density);
        g *= normal + v * density;
        give(c, 0, i, &g, to - i);
    }
}

void cpu_gelu_forward(const struct call *c) {
    pass(c, gelu_range);
}
void cpu_gelu_backward(const struct call *c) {
    pass(c, gelu_back);
}

FAST static void add_range(const struct call *c, size_t from, size_t to) {
    const float *a = c->x[0], *b = c->x[1];
    for (size_t i = from; i < to; i += LANES) {
        vec v, w;
        get(&v, a + i, to - i);
        get(&w, b + i, to - i);
        v += w;
        put((float *)c->y + i, &v, to - i);
    }
}

FAST static void add_back(const struct call *c, size_t from, size_t to) {
    const float *dy = c->dy;
    for (size_t i = from; i < to; i += LANES) {
        vec g;
        get(&g, dy + i, to - i);
        if (c->dx[0]) give(c, 0, i, &g, to - i);
        if (c->dx[1]) give(c, 1, i, &g, to - i);
    }
}

void cpu_add_forward(const struct call *c) {
    pass(c, add_range);
}
void cpu_add_backward(const struct call *c) {
    pass(c, add_back);
}

/* ---- dropout: op.h's dropout_keeps, four words a block ---- */

/* to[i] = from[i] kept or 0, elements [start, end) of picture n. */
static void drop(const struct call *c, int n, size_t start, size_t end, const float *from,
                 float *to, int add) {
    size_t E = shape_count(c->ys);
    uint64_t index =
        ((uint64_t)c->attr->ordinal << 56) + (uint64_t)c->position[n] * E + start;
    double limit = c->attr->rate * 4294967296.0;
    float scale = (float)(1 / (1 - c->attr->rate));
    uint32_t word[4];
    for (size_t e = start; e < end; e++, index++) {
        if (e == start || index % 4 == 0)
            rng_block(c->seed, STREAM_DROPOUT, c->epoch, index / 4, word);
        float g = word[index % 4] >= limit ? from[e] * scale : 0;
        to[e] = add ? to[e] + g : g;
    }
}

struct dropping {
    const struct call *c;
    const float *from;
    float *to;
    int add, parts;
};

static void drop_task(void *arg, int task, int worker) {
    const struct dropping *d = arg;
    size_t E = shape_count(d->c->ys);
    int n = task / d->parts, part = task % d->parts;
    (void)worker;
    drop(d->c, n, cut_elements(E, d->parts, part), cut_elements(E, d->parts, part + 1),
         d->from + (size_t)n * E, d->to + (size_t)n * E, d->add);
}

static void dropout(const struct call *c, const float *from, float *to, int add) {
    struct dropping d = {c, from, to, add, parts_of(shape_count(c->ys))};
    parallel(c->N * d.parts, drop_task, &d);
}

static void copy_range(const struct call *c, size_t from, size_t to) {
    memcpy((float *)c->y + from, (const float *)c->x[0] + from,
           (to - from) * sizeof(float));
}

void cpu_dropout_forward(const struct call *c) {
    if (c->phase == PHASE_TRAIN || c->phase == PHASE_AGAIN)
        dropout(c, c->x[0], c->y, 0);
    else
        pass(c, copy_range);
}

void cpu_dropout_backward(const struct call *c) {
    dropout(c, c->dy, c->dx[0], c->sum[0]);
}

/* ---- concat: a task is one input of one picture ---- */

static void concat_task(void *arg, int task, int worker) {
    const struct call *c = arg;
    int n = task / c->inputs, k = task % c->inputs;
    size_t part = shape_count(c->xs[k]), at = (size_t)n * shape_count(c->ys);
    (void)worker;
    for (int i = 0; i < k; i++) at += shape_count(c->xs[i]);
    memcpy((float *)c->y + at, (const float *)c->x[k] + (size_t)n * part,
           part * sizeof(float));
}

FAST static void concat_back(const struct call *c, int k, size_t i, const float *dy,
                             size_t part) {
    for (size_t e = 0; e < part; e += LANES) {
        vec g;
        get(&g, dy + e, part - e);
        give(c, k, i + e, &g, part - e);
    }
}

static void concat_back_task(void *arg, int task, int worker) {
    const struct call *c = arg;
    int n = task / c->inputs, k = task % c->inputs;
    size_t part = shape_count(c->xs[k]), at = (size_t)n * shape_count(c->ys);
    (void)worker;
    for (int i = 0; i < k; i++) at += shape_count(c->xs[i]);
    if (c->dx[k]) concat_back(c, k, (size_t)n * part, (const float *)c->dy + at, part);
}

void cpu_concat_forward(const struct call *c) {
    parallel(c->N * c->inputs, concat_task, (void *)c);
}
void cpu_concat_backward(const struct call *c) {
    parallel(c->N * c->inputs, concat_back_task, (void *)c);
}
