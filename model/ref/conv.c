/* conv.c - convolution, F.conv2d: x [N,C,H,W], w [K,C/groups,R,S], y [N,K,P,Q]. */
#include "model/ref/ref.h"

struct loops {
    int N, C, H, W, K, P, Q, R, group_in, group_out, stride, pad, dilation;
};

static struct loops loops_of(const struct call *c) {
    const struct attr *a = c->attr;
    const int *x = c->xs[0].dim, *y = c->ys.dim;
    return (struct loops){c->N,
                          x[0],
                          x[1],
                          x[2],
                          y[0],
                          y[1],
                          y[2],
                          a->kernel,
                          x[0] / a->groups,
                          y[0] / a->groups,
                          a->stride,
                          a->pad,
                          a->dilation};
}

/* Calls body for every multiply-add whose tap lies on the picture, with indices o of y, i
 * of x, t of w. */
#define FOR_TAPS(L, n, k, body)                                                            \
    for (int p = 0; p < L.P; p++)                                                          \
        for (int q = 0; q < L.Q; q++)                                                      \
            for (int j = 0; j < L.group_in; j++)                                           \
                for (int r = 0; r < L.R; r++)                                              \
                    for (int s = 0; s < L.R; s++) {                                        \
                        int h = p * L.stride - L.pad + r * L.dilation;                     \
                        int w_ = q * L.stride - L.pad + s * L.dilation;                    \
                        if (h < 0 || h >= L.H || w_ < 0 || w_ >= L.W) continue;            \
                        int ch = k / L.group_out * L.group_in + j;                         \
                        size_t o = (((size_t)n * (size_t)L.K + (size_t)k) * (size_t)L.P +  \
                                    (size_t)p) *                                           \
                                       (size_t)L.Q +                                       \
                                   (size_t)q;                                              \
                        size_t i = (((size_t)n * (size_t)L.C + (size_t)ch) * (size_t)L.H + \
                                    (size_t)h) *                                           \
                                       (size_t)L.W +                                       \
                                   (size_t)w_;                                             \
                        size_t t =                                                         \
                            (((size_t)k * (size_t)L.group_in + (size_t)j) * (size_t)L.R +  \
                             (size_t)r) *                                                  \
                                (size_t)L.R +                                              \
                            (size_t)s;                                                     \
                        body;                                                              \
                    }

void ref_conv_forward(const struct call *c) {
    struct loops L = loops_of(c);
    const double *x = c->x[0], *w = c->w[0], *b = c->w[1];
    double *y = c->y;
    size_t plane = (size_t)L.P * (size_t)L.Q;
    for (int n = 0; n < L.N; n++)
        for (int k = 0; k < L.K; k++) {
            double *out = y + ((size_t)n * (size_t)L.K + (size_t)k) * plane;
            for (size_t e = 0; e < plane; e++) out[e] = b ? b[k] : 0;
            FOR_TAPS(L, n, k, y[o] += w[t] * x[i])
        }
}

void ref_conv_backward(const struct call *c) {
    struct loops L = loops_of(c);
    const double *x = c->x[0], *w = c->w[0], *dy = c->dy;
    double *dx = c->dx[0], *dw = c->dw[0], *db = c->dw[1];
    size_t plane = (size_t)L.P * (size_t)L.Q, per_k = (size_t)(L.group_in * L.R * L.R);
    if (dx) ref_clear(c, 0);
    for (int k = 0; k < L.K; k++) {
        if (dw)
            for (size_t t = 0; t < per_k; t++) dw[(size_t)k * per_k + t] = 0;
        if (db) db[k] = 0;
        for (int n = 0; n < L.N; n++) {
            const double *d = dy + ((size_t)n * (size_t)L.K + (size_t)k) * plane;
            for (size_t e = 0; db && e < plane; e++) db[k] += d[e];
            if (dw) FOR_TAPS(L, n, k, dw[t] += dy[o] * x[i])
            if (dx) FOR_TAPS(L, n, k, dx[i] += dy[o] * w[t])
        }
    }
}
