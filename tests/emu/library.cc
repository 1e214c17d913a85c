/* library.cc - model/gpu/library.h in plain loops: operands of the storage type, sums in
 * double, the result rounded once. It chooses nothing: one plan a shape, no plan file. */
#include "tests/emu/inside.h"
extern "C" {
#include "model/gpu/library.h"
#include "model/precision.h"
}

struct convolution_plan {
    struct library *l;
    struct convolution_shape s;
    enum convolution_part part;
    struct convolution_plan *next;
};
struct product_plan {
    struct library *l;
    struct product p;
    struct product_plan *next;
};
struct library {
    struct device *d;
    enum precision precision;
    struct convolution_plan *convolutions;
    struct product_plan *products;
};

extern "C" struct library *library_open(struct device *d, enum precision precision,
                                        int deterministic, const char *plans) {
    (void)deterministic, (void)plans;
    struct library *l = (struct library *)xcalloc(1, sizeof *l);
    l->d = d;
    l->precision = precision;
    return l;
}

extern "C" void library_save(struct library *l) {
    (void)l;
}
extern "C" const char *library_plans_sha256(const struct library *l) {
    (void)l;
    return "none";
}
extern "C" const char *library_describe(const struct library *l) {
    (void)l;
    return "plain loops";
}

extern "C" void library_close(struct library *l) {
    for (struct convolution_plan *p = l->convolutions, *next; p; p = next) {
        next = p->next;
        xfree(p);
    }
    for (struct product_plan *p = l->products, *next; p; p = next) {
        next = p->next;
        xfree(p);
    }
    xfree(l);
}

/* ---- numbers as they are stored ---- */

static size_t width(enum precision p, enum element e) {
    return e == ELEMENT_F32 || (p != FP16 && p != BF16) ? 4 : 2;
}

static float load(const void *x, int64_t i, enum precision p, enum element e) {
    if (width(p, e) == 4) return ((const float *)x)[i];
    uint16_t bits = ((const uint16_t *)x)[i];
    return p == FP16 ? half_to_f32(bits) : bfloat_to_f32(bits);
}

static void store(void *x, int64_t i, double v, enum precision p, enum element e) {
    if (width(p, e) == 4)
        ((float *)x)[i] = (float)v;
    else
        ((uint16_t *)x)[i] =
            p == FP16 ? half_from_f32((float)v) : bfloat_from_f32((float)v);
}

/* A whole operand as a product reads it; caller frees. */
static float *floats(const void *x, size_t n, enum precision p) {
    emu_watch_copy(NULL, x, n * width(p, ELEMENT_STORAGE));
    float *out = (float *)xmalloc((n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++) out[i] = load(x, (int64_t)i, p, ELEMENT_STORAGE);
    for (size_t i = 0; p == TF32 && i < n; i++) out[i] = precision_round(p, out[i]);
    return out;
}

/* out = sums, or out += sums. */
static void put(void *out, const double *sums, size_t n, int sum, enum precision p) {
    emu_watch_copy(out, sum ? out : NULL, n * width(p, ELEMENT_STORAGE));
    for (size_t i = 0; i < n; i++) {
        double old = sum ? load(out, (int64_t)i, p, ELEMENT_STORAGE) : 0;
        store(out, (int64_t)i, old + sums[i], p, ELEMENT_STORAGE);
    }
}

/* ---- convolutions ---- */

extern "C" const struct convolution_plan *
library_convolution(struct library *l, const struct convolution_shape *s,
                    enum convolution_part part) {
    for (const struct convolution_plan *p = l->convolutions; p; p = p->next)
        if (p->part == part && !memcmp(&p->s, s, sizeof *s)) return p;
    struct convolution_plan *p = (struct convolution_plan *)xcalloc(1, sizeof *p);
    *p = {l, *s, part, l->convolutions};
    return l->convolutions = p;
}

extern "C" size_t convolution_scratch(const struct convolution_plan *p) {
    (void)p;
    return 0;
}

struct convolving {
    const struct convolution_plan *p;
    const void *a, *b;
    void *out;
    int sum;
};

/* One tap of one output pixel: xs [C], ys [K], w [C][K] for y and dx, w [K][C] for dw. */
static void tap(const struct convolution_shape *s, enum convolution_part part,
                const float *a, const float *b, double *out) {
    if (part == CONV_Y) /* out [K] += a [C] b [C][K] */
        for (int c = 0; c < s->C; c++)
            for (int k = 0; k < s->K; k++)
                out[k] += (double)a[c] * (double)b[(size_t)c * s->K + k];
    else if (part == CONV_DX) /* out [C] += a [K] b [K][C], the latter's rows R * S apart */
        for (int k = 0; k < s->K; k++)
            for (int c = 0; c < s->C; c++)
                out[c] += (double)a[k] * (double)b[(size_t)k * s->R * s->S * s->C + c];
    else /* out [K][C], rows R * S apart, += a [K] b [C] */
        for (int k = 0; k < s->K; k++)
            for (int c = 0; c < s->C; c++)
                out[(size_t)k * s->R * s->S * s->C + c] += (double)a[k] * (double)b[c];
}

static void convolve(const struct convolution_shape *s, enum convolution_part part,
                     const float *a, const float *b, double *out) {
    for (int n = 0; n < s->N; n++)
        for (int p = 0; p < s->P; p++)
            for (int q = 0; q < s->Q; q++)
                for (int r = 0; r < s->R; r++)
                    for (int t = 0; t < s->S; t++) {
                        int h = p * s->stride - s->pad + r * s->dilation;
                        int w = q * s->stride - s->pad + t * s->dilation;
                        if (h < 0 || h >= s->H || w < 0 || w >= s->W) continue;
                        size_t x = (((size_t)n * s->H + h) * s->W + w) * s->C;
                        size_t y = (((size_t)n * s->P + p) * s->Q + q) * s->K;
                        size_t v = ((size_t)r * s->S + t) * s->C;
                        if (part == CONV_Y) tap(s, part, a + x, b + v * s->K, out + y);
                        if (part == CONV_DX) tap(s, part, a + y, b + v, out + x);
                        if (part == CONV_DW) tap(s, part, a + y, b + x, out + v);
                    }
}

/* [K][R][S][C] as [R][S][C][K]. */
static void turn(const struct convolution_shape *s, float *w) {
    size_t inner = (size_t)s->R * s->S * s->C, K = (size_t)s->K;
    float *from = (float *)xmalloc(inner * K * sizeof *from);
    memcpy(from, w, inner * K * sizeof *from);
    for (size_t k = 0; k < K; k++)
        for (size_t i = 0; i < inner; i++) w[i * K + k] = from[k * inner + i];
    xfree(from);
}

static void run_convolution(struct device *d, const void *need) {
    const struct convolving *c = (const struct convolving *)need;
    const struct convolution_shape *s = &c->p->s;
    const enum precision precision = c->p->l->precision;
    const size_t x = (size_t)s->N * s->H * s->W * s->C,
                 y = (size_t)s->N * s->P * s->Q * s->K,
                 w = (size_t)s->K * s->R * s->S * s->C;
    const enum convolution_part part = c->p->part;
    (void)d;
    size_t n = part == CONV_Y ? y : part == CONV_DX ? x : w;
    float *a = floats(c->a, part == CONV_Y ? x : y, precision);
    float *b = floats(c->b, part == CONV_DW ? x : w, precision);
    double *out = (double *)xcalloc(n + 1, sizeof *out);
    if (part == CONV_Y) turn(s, b);
    convolve(s, part, a, b, out);
    put(c->out, out, n, c->sum, precision);
    xfree(a);
    xfree(b);
    xfree(out);
}

extern "C" void convolution_run(struct library *l, const struct convolution_plan *p,
                                const void *a, const void *b, void *out, int sum,
                                void *scratch) {
    const struct convolving c = {p, a, b, out, sum};
    (void)scratch;
    if (sum && p->part != CONV_DX)
        die_no("emulator: only a convolution's dx may be added up");
    emu_do(l->d, run_convolution, &c, sizeof c);
}

/* ---- matrix products ---- */

extern "C" const struct product_plan *library_product(struct library *l,
                                                      const struct product *wanted) {
    for (const struct product_plan *p = l->products; p; p = p->next)
        if (!memcmp(&p->p, wanted, sizeof *wanted)) return p;
    struct product_plan *p = (struct product_plan *)xcalloc(1, sizeof *p);
    memcpy(&p->p, wanted, sizeof *wanted);
    p->l = l;
    p->next = l->products;
    return l->products = p;
}

extern "C" size_t product_scratch(const struct product_plan *p) {
    (void)p;
    return 0;
}

struct multiplying {
    const struct product_plan *p;
    const void *a, *b;
    void *c;
    const float *bias;
};

/* Elements from the first row's start to the last row's end. */
static size_t extent(int rows, int columns, int ld) {
    return (size_t)(rows - 1) * ld + columns;
}

static void multiply(const struct product *p, enum precision precision, const float *a,
                     const float *b, void *c, const float *bias, double *row) {
    for (int m = 0; m < p->M; m++) {
        for (int n = 0; n < p->N; n++) row[n] = 0;
        for (int k = 0; k < p->K; k++) {
            double x = p->ta ? a[(size_t)k * p->lda + m] : a[(size_t)m * p->lda + k];
            for (int n = 0; n < p->N; n++)
                row[n] += x * (double)(p->tb ? b[(size_t)n * p->ldb + k]
                                             : b[(size_t)k * p->ldb + n]);
        }
        for (int n = 0; n < p->N; n++) {
            int64_t i = (int64_t)m * p->ldc + n;
            double old = p->sum ? load(c, i, precision, p->c) : 0;
            store(c, i, row[n] + old + (p->bias ? bias[n] : 0), precision, p->c);
        }
    }
}

static void run_product(struct device *d, const void *need) {
    const struct multiplying *m = (const struct multiplying *)need;
    const struct product *p = &m->p->p;
    const enum precision precision = m->p->l->precision;
    const size_t each = width(precision, ELEMENT_STORAGE), c_each = width(precision, p->c);
    double *row = (double *)xmalloc((size_t)p->N * sizeof *row);
    (void)d;
    for (int i = 0; i < p->batch; i++) {
        const char *at_a = (const char *)m->a + i * p->stride_a * (int64_t)each;
        const char *at_b = (const char *)m->b + i * p->stride_b * (int64_t)each;
        char *at_c = (char *)m->c + i * p->stride_c * (int64_t)c_each;
        float *a =
            floats(at_a, p->ta ? extent(p->K, p->M, p->lda) : extent(p->M, p->K, p->lda),
                   precision);
        float *b =
            floats(at_b, p->tb ? extent(p->N, p->K, p->ldb) : extent(p->K, p->N, p->ldb),
                   precision);
        multiply(p, precision, a, b, at_c, m->bias, row);
        xfree(a);
        xfree(b);
    }
    xfree(row);
}

extern "C" void product_run(struct library *l, const struct product_plan *p, const void *a,
                            const void *b, void *c, const float *bias, void *scratch) {
    const struct multiplying m = {p, a, b, c, bias};
    (void)scratch;
    emu_do(l->d, run_product, &m, sizeof m);
}
