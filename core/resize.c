/* resize.c - Pillow's Image.resize in integers, bit for bit. It refuses to invent a
 * rounding of its own: weights in 22 bits, 8 bits between the passes. */
#include "resize.h"
#include "die.h"
#include "lanes.h"
#include "taps.h"
#include <stdbool.h>
#include <string.h>

/* Pillow, Resample.c: normalize_coeffs_8bpc. [out][room] */
static int *fixed_weights(const struct taps *t, int out) {
    size_t n = (size_t)out * (size_t)t->room;
    int *fixed = xcalloc(n, sizeof *fixed);
    for (size_t i = 0; i < n; i++) {
        double w = t->weight[i] * (1 << LANES_BITS);
        fixed[i] = (int)(w < 0 ? w - 0.5 : w + 0.5);
    }
    return fixed;
}

/* [height][in][channels] to [height][out][channels]. */
static void across(const struct image *in, int width, enum filter filter, uint8_t *to) {
    struct taps t;
    taps_make(&t, in->width, width, filter);
    int *fixed = fixed_weights(&t, width);
    struct lanes_pass pass = {in->width, in->height, width, t.room, t.first, fixed};
    if (in->channels != 3 || !lanes_across_rgb(&pass, in->pixel, to))
        lanes_across(&pass, in->channels, in->pixel, to);
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
        sums_to_bytes(sum, row, to + (size_t)y * row);
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
    size_t channels = (size_t)in->channels, row = (size_t)in->width * channels;
    int width = out->width;
    for (int j = 0; j < out->height; j++) {
        const uint8_t *from = in->pixel + (size_t)y[j] * row;
        uint8_t *restrict to = out->pixel + (size_t)j * (size_t)width * channels;
        for (int i = 0; i < width && channels == 1; i++) to[i] = from[x[i]];
        for (int i = 0; i < width && channels == 3; i++, to += 3)
            memcpy(to, from + 3 * (size_t)x[i], 3);
    }
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
