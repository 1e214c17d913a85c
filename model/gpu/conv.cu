/* conv.cu - F.conv2d; equals ref_conv_*. The library computes what has one group, several
 * channels in and several out; the rest is head.cu's, conv_depth.cu's and
 * conv_loops.cu's. */
#include "model/gpu/conv.h"

struct conv conv_of(const struct call *c) {
    const struct attr *a = c->attr;
    const int *x = c->xs[0].dim, *y = c->ys.dim;
    return {c->N, x[0],      x[1],      x[2],   y[0],        y[1],
            y[2], a->kernel, a->stride, a->pad, a->dilation, a->groups};
}

enum way { LIBRARY, HEAD, DEPTH, LOOPS };
static enum way way_of(const struct conv &v) {
    if (v.groups == 1 && v.C > 1 && v.K > 1) return LIBRARY;
    if (v.groups == 1 && v.C > 1 && v.R == 1 && v.stride == 1 && v.pad == 0) return HEAD;
    if (v.groups == v.C && v.C == v.K && v.C > 1 && v.R == 3) return DEPTH;
    return LOOPS;
}

/* ---- bias ---- */

/* A thread: V channels of one place. */
template <typename T, int V>
KERNEL BOUNDS(THREADS) add_bias(T *y, const float *b, size_t rows, int K) {
    size_t across = (size_t)(K / V);
    for (size_t i = grid_first(); i < rows * across; i += grid_stride()) {
        float v[V], add[V];
        take<V>(v, y + i * V);
        take<V>(add, b + i % across * V);
        for (int k = 0; k < V; k++) v[k] += add[k];
        give<V>(y + i * V, v);
    }
}

static size_t rows_of(const struct conv &v) {
    return (size_t)v.N * (size_t)v.P * (size_t)v.Q;
}
template <typename T> static void bias(const struct call *c, struct conv v) {
    struct device *d = gpu_of(c)->device;
    const float *b = (const float *)c->w[1];
    if (v.K % WIDE<T>)
        LAUNCH((add_bias<T, 1>), blocks_for(c, rows_of(v) * (size_t)v.K), THREADS, 0, d,
               (T *)c->y, b, rows_of(v), v.K);
    else
        LAUNCH((add_bias<T, WIDE<T>>), blocks_for(c, rows_of(v) * (size_t)(v.K / WIDE<T>)),
               THREADS, 0, d, (T *)c->y, b, rows_of(v), v.K);
}

void conv_add_bias(const struct call *c, struct conv v) {
    if (c->w[1]) BY_TYPE(type_of(c, v.K), bias, c, v);
}
void conv_bias_gradient(const struct call *c, struct conv v) {
    if (c->dw[1])
        BY_TYPE(type_of(c, v.K), bias_gradient, c, c->dy, rows_of(v), v.K,
                (float *)c->dw[1], c->scratch);
}
size_t conv_bias_scratch(const struct call *c, struct conv v) {
    return bias_gradient_bytes(type_of(c, v.K), rows_of(v), v.K);
}

/* ---- the library's ---- */

static const struct convolution_plan *plan_of(const struct call *c, const struct conv &v,
                                              enum convolution_part part) {
    struct convolution_shape s = {v.N, v.H,      v.W,   v.C,        v.K, v.R,
                                  v.R, v.stride, v.pad, v.dilation, v.P, v.Q};
    return library_convolution(gpu_of(c)->library, &s, part);
}

const struct convolution_plan *conv_plan(const struct call *c, enum convolution_part part) {
    return plan_of(c, conv_of(c), part);
}

static size_t library_scratch(const struct call *c, const struct conv &v) {
    size_t most = convolution_scratch(plan_of(c, v, CONV_Y)), next;
    if (c->phase != PHASE_TRAIN) return most;
    if ((next = convolution_scratch(plan_of(c, v, CONV_DX))) > most) most = next;
    if ((next = convolution_scratch(plan_of(c, v, CONV_DW))) > most) most = next;
    return most;
}

static void library_backward(const struct call *c, const struct conv &v) {
    struct library *l = gpu_of(c)->library;
    if (c->dx[0])
        convolution_run(l, plan_of(c, v, CONV_DX), c->dy, c->w[0], c->dx[0], c->sum[0],
                        c->scratch);
    if (c->dw[0])
        convolution_run(l, plan_of(c, v, CONV_DW), c->dy, c->x[0], c->dw[0], 0, c->scratch);
}

/* ---- the op ---- */

size_t gpu_conv_scratch(const struct call *c) {
    struct conv v = conv_of(c);
    enum way way = way_of(v);
    size_t own = way == LIBRARY ? library_scratch(c, v)
                 : way == HEAD  ? head_scratch(c, v)
                 : way == DEPTH ? depth_scratch(c, v)
                                : 0,
           bias = conv_bias_scratch(c, v);
    return own > bias ? own : bias;
}

void gpu_conv_forward(const struct call *c) {
    struct conv v = conv_of(c);
    switch (way_of(v)) {
    case LIBRARY:
        convolution_run(gpu_of(c)->library, plan_of(c, v, CONV_Y), c->x[0], c->w[0], c->y,
                        0, c->scratch);
        conv_add_bias(c, v);
        break;
    case HEAD:
        head_forward(c, v);
        break;
    case DEPTH:
        depth_forward(c, v);
        break;
    case LOOPS:
        loops_forward(c, v);
        break;
    }
}

void gpu_conv_backward(const struct call *c) {
    struct conv v = conv_of(c);
    conv_bias_gradient(c, v);
    switch (way_of(v)) {
    case LIBRARY:
        library_backward(c, v);
        break;
    case HEAD:
        head_backward(c, v);
        break;
    case DEPTH:
        depth_backward(c, v);
        break;
    case LOOPS:
        loops_backward(c, v);
        break;
    }
}
