/* decoder.c - conv(concat(resize(a), skip)) without making the resized map or the
 * concatenation.
 *
 * Convolution and bilinear interpolation are linear, and a 1x1 map commutes with
 * interpolation. So the resized part is the sum over taps (r, s) of: a multiplied by the
 * tap's weights at a's own size, interpolated, shifted by the tap, and cut off where it
 * leaves the map. Exact, padding included; 16 times fewer multiplications where the resize
 * is 14 to 56. Interpolation, shift and cut along an axis are one small matrix each, so all
 * of this is matrix products:
 *     z[s][k][r] (h x w) = sum over c of weight[k][c][r][s] a[c]
 *     v[k][r]    (h x W) = sum over s of z[s][k][r] across[s]       across[s]: w x W
 *     y[k]       (H x W) = sum over r of down[r] v[k][r]            down[r]:   H x h
 * and backward is their transposes. The skip's channels are convolved as usual. */
#include "model/cpu/decoder.h"
#include "model/cpu/conv.h"
#include "model/cpu/resize.h"
#include "model/runs.h"
#include <string.h>

enum { BLOCK = 32 }; /* output channels a task */

struct decoder {
    struct conv skip; /* its part of the convolution, with packed weights */
    int N, K, A, h, w, P, Q, R, blocks;
    int skip_at, up_at,
        channels; /* first channel of each part in the weights; all of them */
    const float *a, *weight, *dy;
    float *y, *da, *dweight;
    int sum_a;
    /* shared scratch: weights and their gradients packed as [block][s][k][r][A] and as
     * [K][B*R*R], the matrices, gradients of z for the whole batch */
    float *up, *beside, *across, *down, *dz, *dup, *dbeside;
    uint8_t *own; /* each worker's z and v of one block */
    size_t own_bytes, shared_bytes;
};

/* ---- sizes and places ---- */

/* The next array of the scratch; NULL while sizes are only counted. */
static float *carve(uint8_t *scratch, size_t *at, size_t floats) {
    float *here = scratch ? (float *)(scratch + *at) : NULL;
    *at += pad64(floats * sizeof(float));
    return here;
}

static void lay_out(struct decoder *d, uint8_t *scratch) {
    size_t taps = (size_t)(d->R * d->R), K = (size_t)d->K,
           map = (size_t)d->h * (size_t)d->w;
    size_t up = K * taps * (size_t)d->A, beside = K * taps * (size_t)d->skip.C, at = 0;
    d->up = carve(scratch, &at, up);
    d->dup = carve(scratch, &at, up);
    d->beside = carve(scratch, &at, beside);
    d->dbeside = carve(scratch, &at, beside);
    d->across = carve(scratch, &at, (size_t)d->R * (size_t)d->w * (size_t)d->Q);
    d->down = carve(scratch, &at, (size_t)d->P * (size_t)d->R * (size_t)d->h);
    d->dz = carve(scratch, &at, (size_t)d->N * K * taps * map);
    d->shared_bytes = at;
    d->own = d->skip.scratch = (uint8_t *)carve(scratch, &at, 0);
    d->own_bytes = pad64(BLOCK * taps * map * sizeof(float)) +
                   pad64(BLOCK * (size_t)(d->R * d->h) * (size_t)d->Q * sizeof(float));
}

static struct decoder decoder_of(const struct call *calls, int skip_in) {
    const struct call *resize = &calls[0], *concat = &calls[1], *conv = &calls[2];
    const struct attr *t = conv->attr;
    const int *small = resize->xs[0].dim, *y = conv->ys.dim,
              *beside = concat->xs[skip_in].dim;
    struct decoder d = {.N = conv->N,
                        .K = y[0],
                        .A = small[0],
                        .h = small[1],
                        .w = small[2],
                        .P = y[1],
                        .Q = y[2],
                        .R = t->kernel,
                        .blocks = ceil_div(y[0], BLOCK),
                        .channels = small[0] + beside[0],
                        .a = resize->x[0],
                        .weight = conv->w[0],
                        .dy = conv->dy,
                        .y = conv->y,
                        .da = resize->dx[0],
                        .dweight = conv->dw[0],
                        .sum_a = resize->sum[0]};
    d.skip_at = skip_in == 0 ? 0 : d.A;
    d.up_at = skip_in == 0 ? beside[0] : 0;
    d.skip = (struct conv){.N = conv->N,
                           .C = beside[0],
                           .H = beside[1],
                           .W = beside[2],
                           .K = d.K,
                           .P = d.P,
                           .Q = d.Q,
                           .R = d.R,
                           .stride = 1,
                           .pad = t->pad,
                           .dilation = t->dilation,
                           .in = (size_t)beside[1] * (size_t)beside[2],
                           .out = (size_t)d.P * (size_t)d.Q,
                           .x = concat->x[skip_in],
                           .dy = conv->dy,
                           .y = conv->y,
                           .dx = concat->dx[skip_in],
                           .sum = concat->sum[skip_in],
                           .add = conv->w[1] != NULL};
    lay_out(&d, resize->scratch);
    d.skip.w = d.beside;
    d.skip.dw = d.dweight ? d.dbeside : NULL;
    return d;
}

size_t decoder_scratch(const struct call *calls, int n) {
    size_t most = 0;
    (void)n;
    for (int skip = 0; skip < 2; skip++) { /* either input may be the skip: room for both */
        struct decoder d = decoder_of(calls, skip);
        size_t window = window_scratch(&d.skip),
               own = d.own_bytes * (size_t)threads_count();
        size_t bytes = d.shared_bytes + (window > own ? window : own);
        if (bytes > most) most = bytes;
    }
    return most;
}

static float *own_z(const struct decoder *d, int worker) {
    return (float *)(d->own + d->own_bytes * (size_t)worker);
}

static float *own_v(const struct decoder *d, int worker) {
    size_t z = (size_t)(d->R * d->R) * (size_t)d->h * (size_t)d->w;
    return (float *)((uint8_t *)own_z(d, worker) + pad64(BLOCK * z * sizeof(float)));
}

/* ---- weights and matrices ---- */

/* Where weight [k][*][r][s] of the resized part stands in `up`: a row of A. */
static size_t up_row(const struct decoder *d, int k, int r, int s) {
    int b = k / BLOCK, k0 = b * BLOCK, size = d->K - k0 < BLOCK ? d->K - k0 : BLOCK;
    return (size_t)k0 * (size_t)(d->R * d->R) + (size_t)((s * size + k - k0) * d->R + r);
}

static void pack_task(void *arg, int k, int worker) {
    const struct decoder *d = arg;
    size_t taps = (size_t)(d->R * d->R), B = (size_t)d->skip.C;
    const float *from = d->weight + (size_t)k * (size_t)d->channels * taps;
    (void)worker;
    memcpy(d->beside + (size_t)k * B * taps, from + (size_t)d->skip_at * taps,
           B * taps * sizeof *from);
    from += (size_t)d->up_at * taps;
    for (int i = 0; i < (int)taps; i++) {
        float *to = d->up + up_row(d, k, i / d->R, i % d->R) * (size_t)d->A;
        for (size_t c = 0; c < (size_t)d->A; c++) to[c] = from[c * taps + (size_t)i];
    }
}

static void unpack_task(void *arg, int k, int worker) {
    const struct decoder *d = arg;
    size_t taps = (size_t)(d->R * d->R), B = (size_t)d->skip.C;
    float *to = d->dweight + (size_t)k * (size_t)d->channels * taps;
    (void)worker;
    memcpy(to + (size_t)d->skip_at * taps, d->dbeside + (size_t)k * B * taps,
           B * taps * sizeof *to);
    to += (size_t)d->up_at * taps;
    for (int i = 0; i < (int)taps; i++) {
        const float *from = d->dup + up_row(d, k, i / d->R, i % d->R) * (size_t)d->A;
        for (size_t c = 0; c < (size_t)d->A; c++) to[c * taps + (size_t)i] = from[c];
    }
}

/* Interpolation to H or W places, then shift by tap and cut: down[p][r][h],
 * across[s][w][q]. */
static void make_matrices(const struct decoder *d, int align) {
    size_t R = (size_t)d->R, h = (size_t)d->h, w = (size_t)d->w, Q = (size_t)d->Q;
    memset(d->down, 0, (size_t)d->P * R * h * sizeof *d->down);
    memset(d->across, 0, R * w * Q * sizeof *d->across);
    for (int t = 0; t < d->R; t++) {
        int offset = t * d->skip.dilation - d->skip.pad;
        for (int p = 0; p < d->P; p++) {
            if (p + offset < 0 || p + offset >= d->skip.H) continue;
            struct between b = between(p + offset, d->h, d->skip.H, align);
            float *row = d->down + ((size_t)p * R + (size_t)t) * h;
            row[b.low] += 1 - b.weight;
            row[b.high] += b.weight;
        }
        for (int q = 0; q < d->Q; q++) {
            if (q + offset < 0 || q + offset >= d->skip.W) continue;
            struct between b = between(q + offset, d->w, d->skip.W, align);
            d->across[((size_t)t * w + (size_t)b.low) * Q + (size_t)q] += 1 - b.weight;
            d->across[((size_t)t * w + (size_t)b.high) * Q + (size_t)q] += b.weight;
        }
    }
}

/* ---- one block of output channels of one picture ---- */

struct block {
    int n, k0, size; /* picture, channels */
    int rows;        /* of z: size * R * R */
    int lines;       /* of v: size * R * h */
};

static struct block block_of(const struct decoder *d, int task) {
    struct block b = {.n = task / d->blocks, .k0 = task % d->blocks * BLOCK};
    b.size = d->K - b.k0 < BLOCK ? d->K - b.k0 : BLOCK;
    b.rows = b.size * d->R * d->R;
    b.lines = b.size * d->R * d->h;
    return b;
}

static void forward_task(void *arg, int task, int worker) {
    const struct decoder *d = arg;
    struct block b = block_of(d, task);
    int map = d->h * d->w, tall = d->R * d->h;
    size_t out = (size_t)d->P * (size_t)d->Q;
    float *z = own_z(d, worker), *v = own_v(d, worker);
    gemm(PLAIN, PLAIN, b.rows, map, d->A,
         d->up + (size_t)b.k0 * (size_t)(d->R * d->R) * (size_t)d->A, d->A,
         d->a + (size_t)b.n * (size_t)d->A * (size_t)map, map, 0, z, map);
    for (int s = 0; s < d->R; s++)
        gemm(PLAIN, PLAIN, b.lines, d->Q, d->w,
             z + (size_t)s * (size_t)b.lines * (size_t)d->w, d->w,
             d->across + (size_t)s * (size_t)d->w * (size_t)d->Q, d->Q, s ? 1 : 0, v, d->Q);
    for (int k = 0; k < b.size; k++)
        gemm(PLAIN, PLAIN, d->P, d->Q, tall, d->down, tall,
             v + (size_t)k * (size_t)tall * (size_t)d->Q, d->Q, 1,
             d->y + ((size_t)b.n * (size_t)d->K + (size_t)(b.k0 + k)) * out, d->Q);
}

static float *dz_of(const struct decoder *d, int n, int k0) {
    size_t map = (size_t)d->h * (size_t)d->w, taps = (size_t)(d->R * d->R);
    return d->dz + ((size_t)n * (size_t)d->K + (size_t)k0) * taps * map;
}

static void dz_task(void *arg, int task, int worker) {
    const struct decoder *d = arg;
    struct block b = block_of(d, task);
    int tall = d->R * d->h;
    size_t out = (size_t)d->P * (size_t)d->Q;
    float *v = own_v(d, worker), *dz = dz_of(d, b.n, b.k0);
    for (int k = 0; k < b.size; k++)
        gemm(TRANSPOSED, PLAIN, tall, d->Q, d->P, d->down, tall,
             d->dy + ((size_t)b.n * (size_t)d->K + (size_t)(b.k0 + k)) * out, d->Q, 0,
             v + (size_t)k * (size_t)tall * (size_t)d->Q, d->Q);
    for (int s = 0; s < d->R; s++)
        gemm(PLAIN, TRANSPOSED, b.lines, d->w, d->Q, v, d->Q,
             d->across + (size_t)s * (size_t)d->w * (size_t)d->Q, d->Q, 0,
             dz + (size_t)s * (size_t)b.lines * (size_t)d->w, d->w);
}

static void da_task(void *arg, int n, int worker) {
    const struct decoder *d = arg;
    int map = d->h * d->w;
    (void)worker;
    gemm(TRANSPOSED, PLAIN, d->A, map, d->K * d->R * d->R, d->up, d->A, dz_of(d, n, 0), map,
         d->sum_a ? 1 : 0, d->da + (size_t)n * (size_t)d->A * (size_t)map, map);
}

static void dup_task(void *arg, int task, int worker) {
    const struct decoder *d = arg;
    struct block b = block_of(d, task);
    int map = d->h * d->w;
    float *dup = d->dup + (size_t)b.k0 * (size_t)(d->R * d->R) * (size_t)d->A;
    (void)worker;
    for (int n = 0; n < d->N; n++)
        gemm(PLAIN, TRANSPOSED, b.rows, d->A, map, dz_of(d, n, b.k0), map,
             d->a + (size_t)n * (size_t)d->A * (size_t)map, map, n ? 1 : 0, dup, d->A);
}

/* ---- the run ---- */

void decoder_forward(const struct call *calls, int n) {
    struct decoder d = decoder_of(calls, run_outer_input(&calls[1]));
    (void)n;
    make_matrices(&d, calls[0].attr->align);
    parallel(d.K, pack_task, &d);
    if (d.skip.add) conv_bias(&d.skip, calls[2].w[1]);
    window_forward(&d.skip);
    parallel(d.N * d.blocks, forward_task, &d);
}

void decoder_backward(const struct call *calls, int n) {
    struct decoder d = decoder_of(calls, run_outer_input(&calls[1]));
    (void)n;
    make_matrices(&d, calls[0].attr->align);
    parallel(d.K, pack_task, &d);
    if (calls[2].dw[1]) conv_bias_gradient(&d.skip, calls[2].dw[1]);
    window_backward(&d.skip);
    if (d.da || d.dweight) parallel(d.N * d.blocks, dz_task, &d);
    if (d.da) parallel(d.N, da_task, &d);
    if (!d.dweight) return;
    parallel(d.blocks, dup_task, &d);
    parallel(d.K, unpack_task, &d);
}
