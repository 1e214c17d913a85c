/* lanes_rgb.h - the pass across for colour pictures: the walk over the rows, and the ways
 * of doing a few of them. Seen by lanes_rgb*.c and their test alone. */
#ifndef CORE_LANES_RGB_H
#define CORE_LANES_RGB_H
#include "lanes.h"

enum { RGB_TAPS = 4, RGB_ROWS = 4 }; /* taps of a quad, rows done at once */

struct rgb_rows {
    const struct lanes_pass *pass;
    int quads;             /* a pixel: what the one with the most taps needs */
    const uint8_t *weight; /* [width][quads] as the way splits them, 64-byte aligned */
    const uint8_t *from;   /* readable for all quads of all pixels, and 4 bytes more */
    uint8_t *to;
};
struct rgb_way {
    int (*here)(void); /* whether this processor can */
    size_t bytes;      /* of a quad that is split */
    /* Four weights of one pixel, as the multiplications want them. */
    void (*split)(const int weight[RGB_TAPS], uint8_t *to);
    void (*rows)(const struct rgb_rows *r); /* RGB_ROWS of them */
};
extern const struct rgb_way rgb_avx2, rgb_vnni;
/* lanes_across_rgb by that way. */
void rgb_across(const struct rgb_way *way, const struct lanes_pass *p, const uint8_t *from,
                uint8_t *to);
#endif
