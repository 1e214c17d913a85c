/* pool.c - F.max_pool2d with the place of each maximum, and the mean over the map. A task
 * is a few maps. */
#include "model/cpu/kernels.h"
#include "model/cpu/threads.h"
#include "model/cpu/vec.h"

/* Saved: the maximum's place in its window, row by row: one byte an output. */
size_t cpu_maxpool_saved(const struct call *c) {
    return (size_t)c->N * shape_count(c->ys);
}

enum { MAPS = 4, OUTPUTS = 64 }; /* maps a task; outputs of a row at a time */

struct best {
    float value[OUTPUTS];
    int32_t tap[OUTPUTS];
};

/* Takes tap number `tap` for outputs [q, n) whose sources are x[q * stride]; none at or
 * behind `end` is read. The first maximum stays, as in PyTorch; NaN beats all. */
FAST static void consider(float *value, int32_t *taps, const float *x, const float *end,
                          int n, int stride, int tap) {
    const ivec number = (ivec){0} + tap;
    int q = 0;
    for (; stride <= 2 && q + LANES <= n && x + 2 * q + 2 * LANES <= end; q += LANES) {
        ivec old = *(const ivec_anywhere *)(taps + q);
        vec v = LOAD(x + q * stride), next, best = LOAD(value + q);
        if (stride == 2) {
            next = LOAD(x + 2 * q + LANES);
            v = __builtin_shuffle(v, next, (ivec){0, 2, 4, 6, 8, 10, 12, 14});
        }
        const ivec better = (v > best) | (old < 0) | (v != v);
        STORE(value + q, SELECT(better, v, best));
        *(ivec_anywhere *)(taps + q) = (better & number) | (~better & old);
    }
    for (; q < n; q++) {
        float v = x[(long)q * stride];
        if (v > value[q] || taps[q] < 0 || v != v) {
            value[q] = v;
            taps[q] = tap;
        }
    }
}

/* Outputs q0 .. q0+n of row p of one map. */
static void pool_row(const struct call *c, const float *x, int p, int q0, int n, float *y,
                     uint8_t *place) {
    const struct attr *a = c->attr;
    int H = c->xs[0].dim[1], W = c->xs[0].dim[2];
    struct best best;
    for (int q = 0; q < n; q++) best.tap[q] = -1, best.value[q] = 0;
    for (int tap = 0; tap < a->kernel * a->kernel; tap++) {
        int h = p * a->stride - a->pad + tap / a->kernel,
            w0 = q0 * a->stride - a->pad + tap % a->kernel;
        if (h < 0 || h >= H) continue;
        int skip = w0 < 0 ? ceil_div(-w0, a->stride) : 0;
        int end = w0 >= W ? 0 : (W - 1 - w0) / a->stride + 1;
        if (end > n) end = n;
        if (skip >= end) continue;
        consider(best.value + skip, best.tap + skip,
                 x + (long)h * W + w0 + (long)skip * a->stride, x + (long)H * W, end - skip,
                 a->stride, tap);
    }
    for (int q = 0; q < n; q++) {
        y[q] = best.value[q];
        place[q] = (uint8_t)best.tap[q];
    }
}

static int map_tasks(const struct call *c) {
    return ceil_div(c->N * c->ys.dim[0], MAPS);
}

static void pool_task(void *arg, int task, int worker) {
    const struct call *c = arg;
    int maps = c->N * c->ys.dim[0], P = c->ys.dim[1], Q = c->ys.dim[2];
    size_t in = (size_t)c->xs[0].dim[1] * (size_t)c->xs[0].dim[2],
           out = (size_t)P * (size_t)Q;
    (void)worker;
    for (int m = task * MAPS; m < maps && m < (task + 1) * MAPS; m++)
        for (int p = 0; p < P; p++)
            for (int q = 0; q < Q; q += OUTPUTS) {
                size_t at = (size_t)m * out + (size_t)p * (size_t)Q + (size_t)q;
                pool_row(c, (const float *)c->x[0] + (size_t)m * in, p, q,
                         Q - q < OUTPUTS ? Q - q : OUTPUTS, (float *)c->y + at,
                         (uint8_t *)c->saved + at);
            }
}

void cpu_maxpool_forward(const struct call *c) {
    parallel(map_tasks(c), pool_task, (void *)c);
}

static void pool_back_task(void *arg, int task, int worker) {
    const struct call *c = arg;
    const struct attr *a = c->attr;
    int maps = c->N * c->ys.dim[0], P = c->ys.dim[1], Q = c->ys.dim[2], W = c->xs[0].dim[2];
    size_t in = (size_t)c->xs[0].dim[1] * (size_t)W, out = (size_t)P * (size_t)Q;
    (void)worker;
    for (int m = task * MAPS; m < maps && m < (task + 1) * MAPS; m++) {
        float *dx = (float *)c->dx[0] + (size_t)m * in;
        const float *dy = (const float *)c->dy + (size_t)m * out;
        const uint8_t *place = (const uint8_t *)c->saved + (size_t)m * out;
        if (!c->sum[0]) memset(dx, 0, in * sizeof *dx);
        for (int p = 0; p < P; p++)
            for (int q = 0; q < Q; q++, dy++, place++) {
                int h = p * a->stride - a->pad + *place / a->kernel;
                int w = q * a->stride - a->pad + *place % a->kernel;
                dx[(long)h * W + w] += *dy;
            }
    }
}

void cpu_maxpool_backward(const struct call *c) {
    parallel(map_tasks(c), pool_back_task, (void *)c);
}

/* ---- x.mean((2,3)) ---- */

FAST static void mean_map(const struct call *c, int m, size_t plane) {
    ((float *)c->y)[m] =
        (float)(floats_sum((const float *)c->x[0] + (size_t)m * plane, plane) /
                (double)plane);
}

enum { GAP_MAPS = 64 };

static void gap_task(void *arg, int task, int worker) {
    const struct call *c = arg;
    int maps = c->N * c->ys.dim[0];
    size_t plane = (size_t)c->xs[0].dim[1] * (size_t)c->xs[0].dim[2];
    (void)worker;
    for (int m = task * GAP_MAPS; m < maps && m < (task + 1) * GAP_MAPS; m++)
        mean_map(c, m, plane);
}

void cpu_gap_forward(const struct call *c) {
    parallel(ceil_div(c->N * c->ys.dim[0], GAP_MAPS), gap_task, (void *)c);
}

static void gap_back_task(void *arg, int task, int worker) {
    const struct call *c = arg;
    int maps = c->N * c->ys.dim[0];
    size_t plane = (size_t)c->xs[0].dim[1] * (size_t)c->xs[0].dim[2];
    (void)worker;
    for (int m = task * GAP_MAPS; m < maps && m < (task + 1) * GAP_MAPS; m++) {
        float *dx = (float *)c->dx[0] + (size_t)m * plane,
              g = ((const float *)c->dy)[m] / (float)plane;
        for (size_t i = 0; i < plane; i++) dx[i] = c->sum[0] ? dx[i] + g : g;
    }
}

void cpu_gap_backward(const struct call *c) {
    parallel(ceil_div(c->N * c->ys.dim[0], GAP_MAPS), gap_back_task, (void *)c);
}
