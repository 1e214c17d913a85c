/* resize.cu - F.interpolate, bilinear; equals ref_resize_*. Backward is a gather: each
 * source place sums the outputs that read it, in row order.
 *
 * Bytes of n inputs and m outputs of e bytes: (n + m)e, re-reads from the caches. */
#include "model/gpu/between.h"

struct resizing {
    struct axis v, h;
    int N, C, sum;
};

/* A thread: V channels of one output. */
template <typename T, int V>
KERNEL BOUNDS(THREADS) resize_first(struct resizing r, const T *x, T *y) {
    size_t across = (size_t)(r.C / V), all = (size_t)r.N * r.v.out * r.h.out * across;
    for (size_t i = grid_first(); i < all; i += grid_stride()) {
        size_t c = i % across * V, n = i / across / (size_t)r.h.out / (size_t)r.v.out;
        struct between v =
            between(r.v, (int)(i / across / (size_t)r.h.out % (size_t)r.v.out));
        struct between h = between(r.h, (int)(i / across % (size_t)r.h.out));
        const T *map = x + n * (size_t)r.v.in * (size_t)r.h.in * (size_t)r.C + c;
        float a[V], b[V], low[V], out[V];
        const T *row = map + (size_t)v.low * (size_t)r.h.in * (size_t)r.C;
        take<V>(a, row + (size_t)h.low * (size_t)r.C);
        take<V>(b, row + (size_t)h.high * (size_t)r.C);
        for (int k = 0; k < V; k++) out[k] = a[k] * (1 - h.weight) + b[k] * h.weight;
        row = map + (size_t)v.high * (size_t)r.h.in * (size_t)r.C;
        take<V>(a, row + (size_t)h.low * (size_t)r.C);
        take<V>(b, row + (size_t)h.high * (size_t)r.C);
        for (int k = 0; k < V; k++) {
            low[k] = a[k] * (1 - h.weight) + b[k] * h.weight;
            out[k] = out[k] * (1 - v.weight) + low[k] * v.weight;
        }
        give<V>(y + i * V, out);
    }
}

/* A thread: V channels of one source place. */
template <typename T, int V>
KERNEL BOUNDS(THREADS) resize_back(struct resizing r, const T *dy, T *dx) {
    size_t across = (size_t)(r.C / V), all = (size_t)r.N * r.v.in * r.h.in * across;
    for (size_t i = grid_first(); i < all; i += grid_stride()) {
        size_t c = i % across * V, n = i / across / (size_t)r.h.in / (size_t)r.v.in;
        int y = (int)(i / across / (size_t)r.h.in % (size_t)r.v.in);
        int x = (int)(i / across % (size_t)r.h.in);
        struct reach v = reach(r.v, y), h = reach(r.h, x);
        const T *map = dy + n * (size_t)r.v.out * (size_t)r.h.out * (size_t)r.C + c;
        float sum[V] = {}, g[V];
        for (int p = v.first; p <= v.last; p++) {
            float down = share(r.v, p, y);
            if (down == 0) continue;
            for (int q = h.first; q <= h.last; q++) {
                float weight = down * share(r.h, q, x);
                if (weight == 0) continue;
                take<V>(g, map + ((size_t)p * (size_t)r.h.out + (size_t)q) * (size_t)r.C);
                for (int k = 0; k < V; k++) sum[k] += g[k] * weight;
            }
        }
        give_gradient<V>(dx + i * V, sum, r.sum);
    }
}

static struct resizing resizing_of(const struct call *c) {
    const int *x = c->xs[0].dim, *y = c->ys.dim;
    int align = c->attr->align;
    return {{x[1], y[1], align}, {x[2], y[2], align}, c->N, y[0], c->sum[0]};
}

template <typename T, int V> static void forward_wide(const struct call *c) {
    LAUNCH((resize_first<T, V>), blocks_for(c, (size_t)c->N * shape_count(c->ys) / V),
           THREADS, 0, gpu_of(c)->device, resizing_of(c), (const T *)c->x[0], (T *)c->y);
}
template <typename T, int V> static void backward_wide(const struct call *c) {
    LAUNCH((resize_back<T, V>), blocks_for(c, (size_t)c->N * shape_count(c->xs[0]) / V),
           THREADS, 0, gpu_of(c)->device, resizing_of(c), (const T *)c->dy, (T *)c->dx[0]);
}
template <typename T> static void forward(const struct call *c) {
    if (c->ys.dim[0] % WIDE<T>)
        forward_wide<T, 1>(c);
    else
        forward_wide<T, WIDE<T>>(c);
}
template <typename T> static void backward(const struct call *c) {
    if (c->ys.dim[0] % WIDE<T>)
        backward_wide<T, 1>(c);
    else
        backward_wide<T, WIDE<T>>(c);
}

void gpu_resize_forward(const struct call *c) {
    BY_TYPE(type_of(c, c->ys.dim[0]), forward, c);
}
void gpu_resize_backward(const struct call *c) {
    BY_TYPE(type_of(c, c->ys.dim[0]), backward, c);
}
