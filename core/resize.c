/* resize.c - Pillow's Image.resize in integers, bit for bit. It refuses to invent a
 * rounding of its own: weights in 22 bits, 8 bits between the passes. */
#include "resize.h"
#include "die.h"
#include "lanes.h"
#include "taps.h"
#include <stdbool.h>
#include <string.h>

enum { STRIDE = 4, BITS = 22 }; /* samples kept a colour pixel; fraction bits of a weight */

/* Pillow, Resample.c: normalize_coeffs_8bpc. [out][room] */
static int *fixed_weights(const struct taps *t, int out) {
    size_t n = (size_t)out * (size_t)t->room;
    int *fixed = xcalloc(n, sizeof *fixed);
    for (size_t i = 0; i < n; i++) {
        double w = t->weight[i] * (1 << BITS);
        fixed[i] = (int)(w < 0 ? w - 0.5 : w + 0.5);
    }
    return fixed;
}

static uint8_t to_byte(int sum) {
    int x = (sum + (1 << (BITS - 1))) >> BITS; /* arithmetic: rounds down below zero too */
    return (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
}

/* A row of n pixels with STRIDE samples a colour pixel: four bytes are moved at once, of
 * which the last belongs to the next pixel and meets no lane that counts. */
static void spread_row(const uint8_t *restrict from, int channels, size_t n,
                       uint8_t *restrict to) {
    if (channels == 1) memcpy(to, from, n);
    for (size_t x = 0; x + 1 < n && channels == 3; x++) memcpy(to + 4 * x, from + 3 * x, 4);
    if (channels == 3) memcpy(to + 4 * (n - 1), from + 3 * (n - 1), 3);
}

/* The lanes' sums to n pixels: lane l holds channel l % STRIDE of colour, the rest of
 * grey. */
static void sums_to_pixels(int (*sum)[LANES], int n, int channels, uint8_t *pixel) {
    for (int i = 0; i < n; i++, pixel += channels) {
        if (channels == 3)
            for (int c = 0; c < 3; c++) pixel[c] = to_byte(sum[i][c] + sum[i][c + STRIDE]);
        for (int l = 1; l < LANES && channels == 1; l++) sum[i][0] += sum[i][l];
        if (channels == 1) pixel[0] = to_byte(sum[i][0]);
    }
}

/* [height][in][channels] to [height][out][channels]. */
static void across(const struct image *in, int width, enum filter filter, uint8_t *to) {
    int channels = in->channels, stride = channels == 3 ? STRIDE : 1;
    struct taps t;
    taps_make(&t, in->width, width, filter);
    int *fixed = fixed_weights(&t, width);
    size_t room = ((size_t)(t.room * stride) + LANES - 1) / LANES * LANES;
    int *weight = xcalloc(size_mul((size_t)width, room, "resize"), sizeof *weight);
    for (int i = 0; i < width; i++)
        for (int k = 0; k < t.room * stride; k++)
            weight[(size_t)i * room + (size_t)k] = fixed[i * t.room + k / stride];
    /* with a tail, because the last taps may reach past the end, with weight zero */
    size_t row = (size_t)in->width * (size_t)stride;
    uint8_t *spread = xcalloc(row, 1);
    int *sample = xcalloc(row + room, sizeof *sample);
    int(*sum)[LANES] = xcalloc((size_t)width, sizeof *sum);
    for (int i = 0; i < width; i++) t.first[i] *= stride;
    for (int y = 0; y < in->height; y++) {
        const uint8_t *from = in->pixel + (size_t)y * (size_t)in->width * (size_t)channels;
        spread_row(from, channels, (size_t)in->width, spread);
        widen(spread, row, sample);
        weigh_row(sample, t.first, weight, room, width, sum);
        sums_to_pixels(sum, width, channels, to + (size_t)y * (size_t)(width * channels));
    }
    xfree(sum);
    xfree(spread);
    xfree(sample);
    xfree(weight);
    xfree(fixed);
    taps_free(&t);
}

/* [in][row] to [height][row]. */
static void down(const uint8_t *from, size_t row, int in, int height, enum filter filter,
                 uint8_t *to) {
    struct taps t;
    taps_make(&t, in, height, filter);
    int *fixed = fixed_weights(&t, height);
    int *sum = xcalloc(row, sizeof *sum);
    for (int y = 0; y < height; y++) {
        memset(sum, 0, row * sizeof *sum);
        for (int k = 0; k < t.room; k++) {
            int weight = fixed[y * t.room + k];
            if (weight) add_row(from + (size_t)(t.first[y] + k) * row, weight, row, sum);
        }
        for (size_t i = 0; i < row; i++) to[(size_t)y * row + i] = to_byte(sum[i]);
    }
    xfree(sum);
    xfree(fixed);
    taps_free(&t);
}

/* Pillow, Geometry.c: ImagingScaleAffine. The coordinate is a running sum there, so here
 * too. */
static int *nearest_places(int in, int out) {
    int *place = xcalloc((size_t)out, sizeof *place);
    double scale = (double)in / out, at = scale * 0.5;
    for (int i = 0; i < out; i++, at += scale) place[i] = at < in ? (int)at : in - 1;
    return place;
}

static void nearest(const struct image *in, struct image *out) {
    int *x = nearest_places(in->width, out->width);
    int *y = nearest_places(in->height, out->height);
    uint8_t *to = out->pixel;
    size_t channels = (size_t)in->channels, row = (size_t)in->width * channels;
    for (int j = 0; j < out->height; j++)
        for (int i = 0; i < out->width; i++, to += channels)
            memcpy(to, in->pixel + (size_t)y[j] * row + (size_t)x[i] * channels, channels);
    xfree(x);
    xfree(y);
}

/* Pillow 13's choice of the first pass (its pull request 9549): down first where the height
 * shrinks by more than twice what the width does. Pillow 12 always went across first; the
 * two differ only for such pictures, tall ones mostly, by a level here and there. */
static bool down_first(const struct image *in, int width, int height) {
    int narrower = in->width > width ? in->width - width : 0;
    return in->height - height > 2 * narrower;
}

void resize(const struct image *in, int width, int height, enum filter filter,
            struct image *out) {
    size_t row = size_mul((size_t)width, (size_t)in->channels, "resize");
    *out = (struct image){width, height, in->channels, NULL};
    out->pixel = xmalloc(size_mul(row, (size_t)height, "resize"));
    if (filter == FILTER_NEAREST) {
        nearest(in, out);
        return;
    }
    if (width == in->width && height == in->height) {
        memcpy(out->pixel, in->pixel, row * (size_t)height);
    } else if (height == in->height) { /* a pass that keeps the length is left out */
        across(in, width, filter, out->pixel);
    } else if (width == in->width) {
        down(in->pixel, row, in->height, height, filter, out->pixel);
    } else if (down_first(in, width, height)) {
        struct image low = {in->width, height, in->channels, NULL};
        size_t wide = (size_t)in->width * (size_t)in->channels;
        low.pixel = xmalloc(size_mul(wide, (size_t)height, "resize"));
        down(in->pixel, wide, in->height, height, filter, low.pixel);
        across(&low, width, filter, out->pixel);
        image_free(&low);
    } else {
        uint8_t *narrow = xmalloc(size_mul(row, (size_t)in->height, "resize"));
        across(in, width, filter, narrow);
        down(narrow, row, in->height, height, filter, out->pixel);
        xfree(narrow);
    }
}

int filter_parse(const char *text) {
    static const char *const names[] = {"nearest", "bilinear", "bicubic"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(text, names[i])) return i;
    return -1;
}
