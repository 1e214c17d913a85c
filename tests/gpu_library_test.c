/* gpu_library_test.c - what the libraries compute: convolutions and matrix products, held
 * to loops in double over the same rounded operands; and that they compute it again. */
#include "tests/operands.h"
#include "tests/test.h"
#include "tests/trial_gpu.h"
#include "core/bag.h"
#include "model/gpu/narrow.h"

static void try_part(struct bench *b, const struct convolution_shape *s,
                     enum convolution_part part, int sum) {
    const size_t n = part == CONV_Y    ? convolution_y(s)
                     : part == CONV_DX ? convolution_x(s)
                                       : convolution_w(s);
    struct operand first = operand_draw(
        b, part == CONV_Y ? convolution_x(s) : convolution_y(s), b->precision, 1);
    struct operand second = operand_draw(
        b, part == CONV_DW ? convolution_x(s) : convolution_w(s), b->precision, 2);
    struct operand out = operand_draw(b, n, b->precision, 3);
    const struct convolution_plan *p = library_convolution(b->l, s, part);
    void *scratch = device_alloc(b->d, convolution_scratch(p) + 1, "test");
    for (size_t i = 0; !sum && i < n; i++) out.host[i] = 0;
    convolution_exact(s, part, first.host, second.host, out.host);
    convolution_run(b->l, p, first.device, second.device, out.device, sum, scratch);
    double *got = operand_read(b, out.device, n, b->precision);
    char what[128];
    snprintf(what, sizeof what, "%s part %d sum %d %dx%d C %d K %d %dx%d s%d d%d",
             (const char *const[]){"fp32", "fp16", "bf16", "tf32"}[b->precision], part, sum,
             s->H, s->W, s->C, s->K, s->R, s->S, s->stride, s->dilation);
    operand_check(what, got, out.host, n, operand_tolerance(b->precision));
    xfree(got);
    device_free(b->d, scratch);
    operand_done(b, &first), operand_done(b, &second), operand_done(b, &out);
}

static void every_convolution_equals_its_definition(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof OPERAND_PRECISIONS / sizeof *OPERAND_PRECISIONS; i++) {
        if (!gpu_has(OPERAND_PRECISIONS[i])) continue;
        struct bench b = bench_start(OPERAND_PRECISIONS[i], NULL);
        for (size_t k = 0; k < CONVOLUTIONS; k++) {
            try_part(&b, &CONVOLUTION[k], CONV_Y, 0);
            try_part(&b, &CONVOLUTION[k], CONV_DX, 0);
            try_part(&b, &CONVOLUTION[k], CONV_DX, 1);
            try_part(&b, &CONVOLUTION[k], CONV_DW, 0);
        }
        bench_stop(&b);
    }
}

/* ---- products ---- */

static const struct product PRODUCTS[] = {
    {.M = 40, .N = 24, .K = 56, .batch = 1, .lda = 56, .ldb = 24, .ldc = 24},
    {.M = 40,
     .N = 24,
     .K = 56,
     .batch = 1,
     .tb = 1,
     .lda = 56,
     .ldb = 56,
     .ldc = 24,
     .bias = 1},
    {.M = 24, .N = 40, .K = 72, .batch = 1, .ta = 1, .lda = 24, .ldb = 40, .ldc = 40},
    {.M = 24,
     .N = 40,
     .K = 72,
     .batch = 1,
     .ta = 1,
     .tb = 1,
     .lda = 32,
     .ldb = 80,
     .ldc = 48,
     .sum = 1},
    {.M = 16,
     .N = 16,
     .K = 8,
     .batch = 3,
     .tb = 1,
     .lda = 24,
     .ldb = 24,
     .ldc = 16,
     .c = ELEMENT_F32,
     .stride_a = 16 * 24,
     .stride_b = 16 * 24,
     .stride_c = 16 * 16},
    {.M = 32,
     .N = 8,
     .K = 40,
     .batch = 2,
     .lda = 40,
     .ldb = 72,
     .ldc = 72,
     .bias = 1,
     .sum = 1,
     .stride_a = 32 * 40,
     .stride_b = 16,
     .stride_c = 16},
};

static size_t extent(int rows, int columns, int ld, int batch, int64_t stride) {
    return (size_t)((batch - 1) * stride + (rows - 1) * ld + columns);
}

static void multiply(const struct product *p, const double *a, const double *b,
                     const double *bias, double *c) {
    for (int i = 0; i < p->batch; i++)
        for (int m = 0; m < p->M; m++)
            for (int n = 0; n < p->N; n++) {
                double *to = &c[i * p->stride_c + m * p->ldc + n],
                       sum = p->bias ? bias[n] : 0;
                for (int k = 0; k < p->K; k++)
                    sum += a[i * p->stride_a + (p->ta ? k * p->lda + m : m * p->lda + k)] *
                           b[i * p->stride_b + (p->tb ? n * p->ldb + k : k * p->ldb + n)];
                *to = sum + (p->sum ? *to : 0);
            }
}

static void try_product(struct bench *b, const struct product *p) {
    const enum precision c_type = p->c == ELEMENT_F32 ? FP32 : b->precision;
    struct operand a =
        operand_draw(b,
                     p->ta ? extent(p->K, p->M, p->lda, p->batch, p->stride_a)
                           : extent(p->M, p->K, p->lda, p->batch, p->stride_a),
                     b->precision, 1);
    struct operand x =
        operand_draw(b,
                     p->tb ? extent(p->N, p->K, p->ldb, p->batch, p->stride_b)
                           : extent(p->K, p->N, p->ldb, p->batch, p->stride_b),
                     b->precision, 2);
    struct operand c =
        operand_draw(b, extent(p->M, p->N, p->ldc, p->batch, p->stride_c), c_type, 3);
    struct operand bias = operand_draw(b, (size_t)p->N, FP32, 4);
    const struct product_plan *plan = library_product(b->l, p);
    void *scratch = device_alloc(b->d, product_scratch(plan) + 1, "test");
    product_run(b->l, plan, a.device, x.device, c.device, p->bias ? bias.device : NULL,
                scratch);
    multiply(p, a.host, x.host, bias.host, c.host);
    double *got = operand_read(b, c.device, c.n, c_type);
    char what[64];
    snprintf(what, sizeof what, "product %d of precision %d", (int)(p - PRODUCTS),
             b->precision);
    operand_check(what, got, c.host, c.n, operand_tolerance(b->precision));
    xfree(got);
    device_free(b->d, scratch);
    operand_done(b, &a), operand_done(b, &x), operand_done(b, &c), operand_done(b, &bias);
}

static void every_product_equals_its_definition(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof OPERAND_PRECISIONS / sizeof *OPERAND_PRECISIONS; i++) {
        if (!gpu_has(OPERAND_PRECISIONS[i])) continue;
        struct bench b = bench_start(OPERAND_PRECISIONS[i], NULL);
        for (size_t k = 0; k < sizeof PRODUCTS / sizeof *PRODUCTS; k++)
            try_product(&b, &PRODUCTS[k]);
        bench_stop(&b);
    }
}

/* ---- again ---- */

/* dw of the second convolution, from one library opened on this plan file. Caller frees. */
static double *once(const char *plans) {
    struct bench b = bench_start(FP16, plans);
    const struct convolution_shape *s = &CONVOLUTION[1];
    struct operand dy = operand_draw(&b, convolution_y(s), FP16, 1);
    struct operand x = operand_draw(&b, convolution_x(s), FP16, 2);
    struct operand dw = operand_draw(&b, convolution_w(s), FP16, 3);
    const struct convolution_plan *p = library_convolution(b.l, s, CONV_DW);
    void *scratch = device_alloc(b.d, convolution_scratch(p) + 1, "test");
    library_save(b.l);
    convolution_run(b.l, p, dy.device, x.device, dw.device, 0, scratch);
    double *got = operand_read(&b, dw.device, dw.n, FP16);
    device_free(b.d, scratch);
    operand_done(&b, &dy), operand_done(&b, &x), operand_done(&b, &dw);
    bench_stop(&b);
    return got;
}

static void a_stored_plan_gives_the_same_bits_at_the_next_start(void **state) {
    (void)state;
    double *first = once("plans.bag");
    char before[65], after[65];
    sha_file("plans.bag", before);
    double *second = once("plans.bag");
    sha_file("plans.bag", after);
    assert_string_equal(before, after);
    assert_memory_equal(first, second, convolution_w(&CONVOLUTION[1]) * sizeof *first);
    xfree(first);
    xfree(second);
}

static void pick(void *arg, int way) {
    ++((int *)arg)[way];
}

static void a_way_once_chosen_stays_chosen(void **state) {
    (void)state;
    int tried[2] = {0, 0}, again[2] = {0, 0};
    struct bench b = bench_start(FP16, "plans.bag");
    int first = library_choose(b.l, "a thing", 2, pick, tried);
    library_save(b.l);
    bench_stop(&b);
    b = bench_start(FP16, "plans.bag");
    assert_int_equal(library_choose(b.l, "a thing", 2, pick, again), first);
    assert_int_equal(again[0] + again[1], 0);
    bench_stop(&b);
}

static void narrowed_vectors_are_rounded_to_nearest(void **state) {
    (void)state;
    for (enum precision p = FP16; p <= BF16 && gpu_has(p); p++) {
        struct bench b = bench_start(p, NULL);
        struct operand x = operand_draw(&b, 517, FP32, 1), y = operand_draw(&b, 517, p, 2);
        gpu_narrow(b.d, p, x.device, y.device, x.n);
        double *got = operand_read(&b, y.device, x.n, p);
        for (size_t i = 0; i < x.n; i++) {
            float v = (float)x.host[i];
            float wanted = p == FP16 ? half_to_f32(half_from_f32(v))
                                     : bfloat_to_f32(bfloat_from_f32(v));
            assert_true(got[i] == (double)wanted);
        }
        xfree(got);
        operand_done(&b, &x), operand_done(&b, &y);
        bench_stop(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_convolution_equals_its_definition),
        TEST(every_product_equals_its_definition),
        TEST(a_stored_plan_gives_the_same_bits_at_the_next_start),
        TEST(a_way_once_chosen_stays_chosen),
        TEST(narrowed_vectors_are_rounded_to_nearest),
    };
    return test_run(tests);
}
