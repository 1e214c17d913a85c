/* spatial.c - max pool, mean over the map, bilinear resize, tokens and back to a grid. */
#include "model/ref/ref.h"
#include <math.h>

size_t ref_maxpool_saved(const struct call *c) {
    return (size_t)c->N * shape_count(c->ys) * sizeof(int32_t);
}

void ref_maxpool_forward(const struct call *c) {
    const struct attr *a = c->attr;
    int H = c->xs[0].dim[1], W = c->xs[0].dim[2], P = c->ys.dim[1], Q = c->ys.dim[2];
    double *y = c->y;
    int32_t *argmax = c->saved;
    size_t o = 0;
    for (int m = 0; m < c->N * c->ys.dim[0]; m++) { /* maps */
        const double *x = (const double *)c->x[0] + (size_t)m * (size_t)(H * W);
        for (int p = 0; p < P; p++)
            for (int q = 0; q < Q; q++, o++) {
                /* the first maximum in row order, or the last NaN, as PyTorch */
                int best = -1;
                for (int h = p * a->stride - a->pad; h < p * a->stride - a->pad + a->kernel;
                     h++)
                    for (int w = q * a->stride - a->pad;
                         w < q * a->stride - a->pad + a->kernel; w++) {
                        if (h < 0 || h >= H || w < 0 || w >= W) continue;
                        const double v = x[h * W + w];
                        if (best < 0 || v > x[best] || v != v) best = h * W + w;
                    }
                y[o] = x[best];
                argmax[o] = best;
            }
    }
}

void ref_maxpool_backward(const struct call *c) {
    size_t in = (size_t)(c->xs[0].dim[1] * c->xs[0].dim[2]),
           out = (size_t)(c->ys.dim[1] * c->ys.dim[2]);
    const double *dy = c->dy;
    const int32_t *argmax = c->saved;
    double *dx = c->dx[0];
    ref_clear(c, 0);
    for (size_t o = 0; o < (size_t)c->N * shape_count(c->ys); o++)
        dx[o / out * in + (size_t)argmax[o]] += dy[o];
}

void ref_gap_forward(const struct call *c) {
    size_t plane = (size_t)(c->xs[0].dim[1] * c->xs[0].dim[2]);
    const double *x = c->x[0];
    double *y = c->y;
    for (size_t m = 0; m < (size_t)(c->N * c->ys.dim[0]); m++) {
        double sum = 0;
        for (size_t i = 0; i < plane; i++) sum += x[m * plane + i];
        y[m] = sum / (double)plane;
    }
}

void ref_gap_backward(const struct call *c) {
    size_t plane = (size_t)(c->xs[0].dim[1] * c->xs[0].dim[2]);
    const double *dy = c->dy;
    for (size_t m = 0; m < (size_t)(c->N * c->ys.dim[0]); m++)
        for (size_t i = 0; i < plane; i++) give(c, 0, m * plane + i, dy[m] / (double)plane);
}

/* The two source places of output place `o` along one axis and the second's weight. */
struct between {
    int low, high;
    double weight;
};

static struct between between(int o, int in, int out, int align) {
    double at =
        align ? (out > 1 ? o * (double)(in - 1) / (out - 1) : 0) : (o + .5) * in / out - .5;
    if (at < 0) at = 0;
    struct between b = {(int)at, (int)at, at - (int)at};
    if (b.low < in - 1) b.high++;
    return b;
}

void ref_resize_forward(const struct call *c) {
    int H = c->xs[0].dim[1], W = c->xs[0].dim[2], P = c->ys.dim[1], Q = c->ys.dim[2];
    const double *x = c->x[0];
    double *y = c->y;
    for (int m = 0; m < c->N * c->ys.dim[0]; m++, x += H * W)
        for (int p = 0; p < P; p++) {
            struct between v = between(p, H, P, c->attr->align);
            for (int q = 0; q < Q; q++) {
                struct between h = between(q, W, Q, c->attr->align);
                double top = x[v.low * W + h.low] * (1 - h.weight) +
                             x[v.low * W + h.high] * h.weight;
                double low = x[v.high * W + h.low] * (1 - h.weight) +
                             x[v.high * W + h.high] * h.weight;
                *y++ = top * (1 - v.weight) + low * v.weight;
            }
        }
}

void ref_resize_backward(const struct call *c) {
    int H = c->xs[0].dim[1], W = c->xs[0].dim[2], P = c->ys.dim[1], Q = c->ys.dim[2];
    double *dx = c->dx[0];
    const double *dy = c->dy;
    ref_clear(c, 0);
    for (int m = 0; m < c->N * c->ys.dim[0]; m++, dx += H * W)
        for (int p = 0; p < P; p++) {
            struct between v = between(p, H, P, c->attr->align);
            for (int q = 0; q < Q; q++, dy++) {
                struct between h = between(q, W, Q, c->attr->align);
                dx[v.low * W + h.low] += *dy * (1 - v.weight) * (1 - h.weight);
                dx[v.low * W + h.high] += *dy * (1 - v.weight) * h.weight;
                dx[v.high * W + h.low] += *dy * v.weight * (1 - h.weight);
                dx[v.high * W + h.high] += *dy * v.weight * h.weight;
            }
        }
}

/* Token 0 is the class token; token 1 + i is place i of the map in row order. */
void ref_tokens_forward(const struct call *c) {
    int T = c->ys.dim[0], D = c->ys.dim[1], plane = T - 1;
    const double *cls = c->w[0], *pos = c->w[1];
    double *y = c->y;
    for (int n = 0; n < c->N; n++) {
        const double *x = (const double *)c->x[0] + (size_t)n * (size_t)(D * plane);
        for (int t = 0; t < T; t++)
            for (int d = 0; d < D; d++)
                *y++ = (t == 0 ? cls[d] : x[d * plane + t - 1]) + pos[t * D + d];
    }
}

void ref_tokens_backward(const struct call *c) {
    int T = c->ys.dim[0], D = c->ys.dim[1], plane = T - 1;
    double *dcls = c->dw[0], *dpos = c->dw[1];
    const double *dy = c->dy;
    for (int d = 0; dcls && d < D; d++) dcls[d] = 0;
    for (int i = 0; dpos && i < T * D; i++) dpos[i] = 0;
    for (int n = 0; n < c->N; n++)
        for (int t = 0; t < T; t++)
            for (int d = 0; d < D; d++, dy++) {
                if (dpos) dpos[t * D + d] += *dy;
                if (t == 0 && dcls) dcls[d] += *dy;
                if (t > 0 && c->dx[0])
                    give(c, 0,
                         ((size_t)n * (size_t)D + (size_t)d) * (size_t)plane +
                             (size_t)(t - 1),
                         *dy);
            }
}

void ref_grid_forward(const struct call *c) {
    int T = c->xs[0].dim[0], D = c->xs[0].dim[1], plane = T - 1;
    const double *x = c->x[0];
    double *y = c->y;
    for (int n = 0; n < c->N; n++)
        for (int d = 0; d < D; d++)
            for (int i = 0; i < plane; i++)
                *y++ = x[((size_t)n * (size_t)T + (size_t)i + 1) * (size_t)D + (size_t)d];
}

void ref_grid_backward(const struct call *c) {
    int T = c->xs[0].dim[0], D = c->xs[0].dim[1], plane = T - 1;
    const double *dy = c->dy;
    ref_clear(c, 0);
    double *dx = c->dx[0];
    for (int n = 0; n < c->N; n++)
        for (int d = 0; d < D; d++)
            for (int i = 0; i < plane; i++)
                dx[((size_t)n * (size_t)T + (size_t)i + 1) * (size_t)D + (size_t)d] +=
                    *dy++;
}
