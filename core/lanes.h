/* lanes.h - the inner loops over pixels, in integers, so that any order gives one
 * answer. */
#ifndef CORE_LANES_H
#define CORE_LANES_H
#include <stddef.h>
#include <stdint.h>

enum { LANES_BITS = 22 }; /* fraction bits of a weight */

/* Rows of `in` pixels to rows of `width`: each channel of pixel i is the sum over k < room
 * of pixel first[i] + k times weight[i][k], a half added, shifted down, kept in 0..255. A
 * pixel's weights, signs apart, sum to less than 127 << 16; those behind the end are 0. */
struct lanes_pass {
    int in, rows, width, room;
    const int *first, *weight; /* [width], [width][room] */
};
/* [rows][in][channels] to [rows][width][channels], of 1 or 3 channels. */
void lanes_across(const struct lanes_pass *p, int channels, const uint8_t *from,
                  uint8_t *to);
/* The same for 3 channels, faster: 1; or 0, and nothing done, on a processor without
 * AVX2. */
int lanes_across_rgb(const struct lanes_pass *p, const uint8_t *from, uint8_t *to);

/* sum[i] += sample[i] * weight for i < n. */
void add_row(const uint8_t *sample, int weight, size_t n, int *sum);
/* to[i] = sum[i], a half added, shifted down, kept in 0..255. */
void sums_to_bytes(const int *sum, size_t n, uint8_t *to);
/* n pixels to Pillow's luma (image.h); grey and rgb must not overlap. */
void luma(const uint8_t *rgb, size_t n, uint8_t *grey);
/* The least and the greatest of n bytes, n > 0. */
uint8_t least_byte(const uint8_t *from, size_t n);
uint8_t greatest_byte(const uint8_t *from, size_t n);
#endif
