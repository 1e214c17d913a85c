/* conv.h - how the CPU convolves: shapes, and the four ways. [N,C,H,W] by [K,C,R,R] is
 * [N,K,P,Q].
 *
 *   point   1x1: one product a picture, on the tensor as it lies
 *   window  R x R: windows of some output rows copied to columns that fit the L2 cache,
 *           then products
 *   taps    R x R on a map so small that most taps fall into padding: one product a tap,
 *           over only the places it reaches; taps that reach none are left out (exact: they
 *           add zeros)
 *   depth   groups == C == K: no product at all
 *
 * Scratch begins with what all workers share; each worker's own slice follows. */
#ifndef MODEL_CPU_CONV_H
#define MODEL_CPU_CONV_H
#include "model/cpu/blas.h"
#include "model/cpu/kernels.h"
#include "model/cpu/threads.h"

enum {
    TILE_BYTES = 512 * 1024,
    TILE_COLUMNS = 224,
    MAX_DEPTH_KERNEL = 7,
    MAX_TAPS_KERNEL = 7
};

struct conv {
    int N, C, H, W, K, P, Q, R, stride, pad, dilation;
    size_t in, out; /* H*W, P*Q */
    const float *x, *w, *dy;
    float *y, *dx, *dw;
    int add; /* y += : it holds the bias already */
    int sum; /* dx += */
    uint8_t *scratch;
};
/* What output rows p0..p1 of one picture x [C][H][W] read, channels c0..c1:
 * columns[c*R*R][ld], the first (p1-p0)*Q of each row; zeros where a tap falls into
 * padding. */
void window_columns(const struct conv *v, const float *x, int c0, int c1, int p0, int p1,
                    float *columns, size_t ld);
/* The reverse: adds columns[c*R*R][ld] of all output rows to dx [C][H][W], in tap order. */
void window_add(const struct conv *v, const float *columns, size_t ld, int c0, int c1,
                float *dx);

void point_forward(const struct conv *v);
void point_backward(const struct conv *v);
size_t point_scratch(const struct conv *v);
void window_forward(const struct conv *v);
void window_backward(const struct conv *v);
size_t window_scratch(const struct conv *v);
void taps_forward(const struct conv *v);
void taps_backward(const struct conv *v);
size_t taps_scratch(const struct conv *v);
void depth_forward(const struct conv *v);
void depth_backward(const struct conv *v);
size_t depth_scratch(const struct conv *v);

/* y = bias everywhere, before products are added to it; and its gradient. */
void conv_bias(const struct conv *v, const float *bias);
void conv_bias_gradient(const struct conv *v, float *db);
/* Gradient of weights as sums over pictures in fixed groups: how many groups, so that
 * blocks * groups keeps several cores busy, and the sum of the groups' parts
 * [groups][count] into dw. */
int picture_groups(const struct conv *v, int blocks);
void groups_sum(const float *part, int groups, size_t count, float *dw);
/* A worker's slice: `shared` bytes come first, then `own` bytes a worker. */
static inline void *slice(const struct conv *v, size_t shared, size_t own, int worker) {
    return v->scratch + shared + own * (size_t)worker;
}
/* Outputs p in [*from, *to) of `out` along one axis at which tap r reads a place of `in` */
void tap_range(const struct conv *v, int r, int in, int out, int *from, int *to);
#endif
