/* conv_window.c - R x R convolutions by columns: windows are copied to a tile that stays in
 * the L2 cache, then multiplied. On small maps a tile holds several pictures, or the
 * weights would be read from memory once a picture for a handful of columns. */
#include "model/cpu/conv.h"
#include <string.h>

enum { ROWS = 256 }; /* of dw a task, on small maps */

/* How a problem is cut: by shapes alone. */
struct tiling {
    int most;       /* pictures a tile, at most */
    int group;      /* pictures a tile: equal shares */
    int rows;       /* output rows a tile (all, where most > 1) */
    int tiles;      /* a picture */
    int chunk;      /* channels a product of the forward pass */
    int block;      /* channels a task of the weights' gradient */
    size_t columns; /* the most columns of a tile */
};

static int at_least_one(int n) {
    return n > 0 ? n : 1;
}

static struct tiling tiling_of(const struct conv *v) {
    int taps = v->R * v->R, fits = TILE_BYTES / 4 / (v->C * taps);
    int want = fits > TILE_COLUMNS ? fits : TILE_COLUMNS;
    struct tiling t = {.most = at_least_one(TILE_COLUMNS / (int)v->out),
                       .rows = at_least_one(want / v->Q)};
    if (t.most > v->N) t.most = v->N;
    t.group = ceil_div(v->N, ceil_div(v->N, t.most));
    if (t.rows > v->P) t.rows = v->P;
    t.tiles = ceil_div(v->P, t.rows);
    t.columns = (size_t)t.most * (size_t)t.rows * (size_t)v->Q;
    t.chunk = at_least_one(TILE_BYTES / 4 / (int)((size_t)taps * t.columns));
    if (t.chunk > v->C) t.chunk = v->C;
    /* some 640 columns of dw a task */
    t.block = ceil_div(v->C, ceil_div(v->C * taps, 640));
    return t;
}

/* A bound that holds for every smaller batch too: `chunk` fills TILE_BYTES unless one
 * channel is more. */
static size_t columns_bytes(const struct conv *v, const struct tiling *t) {
    size_t one = (size_t)(v->R * v->R) * t->columns * sizeof(float);
    size_t block = (size_t)t->block * one;
    return pad64(block > TILE_BYTES ? block : one > TILE_BYTES ? one : TILE_BYTES);
}

/* Room for the outputs of a group of pictures, beside the columns. */
static size_t beside_bytes(const struct conv *v, const struct tiling *t) {
    return t->most == 1 ? 0 : pad64((size_t)v->K * t->columns * sizeof(float));
}

struct window_job {
    const struct conv *v;
    struct tiling t;
    size_t shared, own;
    float *part;              /* dw of groups of pictures */
    int blocks, rows, groups; /* of channels in, of channels out, of pictures */
};

static struct window_job job_of(const struct conv *v, size_t shared) {
    struct window_job j = {.v = v, .t = tiling_of(v), .shared = shared};
    j.own = columns_bytes(v, &j.t) + beside_bytes(v, &j.t);
    j.blocks = ceil_div(v->C, j.t.block);
    j.rows = j.t.most > 1 ? ceil_div(v->K, ROWS) : 1;
    j.groups = j.t.most > 1 ? 1 : picture_groups(v, j.blocks);
    return j;
}

static float *beside(const struct window_job *j, int worker) {
    return (float *)((uint8_t *)slice(j->v, j->shared, j->own, worker) +
                     columns_bytes(j->v, &j->t));
}

/* planes[k][picture][place] to pictures first.. of y, added where y holds something. */
static void spread(const struct conv *v, const float *planes, int first, int pictures,
                   float *y) {
    for (int n = 0; n < pictures; n++)
        for (int k = 0; k < v->K; k++) {
            const float *from =
                planes + ((size_t)k * (size_t)pictures + (size_t)n) * v->out;
            float *to = y + ((size_t)(first + n) * (size_t)v->K + (size_t)k) * v->out;
            for (size_t i = 0; i < v->out; i++) to[i] = v->add ? to[i] + from[i] : from[i];
        }
}

/* Channels k0..k1 of pictures first.. side by side: planes[k][picture][place]. */
static void collect(const struct conv *v, const float *dy, int k0, int k1, int first,
                    int pictures, float *planes) {
    for (int n = 0; n < pictures; n++)
        for (int k = k0; k < k1; k++)
            memcpy(planes + ((size_t)(k - k0) * (size_t)pictures + (size_t)n) * v->out,
                   dy + ((size_t)(first + n) * (size_t)v->K + (size_t)k) * v->out,
                   v->out * sizeof *planes);
}

/* ---- forward ---- */

static void forward_task(void *arg, int task, int worker) {
    const struct window_job *j = arg;
    const struct conv *v = j->v;
    const struct tiling *t = &j->t;
    int taps = v->R * v->R, tile = task % t->tiles, first = task / t->tiles * t->group;
    int pictures = v->N - first < t->group ? v->N - first : t->group;
    int p0 = cut(v->P, t->tiles, tile), p1 = cut(v->P, t->tiles, tile + 1);
    size_t one = (size_t)(p1 - p0) * (size_t)v->Q, all = one * (size_t)pictures;
    float *columns = slice(v, j->shared, j->own, worker);
    float *y = v->y + (size_t)first * (size_t)v->K * v->out + (size_t)p0 * (size_t)v->Q;
    float *out = t->group == 1 ? y : beside(j, worker);
    int ld = t->group == 1 ? (int)v->out : (int)all, chunks = ceil_div(v->C, t->chunk);
    for (int i = 0; i < chunks; i++) {
        int c0 = cut(v->C, chunks, i), c1 = cut(v->C, chunks, i + 1);
        for (int n = 0; n < pictures; n++)
            window_columns(v, v->x + (size_t)(first + n) * (size_t)v->C * v->in, c0, c1, p0,
                           p1, columns + (size_t)n * one, all);
        int adds = i > 0 || (t->group == 1 && v->add);
        gemm(PLAIN, PLAIN, v->K, (int)all, (c1 - c0) * taps,
             v->w + (size_t)c0 * (size_t)taps, v->C * taps, columns, (int)all, adds ? 1 : 0,
             out, ld);
    }
    if (t->group > 1) spread(v, out, first, pictures, v->y);
}

static void forward_beside(const struct conv *v, size_t shared) {
    struct window_job j = job_of(v, shared);
    parallel(ceil_div(v->N, j.t.group) * j.t.tiles, forward_task, &j);
}

void window_forward(const struct conv *v) {
    forward_beside(v, 0);
}

/* ---- gradient of the input, stride 1: dy convolved with the kernel turned round ---- */

enum { TURN = 16 }; /* input channels a task */

/* turned[C][K][R*R] from w[K][C][R*R]. */
static void turn_task(void *arg, int task, int worker) {
    const struct conv *v = arg;
    (void)worker;
    int taps = v->R * v->R, c1 = (task + 1) * TURN < v->C ? (task + 1) * TURN : v->C;
    float *turned = (float *)v->scratch;
    for (int k = 0; k < v->K; k++)
        for (int c = task * TURN; c < c1; c++) {
            const float *from =
                v->w + ((size_t)k * (size_t)v->C + (size_t)c) * (size_t)taps;
            float *to = turned + ((size_t)c * (size_t)v->K + (size_t)k) * (size_t)taps;
            for (int i = 0; i < taps; i++) to[i] = from[taps - 1 - i];
        }
}

static size_t turned_bytes(const struct conv *v) {
    return pad64((size_t)v->C * (size_t)v->K * (size_t)(v->R * v->R) * sizeof(float));
}

static struct conv turned_of(const struct conv *v) {
    return (struct conv){.N = v->N,
                         .C = v->K,
                         .H = v->P,
                         .W = v->Q,
                         .K = v->C,
                         .P = v->H,
                         .Q = v->W,
                         .R = v->R,
                         .stride = 1,
                         .pad = v->dilation * (v->R - 1) - v->pad,
                         .dilation = v->dilation,
                         .in = v->out,
                         .out = v->in,
                         .x = v->dy,
                         .w = (const float *)v->scratch,
                         .y = v->dx,
                         .add = v->sum,
                         .scratch = v->scratch};
}

static void input_by_turning(const struct conv *v) {
    struct conv turned = turned_of(v);
    parallel(ceil_div(v->C, TURN), turn_task, (void *)v);
    forward_beside(&turned, turned_bytes(v));
}

/* ---- gradient of the input, any stride: columns of gradients, added back ---- */

static void input_task(void *arg, int task, int worker) {
    const struct window_job *j = arg;
    const struct conv *v = j->v;
    int taps = v->R * v->R, block = task % j->blocks, first = task / j->blocks * j->t.group;
    int pictures = v->N - first < j->t.group ? v->N - first : j->t.group;
    int c0 = cut(v->C, j->blocks, block), c1 = cut(v->C, j->blocks, block + 1);
    int all = pictures * (int)v->out;
    float *columns = slice(v, j->shared, j->own, worker);
    const float *dy = v->dy + (size_t)first * (size_t)v->K * v->out;
    if (j->t.group > 1) {
        float *planes =
            columns + (size_t)j->t.block * (size_t)taps * (size_t)j->t.most * v->out;
        collect(v, v->dy, 0, v->K, first, pictures, planes);
        dy = planes;
    }
    gemm(TRANSPOSED, PLAIN, (c1 - c0) * taps, all, v->K, v->w + (size_t)c0 * (size_t)taps,
         v->C * taps, dy, all, 0, columns, all);
    for (int n = 0; n < pictures; n++) {
        float *dx = v->dx + (size_t)(first + n) * (size_t)v->C * v->in;
        if (!v->sum)
            memset(dx + (size_t)c0 * v->in, 0, (size_t)(c1 - c0) * v->in * sizeof *dx);
        window_add(v, columns + (size_t)n * v->out, (size_t)all, c0, c1, dx);
    }
}

/* Its blocks are smaller than the other gradient's: all of a picture's columns must fit. */
static struct window_job input_job(const struct conv *v) {
    struct window_job j = job_of(v, 0);
    size_t all = (size_t)j.t.most * v->out;
    j.t.block = at_least_one(2 * TILE_BYTES / 4 / (int)((size_t)(v->R * v->R) * all));
    if (j.t.block > v->C) j.t.block = v->C;
    j.blocks = ceil_div(v->C, j.t.block);
    j.own = pad64((size_t)j.t.block * (size_t)(v->R * v->R) * all * sizeof(float));
    if (j.t.most > 1) j.own += pad64((size_t)v->K * all * sizeof(float));
    return j;
}

static void input_by_columns(const struct conv *v) {
    struct window_job j = input_job(v);
    parallel(ceil_div(v->N, j.t.group) * j.blocks, input_task, &j);
}

/* ---- gradient of the weights ---- */

/* The piece of dw that a task makes: rows k0..k1, channels c0..c1. */
struct piece {
    int k0, k1, c0, c1;
    float *dw;
};

/* What one tile of some pictures adds to it. */
static void weight_tile(const struct window_job *j, const struct piece *d, int first,
                        int pictures, int tile, int worker, float beta) {
    const struct conv *v = j->v;
    size_t taps = (size_t)(v->R * v->R);
    int p0 = cut(v->P, j->t.tiles, tile), p1 = cut(v->P, j->t.tiles, tile + 1);
    size_t one = (size_t)(p1 - p0) * (size_t)v->Q, all = one * (size_t)pictures;
    float *columns = slice(v, j->shared, j->own, worker);
    const float *dy = v->dy + ((size_t)first * (size_t)v->K + (size_t)d->k0) * v->out +
                      (size_t)p0 * (size_t)v->Q;
    int ld = (int)v->out;
    if (j->t.group > 1) {
        collect(v, v->dy, d->k0, d->k1, first, pictures, beside(j, worker));
        dy = beside(j, worker);
        ld = (int)all;
    }
    for (int n = 0; n < pictures; n++)
        window_columns(v, v->x + (size_t)(first + n) * (size_t)v->C * v->in, d->c0, d->c1,
                       p0, p1, columns + (size_t)n * one, all);
    gemm(PLAIN, TRANSPOSED, d->k1 - d->k0, (d->c1 - d->c0) * (int)taps, (int)all, dy, ld,
         columns, (int)all, beta,
         d->dw + ((size_t)d->k0 * (size_t)v->C + (size_t)d->c0) * taps, v->C * (int)taps);
}

static void weight_task(void *arg, int task, int worker) {
    const struct window_job *j = arg;
    const struct conv *v = j->v;
    size_t count = (size_t)v->K * (size_t)v->C * (size_t)(v->R * v->R);
    int block = task % j->blocks, row = task / j->blocks % j->rows;
    int g = task / j->blocks / j->rows;
    int from = cut(v->N, j->groups, g), to = cut(v->N, j->groups, g + 1);
    struct piece d = {cut(v->K, j->rows, row), cut(v->K, j->rows, row + 1),
                      cut(v->C, j->blocks, block), cut(v->C, j->blocks, block + 1),
                      j->groups == 1 ? v->dw : j->part + (size_t)g * count};
    for (int first = from; first < to; first += j->t.group)
        for (int tile = 0; tile < j->t.tiles; tile++)
            weight_tile(j, &d, first, to - first < j->t.group ? to - first : j->t.group,
                        tile, worker, first == from && tile == 0 ? 0 : 1);
}

static size_t part_bytes(const struct conv *v) {
    int groups = job_of(v, 0).groups;
    size_t count = (size_t)v->K * (size_t)v->C * (size_t)(v->R * v->R);
    return groups == 1 ? 0 : pad64((size_t)groups * count * sizeof(float));
}

/* A 1x1 kernel needs no turning: its columns are the gradient. */
static int turns(const struct conv *v) {
    return v->stride == 1 && v->R > 1;
}

void window_backward(const struct conv *v) {
    if (v->dx && turns(v)) input_by_turning(v);
    if (v->dx && !turns(v)) input_by_columns(v);
    if (!v->dw) return;
    struct window_job j = job_of(v, part_bytes(v));
    j.part = (float *)v->scratch;
    parallel(j.blocks * j.rows * j.groups, weight_task, &j);
    if (j.groups > 1)
        groups_sum(j.part, j.groups, (size_t)v->K * (size_t)v->C * (size_t)(v->R * v->R),
                   v->dw);
}

static size_t most(size_t a, size_t b) {
    return a > b ? a : b;
}

size_t window_scratch(const struct conv *v) {
    size_t workers = (size_t)threads_count(),
           bytes = part_bytes(v) + job_of(v, 0).own * workers;
    if (!turns(v)) return most(bytes, input_job(v).own * workers);
    struct conv turned = turned_of(v);
    return most(bytes, turned_bytes(v) + job_of(&turned, 0).own * workers);
}
