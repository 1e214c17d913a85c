/* conv_depth.c - depthwise convolutions, F.conv2d with groups == channels: w [C][1][R][R].
 * Bound by memory, so each map is read once and its rows are summed in the cache. A task is
 * one channel. */
#include "model/cpu/conv.h"
#include "model/cpu/vec.h"
#include <string.h>

/* Columns of a row that tap s reaches, and where they read from. */
struct row {
    int q0, q1;
    long shift;
};

static struct row row_of(const struct conv *v, int s) {
    struct row row;
    tap_range(v, s, v->W, v->Q, &row.q0, &row.q1);
    row.shift = (long)s * v->dilation - v->pad;
    return row;
}

/* to[q] += w * from[q * stride] */
FAST static void add_forward(float *to, const float *from, float w, int n, int stride) {
    int q = 0;
    for (; stride == 1 && q + LANES <= n; q += LANES)
        STORE(to + q, LOAD(to + q) + w * LOAD(from + q));
    for (; q < n; q++) to[q] += w * from[(long)q * stride];
}

/* to[q * stride] += w * from[q] */
FAST static void add_back(float *to, const float *from, float w, int n, int stride) {
    int q = 0;
    for (; stride == 1 && q + LANES <= n; q += LANES)
        STORE(to + q, LOAD(to + q) + w * LOAD(from + q));
    for (; q < n; q++) to[(long)q * stride] += w * from[q];
}

/* sum over q of a[q] * b[q * stride] */
FAST static double dot(const float *a, const float *b, int n, int stride) {
    vec sum = {0};
    int q = 0;
    for (; stride == 1 && q + LANES <= n; q += LANES) sum += LOAD(a + q) * LOAD(b + q);
    double total = lanes_sum(&sum);
    for (; q < n; q++) total += (double)a[q] * b[(long)q * stride];
    return total;
}

static void forward_task(void *arg, int c, int worker) {
    const struct conv *v = arg;
    (void)worker;
    for (int n = 0; n < v->N; n++) {
        size_t map = (size_t)n * (size_t)v->C + (size_t)c;
        const float *x = v->x + map * v->in, *w = v->w + (size_t)c * (size_t)(v->R * v->R);
        float *y = v->y + map * v->out;
        if (!v->add) memset(y, 0, v->out * sizeof *y);
        for (int p = 0; p < v->P; p++)
            for (int r = 0; r < v->R; r++) {
                int h = p * v->stride - v->pad + r * v->dilation;
                if (h < 0 || h >= v->H) continue;
                for (int s = 0; s < v->R; s++) {
                    struct row row = row_of(v, s);
                    add_forward(y + (long)p * v->Q + row.q0,
                                x + (long)h * v->W + (long)row.q0 * v->stride + row.shift,
                                w[r * v->R + s], row.q1 - row.q0, v->stride);
                }
            }
    }
}

void depth_forward(const struct conv *v) {
    parallel(v->C, forward_task, (void *)v);
}

static void backward_task(void *arg, int c, int worker) {
    const struct conv *v = arg;
    (void)worker;
    int taps = v->R * v->R;
    double dw[MAX_DEPTH_KERNEL * MAX_DEPTH_KERNEL] = {0};
    for (int n = 0; n < v->N; n++) {
        size_t map = (size_t)n * (size_t)v->C + (size_t)c;
        const float *dy = v->dy + map * v->out;
        if (v->dx && !v->sum) memset(v->dx + map * v->in, 0, v->in * sizeof *v->dx);
        for (int p = 0; p < v->P; p++)
            for (int i = 0; i < taps; i++) {
                int h = p * v->stride - v->pad + i / v->R * v->dilation;
                if (h < 0 || h >= v->H) continue;
                struct row row = row_of(v, i % v->R);
                const float *d = dy + (long)p * v->Q + row.q0;
                long at = (long)(map * v->in) + (long)h * v->W + (long)row.q0 * v->stride +
                          row.shift;
                int reached = row.q1 - row.q0;
                if (v->dx)
                    add_back(v->dx + at, d, v->w[(size_t)c * (size_t)taps + (size_t)i],
                             reached, v->stride);
                if (v->dw) dw[i] += dot(d, v->x + at, reached, v->stride);
            }
    }
    for (int i = 0; v->dw && i < taps; i++)
        v->dw[(size_t)c * (size_t)taps + (size_t)i] = (float)dw[i];
}

void depth_backward(const struct conv *v) {
    parallel(v->C, backward_task, (void *)v);
}

size_t depth_scratch(const struct conv *v) {
    (void)v;
    return 0;
}
