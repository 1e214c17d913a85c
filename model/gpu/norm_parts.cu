/* norm_parts.cu - the small ends of a batch norm whose passes over the map are done by
 * convolutions (chain.cu): statistics out of sums, scale and bias, the gradient's
 * equation. Together with those they equal ref_batchnorm_*. A thread a channel, or V
 * channels of a place; nothing is shared between threads. */
#include "model/gpu/batchnorm.h"
#include "model/gpu/element.h"

/* ---- statistics ---- */

struct finish {
    const float *sum, *squares;
    double count, eps, momentum;
    int C;
    float *saved, *running_mean, *running_var;
};

/* The sums are of the library: of x itself, so that the variance is a difference in
 * double of two numbers that float has rounded: right to about 2^-22 (mean /
 * deviation)^2. */
KERNEL BOUNDS(THREADS) finish_kernel(struct finish f) {
    for (size_t k = grid_first(); k < (size_t)f.C; k += grid_stride()) {
        double mean = f.sum[k] / f.count, variance = f.squares[k] / f.count - mean * mean;
        if (variance < 0) variance = 0;
        double unbiased = f.count > 1 ? variance * f.count / (f.count - 1) : variance;
        double rm = f.running_mean[k], rv = f.running_var[k];
        f.running_mean[k] = (float)(rm + f.momentum * (mean - rm));
        f.running_var[k] = (float)(rv + f.momentum * (unbiased - rv));
        f.saved[k] = (float)mean;
        f.saved[f.C + k] = (float)(1 / sqrt(variance + f.eps));
    }
}

static double count_of(const struct call *c) {
    return (double)c->N * c->ys.dim[1] * c->ys.dim[2];
}

void gpu_norm_finish(const struct call *c, const float *sum, const float *squares) {
    const int C = c->ys.dim[0];
    const struct finish f = {
        sum, squares,           count_of(c),      c->attr->eps,    c->attr->momentum,
        C,   (float *)c->saved, (float *)c->w[2], (float *)c->w[3]};
    LAUNCH(finish_kernel, blocks_for(c, (size_t)C), THREADS, 0, gpu_of(c)->device, f);
}

/* ---- scale and bias ---- */

template <typename T>
KERNEL BOUNDS(THREADS) affine_kernel(const float *saved, const float *w, const float *b,
                                     int C, T *scale, T *bias) {
    for (size_t k = grid_first(); k < (size_t)C; k += grid_stride()) {
        float slope = saved[C + k] * w[k];
        put_float(&scale[k], slope);
        put_float(&bias[k], b[k] - saved[k] * slope);
    }
}

template <typename T> static void affine(const struct call *c, void *scale, void *bias) {
    const int C = c->ys.dim[0];
    LAUNCH(affine_kernel<T>, blocks_for(c, (size_t)C), THREADS, 0, gpu_of(c)->device,
           (const float *)c->saved, (const float *)c->w[0], (const float *)c->w[1], C,
           (T *)scale, (T *)bias);
}
void gpu_norm_affine(const struct call *c, void *scale, void *bias) {
    BY_TYPE(type_of(c, c->ys.dim[0]), affine, c, scale, bias);
}

/* ---- the gradient ---- */

/* dx may be dv: each element is one thread's. */
template <typename T, int V>
KERNEL BOUNDS(THREADS) equation_kernel(const float *eq, const T *dv, const T *x, T *dx,
                                       size_t rows, int C, int add) {
    size_t across = (size_t)(C / V);
    for (size_t i = grid_first(); i < rows * across; i += grid_stride()) {
        size_t k = i % across * V;
        float g[V], v[V];
        take<V>(g, dv + i * V);
        take<V>(v, x + i * V);
        for (int j = 0; j < V; j++)
            g[j] = eq[k + j] * g[j] + eq[C + k + j] * v[j] + eq[2 * C + k + j];
        give_gradient<V>(dx + i * V, g, add);
    }
}

template <typename T>
static void equation(const struct call *c, const float *eq, const void *dv) {
    const int C = c->ys.dim[0];
    const size_t rows = (size_t)count_of(c);
    struct device *d = gpu_of(c)->device;
    if (C % WIDE<T>)
        LAUNCH((equation_kernel<T, 1>), blocks_for(c, rows * C), THREADS, 0, d, eq,
               (const T *)dv, (const T *)c->x[0], (T *)c->dx[0], rows, C, c->sum[0]);
    else
        LAUNCH((equation_kernel<T, WIDE<T>>), blocks_for(c, rows * C / WIDE<T>), THREADS, 0,
               d, eq, (const T *)dv, (const T *)c->x[0], (T *)c->dx[0], rows, C, c->sum[0]);
}
void gpu_norm_equation(const struct call *c, const float *eq, const void *dv) {
    BY_TYPE(type_of(c, c->ys.dim[0]), equation, c, eq, dv);
}
