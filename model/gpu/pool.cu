/* pool.cu - max pooling and the mean over the map; equals ref_maxpool_*, ref_gap_*.
 *
 * Max pooling saves, a byte an output, which place of its window the first maximum is at;
 * backward is a gather: each input looks at the windows that hold it, in row order. Bytes
 * of n inputs and m outputs of e bytes: forward ne + m(e + 1), backward the same (stride >=
 * 2: 4 windows an input at most, re-read from the caches). */
#include "model/gpu/element.h"

struct pooling {
    int N, C, H, W, P, Q, kernel, stride, pad, sum;
};

/* A thread: V channels of one output. */
template <typename T, int V>
KERNEL BOUNDS(THREADS) maxpool_first(struct pooling p, const T *x, T *y, uint8_t *place) {
    size_t across = (size_t)(p.C / V), all = (size_t)p.N * p.P * p.Q * across;
    for (size_t i = grid_first(); i < all; i += grid_stride()) {
        int c = (int)(i % across) * V, q = (int)(i / across % (size_t)p.Q);
        int o = (int)(i / across / (size_t)p.Q % (size_t)p.P);
        size_t n = i / across / (size_t)p.Q / (size_t)p.P;
        float best[V] = {}, v[V];
        uint8_t at[V] = {};
        int some = 0;
        for (int r = 0; r < p.kernel; r++)
            for (int s = 0; s < p.kernel; s++) {
                int h = o * p.stride - p.pad + r, w = q * p.stride - p.pad + s;
                if (h < 0 || h >= p.H || w < 0 || w >= p.W) continue;
                take<V>(v, x +
                               ((n * (size_t)p.H + (size_t)h) * (size_t)p.W + (size_t)w) *
                                   (size_t)p.C +
                               (size_t)c);
                for (int k = 0; k < V; k++)
                    if (!some || v[k] > best[k] || v[k] != v[k]) /* a NaN stays */
                        best[k] = v[k], at[k] = (uint8_t)(r * p.kernel + s);
                some = 1;
            }
        give<V>(y + i * V, best);
        for (int k = 0; k < V; k++) place[i * V + k] = at[k];
    }
}

/* A thread: V channels of one input. */
template <typename T, int V>
KERNEL BOUNDS(THREADS)
    maxpool_back(struct pooling p, const T *dy, const uint8_t *place, T *dx) {
    size_t across = (size_t)(p.C / V), all = (size_t)p.N * p.H * p.W * across;
    for (size_t i = grid_first(); i < all; i += grid_stride()) {
        int c = (int)(i % across) * V, w = (int)(i / across % (size_t)p.W);
        int h = (int)(i / across / (size_t)p.W % (size_t)p.H);
        size_t n = i / across / (size_t)p.W / (size_t)p.H;
        float g[V] = {}, v[V];
        int last_o = (h + p.pad) / p.stride, last_q = (w + p.pad) / p.stride;
        int above = h + p.pad - p.kernel + p.stride, left = w + p.pad - p.kernel + p.stride;
        for (int o = above > 0 ? above / p.stride : 0; o <= last_o && o < p.P; o++)
            for (int q = left > 0 ? left / p.stride : 0; q <= last_q && q < p.Q; q++) {
                int tap = (h - o * p.stride + p.pad) * p.kernel + w - q * p.stride + p.pad;
                size_t out = ((n * (size_t)p.P + (size_t)o) * (size_t)p.Q + (size_t)q) *
                                 (size_t)p.C +
                             (size_t)c;
                take<V>(v, dy + out);
                for (int k = 0; k < V; k++)
                    if (place[out + (size_t)k] == tap) g[k] += v[k];
            }
        give_gradient<V>(dx + i * V, g, p.sum);
    }
}

size_t gpu_maxpool_saved(const struct call *c) {
    return (size_t)c->N * shape_count(c->ys);
}

static struct pooling pooling_of(const struct call *c) {
    const struct attr *a = c->attr;
    const int *x = c->xs[0].dim, *y = c->ys.dim;
    return {c->N, x[0], x[1], x[2], y[1], y[2], a->kernel, a->stride, a->pad, c->sum[0]};
}

template <typename T, int V> static void maxpool_forward_wide(const struct call *c) {
    LAUNCH((maxpool_first<T, V>), blocks_for(c, (size_t)c->N * shape_count(c->ys) / V),
           THREADS, 0, gpu_of(c)->device, pooling_of(c), (const T *)c->x[0], (T *)c->y,
           (uint8_t *)c->saved);
}
template <typename T, int V> static void maxpool_backward_wide(const struct call *c) {
    LAUNCH((maxpool_back<T, V>), blocks_for(c, (size_t)c->N * shape_count(c->xs[0]) / V),
           THREADS, 0, gpu_of(c)->device, pooling_of(c), (const T *)c->dy,
           (const uint8_t *)c->saved, (T *)c->dx[0]);
}

/* ---- the mean over the map ---- */

/* y = the sum over the map / over. Launch: a block 32 threads across (V channels each), 8
 * down, a picture's channels. */
template <typename T, int V>
KERNEL BOUNDS(THREADS) gap_first(const T *x, T *y, int C, int plane, float over) {
    SHARED(float, slot, [THREADS / WARP][WARP * V]);
    int lane = (int)threadIdx.x % WARP, down = (int)threadIdx.x / WARP;
    int groups = (C + WARP * V - 1) / (WARP * V);
    size_t n = blockIdx.x / (unsigned)groups;
    int c = ((int)(blockIdx.x % (unsigned)groups) * WARP + lane) * V;
    float sum[V] = {}, v[V];
    for (int i = down; i < plane && c < C; i += THREADS / WARP) {
        take<V>(v, x + (n * (size_t)plane + (size_t)i) * (size_t)C + (size_t)c);
        for (int k = 0; k < V; k++) sum[k] += v[k];
    }
    for (int k = 0; k < V; k++) slot[down][lane * V + k] = sum[k];
    BARRIER(); /* the eight sums of a channel stand before the first warp adds them up */
    if (down > 0 || c >= C) return;
    for (int k = 0; k < V; k++) {
        for (int i = 1; i < THREADS / WARP; i++) sum[k] += slot[i][lane * V + k];
        sum[k] /= over;
    }
    give<V>(y + n * (size_t)C + (size_t)c, sum);
}

/* A thread: V channels of one place of the map. */
template <typename T, int V>
KERNEL BOUNDS(THREADS) gap_back(const T *dy, T *dx, int N, int C, int plane, int add) {
    size_t across = (size_t)(C / V), all = (size_t)N * plane * across;
    for (size_t i = grid_first(); i < all; i += grid_stride()) {
        float g[V];
        size_t n = i / across / (size_t)plane;
        take<V>(g, dy + (n * across + i % across) * V);
        for (int k = 0; k < V; k++) g[k] /= (float)plane;
        give_gradient<V>(dx + i * V, g, add);
    }
}

static int plane_of(const struct call *c) {
    return c->xs[0].dim[1] * c->xs[0].dim[2];
}
template <typename T, int V> static void gap_over(const struct call *c, float over) {
    int C = c->ys.dim[0], groups = (C + WARP * V - 1) / (WARP * V);
    LAUNCH((gap_first<T, V>), (unsigned)(c->N * groups), THREADS, 0, gpu_of(c)->device,
           (const T *)c->x[0], (T *)c->y, C, plane_of(c), over);
}
template <typename T, int V> static void gap_forward_wide(const struct call *c) {
    gap_over<T, V>(c, (float)plane_of(c));
}
template <typename T, int V> static void gap_backward_wide(const struct call *c) {
    LAUNCH((gap_back<T, V>), blocks_for(c, (size_t)c->N * shape_count(c->xs[0]) / V),
           THREADS, 0, gpu_of(c)->device, (const T *)c->dy, (T *)c->dx[0], c->N,
           c->ys.dim[0], plane_of(c), c->sum[0]);
}

#define PAIR(name)                                                                         \
    template <typename T> static void name##_forward(const struct call *c) {               \
        if (c->ys.dim[0] % WIDE<T>)                                                        \
            name##_forward_wide<T, 1>(c);                                                  \
        else                                                                               \
            name##_forward_wide<T, WIDE<T>>(c);                                            \
    }                                                                                      \
    template <typename T> static void name##_backward(const struct call *c) {              \
        if (c->ys.dim[0] % WIDE<T>)                                                        \
            name##_backward_wide<T, 1>(c);                                                 \
        else                                                                               \
            name##_backward_wide<T, WIDE<T>>(c);                                           \
    }                                                                                      \
    void gpu_##name##_forward(const struct call *c) {                                      \
        BY_TYPE(type_of(c, c->ys.dim[0]), name##_forward, c);                              \
    }                                                                                      \
    void gpu_##name##_backward(const struct call *c) {                                     \
        BY_TYPE(type_of(c, c->ys.dim[0]), name##_backward, c);                             \
    }
PAIR(maxpool)
PAIR(gap)

template <typename T> static void sums(const struct call *c) {
    if (c->ys.dim[0] % WIDE<T>)
        gap_over<T, 1>(c, 1);
    else
        gap_over<T, WIDE<T>>(c, 1);
}
void gpu_map_sums(const struct call *c) {
    BY_TYPE(type_of(c, c->ys.dim[0]), sums, c);
}
