/* layernorm.cu - F.layer_norm over D of rows [N*T][D]; equals ref_layernorm_*. A warp a row. Saved: mean
 * and 1/sqrt(variance + eps) of each row.
 *
 * Bytes of n elements of e bytes: forward 2ne (a row is read again from the caches), backward 3ne for dx
 * and 2ne for the gradients of weight and bias. */
#include "model/gpu/columns.h"

enum { ROWS = THREADS / WARP }; /* a block */

template <typename T, int V>
KERNEL BOUNDS(THREADS) layernorm_first(const T *x, const float *w, const float *b, T *y, float *saved,
                                       size_t rows, int D, float eps) {
    int lane = (int)threadIdx.x % WARP;
    for (size_t row = (size_t)blockIdx.x * ROWS + threadIdx.x / WARP; row < rows;
         row += (size_t)gridDim.x * ROWS) {
        const T *from = x + row * (size_t)D;
        float v[V], weight[V], bias[V], sum = 0, squares = 0;
        for (int d = lane * V; d < D; d += WARP * V) {
            take<V>(v, from + d);
            for (int k = 0; k < V; k++) sum += v[k];
        }
        float mean = warp_sum(sum) / (float)D;
        for (int d = lane * V; d < D; d += WARP * V) {
            take<V>(v, from + d);
            for (int k = 0; k < V; k++) squares += (v[k] - mean) * (v[k] - mean);
        }
        float invstd = 1 / sqrtf(warp_sum(squares) / (float)D + eps);
        for (int d = lane * V; d < D; d += WARP * V) {
            take<V>(v, from + d);
            take<V>(weight, w + d);
            take<V>(bias, b + d);
            for (int k = 0; k < V; k++) v[k] = (v[k] - mean) * invstd * weight[k] + bias[k];
            give<V>(y + row * (size_t)D + d, v);
        }
        if (lane == 0) saved[2 * row] = mean, saved[2 * row + 1] = invstd;
    }
}

template <typename T, int V>
KERNEL BOUNDS(THREADS) layernorm_back(const T *x, const T *dy, const float *w, const float *saved,
                                      T *dx, size_t rows, int D, int add) {
    int lane = (int)threadIdx.x % WARP;
    for (size_t row = (size_t)blockIdx.x * ROWS + threadIdx.x / WARP; row < rows;
         row += (size_t)gridDim.x * ROWS) {
        size_t at = row * (size_t)D;
        float mean = saved[2 * row], invstd = saved[2 * row + 1], sum = 0, dot = 0;
        float v[V], g[V], weight[V];
        for (int d = lane * V; d < D; d += WARP * V) {
            take<V>(v, x + at + d);
            take<V>(g, dy + at + d);
            take<V>(weight, w + d);
            for (int k = 0; k < V; k++) {
                sum += g[k] * weight[k];
                dot += g[k] * weight[k] * (v[k] - mean) * invstd;
            }
        }
        float offset = warp_sum(sum) / (float)D, slope = warp_sum(dot) / (float)D;
        for (int d = lane * V; d < D; d += WARP * V) {
            take<V>(v, x + at + d);
            take<V>(g, dy + at + d);
            take<V>(weight, w + d);
            for (int k = 0; k < V; k++)
                g[k] = invstd * (g[k] * weight[k] - offset - (v[k] - mean) * invstd * slope);
            give_gradient<V>(dx + at + d, g, add);
        }
    }
}

/* Gradients of weight and bias: sums of dy xhat and of dy. */
template <typename T, int V> struct weight_rows {
    const T *x, *dy;
    const float *saved;
    int D;
    METHOD void add(size_t row, int column, float sum[2][V]) const {
        float v[V], g[V], mean = saved[2 * row], invstd = saved[2 * row + 1];
        take<V>(v, x + row * (size_t)D + (size_t)column);
        take<V>(g, dy + row * (size_t)D + (size_t)column);
        for (int k = 0; k < V; k++) {
            sum[0][k] += g[k] * (v[k] - mean) * invstd;
            sum[1][k] += g[k];
        }
    }
};
struct weight_store {
    float *dw, *db;
    int add;
    METHOD void finish(int column, const double total[2]) const {
        if (dw) dw[column] = (float)(total[0] + (add ? dw[column] : 0));
        if (db) db[column] = (float)(total[1] + (add ? db[column] : 0));
    }
};

static size_t rows_of(const struct call *c) {
    return (size_t)c->N * (size_t)c->ys.dim[0];
}
size_t gpu_layernorm_saved(const struct call *c) {
    return 2 * rows_of(c) * sizeof(float);
}
size_t gpu_layernorm_scratch(const struct call *c) {
    int D = c->ys.dim[1], V = type_of(c, 0) == FP32 ? 4 : 8;
    return columns_bytes(columns_of(rows_of(c), D, D % V == 0 ? V : 1), 2);
}

template <typename T, int V> static void forward_wide(const struct call *c) {
    LAUNCH((layernorm_first<T, V>), blocks_for(c, rows_of(c) * WARP), THREADS, 0,
           gpu_of(c)->device, (const T *)c->x[0], (const float *)c->w[0], (const float *)c->w[1],
           (T *)c->y, (float *)c->saved, rows_of(c), c->ys.dim[1], (float)c->attr->eps);
}

template <typename T, int V> static void backward_wide(const struct call *c) {
    struct device *d = gpu_of(c)->device;
    const T *x = (const T *)c->x[0], *dy = (const T *)c->dy;
    const float *saved = (const float *)c->saved;
    int D = c->ys.dim[1];
    if (c->dw[0] || c->dw[1])
        columns_sum<V, 2>(d, columns_of(rows_of(c), D, V), weight_rows<T, V>{x, dy, saved, D},
                          weight_store{(float *)c->dw[0], (float *)c->dw[1], c->sum_dw},
                          (float *)c->scratch);
    if (c->dx[0])
        LAUNCH((layernorm_back<T, V>), blocks_for(c, rows_of(c) * WARP), THREADS, 0, d, x, dy,
               (const float *)c->w[0], saved, (T *)c->dx[0], rows_of(c), D, c->sum[0]);
}

template <typename T> static void forward(const struct call *c) {
    if (c->ys.dim[1] % WIDE<T>)
        forward_wide<T, 1>(c);
    else
        forward_wide<T, WIDE<T>>(c);
}
template <typename T> static void backward(const struct call *c) {
    if (c->ys.dim[1] % WIDE<T>)
        backward_wide<T, 1>(c);
    else
        backward_wide<T, WIDE<T>>(c);
}
void gpu_layernorm_forward(const struct call *c) {
    BY_TYPE(type_of(c, 0), forward, c);
}
void gpu_layernorm_backward(const struct call *c) {
    BY_TYPE(type_of(c, 0), backward, c);
}
