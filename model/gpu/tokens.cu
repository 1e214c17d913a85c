/* tokens.cu - a map to tokens (class token in front, positions added) and back to a grid;
 * equals ref_tokens_*, ref_grid_*. A map [N][h][w][D] is already rows of D: token 1 + i is
 * place i.
 *
 * Class token, positions and their gradients are float. Bytes of n elements of e bytes: 2ne
 * a pass. */
#include "model/gpu/element.h"

/* A thread: V of the D values of one token. */
template <typename T, int V>
KERNEL BOUNDS(THREADS) tokens_first(const T *x, const float *cls, const float *pos, T *y,
                                    int N, int tokens, int D) {
    size_t across = (size_t)(D / V), all = (size_t)N * tokens * across;
    for (size_t i = grid_first(); i < all; i += grid_stride()) {
        size_t d = i % across * V, t = i / across % (size_t)tokens;
        size_t n = i / across / (size_t)tokens;
        float v[V], p[V];
        if (t == 0)
            take<V>(v, cls + d);
        else
            take<V>(v, x + ((n * (size_t)(tokens - 1)) + t - 1) * (size_t)D + d);
        take<V>(p, pos + t * (size_t)D + d);
        for (int k = 0; k < V; k++) v[k] += p[k];
        give<V>(y + i * V, v);
    }
}

/* A thread: V of the D values of one token of every picture, pictures in order: gradients
 * of position and class token, and the map's. */
template <typename T, int V>
KERNEL BOUNDS(THREADS) tokens_back(const T *dy, T *dx, float *dcls, float *dpos, int N,
                                   int tokens, int D, int add) {
    size_t across = (size_t)(D / V), all = (size_t)tokens * across;
    for (size_t i = grid_first(); i < all; i += grid_stride()) {
        size_t d = i % across * V, t = i / across;
        float sum[V] = {}, g[V];
        for (size_t n = 0; n < (size_t)N; n++) {
            take<V>(g, dy + (n * all + i) * V);
            for (int k = 0; k < V; k++) sum[k] += g[k];
            if (dx && t > 0)
                give_gradient<V>(dx + (n * (size_t)(tokens - 1) + t - 1) * (size_t)D + d, g,
                                 add);
        }
        if (dpos) give<V>(dpos + i * V, sum);
        if (dcls && t == 0) give<V>(dcls + d, sum);
    }
}

template <typename T, int V>
KERNEL BOUNDS(THREADS) grid_gather(const T *x, T *y, int N, int tokens, int D) {
    size_t each = (size_t)(tokens - 1) * (size_t)(D / V);
    for (size_t i = grid_first(); i < (size_t)N * each; i += grid_stride()) {
        float v[V];
        size_t n = i / each;
        take<V>(v, x + (i + (n + 1) * (size_t)(D / V)) * V);
        give<V>(y + i * V, v);
    }
}

template <typename T, int V>
KERNEL BOUNDS(THREADS) grid_back(const T *dy, T *dx, int N, int tokens, int D, int add) {
    size_t across = (size_t)(D / V), each = (size_t)tokens * across;
    for (size_t i = grid_first(); i < (size_t)N * each; i += grid_stride()) {
        float g[V] = {};
        size_t n = i / each;
        if (i % each >= across) take<V>(g, dy + (i - (n + 1) * across) * V);
        give_gradient<V>(dx + i * V, g, add);
    }
}

template <typename T, int V> static void tokens_forward_wide(const struct call *c) {
    LAUNCH((tokens_first<T, V>), blocks_for(c, (size_t)c->N * shape_count(c->ys) / V),
           THREADS, 0, gpu_of(c)->device, (const T *)c->x[0], (const float *)c->w[0],
           (const float *)c->w[1], (T *)c->y, c->N, c->ys.dim[0], c->ys.dim[1]);
}
template <typename T, int V> static void tokens_backward_wide(const struct call *c) {
    LAUNCH((tokens_back<T, V>), blocks_for(c, shape_count(c->ys) / V), THREADS, 0,
           gpu_of(c)->device, (const T *)c->dy, (T *)c->dx[0], (float *)c->dw[0],
           (float *)c->dw[1], c->N, c->ys.dim[0], c->ys.dim[1], c->sum[0]);
}
template <typename T, int V> static void grid_forward_wide(const struct call *c) {
    LAUNCH((grid_gather<T, V>), blocks_for(c, (size_t)c->N * shape_count(c->ys) / V),
           THREADS, 0, gpu_of(c)->device, (const T *)c->x[0], (T *)c->y, c->N,
           c->xs[0].dim[0], c->xs[0].dim[1]);
}
template <typename T, int V> static void grid_backward_wide(const struct call *c) {
    LAUNCH((grid_back<T, V>), blocks_for(c, (size_t)c->N * shape_count(c->xs[0]) / V),
           THREADS, 0, gpu_of(c)->device, (const T *)c->dy, (T *)c->dx[0], c->N,
           c->xs[0].dim[0], c->xs[0].dim[1], c->sum[0]);
}

/* D is the channel count of the map and the width of the tokens. */
#define PAIR(name, D)                                                                      \
    template <typename T> static void name##_forward(const struct call *c) {               \
        if ((D) % WIDE<T>)                                                                 \
            name##_forward_wide<T, 1>(c);                                                  \
        else                                                                               \
            name##_forward_wide<T, WIDE<T>>(c);                                            \
    }                                                                                      \
    template <typename T> static void name##_backward(const struct call *c) {              \
        if ((D) % WIDE<T>)                                                                 \
            name##_backward_wide<T, 1>(c);                                                 \
        else                                                                               \
            name##_backward_wide<T, WIDE<T>>(c);                                           \
    }                                                                                      \
    void gpu_##name##_forward(const struct call *c) {                                      \
        BY_TYPE(type_of(c, 0), name##_forward, c);                                         \
    }                                                                                      \
    void gpu_##name##_backward(const struct call *c) {                                     \
        BY_TYPE(type_of(c, 0), name##_backward, c);                                        \
    }
PAIR(tokens, c->ys.dim[1])
PAIR(grid, c->ys.dim[0])
