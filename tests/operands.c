/* operands.c - see operands.h. */
#include "tests/operands.h"
#include "tests/test.h"
#include "core/bag.h"
#include "core/rng.h"

const enum precision OPERAND_PRECISIONS[4] = {FP32, TF32, FP16, BF16};

double operand_tolerance(enum precision p) {
    return p == FP32 ? 2e-6 : p == TF32 ? 1e-3 : p == FP16 ? 4e-4 : 3e-3;
}

struct bench bench_start(enum precision precision, const char *plans) {
    char why[256];
    struct bench b = {device_open(0, why, sizeof why), NULL, precision};
    if (!b.d) {
        print_message("no GPU: %s\n", why);
        skip();
    }
    b.l = library_open(b.d, precision, 1, plans);
    return b;
}

void bench_stop(struct bench *b) {
    library_close(b->l);
    device_close(b->d);
}

static void put_bits(void *to, size_t i, enum precision precision, float x) {
    if (precision == FP16)
        ((uint16_t *)to)[i] = half_from_f32(x);
    else if (precision == BF16)
        ((uint16_t *)to)[i] = bfloat_from_f32(x);
    else
        ((float *)to)[i] = x;
}

static float get_bits(const void *from, size_t i, enum precision precision) {
    if (precision == FP16) return half_to_f32(((const uint16_t *)from)[i]);
    if (precision == BF16) return bfloat_to_f32(((const uint16_t *)from)[i]);
    return ((const float *)from)[i];
}

struct operand operand_draw(struct bench *b, size_t n, enum precision precision,
                            uint32_t which) {
    struct operand o = {n, device_alloc(b->d, n * 4, "test"), xmalloc(n * sizeof(double))};
    void *bits = xmalloc(n * 4);
    for (size_t i = 0; i < n; i++) {
        put_bits(bits, i, precision,
                 (float)rng_u32(7, STREAM_SPLIT, which, i) / 2147483648.f - 1);
        o.host[i] = get_bits(bits, i, precision);
    }
    device_upload(b->d, o.device, bits,
                  n * (precision == FP16 || precision == BF16 ? 2 : 4));
    xfree(bits);
    return o;
}

double *operand_read(struct bench *b, const void *device, size_t n,
                     enum precision precision) {
    void *bits = xmalloc(n * 4);
    double *out = xmalloc(n * sizeof *out);
    device_download(b->d, bits, device,
                    n * (precision == FP16 || precision == BF16 ? 2 : 4));
    for (size_t i = 0; i < n; i++) out[i] = get_bits(bits, i, precision);
    xfree(bits);
    return out;
}

void operand_done(struct bench *b, struct operand *o) {
    device_free(b->d, o->device);
    xfree(o->host);
}

void operand_check(const char *what, const double *got, const double *wanted, size_t n,
                   double bound) {
    double off = relative_l2(got, wanted, n);
    if (!(off <= bound))
        print_error("%s: off by %.3g, wanted at most %.3g\n", what, off, bound);
    assert_true(off <= bound);
}

/* ---- convolutions ---- */

const struct convolution_shape CONVOLUTION[CONVOLUTIONS] = {
    /* N  H   W   C   K  R  S  stride pad dilation P  Q */
    {2, 9, 9, 16, 24, 1, 1, 1, 0, 1, 9, 9},   {3, 14, 14, 32, 16, 3, 3, 1, 1, 1, 14, 14},
    {2, 13, 13, 16, 16, 3, 3, 2, 1, 1, 7, 7}, {2, 14, 14, 24, 16, 3, 3, 1, 6, 6, 14, 14},
    {1, 7, 7, 8, 8, 3, 3, 1, 12, 12, 7, 7},   {2, 22, 22, 8, 16, 7, 7, 2, 3, 1, 11, 11},
    {2, 8, 8, 16, 32, 1, 1, 2, 0, 1, 4, 4},   {2, 32, 32, 8, 24, 16, 16, 16, 0, 1, 2, 2},
};

size_t convolution_x(const struct convolution_shape *s) {
    return (size_t)s->N * (size_t)s->H * (size_t)s->W * (size_t)s->C;
}
size_t convolution_y(const struct convolution_shape *s) {
    return (size_t)s->N * (size_t)s->P * (size_t)s->Q * (size_t)s->K;
}
size_t convolution_w(const struct convolution_shape *s) {
    return (size_t)s->K * (size_t)s->R * (size_t)s->S * (size_t)s->C;
}

void convolution_exact(const struct convolution_shape *s, enum convolution_part part,
                       const double *a, const double *b, double *to) {
    for (int n = 0; n < s->N; n++)
        for (int p = 0; p < s->P * s->Q; p++)
            for (int r = 0; r < s->R * s->S; r++) {
                int h = p / s->Q * s->stride - s->pad + r / s->S * s->dilation;
                int w = p % s->Q * s->stride - s->pad + r % s->S * s->dilation;
                if (h < 0 || h >= s->H || w < 0 || w >= s->W) continue;
                for (int k = 0; k < s->K; k++)
                    for (int c = 0; c < s->C; c++) {
                        int x = ((n * s->H + h) * s->W + w) * s->C + c;
                        int y = (n * s->P * s->Q + p) * s->K + k;
                        int v = (k * s->R * s->S + r) * s->C + c;
                        if (part == CONV_Y) to[y] += a[x] * b[v];
                        if (part == CONV_DX) to[x] += a[y] * b[v];
                        if (part == CONV_DW) to[v] += a[y] * b[x];
                    }
            }
}
