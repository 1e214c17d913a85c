/* resize.c - F.interpolate(bilinear), both ways, along one axis after the other. Forward:
 * rows are stretched, then mixed. Backward is its transpose: rows are unmixed, then shrunk.
 * A task is a few maps, so every sum runs in one order. */
#include "model/cpu/kernels.h"
#include "model/cpu/resize.h"
#include "model/cpu/threads.h"
#include "model/cpu/vec.h"

enum { MAPS = 4 };

struct resize {
    const struct call *c;
    int maps, H, W, P, Q;
    struct between *rows, *columns; /* [P], [Q] */
    float *room;                    /* [workers][H][Q] */
};

struct between between(int o, int in, int out, int align) {
    double at =
        align ? (out > 1 ? o * (double)(in - 1) / (out - 1) : 0) : (o + .5) * in / out - .5;
    if (at < 0) at = 0;
    int low = (int)at;
    return (struct between){low, low < in - 1 ? low + 1 : low, (float)(at - low)};
}

static size_t tables_bytes(const struct call *c) {
    return pad64((size_t)(c->ys.dim[1] + c->ys.dim[2]) * sizeof(struct between));
}

static size_t room_bytes(const struct call *c) {
    return pad64((size_t)c->xs[0].dim[1] * (size_t)c->ys.dim[2] * sizeof(float));
}

size_t cpu_resize_scratch(const struct call *c) {
    return tables_bytes(c) + room_bytes(c) * (size_t)threads_count();
}

static struct resize resize_of(const struct call *c) {
    const int *x = c->xs[0].dim, *y = c->ys.dim;
    struct resize r = {
        .c = c, .maps = c->N * y[0], .H = x[1], .W = x[2], .P = y[1], .Q = y[2]};
    r.rows = c->scratch;
    r.columns = r.rows + r.P;
    r.room = (float *)((uint8_t *)c->scratch + tables_bytes(c));
    for (int p = 0; p < r.P; p++) r.rows[p] = between(p, r.H, r.P, c->attr->align);
    for (int q = 0; q < r.Q; q++) r.columns[q] = between(q, r.W, r.Q, c->attr->align);
    return r;
}

static float *room_of(const struct resize *r, int worker) {
    return (float *)((uint8_t *)r->room + room_bytes(r->c) * (size_t)worker);
}

FAST static void mix(const float *low, const float *high, float weight, float *y,
                     size_t n) {
    for (size_t i = 0; i < n; i += LANES) {
        vec a, b;
        get(&a, low + i, n - i);
        get(&b, high + i, n - i);
        a = a * (1 - weight) + b * weight;
        put(y + i, &a, n - i);
    }
}

static void forward_task(void *arg, int task, int worker) {
    const struct resize *r = arg;
    float *room = room_of(r, worker);
    for (int m = task * MAPS; m < r->maps && m < (task + 1) * MAPS; m++) {
        const float *x =
            (const float *)r->c->x[0] + (size_t)m * (size_t)r->H * (size_t)r->W;
        float *y = (float *)r->c->y + (size_t)m * (size_t)r->P * (size_t)r->Q;
        for (int h = 0; h < r->H; h++, x += r->W)
            for (int q = 0; q < r->Q; q++) {
                const struct between *b = &r->columns[q];
                room[h * r->Q + q] = x[b->low] * (1 - b->weight) + x[b->high] * b->weight;
            }
        for (int p = 0; p < r->P; p++, y += r->Q)
            mix(room + (long)r->rows[p].low * r->Q, room + (long)r->rows[p].high * r->Q,
                r->rows[p].weight, y, (size_t)r->Q);
    }
}

void cpu_resize_forward(const struct call *c) {
    struct resize r = resize_of(c);
    parallel(ceil_div(r.maps, MAPS), forward_task, &r);
}

/* to += weight * dy */
FAST static void unmix(const float *dy, float weight, float *to, size_t n) {
    for (size_t i = 0; i < n; i += LANES) {
        vec g, old;
        get(&g, dy + i, n - i);
        get(&old, to + i, n - i);
        old += g * weight;
        put(to + i, &old, n - i);
    }
}

static void backward_task(void *arg, int task, int worker) {
    const struct resize *r = arg;
    float *room = room_of(r, worker);
    for (int m = task * MAPS; m < r->maps && m < (task + 1) * MAPS; m++) {
        const float *dy = (const float *)r->c->dy + (size_t)m * (size_t)r->P * (size_t)r->Q;
        float *dx = (float *)r->c->dx[0] + (size_t)m * (size_t)r->H * (size_t)r->W;
        memset(room, 0, (size_t)r->H * (size_t)r->Q * sizeof *room);
        for (int p = 0; p < r->P; p++, dy += r->Q) {
            const struct between *b = &r->rows[p];
            unmix(dy, 1 - b->weight, room + (long)b->low * r->Q, (size_t)r->Q);
            unmix(dy, b->weight, room + (long)b->high * r->Q, (size_t)r->Q);
        }
        if (!r->c->sum[0]) memset(dx, 0, (size_t)r->H * (size_t)r->W * sizeof *dx);
        for (int h = 0; h < r->H; h++, dx += r->W)
            for (int q = 0; q < r->Q; q++) {
                const struct between *b = &r->columns[q];
                dx[b->low] += room[h * r->Q + q] * (1 - b->weight);
                dx[b->high] += room[h * r->Q + q] * b->weight;
            }
    }
}

void cpu_resize_backward(const struct call *c) {
    struct resize r = resize_of(c);
    parallel(ceil_div(r.maps, MAPS), backward_task, &r);
}
