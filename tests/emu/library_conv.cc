/* library_conv.cc - the emulated library's convolutions, plain and fused, in plain
 * loops. */
#include "tests/emu/library.h"

extern "C" const struct convolution_plan *
library_convolution(struct library *l, const struct convolution_shape *s,
                    enum convolution_part part) {
    const char *fused = getenv("EMU_FUSED"); /* 0: a library without them */
    if (part > CONV_DW && fused && strcmp(fused, "0") == 0) return NULL;
    for (const struct convolution_plan *p = l->convolutions; p; p = p->next)
        if (p->part == part && !memcmp(&p->s, s, sizeof *s)) return p;
    struct convolution_plan *p = (struct convolution_plan *)xcalloc(1, sizeof *p);
    *p = {l, *s, part, l->convolutions};
    char name[160];
    snprintf(name, sizeof name, "conv %d n%d %dx%dx%d k%d %dx%d s%d p%d d%d", part, s->N,
             s->H, s->W, s->C, s->K, s->R, s->S, s->stride, s->pad, s->dilation);
    emu_choose_loops(l, name);
    return l->convolutions = p;
}

extern "C" size_t convolution_scratch(const struct convolution_plan *p) {
    (void)p;
    return EMU_SCRATCH;
}

extern "C" const char *convolution_about(const struct convolution_plan *p) {
    (void)p;
    return "loops";
}

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

static void sum_taps(const struct convolution_shape *s, enum convolution_part part,
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

/* A plain part's result, of which `n` elements; a and b are convolution_run's. Caller
 * frees. */
static double *convolve(const struct convolution_shape *s, enum convolution_part part,
                        const float *a, float *b, size_t n) {
    double *out = (double *)xcalloc(n + 1, sizeof *out);
    if (part == CONV_Y) turn(s, b);
    sum_taps(s, part, a, b, out);
    return out;
}

struct sizes { /* elements */
    size_t x, y, w;
};

static struct sizes sizes_of(const struct convolution_shape *s) {
    return {(size_t)s->N * s->H * s->W * s->C, (size_t)s->N * s->P * s->Q * s->K,
            (size_t)s->K * s->R * s->S * s->C};
}

/* ---- plain ---- */

struct convolving {
    const struct convolution_plan *p;
    const void *a, *b;
    void *out, *scratch;
    int sum;
};

static void run_convolution(struct device *d, const void *need) {
    const struct convolving *c = (const struct convolving *)need;
    const enum precision precision = c->p->l->precision;
    const enum convolution_part part = c->p->part;
    const struct sizes size = sizes_of(&c->p->s);
    (void)d;
    size_t n = part == CONV_Y ? size.y : part == CONV_DX ? size.x : size.w;
    emu_scribble(c->scratch);
    float *a = emu_floats(c->a, part == CONV_Y ? size.x : size.y, precision);
    float *b = emu_floats(c->b, part == CONV_DW ? size.x : size.w, precision);
    double *out = convolve(&c->p->s, part, a, b, n);
    emu_put(c->out, out, n, c->sum, precision);
    xfree(a);
    xfree(b);
    xfree(out);
}

extern "C" void convolution_run(struct library *l, const struct convolution_plan *p,
                                const void *a, const void *b, void *out, int sum,
                                void *scratch) {
    const struct convolving c = {p, a, b, out, scratch, sum};
    if (sum && p->part != CONV_DX)
        die_no("emulator: only a convolution's dx may be added up");
    emu_do(l->d, run_convolution, &c, sizeof c);
}

/* ---- fused ---- */

struct fusing {
    const struct convolution_plan *p;
    struct convolution_memory at;
    void *scratch;
};

/* relu(x * scale + bias) as the product reads it; caller frees. */
static float *normalised(const struct fusing *f) {
    const enum precision precision = f->p->l->precision;
    const size_t C = (size_t)f->p->s.C, n = sizes_of(&f->p->s).x;
    float *x = emu_floats(f->at.x, n, precision),
          *scale = emu_floats(f->at.scale, C, precision);
    float *bias = emu_floats(f->at.bias, C, precision);
    for (size_t i = 0; i < n; i++) {
        float v = x[i] * scale[i % C] + bias[i % C];
        x[i] = v > 0 ? precision_round(precision, v) : 0;
    }
    xfree(scale);
    xfree(bias);
    return x;
}

static void run_sums(const struct fusing *f) {
    const struct convolution_shape *s = &f->p->s;
    const enum precision precision = f->p->l->precision;
    const struct sizes size = sizes_of(s);
    float *x = f->p->part == CONV_NORM_Y_SUMS ? normalised(f)
                                              : emu_floats(f->at.x, size.x, precision);
    float *w = emu_floats(f->at.w, size.w, precision);
    double *y = convolve(s, CONV_Y, x, w, size.y);
    double *sum = (double *)xcalloc(2 * (size_t)s->K, sizeof *sum), *squares = sum + s->K;
    emu_put(f->at.y, y, size.y, 0, precision);
    for (size_t i = 0; i < size.y; i++) {
        double v = emu_load(f->at.y, (int64_t)i, precision, ELEMENT_STORAGE);
        sum[i % s->K] += v;
        squares[i % s->K] += v * v;
    }
    emu_watch_copy(f->at.sum, NULL, (size_t)s->K * sizeof(float));
    emu_watch_copy(f->at.squares, NULL, (size_t)s->K * sizeof(float));
    for (int k = 0; k < s->K; k++) {
        f->at.sum[k] = (float)sum[k];
        f->at.squares[k] = (float)squares[k];
    }
    xfree(x);
    xfree(w);
    xfree(y);
    xfree(sum);
}

static void run_norm_dw(const struct fusing *f) {
    const enum precision precision = f->p->l->precision;
    const struct sizes size = sizes_of(&f->p->s);
    float *dy = emu_floats(f->at.dy, size.y, precision), *x = normalised(f);
    double *dw = convolve(&f->p->s, CONV_DW, dy, x, size.w);
    emu_put(f->at.dw, dw, size.w, 0, precision);
    xfree(dy);
    xfree(x);
    xfree(dw);
}

/* Of one channel: what its gradient before the norm is made of. */
static void factors(const struct fusing *f, int c, double dgamma, double dbeta) {
    const struct convolution_shape *s = &f->p->s;
    double M = (double)s->N * s->H * s->W, gamma = f->at.gamma[c], invstd = f->at.invstd[c];
    f->at.dgamma[c] = (float)dgamma;
    f->at.dbeta[c] = (float)dbeta;
    f->at.eq_dy[c] = (float)(gamma * invstd);
    f->at.eq_x[c] = (float)(-gamma * invstd * invstd * dgamma / M);
    f->at.eq_bias[c] =
        (float)(gamma * invstd * (f->at.mean[c] * invstd * dgamma - dbeta) / M);
}

static void run_dx_dnorm(const struct fusing *f) {
    const struct convolution_shape *s = &f->p->s;
    const enum precision precision = f->p->l->precision;
    const struct sizes size = sizes_of(s);
    const size_t C = (size_t)s->C;
    float *x = emu_floats(f->at.x, size.x, precision),
          *dy = emu_floats(f->at.dy, size.y, precision);
    float *w = emu_floats(f->at.w, size.w, precision);
    double *dv = convolve(s, CONV_DX, dy, w, size.x);
    double *dgamma = (double *)xcalloc(2 * C, sizeof *dgamma), *dbeta = dgamma + C;
    for (size_t i = 0; i < size.x; i++) {
        size_t c = i % C;
        float v = (x[i] - f->at.mean[c]) * f->at.invstd[c];
        if (!(v * f->at.gamma[c] + f->at.beta[c] > 0)) dv[i] = 0;
    }
    emu_put(f->at.dx, dv, size.x, 0, precision);
    for (size_t i = 0; i < size.x; i++) {
        size_t c = i % C;
        double g = emu_load(f->at.dx, (int64_t)i, precision, ELEMENT_STORAGE);
        dgamma[c] += g * (x[i] - f->at.mean[c]) * f->at.invstd[c];
        dbeta[c] += g;
    }
    const float *in[] = {f->at.mean, f->at.invstd, f->at.gamma, f->at.beta};
    float *out[] = {f->at.dgamma, f->at.dbeta, f->at.eq_dy, f->at.eq_x, f->at.eq_bias};
    for (const float *p : in) emu_watch_copy(NULL, p, C * sizeof(float));
    for (float *p : out) emu_watch_copy(p, NULL, C * sizeof(float));
    for (int c = 0; c < s->C; c++) factors(f, c, dgamma[c], dbeta[c]);
    xfree(x);
    xfree(dy);
    xfree(w);
    xfree(dv);
    xfree(dgamma);
}

static void run_fused(struct device *d, const void *need) {
    const struct fusing *f = (const struct fusing *)need;
    (void)d;
    emu_scribble(f->scratch);
    if (f->p->part == CONV_NORM_DW)
        run_norm_dw(f);
    else if (f->p->part == CONV_DX_DNORM)
        run_dx_dnorm(f);
    else
        run_sums(f);
}

extern "C" void convolution_run_fused(struct library *l, const struct convolution_plan *p,
                                      const struct convolution_memory *at, void *scratch) {
    const struct fusing f = {p, *at, scratch};
    emu_do(l->d, run_fused, &f, sizeof f);
}
