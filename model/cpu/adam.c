/* adam.c - torch.optim.Adam over a flat block, rounding to 16-bit storage, and the search
 * for what is not finite: each one pass over memory. */
#include "model/cpu/kernels.h"
#include "model/cpu/threads.h"
#include "model/cpu/vec.h"
#include "model/precision.h"
#include <math.h>
#include <stdatomic.h>

struct rates {
    float unscale, decay, beta1, beta2, rest1, rest2, step, root, eps;
};

struct stepping {
    const struct adam *a;
    struct rates r;
    int parts;
};

/* Eight square roots, each rounded correctly. */
INLINE void sqrt8(vec *v) {
    for (int i = 0; i < LANES; i++) (*v)[i] = sqrtf((*v)[i]);
}

FAST static void adam_range(const struct adam *a, const struct rates *r, size_t from,
                            size_t to) {
    float *weight = a->w, *first = a->m, *second = a->v;
    const float *gradient = a->g;
    for (size_t i = from; i < to; i += LANES) {
        size_t left = to - i;
        vec w, m, v, g, root;
        get(&w, weight + i, left);
        get(&m, first + i, left);
        get(&v, second + i, left);
        get(&g, gradient + i, left);
        g = g * r->unscale + w * r->decay;
        m = m * r->beta1 + g * r->rest1;
        v = v * r->beta2 + g * g * r->rest2;
        root = v * r->root;
        sqrt8(&root);
        w -= r->step * m / (root + r->eps);
        put(weight + i, &w, left);
        put(first + i, &m, left);
        put(second + i, &v, left);
    }
}

static void adam_task(void *arg, int task, int worker) {
    const struct stepping *j = arg;
    (void)worker;
    adam_range(j->a, &j->r, cut_elements(j->a->count, j->parts, task),
               cut_elements(j->a->count, j->parts, task + 1));
}

void cpu_adam(const struct adam *a) {
    struct stepping j = {a,
                         {(float)a->unscale, (float)a->weight_decay, (float)a->beta1,
                          (float)a->beta2, (float)(1 - a->beta1), (float)(1 - a->beta2),
                          (float)(a->lr / a->correction1), (float)(1 / a->correction2),
                          (float)a->eps},
                         parts_of(a->count)};
    parallel(j.parts, adam_task, &j);
}

/* ---- rounding ---- */

struct rounding {
    float *x;
    size_t n;
    enum precision precision;
    int parts;
};

static void round_task(void *arg, int task, int worker) {
    const struct rounding *r = arg;
    size_t to = cut_elements(r->n, r->parts, task + 1);
    (void)worker;
    for (size_t i = cut_elements(r->n, r->parts, task); i < to; i++)
        r->x[i] = precision_round(r->precision, r->x[i]);
}

void cpu_round(void *x, size_t n, enum precision precision) {
    struct rounding r = {x, n, precision, parts_of(n)};
    parallel(r.parts, round_task, &r);
}

/* ---- finite ---- */

struct search {
    const float *x;
    size_t n;
    int parts;
    _Atomic int bad;
};

/* x - x is 0 for finite x and NaN for the rest. */
FAST static int bad_range(const float *x, size_t from, size_t to) {
    ivec bad = {0};
    for (size_t i = from; i < to; i += LANES) {
        vec v;
        get(&v, x + i, to - i);
        v -= v;
        bad |= v != v;
    }
    int any = 0;
    for (int k = 0; k < LANES; k++) any |= bad[k];
    return any != 0;
}

static void search_task(void *arg, int task, int worker) {
    struct search *s = arg;
    (void)worker;
    if (bad_range(s->x, cut_elements(s->n, s->parts, task),
                  cut_elements(s->n, s->parts, task + 1)))
        atomic_store(&s->bad, 1);
}

int cpu_finite(const void *x, size_t n) {
    struct search s = {.x = x, .n = n, .parts = parts_of(n)};
    parallel(s.parts, search_task, &s);
    return !atomic_load(&s.bad);
}
