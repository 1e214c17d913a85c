/* conv_depth.cu - depthwise 3x3 convolution, any stride, padding and dilation; equals
 * ref_conv_* with as many groups as channels. Nine multiply-adds an element: bound by
 * bytes, 2ne forward and for dx, 2ne for dw, if the nine reads of an input come from the
 * caches. Taps that lie off the map cost a comparison.
 *
 * Launches: columns.h's grid, a thread V channels of a row's places; weights in shared
 * memory. */
#include "model/gpu/conv.h"

enum { TAPS = 9, SIDE = 3 };

/* weight[t][j]: tap t of the block's j-th channel. Ends with a barrier. */
template <typename T, int V>
DEVICE void load_weights(const struct columns &s, const T *w, float (*weight)[WARP * V]) {
    int wide = s.lanes * V, left = (int)(blockIdx.x % (unsigned)s.groups) * wide;
    for (int i = (int)threadIdx.x; i < TAPS * wide && left + i / TAPS < s.C; i += THREADS)
        weight[i % TAPS][i / TAPS] = to_float(w[(size_t)left * TAPS + (size_t)i]);
    /* the weights stand before any thread multiplies with those another has loaded */
    BARRIER();
}

template <typename T, int V>
KERNEL BOUNDS(THREADS) depth_first(struct columns s, struct conv v, const T *x, const T *w,
                                   const float *bias, T *y) {
    SHARED(float, weight, [TAPS][WARP * V]);
    load_weights<T, V>(s, w, weight);
    struct column_place at = column_place(s, V);
    if (at.column >= s.C) return;
    int own = (int)threadIdx.x % s.lanes * V;
    for (size_t row = at.begin + at.down; row < at.end; row += THREADS / s.lanes) {
        int q = (int)(row % (size_t)v.Q), p = (int)(row / (size_t)v.Q % (size_t)v.P);
        size_t n = row / (size_t)v.Q / (size_t)v.P;
        float sum[V], in[V];
        for (int k = 0; k < V; k++) sum[k] = bias ? bias[at.column + k] : 0;
        for (int t = 0; t < TAPS; t++) {
            int h = p * v.stride - v.pad + t / SIDE * v.dilation;
            int l = q * v.stride - v.pad + t % SIDE * v.dilation;
            if (h < 0 || h >= v.H || l < 0 || l >= v.W) continue;
            take<V>(in, x +
                            ((n * (size_t)v.H + (size_t)h) * (size_t)v.W + (size_t)l) *
                                (size_t)s.C +
                            (size_t)at.column);
            for (int k = 0; k < V; k++) sum[k] += in[k] * weight[t][own + k];
        }
        give<V>(y + row * (size_t)s.C + (size_t)at.column, sum);
    }
}

/* A gather: each input place sums the outputs that read it. s is over the rows of x. */
template <typename T, int V>
KERNEL BOUNDS(THREADS)
    depth_back(struct columns s, struct conv v, const T *dy, const T *w, T *dx, int add) {
    SHARED(float, weight, [TAPS][WARP * V]);
    load_weights<T, V>(s, w, weight);
    struct column_place at = column_place(s, V);
    if (at.column >= s.C) return;
    int own = (int)threadIdx.x % s.lanes * V;
    for (size_t row = at.begin + at.down; row < at.end; row += THREADS / s.lanes) {
        int l = (int)(row % (size_t)v.W), h = (int)(row / (size_t)v.W % (size_t)v.H);
        size_t n = row / (size_t)v.W / (size_t)v.H;
        float sum[V] = {}, g[V];
        for (int t = 0; t < TAPS; t++) {
            int p = h + v.pad - t / SIDE * v.dilation,
                q = l + v.pad - t % SIDE * v.dilation;
            if (p < 0 || q < 0 || p % v.stride || q % v.stride) continue;
            p /= v.stride, q /= v.stride;
            if (p >= v.P || q >= v.Q) continue;
            take<V>(g, dy +
                           ((n * (size_t)v.P + (size_t)p) * (size_t)v.Q + (size_t)q) *
                               (size_t)s.C +
                           (size_t)at.column);
            for (int k = 0; k < V; k++) sum[k] += g[k] * weight[t][own + k];
        }
        give_gradient<V>(dx + row * (size_t)s.C + (size_t)at.column, sum, add);
    }
}

/* Gradients of the nine weights of a channel: sums over the rows of dy. */
template <typename T, int V> struct tap_rows {
    struct conv v;
    const T *x, *dy;
    METHOD void add(size_t row, int column, float sum[TAPS][V]) const {
        int q = (int)(row % (size_t)v.Q), p = (int)(row / (size_t)v.Q % (size_t)v.P);
        size_t n = row / (size_t)v.Q / (size_t)v.P;
        float g[V], in[V];
        take<V>(g, dy + row * (size_t)v.C + (size_t)column);
        for (int t = 0; t < TAPS; t++) {
            int h = p * v.stride - v.pad + t / SIDE * v.dilation;
            int l = q * v.stride - v.pad + t % SIDE * v.dilation;
            if (h < 0 || h >= v.H || l < 0 || l >= v.W) continue;
            take<V>(in, x +
                            ((n * (size_t)v.H + (size_t)h) * (size_t)v.W + (size_t)l) *
                                (size_t)v.C +
                            (size_t)column);
            for (int k = 0; k < V; k++) sum[t][k] += g[k] * in[k];
        }
    }
};
template <typename T> struct tap_store {
    T *dw;
    METHOD void finish(int column, const double total[TAPS]) const {
        for (int t = 0; t < TAPS; t++)
            put_float(&dw[(size_t)column * TAPS + (size_t)t], (float)total[t]);
    }
};
/* channels a thread in these sums: nine sums of eight would not stay in registers */
enum { PAIR = 2 };

template <typename T, int V> static void forward_wide(const struct call *c, struct conv v) {
    struct columns s = columns_of((size_t)v.N * v.P * v.Q, v.C, V);
    LAUNCH((depth_first<T, V>), (unsigned)(s.groups * s.chunks), THREADS, 0,
           gpu_of(c)->device, s, v, (const T *)c->x[0], (const T *)c->w[0],
           (const float *)c->w[1], (T *)c->y);
}
template <typename T, int V>
static void backward_wide(const struct call *c, struct conv v) {
    struct columns s = columns_of((size_t)v.N * v.H * v.W, v.C, V);
    LAUNCH((depth_back<T, V>), (unsigned)(s.groups * s.chunks), THREADS, 0,
           gpu_of(c)->device, s, v, (const T *)c->dy, (const T *)c->w[0], (T *)c->dx[0],
           c->sum[0]);
}
template <typename T, int V> static void weights_wide(const struct call *c, struct conv v) {
    columns_sum<V, TAPS>(gpu_of(c)->device, columns_of((size_t)v.N * v.P * v.Q, v.C, V),
                         tap_rows<T, V>{v, (const T *)c->x[0], (const T *)c->dy},
                         tap_store<T>{(T *)c->dw[0]}, (float *)c->scratch);
}

template <typename T> static void forward(const struct call *c, struct conv v) {
    if (v.C % WIDE<T>)
        forward_wide<T, 1>(c, v);
    else
        forward_wide<T, WIDE<T>>(c, v);
}
template <typename T> static void backward(const struct call *c, struct conv v) {
    if (c->dx[0] && v.C % WIDE<T>)
        backward_wide<T, 1>(c, v);
    else if (c->dx[0])
        backward_wide<T, WIDE<T>>(c, v);
    if (c->dw[0] && v.C % PAIR)
        weights_wide<T, 1>(c, v);
    else if (c->dw[0])
        weights_wide<T, PAIR>(c, v);
}

size_t depth_scratch(const struct call *c, struct conv v) {
    (void)c;
    return columns_bytes(columns_of((size_t)v.N * v.P * v.Q, v.C, v.C % PAIR ? 1 : PAIR),
                         TAPS);
}
void depth_forward(const struct call *c, struct conv v) {
    BY_TYPE(type_of(c, v.C), forward, c, v);
}
void depth_backward(const struct call *c, struct conv v) {
    BY_TYPE(type_of(c, v.C), backward, c, v);
}
