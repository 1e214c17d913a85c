/* taps.h - which inputs, how heavily, make each output of an antialiased resize.
 *
 * Pillow's (Resample.c, precompute_coeffs) and PyTorch's (antialias=True) rule: the
 * filter is widened by the scale when shrinking, cut at the borders, normalised. */
#ifndef CORE_TAPS_H
#define CORE_TAPS_H
#include "resize.h"

struct taps {
    int room;       /* weights kept an output, zero beyond its own taps */
    int *first;     /* [out] the input of the first tap */
    double *weight; /* [out][room] */
};
void taps_make(struct taps *t, int in, int out, enum filter filter);
void taps_free(struct taps *t);
#endif
