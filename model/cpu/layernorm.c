/* layernorm.c - F.layer_norm over D of [N,T,D]. Saved: mean and 1/sqrt(variance + eps) of
 * each row. */
#include "model/cpu/kernels.h"
#include "model/cpu/threads.h"
#include "model/cpu/vec.h"
#include <math.h>

enum { ROWS = 64 }; /* a task */

struct layernorm {
    const struct call *c;
    int rows, D, blocks;
    float *part; /* backward: [blocks][2][D] gradients of weight and bias */
};

static struct layernorm layernorm_of(const struct call *c) {
    struct layernorm l = {c, c->N * c->ys.dim[0], c->ys.dim[1], 0, c->scratch};
    l.blocks = ceil_div(l.rows, ROWS);
    return l;
}

size_t cpu_layernorm_saved(const struct call *c) {
    return 2 * (size_t)c->N * (size_t)c->ys.dim[0] * sizeof(float);
}

size_t cpu_layernorm_scratch(const struct call *c) {
    struct layernorm l = layernorm_of(c);
    return (size_t)l.blocks * 2 * (size_t)l.D * sizeof(float);
}

FAST static void forward_rows(const struct layernorm *l, int from, int to) {
    size_t D = (size_t)l->D;
    const float *w = l->c->w[0], *b = l->c->w[1];
    float *saved = l->c->saved;
    for (int row = from; row < to; row++) {
        const float *x = (const float *)l->c->x[0] + (size_t)row * D;
        float *y = (float *)l->c->y + (size_t)row * D;
        float mean = (float)(floats_sum(x, D) / (double)D);
        vec sum = {0}, v, weight, bias;
        double squares = 0;
        size_t i = 0;
        for (; i + LANES <= D; i += LANES) {
            v = LOAD(x + i) - mean;
            sum += v * v;
        }
        for (; i < D; i++) squares += (double)(x[i] - mean) * (x[i] - mean);
        squares += lanes_sum(&sum);
        float invstd = (float)(1 / sqrt(squares / (double)D + l->c->attr->eps));
        for (i = 0; i < D; i += LANES) {
            get(&v, x + i, D - i);
            get(&weight, w + i, D - i);
            get(&bias, b + i, D - i);
            v = (v - mean) * invstd * weight + bias;
            put(y + i, &v, D - i);
        }
        saved[2 * row] = mean;
        saved[2 * row + 1] = invstd;
    }
}

static void forward_task(void *arg, int task, int worker) {
    const struct layernorm *l = arg;
    (void)worker;
    forward_rows(l, cut(l->rows, l->blocks, task), cut(l->rows, l->blocks, task + 1));
}

void cpu_layernorm_forward(const struct call *c) {
    struct layernorm l = layernorm_of(c);
    parallel(l.blocks, forward_task, &l);
}

/* One row: gradients of weight and bias are added to dw, db; dx is given. */
INLINE void backward_row(const struct layernorm *l, int row, float *dw, float *db) {
    size_t D = (size_t)l->D, at = (size_t)row * D;
    const float *x = (const float *)l->c->x[0] + at, *dy = (const float *)l->c->dy + at,
                *w = l->c->w[0];
    const float *saved = l->c->saved, mean = saved[2 * row], invstd = saved[2 * row + 1];
    vec sum = {0}, dot = {0}, v, g, weight, old;
    for (size_t i = 0; i < D; i += LANES) {
        size_t left = D - i;
        get(&v, x + i, left);
        get(&g, dy + i, left);
        get(&weight, w + i, left);
        v = (v - mean) * invstd; /* beyond the end g is 0 */
        get(&old, dw + i, left);
        old += g * v;
        put(dw + i, &old, left);
        get(&old, db + i, left);
        old += g;
        put(db + i, &old, left);
        sum += g * weight;
        dot += g * weight * v;
    }
    if (!l->c->dx[0]) return;
    float *dx = (float *)l->c->dx[0] + at;
    const float offset = (float)(lanes_sum(&sum) / l->D),
                slope = (float)(lanes_sum(&dot) / l->D);
    for (size_t i = 0; i < D; i += LANES) {
        size_t left = D - i;
        get(&v, x + i, left);
        get(&g, dy + i, left);
        get(&weight, w + i, left);
        v = invstd * ((g * weight - offset) - (v - mean) * invstd * slope);
        if (l->c->sum[0]) {
            get(&old, dx + i, left);
            v += old;
        }
        put(dx + i, &v, left);
    }
}

FAST static void backward_rows(const struct layernorm *l, int from, int to, float *dw,
                               float *db) {
    memset(dw, 0, (size_t)l->D * sizeof *dw);
    memset(db, 0, (size_t)l->D * sizeof *db);
    for (int row = from; row < to; row++) backward_row(l, row, dw, db);
}

static void backward_task(void *arg, int task, int worker) {
    const struct layernorm *l = arg;
    float *part = l->part + (size_t)task * 2 * (size_t)l->D;
    (void)worker;
    backward_rows(l, cut(l->rows, l->blocks, task), cut(l->rows, l->blocks, task + 1), part,
                  part + l->D);
}

void cpu_layernorm_backward(const struct call *c) {
    struct layernorm l = layernorm_of(c);
    parallel(l.blocks, backward_task, &l);
    for (int which = 0; which < 2; which++) {
        float *dw = c->dw[which];
        for (int d = 0; dw && d < l.D; d++) {
            double sum = c->sum_dw ? dw[d] : 0;
            for (int b = 0; b < l.blocks; b++)
                sum += l.part[(2 * (size_t)b + (size_t)which) * (size_t)l.D + (size_t)d];
            dw[d] = (float)sum;
        }
    }
}
