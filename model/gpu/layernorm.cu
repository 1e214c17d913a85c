/* layernorm.cu - F.layer_norm over D of rows [N*T][D], alone or of a residual's sum; equals
 * ref_layernorm_* (ref_add_* before it). A warp a row. Saved: mean and 1/sqrt(variance +
 * eps) of each row.
 *
 * Bytes of n elements of e bytes: forward 2ne (a row is read again from the caches),
 * backward 3ne for dx and 2ne for the gradients of weight and bias. With the addition:
 * forward 4ne (one by one 5), dx of both, with a gradient of the sum from elsewhere, 5ne
 * (one by one 7). */
#include "model/gpu/columns.h"

enum { ROWS = THREADS / WARP }; /* a block */

/* Rows and what becomes of them; pointers NULL: not there. */
template <typename T> struct norm_rows {
    /* other: added to x before; outer: gradient of that sum, from elsewhere */
    const T *x, *other, *dy, *outer;
    T *total, *y, *dx[2]; /* total: where the sum goes */
    const float *w, *b;
    float *saved;
    size_t rows;
    int D, sum[2];
    float eps;
};

/* No barrier: what a lane reads again it wrote itself. */
template <typename T, int V> KERNEL BOUNDS(THREADS) layernorm_first(struct norm_rows<T> n) {
    int lane = (int)threadIdx.x % WARP;
    for (size_t row = (size_t)blockIdx.x * ROWS + threadIdx.x / WARP; row < n.rows;
         row += (size_t)gridDim.x * ROWS) {
        const size_t at = row * (size_t)n.D;
        const T *from = (n.other ? n.total : n.x) + at;
        float v[V], weight[V], bias[V], sum = 0, squares = 0;
        for (int d = lane * V; d < n.D; d += WARP * V) {
            take<V>(v, n.x + at + d);
            if (n.other) {
                take<V>(weight, n.other + at + d);
                for (int k = 0; k < V; k++) v[k] = rounded<T>(v[k] + weight[k]);
                give<V>(n.total + at + d, v);
            }
            for (int k = 0; k < V; k++) sum += v[k];
        }
        float mean = warp_sum(sum) / (float)n.D;
        for (int d = lane * V; d < n.D; d += WARP * V) {
            take<V>(v, from + d);
            for (int k = 0; k < V; k++) squares += (v[k] - mean) * (v[k] - mean);
        }
        float invstd = 1 / sqrtf(warp_sum(squares) / (float)n.D + n.eps);
        for (int d = lane * V; d < n.D; d += WARP * V) {
            take<V>(v, from + d);
            take<V>(weight, n.w + d);
            take<V>(bias, n.b + d);
            for (int k = 0; k < V; k++) v[k] = (v[k] - mean) * invstd * weight[k] + bias[k];
            give<V>(n.y + at + d, v);
        }
        if (lane == 0) n.saved[2 * row] = mean, n.saved[2 * row + 1] = invstd;
    }
}

template <typename T, int V> KERNEL BOUNDS(THREADS) layernorm_back(struct norm_rows<T> n) {
    int lane = (int)threadIdx.x % WARP;
    for (size_t row = (size_t)blockIdx.x * ROWS + threadIdx.x / WARP; row < n.rows;
         row += (size_t)gridDim.x * ROWS) {
        size_t at = row * (size_t)n.D;
        float mean = n.saved[2 * row], invstd = n.saved[2 * row + 1], sum = 0, dot = 0;
        float v[V], g[V], weight[V];
        for (int d = lane * V; d < n.D; d += WARP * V) {
            take<V>(v, n.x + at + d);
            take<V>(g, n.dy + at + d);
            take<V>(weight, n.w + d);
            for (int k = 0; k < V; k++) {
                sum += g[k] * weight[k];
                dot += g[k] * weight[k] * (v[k] - mean) * invstd;
            }
        }
        float offset = warp_sum(sum) / (float)n.D, slope = warp_sum(dot) / (float)n.D;
        for (int d = lane * V; d < n.D; d += WARP * V) {
            take<V>(v, n.x + at + d);
            take<V>(g, n.dy + at + d);
            take<V>(weight, n.w + d);
            for (int k = 0; k < V; k++)
                g[k] =
                    invstd * (g[k] * weight[k] - offset - (v[k] - mean) * invstd * slope);
            if (n.outer) {
                take<V>(v, n.outer + at + d);
                for (int k = 0; k < V; k++) g[k] += v[k];
            }
            for (int k = 0; k < 2; k++)
                if (n.dx[k]) give_gradient<V>(n.dx[k] + at + d, g, n.sum[k]);
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

/* The norm's own call, or (add not NULL) an addition's and the norm's: then what the
 * addition reads, and the run's saved and scratch, are in its call. */
template <typename T>
static struct norm_rows<T> rows_and(const struct call *add, const struct call *c) {
    const struct call *first = add ? add : c;
    struct norm_rows<T> n = {};
    n.x = (const T *)c->x[0], n.y = (T *)c->y, n.dy = (const T *)c->dy;
    n.w = (const float *)c->w[0], n.b = (const float *)c->w[1];
    n.saved = (float *)first->saved;
    n.rows = rows_of(c), n.D = c->ys.dim[1], n.eps = (float)c->attr->eps;
    for (int k = 0; k < first->inputs; k++)
        n.dx[k] = (T *)first->dx[k], n.sum[k] = first->sum[k];
    if (add) n.total = (T *)add->y, n.outer = (const T *)add->dy;
    return n;
}

template <typename T, int V>
static void forward_wide(const struct call *add, const struct call *c) {
    struct norm_rows<T> n = rows_and<T>(add, c);
    if (add) n.x = (const T *)add->x[0], n.other = (const T *)add->x[1];
    LAUNCH((layernorm_first<T, V>), blocks_for(c, n.rows * WARP), THREADS, 0,
           gpu_of(c)->device, n);
}

template <typename T, int V>
static void backward_wide(const struct call *add, const struct call *c) {
    struct device *d = gpu_of(c)->device;
    struct norm_rows<T> n = rows_and<T>(add, c);
    if (add) n.x = n.total;
    if (c->dw[0] || c->dw[1])
        columns_sum<V, 2>(d, columns_of(n.rows, n.D, V),
                          weight_rows<T, V>{n.x, n.dy, n.saved, n.D},
                          weight_store{(float *)c->dw[0], (float *)c->dw[1], c->sum_dw},
                          (float *)(add ? add : c)->scratch);
    if (n.dx[0] || n.dx[1])
        LAUNCH((layernorm_back<T, V>), blocks_for(c, n.rows * WARP), THREADS, 0, d, n);
}

template <typename T> static void forward(const struct call *add, const struct call *c) {
    if (c->ys.dim[1] % WIDE<T>)
        forward_wide<T, 1>(add, c);
    else
        forward_wide<T, WIDE<T>>(add, c);
}
template <typename T> static void backward(const struct call *add, const struct call *c) {
    if (c->ys.dim[1] % WIDE<T>)
        backward_wide<T, 1>(add, c);
    else
        backward_wide<T, WIDE<T>>(add, c);
}
void gpu_layernorm_forward(const struct call *c) {
    BY_TYPE(type_of(c, 0), forward, NULL, c);
}
void gpu_layernorm_backward(const struct call *c) {
    BY_TYPE(type_of(c, 0), backward, NULL, c);
}

size_t gpu_add_layernorm_saved(const struct call *calls, int n) {
    return gpu_layernorm_saved(&calls[n - 1]);
}
size_t gpu_add_layernorm_scratch(const struct call *calls, int n) {
    return gpu_layernorm_scratch(&calls[n - 1]);
}
void gpu_add_layernorm_forward(const struct call *calls, int n) {
    BY_TYPE(type_of(calls, 0), forward, &calls[0], &calls[n - 1]);
}
void gpu_add_layernorm_backward(const struct call *calls, int n) {
    BY_TYPE(type_of(calls, 0), backward, &calls[0], &calls[n - 1]);
}
