/* cublas.c - matrix products by cuBLASLt; see library.h. cuBLASLt counts in columns: our
 * row-major C = op(A) op(B) is its C' = op(B)' op(A)', so A and B change places and nothing
 * is moved.
 *
 * Split sums are added up in float in the workspace, one after another, never by atomics; a
 * workspace is one call's alone. So the same algorithm gives the same bits. */
#include "core/die.h"
#include "model/gpu/choose.h"
#include "model/gpu/library_struct.h"
#include "model/gpu/narrow.h"
#include <stdio.h>
#include <string.h>

enum { ALGORITHMS = 16, ALIGNMENT = 256 };
static const size_t WORKSPACE = (size_t)32 << 20;

struct product_plan {
    struct product_plan *next;
    struct product shape;
    cublasLtMatmulDesc_t form;
    cublasLtMatrixLayout_t first, second, result; /* of B, A and C */
    cublasLtMatmulAlgo_t algorithm;
    size_t workspace, narrow; /* bytes: cuBLASLt's; the bias in 16 bits */
};

static void check(const struct library *l, cublasStatus_t status, const char *doing) {
    if (status)
        die_world("cuBLASLt: %s: %s on %s", doing, cublasLtGetStatusString(status),
                  l->about);
}

static size_t round_up(size_t n) {
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* ---- the description ---- */

static cudaDataType_t storage(const struct library *l) {
    return l->precision == FP16   ? CUDA_R_16F
           : l->precision == BF16 ? CUDA_R_16BF
                                  : CUDA_R_32F;
}

static cudaDataType_t result_type(const struct library *l, const struct product *p) {
    return p->c == ELEMENT_F32 ? CUDA_R_32F : storage(l);
}

static cublasLtMatrixLayout_t layout(const struct library *l, cudaDataType_t type, int rows,
                                     int columns, int ld, int batch, int64_t stride) {
    cublasLtMatrixLayout_t m;
    check(l, cublasLtMatrixLayoutCreate(&m, type, (uint64_t)rows, (uint64_t)columns, ld),
          "layout");
    cublasStatus_t status = cublasLtMatrixLayoutSetAttribute(
        m, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof batch);
    check(l, status, "layout");
    status = cublasLtMatrixLayoutSetAttribute(
        m, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride);
    check(l, status, "layout");
    return m;
}

static void set(const struct library *l, cublasLtMatmulDesc_t form,
                cublasLtMatmulDescAttributes_t name, const void *value, size_t size) {
    check(l, cublasLtMatmulDescSetAttribute(form, name, value, size), "description");
}

static void describe(const struct library *l, struct product_plan *plan) {
    const struct product *p = &plan->shape;
    cublasComputeType_t compute =
        l->precision == TF32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    cudaDataType_t in = storage(l), out = result_type(l, p);
    cublasOperation_t first = p->tb ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasOperation_t second = p->ta ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    check(l, cublasLtMatmulDescCreate(&plan->form, compute, CUDA_R_32F), "description");
    set(l, plan->form, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first);
    set(l, plan->form, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second);
    if (p->bias) {
        set(l, plan->form, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
        set(l, plan->form, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &out, sizeof out);
        if (out != CUDA_R_32F) plan->narrow = round_up((size_t)p->N * 2);
    }
    plan->first = layout(l, in, p->tb ? p->K : p->N, p->tb ? p->N : p->K, p->ldb, p->batch,
                         p->stride_b);
    plan->second = layout(l, in, p->ta ? p->M : p->K, p->ta ? p->K : p->M, p->lda, p->batch,
                          p->stride_a);
    plan->result = layout(l, out, p->N, p->M, p->ldc, p->batch, p->stride_c);
}

/* ---- which algorithm ---- */

/* Fills `found`, best first by cuBLASLt's guess; returns how many. */
static int candidates(const struct library *l, const struct product_plan *plan,
                      cublasLtMatmulHeuristicResult_t *found) {
    cublasLtMatmulPreference_t wish;
    int count = 0;
    uint32_t schemes = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE; /* beside NONE, which is 0 */
    uint32_t alignment = 16;
    static const cublasLtMatmulPreferenceAttributes_t aligned[] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
    if (!l->deterministic) schemes = CUBLASLT_REDUCTION_SCHEME_MASK;
    check(l, cublasLtMatmulPreferenceCreate(&wish), "preference");
    cublasStatus_t status = cublasLtMatmulPreferenceSetAttribute(
        wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &WORKSPACE, sizeof WORKSPACE);
    if (!status)
        status = cublasLtMatmulPreferenceSetAttribute(
            wish, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &schemes, sizeof schemes);
    for (int i = 0; i < 4 && !status; i++)
        status = cublasLtMatmulPreferenceSetAttribute(wish, aligned[i], &alignment,
                                                      sizeof alignment);
    check(l, status, "preference");
    status = cublasLtMatmulAlgoGetHeuristic(l->lt, plan->form, plan->first, plan->second,
                                            plan->result, plan->result, wish, ALGORITHMS,
                                            found, &count);
    if (status != CUBLAS_STATUS_NOT_SUPPORTED) check(l, status, "heuristic");
    cublasLtMatmulPreferenceDestroy(wish);
    int good = 0;
    for (int i = 0; i < count; i++)
        if (found[i].state == CUBLAS_STATUS_SUCCESS) found[good++] = found[i];
    return good;
}

/* Enqueues it; what cuBLASLt says. */
static cublasStatus_t multiply(struct library *l, const struct product_plan *p,
                               const void *a, const void *b, void *c, const float *bias,
                               void *scratch) {
    float one = 1, beta = p->shape.sum ? 1 : 0;
    char *at = (char *)round_up((size_t)scratch);
    const void *added = bias;
    if (p->narrow) {
        gpu_narrow(l->device, l->precision, bias, at, (size_t)p->shape.N);
        added = at;
        at += p->narrow;
    }
    if (p->shape.bias)
        set(l, p->form, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &added, sizeof added);
    return cublasLtMatmul(l->lt, p->form, &one, b, p->first, a, p->second, &beta, c,
                          p->result, c, p->result, &p->algorithm, at, p->workspace,
                          l->device->stream);
}

struct trial {
    struct library *l;
    struct product_plan *plan;
    const cublasLtMatmulHeuristicResult_t *found;
    char *a, *b, *c, *bias, *scratch;
};

static int try(void *arg) {
    const struct trial *t = arg;
    cublasStatus_t status =
        multiply(t->l, t->plan, t->a, t->b, t->c, (const float *)t->bias, t->scratch);
    if (status) cudaGetLastError(); /* a refused launch is not remembered */
    return status == CUBLAS_STATUS_SUCCESS;
}

static void take(struct product_plan *plan, const cublasLtMatmulHeuristicResult_t *found) {
    plan->algorithm = found->algo;
    plan->workspace = found->workspaceSize;
}

static double seconds_of(void *arg, int i) {
    struct trial *t = arg;
    take(t->plan, &t->found[i]);
    return library_time(t->l, try, t);
}

/* Bytes from the first to the last element of `batch` matrices of `rows` rows. */
static size_t span(int rows, int ld, int batch, int64_t stride, size_t element) {
    size_t one = (size_t)rows * (size_t)ld;
    return round_up(((size_t)(batch - 1) * (size_t)stride + one) * element);
}

/* Takes the quickest; 0: none could be run. */
static int time_all(struct library *l, struct product_plan *plan,
                    const cublasLtMatmulHeuristicResult_t *found, int count) {
    const struct product *p = &plan->shape;
    size_t in = storage(l) == CUDA_R_32F ? 4 : 2,
           out = result_type(l, p) == CUDA_R_32F ? 4 : 2;
    size_t a = span(p->ta ? p->K : p->M, p->lda, p->batch, p->stride_a, in);
    size_t b = span(p->tb ? p->N : p->K, p->ldb, p->batch, p->stride_b, in);
    size_t c = span(p->M, p->ldc, p->batch, p->stride_c, out);
    size_t bias = round_up((size_t)p->N * sizeof(float));
    char *at = library_arena(l, a + b + c + bias + plan->narrow + WORKSPACE + ALIGNMENT);
    struct trial t = {.l = l,
                      .plan = plan,
                      .found = found,
                      .a = at,
                      .b = at + a,
                      .c = at + a + b,
                      .bias = at + a + b + c,
                      .scratch = at + a + b + c + bias};
    int best = choose_quickest(count, seconds_of, &t);
    if (best >= 0) take(plan, &found[best]);
    return best >= 0;
}

/* By its own account the algorithm sums as candidates() asked for: in float, in a fixed
 * order. */
static int in_order(const struct library *l, const cublasLtMatmulAlgo_t *algorithm) {
    uint32_t scheme;
    size_t n;
    if (!l->deterministic) return 1;
    return !cublasLtMatmulAlgoConfigGetAttribute(algorithm,
                                                 CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME,
                                                 &scheme, sizeof scheme, &n) &&
           (scheme == CUBLASLT_REDUCTION_SCHEME_NONE ||
            scheme == CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
}

/* 1: the stored algorithm is one that this cuBLASLt takes for this product, and that may
 * compute it. */
static int stored(struct library *l, struct product_plan *plan, const char *key) {
    size_t n;
    cublasLtMatmulHeuristicResult_t result = {.workspaceSize = 0}; /* unset where refused */
    const void *bytes = plan_file_find(l->plans, key, &n);
    if (!bytes) return 0;
    if (n == sizeof plan->algorithm) {
        memcpy(&plan->algorithm, bytes, n);
        cublasStatus_t status =
            cublasLtMatmulAlgoCheck(l->lt, plan->form, plan->first, plan->second,
                                    plan->result, plan->result, &plan->algorithm, &result);
        plan->workspace = result.workspaceSize;
        if (!status && plan->workspace <= WORKSPACE && in_order(l, &plan->algorithm))
            return 1;
    }
    warn("plan of '%s': not one that may compute it here; chosen anew", key);
    return 0;
}

static void choose(struct library *l, struct product_plan *plan) {
    const struct product *p = &plan->shape;
    cublasLtMatmulHeuristicResult_t found[ALGORITHMS];
    char *key = xprintf(
        "product %s m%d n%d k%d x%d %c%c %d,%d,%d %lld,%lld,%lld%s%s%s%s",
        precision_name(l->precision), p->M, p->N, p->K, p->batch, p->ta ? 't' : 'n',
        p->tb ? 't' : 'n', p->lda, p->ldb, p->ldc, (long long)p->stride_a,
        (long long)p->stride_b, (long long)p->stride_c, p->c == ELEMENT_F32 ? " float" : "",
        p->sum ? " +=" : "", p->bias ? " bias" : "", l->deterministic ? "" : " any order");
    if (!stored(l, plan, key)) {
        int count = candidates(l, plan, found);
        if (!time_all(l, plan, found, count))
            die_world("%s: cuBLASLt has no algorithm that runs, of %d, on %s; use another "
                      "precision",
                      key, count, l->about);
        plan_file_add(l->plans, key, &plan->algorithm, sizeof plan->algorithm);
    }
    xfree(key);
}

/* ---- the door ---- */

const struct product_plan *library_product(struct library *l, const struct product *p) {
    for (struct product_plan *q = l->product; q; q = q->next)
        if (memcmp(&q->shape, p, sizeof *p) == 0) return q;
    if (!l->lt)
        die_world("cuBLASLt: products are planned on the device itself; %s is not here",
                  l->about);
    struct product_plan *plan = xcalloc(1, sizeof *plan);
    memcpy(&plan->shape, p, sizeof *p);
    plan->next = l->product;
    l->product = plan;
    describe(l, plan);
    choose(l, plan);
    return plan;
}

size_t product_scratch(const struct product_plan *p) {
    return p->workspace + p->narrow + ALIGNMENT;
}

void product_run(struct library *l, const struct product_plan *p, const void *a,
                 const void *b, void *c, const float *bias, void *scratch) {
    check(l, multiply(l, p, a, b, c, bias, scratch), "product");
}

void products_free(struct library *l) {
    while (l->product) {
        struct product_plan *p = l->product;
        l->product = p->next;
        cublasLtMatrixLayoutDestroy(p->first);
        cublasLtMatrixLayoutDestroy(p->second);
        cublasLtMatrixLayoutDestroy(p->result);
        cublasLtMatmulDescDestroy(p->form);
        xfree(p);
    }
}
