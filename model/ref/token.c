/* token.c - ops on tokens [N,T,D]: linear, F.linear, and multi-head attention,
 * F.scaled_dot_product_attention on timm's packed qkv. */
#include "model/ref/ref.h"
#include "core/die.h"
#include <math.h>

void ref_linear_forward(const struct call *c) {
    int I = c->xs[0].dim[1], O = c->ys.dim[1];
    const double *x = c->x[0], *w = c->w[0], *b = c->w[1];
    double *y = c->y;
    for (int row = 0; row < c->N * c->ys.dim[0]; row++, x += I)
        for (int o = 0; o < O; o++) {
            double sum = b ? b[o] : 0;
            for (int i = 0; i < I; i++) sum += w[o * I + i] * x[i];
            *y++ = sum;
        }
}

void ref_linear_backward(const struct call *c) {
    int I = c->xs[0].dim[1], O = c->ys.dim[1], rows = c->N * c->ys.dim[0];
    const double *x = c->x[0], *w = c->w[0], *dy = c->dy;
    double *dw = c->dw[0], *db = c->dw[1];
    for (int o = 0; o < O; o++) {
        for (int i = 0; dw && i < I; i++) dw[o * I + i] = 0;
        if (db) db[o] = 0;
        for (int row = 0; row < rows; row++) {
            double d = dy[(size_t)row * (size_t)O + (size_t)o];
            if (db) db[o] += d;
            for (int i = 0; dw && i < I; i++)
                dw[o * I + i] += d * x[(size_t)row * (size_t)I + (size_t)i];
        }
    }
    for (int row = 0; c->dx[0] && row < rows; row++)
        for (int i = 0; i < I; i++) {
            double sum = 0;
            for (int o = 0; o < O; o++)
                sum += dy[(size_t)row * (size_t)O + (size_t)o] * w[o * I + i];
            give(c, 0, (size_t)row * (size_t)I + (size_t)i, sum);
        }
}

/* One head of one picture: where token t's query, key and value begin in [T, 3D]. */
struct head {
    const double *qkv;
    int T, D, d, offset;
    double scale;
};

static const double *part(const struct head *h, int which, int t) {
    return h->qkv + (size_t)t * (size_t)(3 * h->D) + which * h->D + h->offset;
}

static struct head head_of(const struct call *c, int n, int head) {
    int T = c->ys.dim[0], D = c->ys.dim[1], d = D / c->attr->heads;
    const double *x = (const double *)c->x[0] + (size_t)n * (size_t)T * (size_t)(3 * D);
    return (struct head){x, T, D, d, head * d, 1 / sqrt(d)};
}

/* p[0..T) = softmax over keys of query t. */
static void softmax_row(const struct head *h, int t, double *p) {
    double most = -INFINITY, sum = 0;
    for (int u = 0; u < h->T; u++) {
        const double *q = part(h, 0, t), *k = part(h, 1, u);
        p[u] = 0;
        for (int i = 0; i < h->d; i++) p[u] += q[i] * k[i];
        p[u] *= h->scale;
        if (p[u] > most) most = p[u];
    }
    for (int u = 0; u < h->T; u++) sum += p[u] = exp(p[u] - most);
    for (int u = 0; u < h->T; u++) p[u] /= sum;
}

void ref_attention_forward(const struct call *c) {
    int T = c->ys.dim[0], D = c->ys.dim[1];
    double *p = xmalloc((size_t)T * sizeof *p);
    for (int n = 0; n < c->N; n++)
        for (int head = 0; head < c->attr->heads; head++) {
            struct head h = head_of(c, n, head);
            for (int t = 0; t < T; t++) {
                double *y = (double *)c->y +
                            ((size_t)n * (size_t)T + (size_t)t) * (size_t)D + h.offset;
                softmax_row(&h, t, p);
                for (int i = 0; i < h.d; i++) {
                    y[i] = 0;
                    for (int u = 0; u < T; u++) y[i] += p[u] * part(&h, 2, u)[i];
                }
            }
        }
    xfree(p);
}

/* dS = P (dP - rowsum(dP P)); dQ = dS K scale; dK = dS' Q scale; dV = P' dO. */
void ref_attention_backward(const struct call *c) {
    int T = c->ys.dim[0], D = c->ys.dim[1];
    double *p = xmalloc((size_t)T * sizeof *p), *ds = xmalloc((size_t)T * sizeof *ds);
    ref_clear(c, 0);
    for (int n = 0; n < c->N; n++)
        for (int head = 0; head < c->attr->heads; head++) {
            struct head h = head_of(c, n, head);
            double *dx =
                (double *)c->dx[0] + (size_t)n * (size_t)T * (size_t)(3 * D) + h.offset;
            for (int t = 0; t < T; t++) {
                const double *dy = (const double *)c->dy +
                                   ((size_t)n * (size_t)T + (size_t)t) * (size_t)D +
                                   h.offset;
                double dot = 0;
                softmax_row(&h, t, p);
                for (int u = 0; u < T; u++) {
                    ds[u] = 0;
                    for (int i = 0; i < h.d; i++) ds[u] += dy[i] * part(&h, 2, u)[i];
                    dot += ds[u] * p[u];
                }
                for (int u = 0; u < T; u++) {
                    double g = p[u] * (ds[u] - dot) * h.scale;
                    for (int i = 0; i < h.d; i++) {
                        dx[(size_t)t * (size_t)(3 * D) + (size_t)i] +=
                            g * part(&h, 1, u)[i];
                        dx[(size_t)u * (size_t)(3 * D) + (size_t)(D + i)] +=
                            g * part(&h, 0, t)[i];
                        dx[(size_t)u * (size_t)(3 * D) + (size_t)(2 * D + i)] +=
                            p[u] * dy[i];
                    }
                }
            }
        }
    xfree(p);
    xfree(ds);
}
