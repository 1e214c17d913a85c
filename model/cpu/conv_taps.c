/* conv_taps.c - stride-1 convolutions whose dilation is near or beyond the map's size (the
 * ASPP's at 14x14): each tap is a 1x1 convolution of the rectangle of places it reaches,
 * and a tap that reaches none is left out. Exact: what is left out is multiplied by
 * padding. Its gradient is 0. */
#include "model/cpu/conv.h"
#include <string.h>

enum { MAX_TAPS = MAX_TAPS_KERNEL * MAX_TAPS_KERNEL, BLOCK = 256 };

struct live {                /* a tap that reaches something */
    int tap, p0, p1, q0, q1; /* outputs it reaches */
    long shift; /* source index = output index in a map of width W, plus this */
    int size, group, groups; /* places; pictures a product; products a batch */
    int centre;              /* reaches all, each output its own place */
    size_t offset; /* of its columns [groups][K][group*size] in the shared part, floats */
};

struct taps_job {
    const struct conv *v;
    struct live live[MAX_TAPS];
    int lives, blocks, products;
    size_t weights, columns; /* floats: [lives][K][C]; all live taps' columns */
    size_t own;              /* bytes a worker */
    float *packed, *places;  /* weights, then gradients of weights; columns */
};

static struct live live_of(const struct conv *v, int tap) {
    struct live l = {.tap = tap};
    int r = tap / v->R, s = tap % v->R;
    tap_range(v, r, v->H, v->P, &l.p0, &l.p1);
    tap_range(v, s, v->W, v->Q, &l.q0, &l.q1);
    l.size = (l.p1 - l.p0) * (l.q1 - l.q0);
    l.shift = (long)(r * v->dilation - v->pad) * v->W + s * v->dilation - v->pad;
    l.centre = l.size == (int)v->out && v->P == v->H && v->Q == v->W && l.shift == 0;
    return l;
}

static struct taps_job job_of(const struct conv *v) {
    struct taps_job j = {.v = v, .blocks = ceil_div(v->C, BLOCK)};
    size_t widest = 1;
    for (int tap = 0; tap < v->R * v->R; tap++) {
        struct live l = live_of(v, tap);
        if (l.size == 0) continue;
        l.group = ceil_div(TILE_COLUMNS, l.size);
        if (l.centre && l.size >= TILE_COLUMNS / 2) l.group = 1;
        if (l.group > v->N) l.group = v->N;
        size_t most = (size_t)l.group * (size_t)l.size;
        if (most > widest) widest = most;
        l.groups = ceil_div(v->N, l.group);
        l.group = ceil_div(v->N, l.groups); /* equal shares */
        l.offset = j.columns;
        j.columns += (size_t)v->K * (size_t)v->N * (size_t)l.size;
        j.products += l.groups;
        j.live[j.lives++] = l;
    }
    j.weights = (size_t)j.lives * (size_t)v->K * (size_t)v->C;
    j.own = pad64((v->C < BLOCK ? (size_t)v->C : BLOCK) * widest * sizeof(float));
    j.packed = (float *)v->scratch;
    if (j.packed) j.places = j.packed + j.weights;
    return j;
}

static float *own_slice(const struct taps_job *j, int worker) {
    return slice(j->v, pad64((j->weights + j->columns) * sizeof(float)), j->own, worker);
}

/* Which tap and which group of pictures product number `task` is. */
static const struct live *product_of(const struct taps_job *j, int task, int *group) {
    const struct live *l = j->live;
    while (task >= l->groups) task -= l++->groups;
    *group = task;
    return l;
}

static int pictures_of(const struct taps_job *j, const struct live *l, int group) {
    int first = group * l->group;
    return j->v->N - first < l->group ? j->v->N - first : l->group;
}

static float *columns_of(const struct taps_job *j, const struct live *l, int group) {
    return j->places + l->offset +
           (size_t)(group * l->group) * (size_t)j->v->K * (size_t)l->size;
}

/* The rectangle of channels c0..c1 of some pictures: columns[c][picture][place]. `shift` 0
 * reads at the outputs' places (dy), l->shift at the sources' (x); width W of the map
 * read */
static void gather(const float *x, size_t plane, int channels, int c0, int c1, int width,
                   long shift, const struct live *l, int first, int pictures,
                   float *columns) {
    int w = l->q1 - l->q0;
    for (int c = c0; c < c1; c++)
        for (int n = first; n < first + pictures; n++) {
            const float *from = x + ((size_t)n * (size_t)channels + (size_t)c) * plane;
            for (int p = l->p0; p < l->p1; p++, columns += w)
                memcpy(columns, from + ((long)p * width + l->q0 + shift),
                       (size_t)w * sizeof *x);
        }
}

/* ---- weights: [K][C][R*R] to [live][K][C] and back ---- */

static void pack_task(void *arg, int k, int worker) {
    const struct taps_job *j = arg;
    const struct conv *v = j->v;
    (void)worker;
    size_t C = (size_t)v->C, taps = (size_t)(v->R * v->R);
    for (int i = 0; i < j->lives; i++) {
        const float *from = v->w + (size_t)k * C * taps + j->live[i].tap;
        float *to = j->packed + ((size_t)i * (size_t)v->K + (size_t)k) * C;
        for (size_t c = 0; c < C; c++) to[c] = from[c * taps];
    }
}

static void unpack_task(void *arg, int k, int worker) {
    const struct taps_job *j = arg;
    const struct conv *v = j->v;
    (void)worker;
    size_t C = (size_t)v->C, taps = (size_t)(v->R * v->R);
    float *to = v->dw + (size_t)k * C * taps;
    memset(to, 0, C * taps * sizeof *to);
    for (int i = 0; i < j->lives; i++) {
        const float *from = j->packed + ((size_t)i * (size_t)v->K + (size_t)k) * C;
        for (size_t c = 0; c < C; c++) to[c * taps + (size_t)j->live[i].tap] = from[c];
    }
}

/* ---- forward: every tap's product to columns, then their sum in tap order ---- */

static void product_task(void *arg, int task, int worker) {
    const struct taps_job *j = arg;
    const struct conv *v = j->v;
    int group;
    const struct live *l = product_of(j, task, &group);
    int pictures = pictures_of(j, l, group), first = group * l->group,
        all = pictures * l->size;
    const float *w = j->packed + (size_t)(l - j->live) * (size_t)v->K * (size_t)v->C;
    float *y = columns_of(j, l, group), *columns = own_slice(j, worker);
    if (l->centre && l->group == 1) {
        gemm(PLAIN, PLAIN, v->K, all, v->C, w, v->C,
             v->x + (size_t)first * (size_t)v->C * v->in, all, 0, y, all);
        return;
    }
    for (int b = 0; b < j->blocks; b++) {
        int c0 = cut(v->C, j->blocks, b), c1 = cut(v->C, j->blocks, b + 1);
        gather(v->x, v->in, v->C, c0, c1, v->W, l->shift, l, first, pictures, columns);
        gemm(PLAIN, PLAIN, v->K, all, c1 - c0, w + c0, v->C, columns, all, b ? 1 : 0, y,
             all);
    }
}

static void sum_task(void *arg, int n, int worker) {
    const struct taps_job *j = arg;
    const struct conv *v = j->v;
    (void)worker;
    for (int k = 0; k < v->K; k++) {
        float *y = v->y + ((size_t)n * (size_t)v->K + (size_t)k) * v->out;
        if (!v->add) memset(y, 0, v->out * sizeof *y);
        for (const struct live *l = j->live; l < j->live + j->lives; l++) {
            int group = n / l->group, w = l->q1 - l->q0,
                pictures = pictures_of(j, l, group);
            const float *from =
                columns_of(j, l, group) +
                ((size_t)k * (size_t)pictures + (size_t)(n % l->group)) * (size_t)l->size;
            for (int p = l->p0; p < l->p1; p++, from += w)
                for (int q = 0; q < w; q++) y[p * v->Q + l->q0 + q] += from[q];
        }
    }
}

void taps_forward(const struct conv *v) {
    struct taps_job j = job_of(v);
    parallel(v->K, pack_task, &j);
    parallel(j.products, product_task, &j);
    parallel(v->N, sum_task, &j);
}

/* ---- backward ---- */

static void collect_task(void *arg, int task, int worker) {
    const struct taps_job *j = arg;
    int group;
    const struct live *l = product_of(j, task, &group);
    (void)worker;
    gather(j->v->dy, j->v->out, j->v->K, 0, j->v->K, j->v->Q, 0, l, group * l->group,
           pictures_of(j, l, group), columns_of(j, l, group));
}

/* A tap's share of dx, channels c0..c1: products to columns, then added where they
 * belong */
static void input_tap(const struct taps_job *j, const struct live *l, int c0, int c1,
                      float *columns) {
    const struct conv *v = j->v;
    const float *w = j->packed + (size_t)(l - j->live) * (size_t)v->K * (size_t)v->C + c0;
    int width = l->q1 - l->q0;
    for (int group = 0; group < l->groups; group++) {
        int pictures = pictures_of(j, l, group), first = group * l->group,
            all = pictures * l->size;
        float *dx = v->dx + ((size_t)first * (size_t)v->C + (size_t)c0) * v->in;
        if (l->centre && l->group == 1) {
            gemm(TRANSPOSED, PLAIN, c1 - c0, all, v->K, w, v->C, columns_of(j, l, group),
                 all, 1, dx, all);
            continue;
        }
        gemm(TRANSPOSED, PLAIN, c1 - c0, all, v->K, w, v->C, columns_of(j, l, group), all,
             0, columns, all);
        const float *from = columns;
        for (int c = 0; c < c1 - c0; c++)
            for (int n = 0; n < pictures; n++) {
                float *plane = dx + ((size_t)n * (size_t)v->C + (size_t)c) * v->in;
                for (int p = l->p0; p < l->p1; p++, from += width)
                    for (int q = 0; q < width; q++)
                        plane[(long)p * v->W + l->q0 + q + l->shift] += from[q];
            }
    }
}

static void input_task(void *arg, int b, int worker) {
    const struct taps_job *j = arg;
    const struct conv *v = j->v;
    int c0 = cut(v->C, j->blocks, b), c1 = cut(v->C, j->blocks, b + 1);
    for (int n = 0; n < v->N && !v->sum; n++)
        memset(v->dx + ((size_t)n * (size_t)v->C + (size_t)c0) * v->in, 0,
               (size_t)(c1 - c0) * v->in * sizeof *v->dx);
    for (int i = 0; i < j->lives; i++)
        input_tap(j, &j->live[i], c0, c1, own_slice(j, worker));
}

static void weight_task(void *arg, int task, int worker) {
    const struct taps_job *j = arg;
    const struct conv *v = j->v;
    const struct live *l = &j->live[task / j->blocks];
    int b = task % j->blocks, c0 = cut(v->C, j->blocks, b),
        c1 = cut(v->C, j->blocks, b + 1);
    float *dw = j->packed + (size_t)(l - j->live) * (size_t)v->K * (size_t)v->C + c0;
    for (int group = 0; group < l->groups; group++) {
        int pictures = pictures_of(j, l, group), first = group * l->group,
            all = pictures * l->size;
        float *columns = own_slice(j, worker);
        const float *x = columns;
        if (l->centre && l->group == 1)
            x = v->x + ((size_t)first * (size_t)v->C + (size_t)c0) * v->in;
        else
            gather(v->x, v->in, v->C, c0, c1, v->W, l->shift, l, first, pictures, columns);
        gemm(PLAIN, TRANSPOSED, v->K, c1 - c0, all, columns_of(j, l, group), all, x, all,
             group ? 1 : 0, dw, v->C);
    }
}

void taps_backward(const struct conv *v) {
    struct taps_job j = job_of(v);
    parallel(j.products, collect_task, &j);
    if (v->dx) {
        parallel(v->K, pack_task, &j);
        parallel(j.blocks, input_task, &j);
    }
    if (v->dw) {
        parallel(j.lives * j.blocks, weight_task, &j);
        parallel(v->K, unpack_task, &j);
    }
}

size_t taps_scratch(const struct conv *v) {
    struct taps_job j = job_of(v);
    return pad64((j.weights + j.columns) * sizeof(float)) + j.own * (size_t)threads_count();
}
