/* library.h - the products that libraries compute: convolutions (cuDNN) and matrix products
 * (cuBLASLt).
 *
 * A narrow door with two houses behind it: cudnn.c and cublas.c, and, for the tests on a
 * processor, plain loops (tests/emu). A product is prepared once, outside any step:
 * preparing chooses a plan (from the stored plan file, else by heuristics filtered for
 * determinism and timed, then stored) and says how much scratch it wants. Running allocates
 * nothing and may be captured. */
#ifndef MODEL_GPU_LIBRARY_H
#define MODEL_GPU_LIBRARY_H
#include "model/gpu/device.h"
#include "model/recipe.h"
#ifdef __cplusplus
extern "C" {
#endif

struct library;
/* deterministic 0: plans whose sums may come in any order are allowed. plans: path of the
 * plan file (plans.h), read where it stands and is of this device and library (else said
 * once, and remade); NULL: none. die_world where the device cannot do the precision (bf16
 * before Ampere). */
struct library *library_open(struct device *d, enum precision precision, int deterministic,
                             const char *plans);
/* Writes plans chosen since to the plan file, if any. Call it when all that will be asked
 * for has been asked for: until then other processes that miss a plan wait. */
void library_save(struct library *l);
/* sha256 of the plans that were asked for so far, whatever else the file holds; "none". */
const char *library_plans_sha256(const struct library *l);
const char *library_describe(const struct library *l); /* versions; borrowed */
void library_close(struct library *l);

/* x [N][H][W][C], w [K][R][S][C], y [N][P][Q][K]; square strides; one group. */
struct convolution_shape {
    int N, H, W, C, K, R, S, stride, pad, dilation, P, Q;
};
enum convolution_part {
    CONV_Y,  /* y = conv(x, w) */
    CONV_DX, /* dx = its gradient from dy, w */
    CONV_DW, /* dw = its gradient from dy, x; of the storage type */
    /* Fused with the batch norm beside it; not every device and precision has them. */
    CONV_Y_SUMS,      /* y, and of each of its K channels the sum and the sum of squares */
    CONV_NORM_Y_SUMS, /* the same of relu(x * scale + bias) in place of x */
    CONV_NORM_DW,     /* dw, of relu(x * scale + bias) in place of x */
    /* the gradient of v in y = conv(relu(v), w), v = (x - mean) * invstd * gamma + beta, from
     * dy; dgamma, dbeta; and the factors of dx = eq_dy * dv + eq_x * x + eq_bias */
    CONV_DX_DNORM,
};
struct convolution_plan; /* borrowed until library_close; the same for the same shape */
/* Every plain convolution has a plan (it dies without); a fused one may have none: NULL. */
const struct convolution_plan *library_convolution(struct library *l,
                                                   const struct convolution_shape *s,
                                                   enum convolution_part part);
size_t convolution_scratch(const struct convolution_plan *p); /* bytes */
/* CONV_Y: a = x, b = w, out = y.  CONV_DX: a = dy, b = w, out = dx.  CONV_DW: a = dy, b = x,
 * out = dw. sum 1 (CONV_DX only): out += . */
void convolution_run(struct library *l, const struct convolution_plan *p, const void *a,
                     const void *b, void *out, int sum, void *scratch);

/* The operands of a fused part, those that its line above names (CONV_DX_DNORM writes dv to
 * dx). All pointers to matrices start at a multiple of 16 bytes. scale and bias are [C] of
 * the storage type, sum and squares float [K], the rest float [C]. */
struct convolution_memory {
    const void *x, *w, *dy, *scale, *bias;
    void *y, *dx, *dw;
    const float *mean, *invstd, *gamma, *beta;
    float *sum, *squares, *dgamma, *dbeta, *eq_dy, *eq_x, *eq_bias;
};
void convolution_run_fused(struct library *l, const struct convolution_plan *p,
                           const struct convolution_memory *at, void *scratch);
/* "engine 62, best of 10 in 41.2 us": for tables. Borrowed. */
const char *convolution_about(const struct convolution_plan *p);

/* Which of `ways` to do a thing: what the plan file says of `name`, else the quickest as
 * timed here: run(arg, way) enqueues it; it is called several times, before the first step.
 * Without a device that can be timed: the last way. */
int library_choose(struct library *l, const char *name, int ways,
                   void (*run)(void *arg, int way), void *arg);

/* Row-major: C[M,N] = op(A) op(B) (+ C) (+ bias[N]), `batch` of them at the given strides
 * (elements). op(A) is [M,K], stored [M][lda] or, ta, [K][lda]; op(B) is [K,N], stored
 * [K][ldb] or, tb, [N][ldb]. */
enum element { ELEMENT_STORAGE, ELEMENT_F32 };
struct product {
    int64_t stride_a, stride_b, stride_c;
    int M, N, K, batch, ta, tb, lda, ldb, ldc;
    enum element c; /* A and B are of the storage type */
    int sum, bias;  /* 1: += C; 1: a float bias [N] is added */
};
struct product_plan;
const struct product_plan *library_product(struct library *l, const struct product *p);
size_t product_scratch(const struct product_plan *p);
void product_run(struct library *l, const struct product_plan *p, const void *a,
                 const void *b, void *c, const float *bias, void *scratch);
#ifdef __cplusplus
}
#endif
#endif
