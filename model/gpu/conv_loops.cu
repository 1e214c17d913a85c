/* conv_loops.cu - convolution as plain loops, for shapes that no library product and no
 * other kernel covers: groups of several channels, maps of one channel; equals ref_conv_*.
 * Right, not fast: no recipe's default has such a layer.
 *
 * X, Y: types of the maps (float where there is one channel); W: the weights'. */
#include "model/gpu/conv.h"

struct where { /* a place of a map */
    size_t n;
    int h, w, c;
};
DEVICE struct where where_of(size_t i, int H, int W, int C) {
    struct where p;
    p.c = (int)(i % (size_t)C);
    p.w = (int)(i / (size_t)C % (size_t)W);
    p.h = (int)(i / (size_t)C / (size_t)W % (size_t)H);
    p.n = i / (size_t)C / (size_t)W / (size_t)H;
    return p;
}
DEVICE size_t place(size_t n, int h, int w, int c, int H, int W, int C) {
    return ((n * (size_t)H + (size_t)h) * (size_t)W + (size_t)w) * (size_t)C + (size_t)c;
}

/* A thread: one output. */
template <typename X, typename W, typename Y>
KERNEL BOUNDS(THREADS)
    loops_first(struct conv v, const X *x, const W *w, const float *bias, Y *y) {
    int in = v.C / v.groups, out = v.K / v.groups;
    size_t all = (size_t)v.N * v.P * v.Q * v.K;
    for (size_t i = grid_first(); i < all; i += grid_stride()) {
        struct where o = where_of(i, v.P, v.Q, v.K);
        float sum = bias ? bias[o.c] : 0;
        for (int t = 0; t < v.R * v.R; t++) {
            int h = o.h * v.stride - v.pad + t / v.R * v.dilation;
            int l = o.w * v.stride - v.pad + t % v.R * v.dilation;
            if (h < 0 || h >= v.H || l < 0 || l >= v.W) continue;
            for (int j = 0; j < in; j++)
                sum += to_float(x[place(o.n, h, l, o.c / out * in + j, v.H, v.W, v.C)]) *
                       to_float(w[((size_t)o.c * v.R * v.R + t) * in + j]);
        }
        put_float(&y[i], sum);
    }
}

/* A thread: one input's gradient. */
template <typename X, typename W, typename Y>
KERNEL BOUNDS(THREADS) loops_back(struct conv v, const Y *dy, const W *w, X *dx, int add) {
    int in = v.C / v.groups, out = v.K / v.groups;
    size_t all = (size_t)v.N * v.H * v.W * v.C;
    for (size_t i = grid_first(); i < all; i += grid_stride()) {
        struct where at = where_of(i, v.H, v.W, v.C);
        float sum = 0;
        for (int t = 0; t < v.R * v.R; t++) {
            int p = at.h + v.pad - t / v.R * v.dilation,
                q = at.w + v.pad - t % v.R * v.dilation;
            if (p < 0 || q < 0 || p % v.stride || q % v.stride) continue;
            p /= v.stride, q /= v.stride;
            if (p >= v.P || q >= v.Q) continue;
            for (int k = at.c / in * out; k < (at.c / in + 1) * out; k++)
                sum += to_float(dy[place(at.n, p, q, k, v.P, v.Q, v.K)]) *
                       to_float(w[((size_t)k * v.R * v.R + t) * in + at.c % in]);
        }
        give_gradient<1>(dx + i, &sum, add);
    }
}

/* A block: one weight's gradient, its threads the outputs in turn. */
template <typename X, typename W, typename Y>
KERNEL BOUNDS(THREADS) loops_weights(struct conv v, const X *x, const Y *dy, W *dw) {
    SHARED(float, slot, [THREADS]);
    int in = v.C / v.groups, out = v.K / v.groups;
    int j = (int)(blockIdx.x % (unsigned)in),
        t = (int)(blockIdx.x / (unsigned)in % (unsigned)(v.R * v.R));
    int k = (int)(blockIdx.x / (unsigned)in / (unsigned)(v.R * v.R));
    float sum = 0;
    for (size_t i = threadIdx.x; i < (size_t)v.N * v.P * v.Q; i += THREADS) {
        struct where o = where_of(i, v.P, v.Q, 1);
        int h = o.h * v.stride - v.pad + t / v.R * v.dilation;
        int l = o.w * v.stride - v.pad + t % v.R * v.dilation;
        if (h < 0 || h >= v.H || l < 0 || l >= v.W) continue;
        sum += to_float(x[place(o.n, h, l, k / out * in + j, v.H, v.W, v.C)]) *
               to_float(dy[i * (size_t)v.K + (size_t)k]);
    }
    slot[threadIdx.x] = sum;
    BARRIER(); /* all threads' sums stand before the first adds them up in order */
    if (threadIdx.x > 0) return;
    for (int i = 1; i < THREADS; i++) sum += slot[i];
    put_float(&dw[blockIdx.x], sum);
}

template <typename X, typename W, typename Y>
static void first(const struct call *c, struct conv v) {
    LAUNCH((loops_first<X, W, Y>), blocks_for(c, (size_t)v.N * v.P * v.Q * v.K), THREADS, 0,
           gpu_of(c)->device, v, (const X *)c->x[0], (const W *)c->w[0],
           (const float *)c->w[1], (Y *)c->y);
}
template <typename X, typename W, typename Y>
static void back(const struct call *c, struct conv v) {
    struct device *d = gpu_of(c)->device;
    if (c->dx[0])
        LAUNCH((loops_back<X, W, Y>), blocks_for(c, (size_t)v.N * v.H * v.W * v.C), THREADS,
               0, d, v, (const Y *)c->dy, (const W *)c->w[0], (X *)c->dx[0], c->sum[0]);
    if (c->dw[0])
        LAUNCH((loops_weights<X, W, Y>), (unsigned)(v.K * v.R * v.R * (v.C / v.groups)),
               THREADS, 0, d, v, (const X *)c->x[0], (const Y *)c->dy, (W *)c->dw[0]);
}

/* W: the storage type. */
template <typename W> static void forward(const struct call *c, struct conv v) {
    if (v.C == 1 && v.K == 1)
        first<float, W, float>(c, v);
    else if (v.C == 1)
        first<float, W, W>(c, v);
    else if (v.K == 1)
        first<W, W, float>(c, v);
    else
        first<W, W, W>(c, v);
}
template <typename W> static void backward(const struct call *c, struct conv v) {
    if (v.C == 1 && v.K == 1)
        back<float, W, float>(c, v);
    else if (v.C == 1)
        back<float, W, W>(c, v);
    else if (v.K == 1)
        back<W, W, float>(c, v);
    else
        back<W, W, W>(c, v);
}

void loops_forward(const struct call *c, struct conv v) {
    BY_TYPE(type_of(c, 0), forward, c, v);
}
void loops_backward(const struct call *c, struct conv v) {
    BY_TYPE(type_of(c, 0), backward, c, v);
}
