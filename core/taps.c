/* taps.c - the weights, every double formed in Pillow's order of operations. Knows no
 * pixels. */
#include "taps.h"
#include "die.h"
#include <math.h>

static double triangle(double x) {
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

/* Keys' cubic, a = -.5. */
static double cubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

void taps_make(struct taps *t, int in, int out, enum filter filter) {
    double scale = (double)in / out, wide = scale < 1 ? 1 : scale, step = 1 / wide;
    double support = (filter == FILTER_BICUBIC ? 2 : 1) * wide;
    t->room = (int)ceil(support) * 2 + 1;
    t->first = xcalloc((size_t)out, sizeof *t->first);
    t->weight =
        xcalloc(size_mul((size_t)out, (size_t)t->room, "resize"), sizeof *t->weight);
    for (int i = 0; i < out; i++) {
        double centre = (i + 0.5) * scale, sum = 0;
        double *weight = t->weight + (size_t)i * (size_t)t->room;
        int low = (int)(centre - support + 0.5), high = (int)(centre + support + 0.5);
        if (low < 0) low = 0;
        if (high > in) high = in;
        for (int k = 0; k < high - low; k++) {
            double x = (k + low - centre + 0.5) * step;
            weight[k] = filter == FILTER_BICUBIC ? cubic(x) : triangle(x);
            sum += weight[k];
        }
        for (int k = 0; k < high - low && sum != 0; k++) weight[k] /= sum;
        t->first[i] = low;
    }
}

void taps_free(struct taps *t) {
    xfree(t->first);
    xfree(t->weight);
}
