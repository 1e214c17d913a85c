/* batchnorm.h - batch norm with what may follow it in the same pass: an addition, a
 * ReLU. */
#ifndef MODEL_GPU_BATCHNORM_H
#define MODEL_GPU_BATCHNORM_H
#include "model/gpu/kernels.h"
#ifdef __cplusplus
extern "C" {
#endif
struct batchnorm {
    /* of the batch norm: statistics, parameters, x, dx, saved, scratch */
    const struct call *c;
    const void *shortcut; /* forward: added before the ReLU; NULL: nothing */
    int relu;
    void *y; /* of the last node of the run */
    /* backward. Without `masked` the ReLU's mask is computed again from x; with it (behind
     * an addition) it is where y stands above zero. */
    const void *dy, *masked;
    void *dshortcut; /* NULL: not wanted */
    int sum_shortcut;
};
struct batchnorm gpu_norm_of(const struct call *c);
void gpu_norm_forward(const struct batchnorm *b);
void gpu_norm_backward(const struct batchnorm *b);

/* Parts of it, for convolutions that do the rest (chain.cu). c is the batch norm's call. */
/* of x: saved, and running statistics move */
void gpu_norm_statistics(const struct call *c);
/* The same from sums over x and over its squares, float [C]. */
void gpu_norm_finish(const struct call *c, const float *sum, const float *squares);
/* scale, bias [C] of the storage type: the norm is x * scale + bias. */
void gpu_norm_affine(const struct call *c, void *scale, void *bias);
/* c->dx[0] = eq[0] dv + eq[1] x + eq[2], each [C], eq one after another; added where
 * c->sum[0]. */
void gpu_norm_equation(const struct call *c, const float *eq, const void *dv);
#ifdef __cplusplus
}
#endif
#endif
