/* ends.c - where pictures come in and the loss goes out. */
#include "model/cpu/kernels.h"
#include "model/cpu/threads.h"
#include "model/cpu/vmath.h"

enum { LEVELS = 256, STRETCH = 256 };

/* One plane of one picture: a table of 256 results, then look-ups. */
static void input_task(void *arg, int task, int worker) {
    const struct call *c = arg;
    const struct attr *a = c->attr;
    int S = c->ys.dim[1], n = task / 3, plane = task % 3, flip = c->flip ? c->flip[n] : 0;
    float *y = (float *)c->y + (size_t)task * (size_t)S * (size_t)S, table[LEVELS];
    (void)worker;
    for (int v = 0; v < LEVELS; v++)
        table[v] = (float)((v - a->mean[plane]) / a->std[plane]);
    for (int h = 0; h < S; h++) {
        const uint8_t *row =
            c->image[n] + 3 * (size_t)S * (size_t)(flip & 2 ? S - 1 - h : h);
        for (int w = 0; w < S; w++) {
            const uint8_t *rgb = row + 3 * (flip & 1 ? S - 1 - w : w);
            int v = rgb[a->plane[plane]];
            if (a->gray) /* Pillow's convert("L") */
                v = (19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 0x8000) >> 16;
            *y++ = table[v];
        }
    }
}

void cpu_input_forward(const struct call *c) {
    parallel(3 * c->N, input_task, (void *)c);
}
void cpu_input_backward(const struct call *c) {
    (void)c; /* nothing lies before a picture */
}

/* ---- loss: the words of recipe key `loss`, see ref_loss_forward ---- */

enum { LOSS_BCE, LOSS_DICE, LOSS_BCE_DICE };
struct sums {
    double bce, both, pred, truth;
};

/* Truth of n pixels from (h, w) on, flips honoured: 0 or 1. */
static void truth_of(const struct call *c, int picture, int h, int w, int n, float *t) {
    int S = c->xs[0].dim[1], flip = c->flip ? c->flip[picture] : 0;
    const uint8_t *mask = c->mask[picture];
    size_t row = (size_t)(flip & 2 ? S - 1 - h : h) * (size_t)S;
    for (int i = 0; i < n; i++) {
        size_t bit = row + (size_t)(flip & 1 ? S - 1 - (w + i) : w + i);
        t[i] = (float)(mask[bit / 8] >> (bit % 8) & 1);
    }
}

FAST static void add_sums(const float *z, const float *t, size_t n, struct sums *s) {
    vec bce = {0}, both = {0}, pred = {0}, truth = {0}, v, m, p, tail;
    for (size_t i = 0; i < n; i += LANES) {
        get(&v, z + i, n - i);
        get(&m, t + i, n - i);
        p = v;
        logistic8(&p, &tail);
        if (n - i < LANES) { /* lanes beyond the end count nothing */
            for (size_t k = n - i; k < LANES; k++) p[k] = tail[k] = 0;
        }
        log1p8(&tail);
        bce += (vec)((v > 0) & (ivec)v) - v * m + tail;
        both += p * m;
        pred += p;
        truth += m;
    }
    s->bce += lanes_sum(&bce);
    s->both += lanes_sum(&both);
    s->pred += lanes_sum(&pred);
    s->truth += lanes_sum(&truth);
}

static struct sums sums_of(const struct call *c, int n) {
    int S = c->xs[0].dim[1];
    const float *z = (const float *)c->x[0] + (size_t)n * (size_t)S * (size_t)S;
    struct sums s = {0, 0, 0, 0};
    float t[STRETCH];
    for (int h = 0; h < S; h++)
        for (int w = 0; w < S; w += STRETCH) {
            int stretch = S - w < STRETCH ? S - w : STRETCH;
            truth_of(c, n, h, w, stretch, t);
            add_sums(z + (size_t)h * (size_t)S + w, t, (size_t)stretch, &s);
        }
    return s;
}

static void loss_task(void *arg, int n, int worker) {
    const struct call *c = arg;
    struct sums s = sums_of(c, n);
    int S = c->xs[0].dim[1];
    double bce = s.bce / S / S, dice = 1 - (2 * s.both + 1) / (s.pred + s.truth + 1);
    (void)worker;
    c->loss[n] =
        (c->attr->loss != LOSS_DICE ? bce : 0) + (c->attr->loss != LOSS_BCE ? dice : 0);
    ((float *)c->y)[n] = (float)c->loss[n];
}

void cpu_loss_forward(const struct call *c) {
    parallel(c->N, loss_task, (void *)c);
}

/* dz = bce (p - t) + (flat - hit t) p (1 - p), times what stands before. */
FAST static void gradients(const struct call *c, size_t at, const float *t, size_t n,
                           float bce, float flat, float hit) {
    const float *z = (const float *)c->x[0] + at;
    float *dz = (float *)c->dx[0] + at;
    for (size_t i = 0; i < n; i += LANES) {
        vec p, m, tail, old;
        get(&p, z + i, n - i);
        get(&m, t + i, n - i);
        logistic8(&p, &tail);
        p = bce * (p - m) + (flat - hit * m) * p * (1 - p);
        if (c->sum[0]) {
            get(&old, dz + i, n - i);
            p += old;
        }
        put(dz + i, &p, n - i);
    }
}

static void loss_back_task(void *arg, int n, int worker) {
    const struct call *c = arg;
    int S = c->xs[0].dim[1];
    double scale = c->loss_scale / c->N, bce = 0, flat = 0, hit = 0;
    (void)worker;
    if (c->attr->loss != LOSS_DICE) bce = scale / S / S;
    if (c->attr->loss != LOSS_BCE) {
        struct sums s = sums_of(c, n);
        double bottom = s.pred + s.truth + 1, top = 2 * s.both + 1;
        flat = scale * top / (bottom * bottom);
        hit = scale * 2 / bottom;
    }
    float t[STRETCH];
    for (int h = 0; h < S; h++)
        for (int w = 0; w < S; w += STRETCH) {
            int stretch = S - w < STRETCH ? S - w : STRETCH;
            truth_of(c, n, h, w, stretch, t);
            gradients(c, ((size_t)n * (size_t)S + (size_t)h) * (size_t)S + (size_t)w, t,
                      (size_t)stretch, (float)bce, (float)flat, (float)hit);
        }
}

void cpu_loss_backward(const struct call *c) {
    parallel(c->N, loss_back_task, (void *)c);
}
