/* between.h - F.interpolate's bilinear coordinates on the device, in whole numbers and one
 * division. */
#ifndef MODEL_GPU_BETWEEN_H
#define MODEL_GPU_BETWEEN_H
#include "model/gpu/element.h"

struct axis { /* one axis of a resize: in places to out places */
    int in, out, align;
};
/* The two source places of an output place and the second's weight. */
struct between {
    int low, high;
    float weight;
};
DEVICE struct between between(struct axis a, int o) {
    int top, bottom; /* the source coordinate as a fraction */
    if (a.align)
        top = a.out > 1 ? o * (a.in - 1) : 0, bottom = a.out > 1 ? a.out - 1 : 1;
    else
        top = (2 * o + 1) * a.in - a.out, bottom = 2 * a.out;
    if (top < 0) top = 0;
    struct between b;
    b.low = b.high = top / bottom;
    b.weight = (float)(top % bottom) / (float)bottom;
    if (b.low < a.in - 1) b.high++;
    return b;
}

/* Outputs first..last that may read source place i: no others do. */
struct reach {
    int first, last;
};
DEVICE struct reach reach(struct axis a, int i) {
    struct reach r = {0, a.out - 1};
    if (a.align) {
        if (a.in > 1) {
            r.first = (i - 1) * (a.out - 1) / (a.in - 1);
            r.last = (i + 1) * (a.out - 1) / (a.in - 1) + 1;
        }
    } else {
        r.first = ((2 * i - 1) * a.out - a.in) / (2 * a.in) - 1;
        r.last = ((2 * i + 3) * a.out - a.in) / (2 * a.in) + 1;
    }
    if (r.first < 0) r.first = 0;
    if (r.last > a.out - 1) r.last = a.out - 1;
    return r;
}

/* The weight that output o gives source place i. */
DEVICE float share(struct axis a, int o, int i) {
    struct between b = between(a, o);
    return (b.low == i ? 1 - b.weight : 0) + (b.high == i ? b.weight : 0);
}
#endif
