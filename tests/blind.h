/* blind.h - checkpoints whose truth is known to the test alone: a ResNet-50's weights
 * rewritten for another scaling, order of channels or position of strides.
 *
 * Scaling and order: v' = (v - m') / s' in another order sees the same picture if the first
 * convolution's planes are exchanged and multiplied by s'/s, and what the means differ by
 * is taken from the first running mean (all but the zeros beyond the picture's edge).
 * Strides: no weight can be rewritten for them, so the statistics are taken anew, on
 * pictures. */
#ifndef TESTS_BLIND_H
#define TESTS_BLIND_H
#include "model/model.h"

struct blind_reading {
    /* words of recipe key `scale` from 1: imagenet unit pm1 caffe caffe255 raw */
    int scale;
    int bgr, v1;
};
/* A recipe that reads so. */
void blind_recipe(struct recipe *r, const struct blind_reading *reading);
/* An untrained ResNet-50's encoder: gratings first, the rest drawn from `seed`. Its truth
 * before it is made blind: imagenet, rgb. */
void blind_phantom(const char *path, uint64_t seed);
/* Writes `from` (whose truth is `was`) as a weights bag whose truth is `is`. pictures: to
 * take all running statistics on; NULL: those of `from` are kept. The bag states imagenet,
 * rgb, whatever is true. */
void blind_make(const char *path, const struct bag *from, const struct blind_reading *was,
                const struct blind_reading *is, const struct pictures *pictures);
/* n made-up colons, scenes from `first` on. */
void blind_pictures(struct pictures *p, int n, int side, uint64_t first);
void blind_pictures_free(struct pictures *p);
#endif
