/* library.cc - model/gpu/library.h in plain loops: operands of the storage type, sums in
 * double, the result rounded once. A shape has one plan; the plan file holds a word for
 * each, so that the machine's dealings with it are those of a real device. Convolutions:
 * library_conv.cc. */
#include "tests/emu/library.h"

/* Every choice goes through the file: 1 if it holds this name. */
static int chosen(struct library *l, const char *name, char *text, size_t size) {
    size_t n;
    const void *bytes = plan_file_find(l->plans, name, &n);
    if (!bytes || n >= size) return 0;
    memcpy(text, bytes, n);
    text[n] = 0;
    return 1;
}

/* A plan is chosen by timing, which takes memory and waits. */
static void check_planning(const struct library *l, const char *name) {
    if (l->d->capturing) die_no("emulator: '%s' is planned while capturing", name);
}

void emu_choose_loops(struct library *l, const char *name) {
    char text[16];
    check_planning(l, name);
    if (!chosen(l, name, text, sizeof text)) plan_file_add(l->plans, name, "loops", 5);
}

extern "C" struct library *library_open(struct device *d, enum precision precision,
                                        int deterministic, const char *plans) {
    if (precision == BF16 && d->capability < 80)
        die_world(
            "%s: compute capability %d.%d has no bf16, wanted 8.0; use precision fp16",
            d->name, d->capability / 10, d->capability % 10);
    struct library *l = (struct library *)xcalloc(1, sizeof *l);
    (void)deterministic;
    l->d = d;
    l->precision = precision;
    l->plans = plan_file_open(plans, d->name);
    return l;
}

extern "C" void library_save(struct library *l) {
    plan_file_save(l->plans);
}
extern "C" const char *library_plans_sha256(const struct library *l) {
    return plan_file_sha256(l->plans);
}
extern "C" const char *library_describe(const struct library *l) {
    (void)l;
    return "plain loops";
}

/* The way that EMU_WAY names, else the last: what is not the plain way needs the test.
 * EMU_CHOOSE=run enqueues every way once, as where they are timed. */
extern "C" int library_choose(struct library *l, const char *name, int ways,
                              void (*run)(void *arg, int way), void *arg) {
    char key[1200], text[16];
    const char *wanted = getenv("EMU_WAY");
    const char *choose = getenv("EMU_CHOOSE");
    for (int i = 0; choose && strcmp(choose, "run") == 0 && i < ways; i++) run(arg, i);
    snprintf(key, sizeof key, "way %s", name);
    int way = wanted ? atoi(wanted) : ways - 1;
    if (chosen(l, key, text, sizeof text))
        way = atoi(text);
    else
        check_planning(l, name);
    if (way < 0 || way >= ways) way = ways - 1;
    snprintf(text, sizeof text, "%d", way);
    plan_file_add(l->plans, key, text, strlen(text));
    return way;
}

/* The library's free use of scratch, so that nobody else has anything there. */
void emu_scribble(void *scratch) {
    emu_watch_copy(scratch, NULL, EMU_SCRATCH);
    memset(scratch, 0xa5, EMU_SCRATCH);
}

extern "C" void library_close(struct library *l) {
    library_save(l);
    for (struct convolution_plan *p = l->convolutions, *next; p; p = next) {
        next = p->next;
        xfree(p);
    }
    for (struct product_plan *p = l->products, *next; p; p = next) {
        next = p->next;
        xfree(p);
    }
    plan_file_close(l->plans);
    xfree(l);
}

/* ---- numbers as they are stored ---- */

size_t emu_width(enum precision p, enum element e) {
    return e == ELEMENT_F32 || (p != FP16 && p != BF16) ? 4 : 2;
}

float emu_load(const void *x, int64_t i, enum precision p, enum element e) {
    if (emu_width(p, e) == 4) return ((const float *)x)[i];
    uint16_t bits = ((const uint16_t *)x)[i];
    return p == FP16 ? half_to_f32(bits) : bfloat_to_f32(bits);
}

void emu_store(void *x, int64_t i, double v, enum precision p, enum element e) {
    if (emu_width(p, e) == 4)
        ((float *)x)[i] = (float)v;
    else
        ((uint16_t *)x)[i] =
            p == FP16 ? half_from_f32((float)v) : bfloat_from_f32((float)v);
}

/* A whole operand as a product reads it; caller frees. */
float *emu_floats(const void *x, size_t n, enum precision p) {
    emu_watch_copy(NULL, x, n * emu_width(p, ELEMENT_STORAGE));
    float *out = (float *)xmalloc((n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++) out[i] = emu_load(x, (int64_t)i, p, ELEMENT_STORAGE);
    for (size_t i = 0; p == TF32 && i < n; i++) out[i] = precision_round(p, out[i]);
    return out;
}

/* out = sums, or out += sums. */
void emu_put(void *out, const double *sums, size_t n, int sum, enum precision p) {
    emu_watch_copy(out, sum ? out : NULL, n * emu_width(p, ELEMENT_STORAGE));
    for (size_t i = 0; i < n; i++) {
        double old = sum ? emu_load(out, (int64_t)i, p, ELEMENT_STORAGE) : 0;
        emu_store(out, (int64_t)i, old + sums[i], p, ELEMENT_STORAGE);
    }
}

/* ---- matrix products ---- */

extern "C" const struct product_plan *library_product(struct library *l,
                                                      const struct product *wanted) {
    for (const struct product_plan *p = l->products; p; p = p->next)
        if (!memcmp(&p->p, wanted, sizeof *wanted)) return p;
    struct product_plan *p = (struct product_plan *)xcalloc(1, sizeof *p);
    char name[160];
    snprintf(name, sizeof name, "product m%d n%d k%d x%d %d%d %d,%d,%d %d%d%d", wanted->M,
             wanted->N, wanted->K, wanted->batch, wanted->ta, wanted->tb, wanted->lda,
             wanted->ldb, wanted->ldc, wanted->c, wanted->sum, wanted->bias);
    emu_choose_loops(l, name);
    memcpy(&p->p, wanted, sizeof *wanted);
    p->l = l;
    p->next = l->products;
    return l->products = p;
}

extern "C" size_t product_scratch(const struct product_plan *p) {
    (void)p;
    return EMU_SCRATCH;
}

struct multiplying {
    const struct product_plan *p;
    const void *a, *b;
    void *c, *scratch;
    const float *bias;
};

/* Elements from the first row's start to the last row's end. */
static size_t extent(int rows, int columns, int ld) {
    return (size_t)(rows - 1) * ld + columns;
}

/* cuBLASLt adds a bias of C's type. */
static float stored(float bias, enum precision precision, enum element c) {
    return c == ELEMENT_STORAGE && precision != TF32 ? precision_round(precision, bias)
                                                     : bias;
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
        const size_t each = emu_width(precision, p->c);
        char *out = (char *)c + (size_t)m * p->ldc * each;
        emu_watch_copy(out, p->sum ? out : NULL, (size_t)p->N * each);
        for (int n = 0; n < p->N; n++) {
            double old = p->sum ? emu_load(out, n, precision, p->c) : 0;
            emu_store(out, n,
                      row[n] + old + (p->bias ? stored(bias[n], precision, p->c) : 0),
                      precision, p->c);
        }
    }
}

static void run_product(struct device *d, const void *need) {
    const struct multiplying *m = (const struct multiplying *)need;
    const struct product *p = &m->p->p;
    const enum precision precision = m->p->l->precision;
    const size_t each = emu_width(precision, ELEMENT_STORAGE),
                 c_each = emu_width(precision, p->c);
    double *row = (double *)xmalloc((size_t)p->N * sizeof *row);
    (void)d;
    emu_scribble(m->scratch);
    if (p->bias) emu_watch_copy(NULL, m->bias, (size_t)p->N * sizeof *m->bias);
    for (int i = 0; i < p->batch; i++) {
        const char *at_a = (const char *)m->a + i * p->stride_a * (int64_t)each;
        const char *at_b = (const char *)m->b + i * p->stride_b * (int64_t)each;
        char *at_c = (char *)m->c + i * p->stride_c * (int64_t)c_each;
        float *a = emu_floats(
            at_a, p->ta ? extent(p->K, p->M, p->lda) : extent(p->M, p->K, p->lda),
            precision);
        float *b = emu_floats(
            at_b, p->tb ? extent(p->N, p->K, p->ldb) : extent(p->K, p->N, p->ldb),
            precision);
        multiply(p, precision, a, b, at_c, m->bias, row);
        xfree(a);
        xfree(b);
    }
    xfree(row);
}

extern "C" void product_run(struct library *l, const struct product_plan *p, const void *a,
                            const void *b, void *c, const float *bias, void *scratch) {
    const struct multiplying m = {p, a, b, c, scratch, bias};
    emu_do(l->d, run_product, &m, sizeof m);
}
