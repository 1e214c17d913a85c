/* gpu_library_fused_test.c - convolutions fused with the batch norm beside them, where the
 * library has them: held to the definition in double over the same rounded operands. */
#include "tests/operands.h"
#include "tests/test.h"
#include "tests/trial_gpu.h"
#include "model/precision.h"

static void normalise(double *x, size_t n, const double *scale, const double *bias, int C,
                      enum precision precision) {
    for (size_t i = 0; i < n; i++) {
        float v = (float)(x[i] * scale[i % (size_t)C] + bias[i % (size_t)C]);
        x[i] = v > 0 ? precision_round(precision, v) : 0;
    }
}

static void try_sums(struct bench *b, const struct convolution_shape *s, int norm) {
    const struct convolution_plan *p =
        library_convolution(b->l, s, norm ? CONV_NORM_Y_SUMS : CONV_Y_SUMS);
    if (!p) return;
    const size_t n = convolution_y(s), K = (size_t)s->K;
    struct operand x = operand_draw(b, convolution_x(s), b->precision, 1),
                   w = operand_draw(b, convolution_w(s), b->precision, 2);
    struct operand scale = operand_draw(b, (size_t)s->C, b->precision, 3);
    struct operand bias = operand_draw(b, (size_t)s->C, b->precision, 4);
    struct operand y = operand_draw(b, n, b->precision, 5),
                   sum = operand_draw(b, 2 * K, FP32, 6);
    void *scratch = device_alloc(b->d, convolution_scratch(p) + 1, "test");
    convolution_run_fused(b->l, p,
                          &(struct convolution_memory){.x = x.device,
                                                       .w = w.device,
                                                       .scale = norm ? scale.device : NULL,
                                                       .bias = norm ? bias.device : NULL,
                                                       .y = y.device,
                                                       .sum = sum.device,
                                                       .squares = (float *)sum.device + K},
                          scratch);
    if (norm) normalise(x.host, x.n, scale.host, bias.host, s->C, b->precision);
    memset(y.host, 0, n * sizeof *y.host);
    memset(sum.host, 0, 2 * K * sizeof *sum.host);
    convolution_exact(s, CONV_Y, x.host, w.host, y.host);
    for (size_t i = 0; i < n; i++) {
        sum.host[i % K] += y.host[i];
        sum.host[K + i % K] += y.host[i] * y.host[i];
    }
    double *got = operand_read(b, y.device, n, b->precision),
           *sums = operand_read(b, sum.device, 2 * K, FP32);
    /* an engine may round between scaling, adding and the product */
    const double bound = (norm ? 3 : 1) * operand_tolerance(b->precision);
    operand_check("fused y", got, y.host, n, bound);
    operand_check("sums", sums, sum.host, K,
                  10 * operand_tolerance(b->precision)); /* terms of both signs */
    operand_check("squares", sums + K, sum.host + K, K, bound);
    xfree(got), xfree(sums);
    device_free(b->d, scratch);
    operand_done(b, &x), operand_done(b, &w), operand_done(b, &scale),
        operand_done(b, &bias), operand_done(b, &y), operand_done(b, &sum);
}

static void try_norm_dw(struct bench *b, const struct convolution_shape *s) {
    const struct convolution_plan *p = library_convolution(b->l, s, CONV_NORM_DW);
    if (!p) return;
    struct operand x = operand_draw(b, convolution_x(s), b->precision, 1),
                   dy = operand_draw(b, convolution_y(s), b->precision, 2);
    struct operand scale = operand_draw(b, (size_t)s->C, b->precision, 3);
    struct operand bias = operand_draw(b, (size_t)s->C, b->precision, 4);
    struct operand dw = operand_draw(b, convolution_w(s), b->precision, 5);
    void *scratch = device_alloc(b->d, convolution_scratch(p) + 1, "test");
    convolution_run_fused(b->l, p,
                          &(struct convolution_memory){.x = x.device,
                                                       .dy = dy.device,
                                                       .scale = scale.device,
                                                       .bias = bias.device,
                                                       .dw = dw.device},
                          scratch);
    normalise(x.host, x.n, scale.host, bias.host, s->C, b->precision);
    memset(dw.host, 0, dw.n * sizeof *dw.host);
    convolution_exact(s, CONV_DW, dy.host, x.host, dw.host);
    double *got = operand_read(b, dw.device, dw.n, b->precision);
    operand_check("fused dw", got, dw.host, dw.n, 3 * operand_tolerance(b->precision));
    xfree(got);
    device_free(b->d, scratch);
    operand_done(b, &x), operand_done(b, &dy), operand_done(b, &scale),
        operand_done(b, &bias), operand_done(b, &dw);
}

/* The norm's own gradients and the factors of the gradient before it, from dv [n] behind
 * its ReLU; all [C]: dgamma, dbeta, eq_dy, eq_x, eq_bias one after another. */
static void norm_gradients(const double *x, const double *dv, size_t n, size_t C,
                           const double *norm, double *out) {
    const double *mean = norm, *invstd = norm + C, *gamma = norm + 2 * C;
    memset(out, 0, 5 * C * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        out[i % C] += dv[i] * (x[i] - mean[i % C]) * invstd[i % C];
        out[C + i % C] += dv[i];
    }
    for (size_t c = 0; c < C; c++) {
        double a = gamma[c] * invstd[c], M = (double)(n / C);
        out[2 * C + c] = a;
        out[3 * C + c] = -a * invstd[c] * out[c] / M;
        out[4 * C + c] = a * (mean[c] * invstd[c] * out[c] - out[C + c]) / M;
    }
}

static void try_dx_dnorm(struct bench *b, const struct convolution_shape *s) {
    const struct convolution_plan *p = library_convolution(b->l, s, CONV_DX_DNORM);
    if (!p) return;
    const size_t n = convolution_x(s), C = (size_t)s->C;
    struct operand dy = operand_draw(b, convolution_y(s), b->precision, 1),
                   w = operand_draw(b, convolution_w(s), b->precision, 2);
    struct operand x = operand_draw(b, n, b->precision, 3),
                   dx = operand_draw(b, n, b->precision, 4);
    struct operand norm = operand_draw(b, 4 * C, FP32, 5),
                   out = operand_draw(b, 5 * C, FP32, 6);
    float *in = norm.device, *made = out.device;
    void *scratch = device_alloc(b->d, convolution_scratch(p) + 1, "test");
    convolution_run_fused(b->l, p,
                          &(struct convolution_memory){.dy = dy.device,
                                                       .w = w.device,
                                                       .x = x.device,
                                                       .dx = dx.device,
                                                       .mean = in,
                                                       .invstd = in + C,
                                                       .gamma = in + 2 * C,
                                                       .beta = in + 3 * C,
                                                       .dgamma = made,
                                                       .dbeta = made + C,
                                                       .eq_dy = made + 2 * C,
                                                       .eq_x = made + 3 * C,
                                                       .eq_bias = made + 4 * C},
                          scratch);
    memset(dx.host, 0, n * sizeof *dx.host);
    convolution_exact(s, CONV_DX, dy.host, w.host, dx.host);
    for (size_t i = 0; i < n; i++) {
        const double *v = norm.host + i % C;
        if (!((x.host[i] - v[0]) * v[C] * v[2 * C] + v[3 * C] > 0)) dx.host[i] = 0;
    }
    norm_gradients(x.host, dx.host, n, C, norm.host, out.host);
    double *got = operand_read(b, dx.device, n, b->precision),
           *all = operand_read(b, made, 5 * C, FP32);
    operand_check("dv", got, dx.host, n, operand_tolerance(b->precision));
    static const char *const names[] = {"dgamma", "dbeta", "eq_dy", "eq_x", "eq_bias"};
    for (size_t i = 0; i < 5; i++) /* sums of terms of both signs */
        operand_check(names[i], all + i * C, out.host + i * C, C,
                      10 * operand_tolerance(b->precision));
    xfree(got), xfree(all);
    device_free(b->d, scratch);
    operand_done(b, &dy), operand_done(b, &w), operand_done(b, &x), operand_done(b, &dx),
        operand_done(b, &norm), operand_done(b, &out);
}

static void every_fused_convolution_equals_its_definition(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof OPERAND_PRECISIONS / sizeof *OPERAND_PRECISIONS; i++) {
        if (!gpu_has(OPERAND_PRECISIONS[i])) continue;
        struct bench b = bench_start(OPERAND_PRECISIONS[i], NULL);
        for (size_t k = 0; k < 4; k++) {
            try_sums(&b, &CONVOLUTION[k], 0);
            try_sums(&b, &CONVOLUTION[k], 1);
            try_norm_dw(&b, &CONVOLUTION[k]);
            try_dx_dnorm(&b, &CONVOLUTION[k]);
        }
        bench_stop(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_fused_convolution_equals_its_definition),
    };
    return test_run(tests);
}
