/* columns.c - windows of a picture to columns and back (im2col, col2im). Copies only: no
 * product. */
#include "model/cpu/conv.h"
#include "model/cpu/vec.h"

/* The part of a window copy that is the same for all channels: tap (r, s), rows p0..p1. */
struct tap {
    int stride, W, Q, rows; /* rows: of the tile */
    int p0, p1;             /* output rows with a source, from the tile's first */
    int q0, q1;             /* output columns with a source */
    long start;             /* source index of (p0, column 0); may lie before the row */
    long in;
};

static struct tap tap_of(const struct conv *v, int r, int s, int p0, int p1) {
    struct tap t = {
        .stride = v->stride, .W = v->W, .Q = v->Q, .rows = p1 - p0, .in = (long)v->in};
    int from, to;
    tap_range(v, r, v->H, v->P, &from, &to);
    t.p0 = (from > p0 ? from : p0) - p0;
    t.p1 = (to < p1 ? to : p1) - p0;
    if (t.p1 <= t.p0) t.p0 = t.p1 = t.rows;
    tap_range(v, s, v->W, v->Q, &t.q0, &t.q1);
    if (t.q0 == t.q1) t.p0 = t.p1 = t.rows;
    long h = (long)(p0 + t.p0) * v->stride - v->pad + (long)r * v->dilation;
    t.start = h * v->W - v->pad + (long)s * v->dilation;
    return t;
}

static void zero(float *x, long n) {
    for (long i = 0; i < n; i++) x[i] = 0;
}

/* Stride 1 and rows as long as the source's: the rows lie one behind the other in both, so
 * one copy does; what it brought from the neighbouring rows is then zeroed. */
static void copy_block(const struct tap *t, const float *x, float *to) {
    long n = (long)(t->p1 - t->p0) * t->Q, skip = t->start < 0 ? -t->start : 0;
    long end = t->start + n > t->in ? t->in - t->start : n;
    float *first = to + (long)t->p0 * t->Q;
    memcpy(first + skip, x + t->start + skip, (size_t)(end - skip) * sizeof *x);
    for (int p = 0; p < t->p1 - t->p0; p++) {
        zero(first + (long)p * t->Q, t->q0);
        zero(first + (long)p * t->Q + t->q1, t->Q - t->q1);
    }
}

FAST static void copy_every_second(const float *x, const float *end, float *to, int n) {
    int q = 0;
    for (; q + LANES <= n && x + 2 * q + 2 * LANES <= end; q += LANES) {
        vec a = LOAD(x + 2 * q), b = LOAD(x + 2 * q + LANES);
        STORE(to + q, __builtin_shuffle(a, b, (ivec){0, 2, 4, 6, 8, 10, 12, 14}));
    }
    for (; q < n; q++) to[q] = x[2 * q];
}

static void copy_rows(const struct tap *t, const float *x, float *to) {
    for (int p = t->p0; p < t->p1; p++) {
        const float *from = x + t->start + (long)(p - t->p0) * t->stride * t->W;
        float *row = to + (long)p * t->Q;
        int n = t->q1 - t->q0;
        zero(row, t->q0);
        if (t->stride == 1)
            memcpy(row + t->q0, from + t->q0, (size_t)n * sizeof *x);
        else if (t->stride == 2)
            copy_every_second(from + 2 * t->q0, x + t->in, row + t->q0, n);
        else
            for (int q = t->q0; q < t->q1; q++) row[q] = from[(long)q * t->stride];
        zero(row + t->q1, t->Q - t->q1);
    }
}

void window_columns(const struct conv *v, const float *x, int c0, int c1, int p0, int p1,
                    float *columns, size_t ld) {
    int taps = v->R * v->R;
    for (int i = 0; i < taps; i++) {
        struct tap t = tap_of(v, i / v->R, i % v->R, p0, p1);
        int block = t.stride == 1 && t.Q == t.W;
        for (int c = c0; c < c1; c++) {
            float *to = columns + ((size_t)(c - c0) * (size_t)taps + (size_t)i) * ld;
            const float *from = x + (size_t)c * v->in;
            zero(to, (long)t.p0 * t.Q);
            if (block && t.p0 < t.p1)
                copy_block(&t, from, to);
            else
                copy_rows(&t, from, to);
            zero(to + (long)t.p1 * t.Q, (long)(t.rows - t.p1) * t.Q);
        }
    }
}

void window_add(const struct conv *v, const float *columns, size_t ld, int c0, int c1,
                float *dx) {
    int taps = v->R * v->R;
    for (int c = c0; c < c1; c++)
        for (int i = 0; i < taps; i++) {
            struct tap t = tap_of(v, i / v->R, i % v->R, 0, v->P);
            const float *from =
                columns + ((size_t)(c - c0) * (size_t)taps + (size_t)i) * ld;
            for (int p = t.p0; p < t.p1; p++) {
                float *to = dx + (size_t)c * v->in;
                long at = t.start + (long)(p - t.p0) * t.stride * t.W;
                for (int q = t.q0; q < t.q1; q++)
                    to[at + (long)q * t.stride] += from[(long)p * t.Q + q];
            }
        }
}
