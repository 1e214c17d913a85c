/* tokens.c - between maps [D,h,w] and tokens [1+h*w,D]: transposes, class token,
 * positions */
#include "model/cpu/kernels.h"
#include "model/cpu/threads.h"
#include <string.h>

enum { BLOCK = 16 }; /* floats of a cache line: transposes go by blocks of 16 x 16 */

/* to[j * ld + i] = from[i * n + j] (+ what is there where add) for i < m, j < n. */
static void transpose(const float *from, int m, int n, float *to, size_t ld, int add) {
    for (int i0 = 0; i0 < m; i0 += BLOCK)
        for (int j = 0; j < n; j++)
            for (int i = i0; i < m && i < i0 + BLOCK; i++) {
                float v = from[(size_t)i * (size_t)n + (size_t)j],
                      *at = to + (size_t)j * ld + (size_t)i;
                *at = add ? *at + v : v;
            }
}

/* Token 0 is the class token; token 1 + i is place i of the map in row order. */
static void tokens_task(void *arg, int n, int worker) {
    const struct call *c = arg;
    size_t T = (size_t)c->ys.dim[0], D = (size_t)c->ys.dim[1], plane = T - 1;
    const float *x = (const float *)c->x[0] + (size_t)n * D * plane, *cls = c->w[0],
                *pos = c->w[1];
    float *y = (float *)c->y + (size_t)n * T * D;
    (void)worker;
    for (size_t d = 0; d < D; d++) y[d] = cls[d] + pos[d];
    memcpy(y + D, pos + D, plane * D * sizeof *y);
    transpose(x, (int)D, (int)plane, y + D, D, 1);
}

void cpu_tokens_forward(const struct call *c) {
    parallel(c->N, tokens_task, (void *)c);
}

static void positions_task(void *arg, int t, int worker) {
    const struct call *c = arg;
    size_t T = (size_t)c->ys.dim[0], D = (size_t)c->ys.dim[1];
    float *dcls = c->dw[0], *dpos = c->dw[1];
    const float *dy = (const float *)c->dy + (size_t)t * D;
    (void)worker;
    for (size_t d = 0; d < D; d++) {
        double sum = 0;
        for (size_t n = 0; n < (size_t)c->N; n++) sum += dy[n * T * D + d];
        if (dpos) dpos[(size_t)t * D + d] = (float)sum;
        if (dcls && t == 0) dcls[d] = (float)sum;
    }
}

/* dx[D][plane] of picture n from tokens 1.. of dy. */
static void tokens_back_task(void *arg, int n, int worker) {
    const struct call *c = arg;
    int T = c->ys.dim[0], D = c->ys.dim[1], plane = T - 1;
    const float *dy = (const float *)c->dy + ((size_t)n * (size_t)T + 1) * (size_t)D;
    float *dx = (float *)c->dx[0] + (size_t)n * (size_t)D * (size_t)plane;
    (void)worker;
    transpose(dy, plane, D, dx, (size_t)plane, c->sum[0]);
}

void cpu_tokens_backward(const struct call *c) {
    if (c->dw[0] || c->dw[1]) parallel(c->ys.dim[0], positions_task, (void *)c);
    if (c->dx[0]) parallel(c->N, tokens_back_task, (void *)c);
}

/* ---- grid: tokens 1.. to a map ---- */

static void grid_task(void *arg, int n, int worker) {
    const struct call *c = arg;
    int T = c->xs[0].dim[0], D = c->xs[0].dim[1], plane = T - 1;
    (void)worker;
    transpose((const float *)c->x[0] + ((size_t)n * (size_t)T + 1) * (size_t)D, plane, D,
              (float *)c->y + (size_t)n * (size_t)D * (size_t)plane, (size_t)plane, 0);
}

static void grid_back_task(void *arg, int n, int worker) {
    const struct call *c = arg;
    int T = c->xs[0].dim[0], D = c->xs[0].dim[1], plane = T - 1;
    float *dx = (float *)c->dx[0] + (size_t)n * (size_t)T * (size_t)D;
    (void)worker;
    if (!c->sum[0]) memset(dx, 0, (size_t)D * sizeof *dx);
    transpose((const float *)c->dy + (size_t)n * (size_t)D * (size_t)plane, D, plane,
              dx + D, (size_t)D, c->sum[0]);
}

void cpu_grid_forward(const struct call *c) {
    parallel(c->N, grid_task, (void *)c);
}
void cpu_grid_backward(const struct call *c) {
    parallel(c->N, grid_back_task, (void *)c);
}
