/* batchnorm.c - F.batch_norm over (N,H,W), alone or with what follows it; see batchnorm.h.
 * A task is a few whole channels: read from memory once for the mean, then from the
 * cache */
#include "model/cpu/batchnorm.h"
#include "model/cpu/threads.h"
#include "model/cpu/vec.h"
#include <math.h>

enum { TASK_ELEMENTS = 16384, SHORT = 1024 };

size_t cpu_batchnorm_saved(const struct call *c) {
    return 2 * (size_t)c->ys.dim[0] * sizeof(float);
}

struct batchnorm batchnorm_of(const struct call *c) {
    struct batchnorm b = {.c = c,
                          .N = c->N,
                          .C = c->ys.dim[0],
                          .x = c->x[0],
                          .saved = c->saved,
                          .y = c->y,
                          .dy = c->dy};
    b.plane = (size_t)c->ys.dim[1] * (size_t)c->ys.dim[2];
    size_t channel = b.plane * (size_t)b.N;
    b.block = channel < TASK_ELEMENTS ? (int)(TASK_ELEMENTS / channel) : 1;
    b.blocks = ceil_div(b.C, b.block);
    return b;
}

static size_t plane_at(const struct batchnorm *b, int n, int k) {
    return ((size_t)n * (size_t)b->C + (size_t)k) * b->plane;
}

/* ---- forward ---- */

FAST static double channel_sum(const struct batchnorm *b, int k) {
    double sum = 0;
    for (int n = 0; n < b->N; n++) sum += floats_sum(b->x + plane_at(b, n, k), b->plane);
    return sum;
}

/* Sum of (x - mean)^2. */
FAST static double channel_squares(const struct batchnorm *b, int k, float mean) {
    double total = 0;
    for (int n = 0; n < b->N; n++) {
        const float *x = b->x + plane_at(b, n, k);
        for (size_t i = 0; i < b->plane; i += SHORT) {
            vec sum = {0};
            size_t end = i + SHORT < b->plane ? i + SHORT : b->plane, j = i;
            for (; j + LANES <= end; j += LANES) {
                const vec d = LOAD(x + j) - mean;
                sum += d * d;
            }
            total += lanes_sum(&sum);
            for (; j < end; j++) total += (double)(x[j] - mean) * (x[j] - mean);
        }
    }
    return total;
}

/* Running statistics move by `share` towards the batch's; the variance's unbiased form, as
 * PyTorch. */
static void move_running(const struct call *c, int k, double mean, double variance,
                         double count) {
    float *running_mean = c->w[2], *running_var = c->w[3];
    double share = c->phase == PHASE_ESTIMATE ? c->estimate : c->attr->momentum;
    double unbiased = count > 1 ? variance * count / (count - 1) : variance;
    running_mean[k] = (float)(running_mean[k] + share * (mean - running_mean[k]));
    running_var[k] = (float)(running_var[k] + share * (unbiased - running_var[k]));
}

static void statistics(const struct batchnorm *b, int k) {
    const struct call *c = b->c;
    const float *running_mean = c->w[2], *running_var = c->w[3];
    double mean = running_mean[k], variance = running_var[k],
           count = (double)b->plane * b->N;
    if (c->attr->frozen ? c->phase == PHASE_ESTIMATE : c->phase == PHASE_TRAIN) {
        mean = channel_sum(b, k) / count;
        double around = (float)mean, squares = channel_squares(b, k, (float)mean);
        variance = squares / count - (mean - around) * (mean - around);
        move_running(c, k, mean, variance, count);
    }
    b->saved[k] = (float)mean;
    b->saved[b->C + k] = (float)(1 / sqrt(variance + c->attr->eps));
}

FAST static void apply(const struct batchnorm *b, int k) {
    const float *w = b->c->w[0], *bias = b->c->w[1];
    const float mean = b->saved[k], scale = b->saved[b->C + k] * w[k], shift = bias[k];
    for (int n = 0; n < b->N; n++) {
        size_t at = plane_at(b, n, k);
        for (size_t i = 0; i < b->plane; i += LANES) {
            vec v, add;
            size_t left = b->plane - i;
            get(&v, b->x + at + i, left);
            v = (v - mean) * scale + shift;
            if (b->shortcut) {
                get(&add, b->shortcut + at + i, left);
                v += add;
            }
            if (b->relu) v = (vec)(~(v <= 0) & (ivec)v); /* NaN stays NaN */
            put(b->y + at + i, &v, left);
        }
    }
}

static void forward_task(void *arg, int task, int worker) {
    const struct batchnorm *b = arg;
    (void)worker;
    for (int k = cut(b->C, b->blocks, task); k < cut(b->C, b->blocks, task + 1); k++) {
        if (b->c->phase != PHASE_AGAIN) statistics(b, k);
        apply(b, k);
    }
}

void batchnorm_forward(struct batchnorm *b) {
    parallel(b->blocks, forward_task, b);
}

/* ---- backward ---- */

/* The gradient behind the ReLU at eight places: dy where the ReLU let through. */
INLINE void masked(const struct batchnorm *b, size_t i, size_t left, float mean,
                   float scale, float shift, vec *x, vec *g) {
    get(x, b->x + i, left);
    get(g, b->dy + i, left);
    if (!b->relu) return;
    vec y;
    if (b->added)
        get(&y, b->y + i, left);
    else
        y = (*x - mean) * scale + shift;
    *g = (vec)((y > 0) & (ivec)*g);
}

/* Sums of dy and of dy (x - mean). */
FAST static void channel_sums(const struct batchnorm *b, int k, float scale, float shift,
                              double *sum, double *dot) {
    const float mean = b->saved[k];
    *sum = *dot = 0;
    for (int n = 0; n < b->N; n++) {
        size_t at = plane_at(b, n, k);
        for (size_t i = 0; i < b->plane; i += SHORT) {
            vec s = {0}, d = {0}, x, g;
            for (size_t j = i; j < b->plane && j < i + SHORT; j += LANES) {
                masked(b, at + j, b->plane - j, mean, scale, shift, &x, &g);
                s += g;
                d += g * (x - mean); /* beyond the end g is 0 */
            }
            *sum += lanes_sum(&s);
            *dot += lanes_sum(&d);
        }
    }
}

INLINE void give8(float *dx, const vec *g, int sum, size_t left) {
    vec v = *g, old;
    if (sum) {
        get(&old, dx, left);
        v += old;
    }
    put(dx, &v, left);
}

/* dx = scale (dy - sum/count - (x - mean) slope), and the shortcut's gradient on the way */
FAST static void channel_back(const struct batchnorm *b, int k, float scale, float shift,
                              float offset, float slope) {
    const float mean = b->saved[k];
    float *dx = b->c->dx[0];
    int add = b->c->sum[0];
    for (int n = 0; n < b->N; n++) {
        size_t at = plane_at(b, n, k);
        for (size_t i = 0; i < b->plane; i += LANES) {
            vec x, g;
            size_t left = b->plane - i;
            masked(b, at + i, left, mean, scale, shift, &x, &g);
            if (b->dshortcut) give8(b->dshortcut + at + i, &g, b->sum_shortcut, left);
            if (!dx) continue;
            g = ((g - offset) - (x - mean) * slope) * scale;
            give8(dx + at + i, &g, add, left);
        }
    }
}

static void backward_task(void *arg, int task, int worker) {
    const struct batchnorm *b = arg;
    const struct call *c = b->c;
    const float *w = c->w[0], *bias = c->w[1];
    float *dw = c->dw[0], *db = c->dw[1];
    (void)worker;
    double count = (double)b->plane * b->N;
    for (int k = cut(b->C, b->blocks, task); k < cut(b->C, b->blocks, task + 1); k++) {
        double invstd = b->saved[b->C + k], sum, dot;
        float scale = b->saved[b->C + k] * w[k];
        channel_sums(b, k, scale, bias[k], &sum, &dot);
        if (dw) dw[k] = (float)(dot * invstd);
        if (db) db[k] = (float)sum;
        if (c->attr->frozen) sum = dot = 0; /* the statistics were constants */
        if (c->dx[0] || b->dshortcut)
            channel_back(b, k, scale, bias[k], (float)(sum / count),
                         (float)(dot * invstd * invstd / count));
    }
}

void batchnorm_backward(struct batchnorm *b) {
    parallel(b->blocks, backward_task, b);
}

void cpu_batchnorm_forward(const struct call *c) {
    struct batchnorm b = batchnorm_of(c);
    batchnorm_forward(&b);
}

void cpu_batchnorm_backward(const struct call *c) {
    struct batchnorm b = batchnorm_of(c);
    batchnorm_backward(&b);
}
