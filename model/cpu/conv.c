/* conv.c - convolution: which of the four ways (conv.h), biases, and what the ways share */
#include "model/cpu/conv.h"
#include "model/cpu/vec.h"
#include "core/die.h"

struct way {
    void (*forward)(const struct conv *v);
    void (*backward)(const struct conv *v);
    size_t (*scratch)(const struct conv *v);
};
static const struct way POINT = {point_forward, point_backward, point_scratch},
                        WINDOW = {window_forward, window_backward, window_scratch},
                        TAPS = {taps_forward, taps_backward, taps_scratch},
                        DEPTH = {depth_forward, depth_backward, depth_scratch};

/* Share of a tap's reach below which a product a tap beats copying whole windows (measured:
 * layer4's dilated 3x3 at .82 is as fast either way). */
static const double TAPS_SHARE = 0.75;

void tap_range(const struct conv *v, int r, int in, int out, int *from, int *to) {
    int offset = r * v->dilation - v->pad; /* reads p * stride + offset */
    int p0 = offset >= 0 ? 0 : ceil_div(-offset, v->stride);
    int p1 = in - 1 - offset < 0 ? 0 : (in - 1 - offset) / v->stride + 1;
    *from = p0 < out ? p0 : out;
    *to = p1 < out ? p1 : out;
    if (*to < *from) *to = *from;
}

static double reach(const struct conv *v) {
    double rows = 0, columns = 0;
    for (int r = 0; r < v->R; r++) {
        int from, to;
        tap_range(v, r, v->H, v->P, &from, &to);
        rows += to - from;
        tap_range(v, r, v->W, v->Q, &from, &to);
        columns += to - from;
    }
    return rows * columns / ((double)v->R * v->R * v->P * v->Q);
}

static struct conv conv_of(const struct call *c, const struct way **way) {
    const struct attr *a = c->attr;
    const int *x = c->xs[0].dim, *y = c->ys.dim;
    struct conv v = {.N = c->N,
                     .C = x[0],
                     .H = x[1],
                     .W = x[2],
                     .K = y[0],
                     .P = y[1],
                     .Q = y[2],
                     .R = a->kernel,
                     .stride = a->stride,
                     .pad = a->pad,
                     .dilation = a->dilation,
                     .in = (size_t)x[1] * (size_t)x[2],
                     .out = (size_t)y[1] * (size_t)y[2],
                     .x = c->x[0],
                     .w = c->w[0],
                     .dy = c->dy,
                     .y = c->y,
                     .dx = c->dx[0],
                     .dw = c->dw[0],
                     .add = c->w[1] != NULL,
                     .sum = c->sum[0],
                     .scratch = c->scratch};
    if (a->groups > 1) {
        if (a->groups != v.C || v.K != v.C || v.R > MAX_DEPTH_KERNEL)
            die_no("convolution: %d groups of %d channels to %d, kernel %d; wanted 1 "
                   "group, or as many as "
                   "channels on both sides and a kernel of at most %d",
                   a->groups, v.C, v.K, v.R, MAX_DEPTH_KERNEL);
        *way = &DEPTH;
    } else if (v.R == 1 && v.stride == 1 && v.pad == 0 && v.out >= TILE_COLUMNS / 2) {
        *way = &POINT;
    } else if (v.stride == 1 && v.R <= MAX_TAPS_KERNEL && reach(&v) < TAPS_SHARE) {
        *way = &TAPS;
    } else {
        *way = &WINDOW;
    }
    return v;
}

size_t cpu_conv_scratch(const struct call *c) {
    const struct way *way;
    struct conv v = conv_of(c, &way);
    return way->scratch(&v);
}

/* y starts as the bias where there is one; the products then add to it. */
struct bias {
    const struct conv *v;
    const float *b;
};

static void bias_task(void *arg, int n, int worker) {
    const struct bias *b = arg;
    const struct conv *v = b->v;
    (void)worker;
    for (int k = 0; k < v->K; k++) {
        float *y = v->y + ((size_t)n * (size_t)v->K + (size_t)k) * v->out;
        for (size_t i = 0; i < v->out; i++) y[i] = b->b[k];
    }
}

void conv_bias(const struct conv *v, const float *bias) {
    parallel(v->N, bias_task, &(struct bias){v, bias});
}

void cpu_conv_forward(const struct call *c) {
    const struct way *way;
    struct conv v = conv_of(c, &way);
    if (v.add) conv_bias(&v, c->w[1]);
    way->forward(&v);
}

struct bias_sum {
    const struct conv *v;
    float *db;
};

FAST static double plane_sum(const float *x, size_t n) {
    return floats_sum(x, n);
}

static void bias_sum_task(void *arg, int k, int worker) {
    const struct bias_sum *b = arg;
    (void)worker;
    double sum = 0;
    for (int n = 0; n < b->v->N; n++)
        sum += plane_sum(b->v->dy + ((size_t)n * (size_t)b->v->K + (size_t)k) * b->v->out,
                         b->v->out);
    b->db[k] = (float)sum;
}

void conv_bias_gradient(const struct conv *v, float *db) {
    parallel(v->K, bias_sum_task, &(struct bias_sum){v, db});
}

void cpu_conv_backward(const struct call *c) {
    const struct way *way;
    struct conv v = conv_of(c, &way);
    if (c->dw[1]) conv_bias_gradient(&v, c->dw[1]);
    if (v.dx || v.dw) way->backward(&v);
}

int picture_groups(const struct conv *v, int blocks) {
    int groups = ceil_div(8, blocks);
    return groups < v->N ? groups : v->N;
}

struct sum {
    const float *part;
    int groups, parts;
    size_t count;
    float *dw;
};

FAST static void sum_range(const struct sum *s, size_t from, size_t to) {
    for (size_t i = from; i < to; i += LANES) {
        vec total, one;
        get(&total, s->part + i, to - i);
        for (int g = 1; g < s->groups; g++) {
            get(&one, s->part + (size_t)g * s->count + i, to - i);
            total += one;
        }
        put(s->dw + i, &total, to - i);
    }
}

static void sum_task(void *arg, int part, int worker) {
    const struct sum *s = arg;
    (void)worker;
    sum_range(s, cut_elements(s->count, s->parts, part),
              cut_elements(s->count, s->parts, part + 1));
}

void groups_sum(const float *part, int groups, size_t count, float *dw) {
    struct sum s = {part, groups, parts_of(count), count, dw};
    parallel(s.parts, sum_task, &s);
}
