/* blas.h - the one matrix product: OpenBLAS, loaded when the program runs.
 *
 * OpenBLAS picks its kernels when it is loaded, so its environment must be set before:
 * hence dlopen and no link. One thread a call; many threads may call at once. Only this
 * header leads to it. */
#ifndef MODEL_CPU_BLAS_H
#define MODEL_CPU_BLAS_H

/* Loads it once; die_world with the remedy if it is absent. The core type is the CPU's
 * unless OPENBLAS_CORETYPE is already set. */
void blas_start(void);
/* "OpenBLAS 0.3.21 SkylakeX" and whether the user chose the core type: borrowed. */
const char *blas_describe(void);

enum trans { PLAIN, TRANSPOSED };
/* Row-major c[m][n] = op(a)[m][k] op(b)[k][n] + beta c; ld: floats from row to row as
 * stored. */
void gemm(enum trans ta, enum trans tb, int m, int n, int k, const float *a, int lda,
          const float *b, int ldb, float beta, float *c, int ldc);
/* The same times alpha. */
void gemm_scaled(enum trans ta, enum trans tb, int m, int n, int k, float alpha,
                 const float *a, int lda, const float *b, int ldb, float beta, float *c,
                 int ldc);
#endif
