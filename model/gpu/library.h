/* library.h - the products that libraries compute: convolutions (cuDNN) and matrix products (cuBLASLt).
 *
 * A narrow door with two houses behind it: cudnn.c and cublas.c, and, for the tests on a processor,
 * plain loops (tests/emu). A product is prepared once, outside any step: preparing chooses a plan
 * (from the stored plan file, else by heuristics filtered for determinism and timed, then stored) and
 * says how much scratch it wants. Running allocates nothing and may be captured. */
#ifndef MODEL_GPU_LIBRARY_H
#define MODEL_GPU_LIBRARY_H
#include "model/gpu/device.h"
#include "model/recipe.h"
#ifdef __cplusplus
extern "C" {
#endif

struct library;
struct plan_file; /* the bag of chosen plans, keyed by device, library version, shape */
/* deterministic 0: plans whose sums may come in any order are allowed. plans: path of the plan file,
 * read where it stands and is of this device and library (else said once, and remade); NULL: none. */
struct library *library_open(struct device *d, enum precision precision, int deterministic, const char *plans);
/* Writes plans chosen since to the plan file, if any. */
void library_save(struct library *l);
const char *library_plans_sha256(const struct library *l); /* of the plan file; "none" */
const char *library_describe(const struct library *l);     /* versions; borrowed */
void library_close(struct library *l);

/* x [N][H][W][C], w [K][R][S][C], y [N][P][Q][K]; square strides; one group. */
struct convolution_shape { int N, H, W, C, K, R, S, stride, pad, dilation, P, Q; };
enum convolution_part {
    CONV_Y,  /* y = conv(x, w) */
    CONV_DX, /* dx = its gradient from dy, w */
    CONV_DW, /* dw = its gradient from dy, x; of the storage type */
};
struct convolution_plan; /* borrowed until library_close; the same for the same shape */
/* Dies if the library has no plan: every plain convolution has one. */
const struct convolution_plan *library_convolution(struct library *l, const struct convolution_shape *s,
                                                   enum convolution_part part);
size_t convolution_scratch(const struct convolution_plan *p); /* bytes */
/* CONV_Y: a = x, b = w, out = y.  CONV_DX: a = dy, b = w, out = dx.  CONV_DW: a = dy, b = x, out = dw.
 * sum 1 (CONV_DX only): out += . */
void convolution_run(struct library *l, const struct convolution_plan *p, const void *a, const void *b,
                     void *out, int sum, void *scratch);

/* Row-major: C[M,N] = op(A) op(B) (+ C) (+ bias[N]), `batch` of them at the given strides (elements).
 * op(A) is [M,K], stored [M][lda] or, ta, [K][lda]; op(B) is [K,N], stored [K][ldb] or, tb, [N][ldb]. */
enum element { ELEMENT_STORAGE, ELEMENT_F32 };
struct product {
    int M, N, K, batch, ta, tb, lda, ldb, ldc;
    int64_t stride_a, stride_b, stride_c;
    enum element c; /* A and B are of the storage type */
    int sum, bias;  /* 1: += C; 1: a float bias [N] is added */
};
struct product_plan;
const struct product_plan *library_product(struct library *l, const struct product *p);
size_t product_scratch(const struct product_plan *p);
void product_run(struct library *l, const struct product_plan *p, const void *a, const void *b, void *c,
                 const float *bias, void *scratch);
#ifdef __cplusplus
}
#endif
#endif
