/* pointwise.c - one element in, one element out: relu, gelu, add, dropout; and concat. */
#include "model/ref/ref.h"
#include <math.h>
#include <string.h>

static size_t elements(const struct call *c) {
    return (size_t)c->N * shape_count(c->ys);
}

void ref_clear(const struct call *c, int k) {
    if (!c->sum[k])
        memset(c->dx[k], 0, (size_t)c->N * shape_count(c->xs[k]) * sizeof(double));
}

void ref_relu_forward(const struct call *c) {
    const double *x = c->x[0];
    double *y = c->y;
    for (size_t i = 0; i < elements(c); i++) y[i] = x[i] > 0 ? x[i] : 0;
}

void ref_relu_backward(const struct call *c) {
    const double *y = c->y, *dy = c->dy;
    for (size_t i = 0; i < elements(c); i++) give(c, 0, i, y[i] > 0 ? dy[i] : 0);
}

void ref_gelu_forward(const struct call *c) {
    const double *x = c->x[0];
    double *y = c->y;
    for (size_t i = 0; i < elements(c); i++) y[i] = .5 * x[i] * (1 + erf(x[i] * M_SQRT1_2));
}

void ref_gelu_backward(const struct call *c) {
    const double *x = c->x[0], *dy = c->dy;
    for (size_t i = 0; i < elements(c); i++) {
        double normal = .5 * (1 + erf(x[i] * M_SQRT1_2));
        double density = exp(-.5 * x[i] * x[i]) * M_2_SQRTPI * M_SQRT1_2 * .5;
        give(c, 0, i, dy[i] * (normal + x[i] * density));
    }
}

void ref_add_forward(const struct call *c) {
    const double *a = c->x[0], *b = c->x[1];
    double *y = c->y;
    for (size_t i = 0; i < elements(c); i++) y[i] = a[i] + b[i];
}

void ref_add_backward(const struct call *c) {
    const double *dy = c->dy;
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; c->dx[k] && i < elements(c); i++) give(c, k, i, dy[i]);
}

static double kept(const struct call *c, size_t i) {
    size_t E = shape_count(c->ys);
    if (c->phase != PHASE_TRAIN && c->phase != PHASE_AGAIN) return 1;
    return dropout_keeps(c->seed, c->epoch, c->attr->ordinal, c->position[i / E], E, i % E,
                         c->attr->rate)
               ? 1 / (1 - c->attr->rate)
               : 0;
}

void ref_dropout_forward(const struct call *c) {
    const double *x = c->x[0];
    double *y = c->y;
    for (size_t i = 0; i < elements(c); i++) y[i] = x[i] * kept(c, i);
}

void ref_dropout_backward(const struct call *c) {
    const double *dy = c->dy;
    for (size_t i = 0; i < elements(c); i++) give(c, 0, i, dy[i] * kept(c, i));
}

void ref_concat_forward(const struct call *c) {
    double *y = c->y;
    for (int n = 0; n < c->N; n++)
        for (int k = 0; k < c->inputs; k++) {
            size_t part = shape_count(c->xs[k]);
            memcpy(y, (const double *)c->x[k] + (size_t)n * part, part * sizeof *y);
            y += part;
        }
}

void ref_concat_backward(const struct call *c) {
    const double *dy = c->dy;
    for (int n = 0; n < c->N; n++)
        for (int k = 0; k < c->inputs; k++) {
            size_t part = shape_count(c->xs[k]);
            for (size_t i = 0; c->dx[k] && i < part; i++)
                give(c, k, (size_t)n * part + i, dy[i]);
            dy += part;
        }
}
