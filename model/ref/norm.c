/* norm.c - batch norm over (N,H,W), F.batch_norm, and layer norm over D, F.layer_norm. */
#include "model/ref/ref.h"
#include <math.h>

size_t ref_batchnorm_saved(const struct call *c) {
    return 2 * (size_t)c->ys.dim[0] * sizeof(double);
}

struct channel {
    const struct call *c;
    int k;
    size_t plane, count;
};

static struct channel channel_of(const struct call *c, int k) {
    size_t plane = (size_t)c->ys.dim[1] * (size_t)c->ys.dim[2];
    return (struct channel){c, k, plane, plane * (size_t)c->N};
}

/* Index of element e (0 .. N*H*W-1) of a channel. */
static size_t element(const struct channel *ch, size_t e) {
    return (e / ch->plane * (size_t)ch->c->ys.dim[0] + (size_t)ch->k) * ch->plane +
           e % ch->plane;
}

static void moments(const struct channel *ch, double *mean, double *variance) {
    const double *x = ch->c->x[0];
    double sum = 0, squares = 0;
    for (size_t e = 0; e < ch->count; e++) sum += x[element(ch, e)];
    *mean = sum / (double)ch->count;
    for (size_t e = 0; e < ch->count; e++) {
        double d = x[element(ch, e)] - *mean;
        squares += d * d;
    }
    *variance = squares / (double)ch->count;
}

static int batch_statistics(const struct call *c) {
    return c->attr->frozen ? c->phase == PHASE_ESTIMATE : c->phase == PHASE_TRAIN;
}

/* Running statistics move by `share` towards the batch's; the variance's unbiased form, as
 * PyTorch. */
static void move_running(const struct channel *ch, double mean, double variance,
                         double share) {
    double *running_mean = ch->c->w[2], *running_var = ch->c->w[3], n = (double)ch->count;
    double unbiased = n > 1 ? variance * n / (n - 1) : variance;
    running_mean[ch->k] += share * (mean - running_mean[ch->k]);
    running_var[ch->k] += share * (unbiased - running_var[ch->k]);
}

void ref_batchnorm_forward(const struct call *c) {
    const double *x = c->x[0], *w = c->w[0], *b = c->w[1], *rm = c->w[2], *rv = c->w[3];
    double *y = c->y, *saved = c->saved;
    int C = c->ys.dim[0];
    for (int k = 0; k < C; k++) {
        struct channel ch = channel_of(c, k);
        if (c->phase != PHASE_AGAIN) {
            double mean = rm[k], variance = rv[k];
            if (batch_statistics(c)) {
                moments(&ch, &mean, &variance);
                move_running(&ch, mean, variance,
                             c->phase == PHASE_ESTIMATE ? c->estimate : c->attr->momentum);
            }
            saved[k] = mean;
            saved[C + k] = 1 / sqrt(variance + c->attr->eps);
        }
        for (size_t e = 0; e < ch.count; e++) {
            size_t i = element(&ch, e);
            y[i] = (x[i] - saved[k]) * saved[C + k] * w[k] + b[k];
        }
    }
}

void ref_batchnorm_backward(const struct call *c) {
    const double *x = c->x[0], *dy = c->dy, *w = c->w[0], *saved = c->saved;
    double *dw = c->dw[0], *db = c->dw[1];
    int C = c->ys.dim[0];
    for (int k = 0; k < C; k++) {
        struct channel ch = channel_of(c, k);
        double mean = saved[k], invstd = saved[C + k], sum = 0, dot = 0;
        for (size_t e = 0; e < ch.count; e++) {
            size_t i = element(&ch, e);
            sum += dy[i];
            dot += dy[i] * (x[i] - mean) * invstd;
        }
        if (dw) dw[k] = dot;
        if (db) db[k] = sum;
        if (c->attr->frozen) sum = dot = 0; /* the statistics were constants */
        for (size_t e = 0; c->dx[0] && e < ch.count; e++) {
            size_t i = element(&ch, e);
            double xhat = (x[i] - mean) * invstd;
            give(c, 0, i,
                 w[k] * invstd *
                     (dy[i] - sum / (double)ch.count - xhat * dot / (double)ch.count));
        }
    }
}

static void token_moments(const double *x, int D, double eps, double *mean,
                          double *invstd) {
    double sum = 0, squares = 0;
    for (int d = 0; d < D; d++) sum += x[d];
    *mean = sum / D;
    for (int d = 0; d < D; d++) squares += (x[d] - *mean) * (x[d] - *mean);
    *invstd = 1 / sqrt(squares / D + eps);
}

void ref_layernorm_forward(const struct call *c) {
    int D = c->ys.dim[1];
    const double *x = c->x[0], *w = c->w[0], *b = c->w[1];
    double *y = c->y, mean, invstd;
    for (int row = 0; row < c->N * c->ys.dim[0]; row++, x += D, y += D) {
        token_moments(x, D, c->attr->eps, &mean, &invstd);
        for (int d = 0; d < D; d++) y[d] = (x[d] - mean) * invstd * w[d] + b[d];
    }
}

void ref_layernorm_backward(const struct call *c) {
    int D = c->ys.dim[1], rows = c->N * c->ys.dim[0];
    const double *w = c->w[0];
    double *dw = c->dw[0], *db = c->dw[1], mean, invstd;
    for (int d = 0; d < D && !c->sum_dw; d++) {
        if (dw) dw[d] = 0;
        if (db) db[d] = 0;
    }
    for (int row = 0; row < rows; row++) {
        const double *x = (const double *)c->x[0] + (size_t)row * (size_t)D;
        const double *dy = (const double *)c->dy + (size_t)row * (size_t)D;
        token_moments(x, D, c->attr->eps, &mean, &invstd);
        double sum = 0, dot = 0;
        for (int d = 0; d < D; d++) {
            double xhat = (x[d] - mean) * invstd;
            if (dw) dw[d] += dy[d] * xhat;
            if (db) db[d] += dy[d];
            sum += dy[d] * w[d];
            dot += dy[d] * w[d] * xhat;
        }
        for (int d = 0; c->dx[0] && d < D; d++) {
            double xhat = (x[d] - mean) * invstd;
            give(c, 0, (size_t)row * (size_t)D + (size_t)d,
                 invstd * (dy[d] * w[d] - sum / D - xhat * dot / D));
        }
    }
}
