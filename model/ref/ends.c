/* ends.c - where pictures come in and the loss goes out. */
#include "model/ref/ref.h"
#include <math.h>

/* Place in the stored picture of place (h, w) of the network's, after flips. */
static size_t flipped(const struct call *c, int n, int h, int w, int S) {
    if (c->flip && c->flip[n] & 1) w = S - 1 - w;
    if (c->flip && c->flip[n] & 2) h = S - 1 - h;
    return (size_t)h * (size_t)S + (size_t)w;
}

void ref_input_forward(const struct call *c) {
    const struct attr *a = c->attr;
    int S = c->ys.dim[1];
    double *y = c->y;
    for (int n = 0; n < c->N; n++)
        for (int plane = 0; plane < 3; plane++)
            for (int h = 0; h < S; h++)
                for (int w = 0; w < S; w++) {
                    const uint8_t *rgb = c->image[n] + 3 * flipped(c, n, h, w, S);
                    int v = rgb[a->plane[plane]];
                    if (a->gray) /* Pillow's convert("L") */
                        v = (19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 0x8000) >>
                            16;
                    *y++ = (v - a->mean[plane]) / a->std[plane];
                }
}

void ref_input_backward(const struct call *c) {
    (void)c; /* nothing lies before a picture */
}

struct sums {
    double bce, both, pred, truth;
};

static int truth_at(const struct call *c, int n, int h, int w, int S) {
    size_t i = flipped(c, n, h, w, S);
    return c->mask[n][i / 8] >> (i % 8) & 1;
}

static struct sums sums_of(const struct call *c, int n) {
    int S = c->xs[0].dim[1];
    const double *z = (const double *)c->x[0] + (size_t)n * (size_t)S * (size_t)S;
    struct sums s = {0, 0, 0, 0};
    for (int h = 0; h < S; h++)
        for (int w = 0; w < S; w++, z++) {
            double t = truth_at(c, n, h, w, S), p = 1 / (1 + exp(-*z));
            s.bce += (*z > 0 ? *z : 0) - *z * t + log1p(exp(-fabs(*z)));
            s.both += p * t;
            s.pred += p;
            s.truth += t;
        }
    return s;
}

enum { LOSS_BCE, LOSS_DICE, LOSS_BCE_DICE };

/* A picture's loss: BCEWithLogitsLoss, the mean over pixels; or soft Dice, 1 - (2 sum p t +
 * 1) / (sum p + sum t + 1); or their sum. The batch's is the mean over pictures. */
void ref_loss_forward(const struct call *c) {
    int S = c->xs[0].dim[1];
    for (int n = 0; n < c->N; n++) {
        struct sums s = sums_of(c, n);
        double bce = s.bce / S / S, dice = 1 - (2 * s.both + 1) / (s.pred + s.truth + 1);
        c->loss[n] =
            (c->attr->loss != LOSS_DICE ? bce : 0) + (c->attr->loss != LOSS_BCE ? dice : 0);
        ((double *)c->y)[n] = c->loss[n];
    }
}

void ref_loss_backward(const struct call *c) {
    int S = c->xs[0].dim[1];
    const double *z = c->x[0];
    double scale = c->loss_scale / c->N;
    size_t i = 0;
    for (int n = 0; n < c->N; n++) {
        struct sums s = sums_of(c, n);
        double bottom = s.pred + s.truth + 1, top = 2 * s.both + 1;
        for (int h = 0; h < S; h++)
            for (int w = 0; w < S; w++, i++) {
                double t = truth_at(c, n, h, w, S), p = 1 / (1 + exp(-z[i])), g = 0;
                if (c->attr->loss != LOSS_DICE) g += (p - t) / S / S;
                if (c->attr->loss != LOSS_BCE)
                    g -= (2 * t * bottom - top) / (bottom * bottom) * p * (1 - p);
                give(c, 0, i, scale * g);
            }
    }
}
