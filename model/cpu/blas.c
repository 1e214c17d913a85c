/* blas.c - OpenBLAS by dlopen; see blas.h. Never more than one of its threads. */
#include "model/cpu/blas.h"
#include "core/die.h"
#include <cpuid.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

typedef void sgemm_function(int order, int ta, int tb, int m, int n, int k, float alpha,
                            const float *a, int lda, const float *b, int ldb, float beta,
                            float *c, int ldc);

static struct {
    sgemm_function *sgemm;
    char describe[160];
} blas;

/* OpenBLAS's own choice falls behind on CPUs newer than itself. AMD's family 19h (Zen 3,
 * Zen 4) has 256-bit multipliers: there the AVX2 kernels are 4 % faster than the AVX-512
 * ones (measured). */
static const char *core_type(void) {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return NULL;
    __get_cpuid(1, &eax, &ebx, &ecx, &edx);
    unsigned family = (eax >> 8 & 15) + (eax >> 20 & 255);
    int amd_family_19h = __builtin_cpu_is("amd") && family == 0x19;
    int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    return wide && !amd_family_19h ? "SkylakeX" : "Haswell";
}

/* A function by name; POSIX lets dlsym's pointer be one to a function, ISO C only through
 * memory. */
static void find(void *library, const char *name, void *function) {
    void *found = dlsym(library, name);
    if (!found)
        die_world("libopenblas.so.0: has no %s, wanted OpenBLAS's CBLAS; apt-get install "
                  "libopenblas0-pthread",
                  name);
    *(void **)function = found;
}

void blas_start(void) {
    if (blas.sgemm) return;
    const char *chosen = getenv("OPENBLAS_CORETYPE"), *type = core_type();
    int by_user = chosen && *chosen;
    if (!by_user && type) setenv("OPENBLAS_CORETYPE", type, 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        die_world("libopenblas.so.0: %s, wanted OpenBLAS for --device cpu; "
                  "apt-get install libopenblas0-pthread",
                  quoted(dlerror()));
    char *(*config)(void), *(*core)(void);
    void (*set_threads)(int);
    find(library, "openblas_get_config", &config);
    find(library, "openblas_get_corename", &core);
    find(library, "openblas_set_num_threads", &set_threads);
    find(library, "cblas_sgemm", &blas.sgemm);
    set_threads(1);
    char version[32] = "";
    sscanf(config(), "OpenBLAS %31s", version);
    snprintf(blas.describe, sizeof blas.describe, "OpenBLAS %s %s%s", version, core(),
             by_user ? " (OPENBLAS_CORETYPE)" : "");
}

const char *blas_describe(void) {
    return blas.describe;
}

void gemm_scaled(enum trans ta, enum trans tb, int m, int n, int k, float alpha,
                 const float *a, int lda, const float *b, int ldb, float beta, float *c,
                 int ldc) {
    enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 }; /* cblas.h */
    blas.sgemm(ROW_MAJOR, ta ? TRANS : NO_TRANS, tb ? TRANS : NO_TRANS, m, n, k, alpha, a,
               lda, b, ldb, beta, c, ldc);
}

void gemm(enum trans ta, enum trans tb, int m, int n, int k, const float *a, int lda,
          const float *b, int ldb, float beta, float *c, int ldc) {
    gemm_scaled(ta, tb, m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
}
