/* head.cu - the 1x1 convolution to one channel that ends a decoder; equals ref_conv_*
 * there. A matrix product with one column is bound by reading x: n elements of e bytes:
 * forward ne, backward ne for dx and ne for dw. y and dy are float. */
#include "model/gpu/conv.h"

/* A warp: one place, V channels a lane at a time, then a shuffle. */
template <typename T, int V>
KERNEL BOUNDS(THREADS)
    head_first(const T *x, const T *w, const float *bias, float *y, size_t rows, int C) {
    int lane = (int)threadIdx.x % WARP;
    for (size_t row = (size_t)blockIdx.x * (THREADS / WARP) + threadIdx.x / WARP;
         row < rows; row += (size_t)gridDim.x * (THREADS / WARP)) {
        float v[V], weight[V], sum = 0;
        for (int c = lane * V; c < C; c += WARP * V) {
            take<V>(v, x + row * (size_t)C + c);
            take<V>(weight, w + c);
            for (int k = 0; k < V; k++) sum += v[k] * weight[k];
        }
        sum = warp_sum(sum);
        if (lane == 0) y[row] = sum + (bias ? bias[0] : 0);
    }
}

/* dx[row][c] = dy[row] w[c]; a thread: V channels of one place. */
template <typename T, int V>
KERNEL BOUNDS(THREADS)
    head_back(const float *dy, const T *w, T *dx, size_t rows, int C, int add) {
    size_t across = (size_t)(C / V);
    for (size_t i = grid_first(); i < rows * across; i += grid_stride()) {
        float g[V], d = dy[i / across];
        take<V>(g, w + i % across * V);
        for (int k = 0; k < V; k++) g[k] *= d;
        give_gradient<V>(dx + i * V, g, add);
    }
}

/* dw[c] = the sum of dy[row] x[row][c]. */
template <typename T, int V> struct head_rows {
    const T *x;
    const float *dy;
    int C;
    METHOD void add(size_t row, int column, float sum[1][V]) const {
        float v[V], d = dy[row];
        take<V>(v, x + row * (size_t)C + (size_t)column);
        for (int k = 0; k < V; k++) sum[0][k] += v[k] * d;
    }
};
template <typename T> struct head_store {
    T *dw;
    METHOD void finish(int column, const double total[1]) const {
        put_float(&dw[column], (float)total[0]);
    }
};

static size_t rows_of(const struct conv &v) {
    return (size_t)v.N * (size_t)v.P * (size_t)v.Q;
}

template <typename T, int V> static void forward_wide(const struct call *c, struct conv v) {
    LAUNCH((head_first<T, V>), blocks_for(c, rows_of(v) * WARP), THREADS, 0,
           gpu_of(c)->device, (const T *)c->x[0], (const T *)c->w[0],
           (const float *)c->w[1], (float *)c->y, rows_of(v), v.C);
}
template <typename T, int V>
static void backward_wide(const struct call *c, struct conv v) {
    struct device *d = gpu_of(c)->device;
    const float *dy = (const float *)c->dy;
    if (c->dx[0])
        LAUNCH((head_back<T, V>), blocks_for(c, rows_of(v) * (size_t)(v.C / V)), THREADS, 0,
               d, dy, (const T *)c->w[0], (T *)c->dx[0], rows_of(v), v.C, c->sum[0]);
    if (c->dw[0])
        columns_sum<V, 1>(d, columns_of(rows_of(v), v.C, V),
                          head_rows<T, V>{(const T *)c->x[0], dy, v.C},
                          head_store<T>{(T *)c->dw[0]}, (float *)c->scratch);
}
template <typename T> static void forward(const struct call *c, struct conv v) {
    if (v.C % WIDE<T>)
        forward_wide<T, 1>(c, v);
    else
        forward_wide<T, WIDE<T>>(c, v);
}
template <typename T> static void backward(const struct call *c, struct conv v) {
    if (v.C % WIDE<T>)
        backward_wide<T, 1>(c, v);
    else
        backward_wide<T, WIDE<T>>(c, v);
}

size_t head_scratch(const struct call *c, struct conv v) {
    return bias_gradient_bytes(type_of(c, v.C), rows_of(v), v.C);
}
void head_forward(const struct call *c, struct conv v) {
    BY_TYPE(type_of(c, 0), forward, c, v);
}
void head_backward(const struct call *c, struct conv v) {
    BY_TYPE(type_of(c, 0), backward, c, v);
}
