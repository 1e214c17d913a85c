/* picture.c - decodes, resizes, thresholds, run-length codes. It knows no file, no name. */
#include "convert/picture.h"
#include "core/die.h"
#include "core/image.h"
#include "core/lanes.h"
#include <string.h>

void picture_image(const struct conf *conf, const char *what, const uint8_t *data, size_t n,
                   struct spool *spool, struct picture *out) {
    struct image image, small;
    image_decode(&image, data, n, what);
    image_to_rgb(&image);
    resize(&image, conf->size, conf->size, conf->resize, &small);
    size_t bytes = (size_t)conf->size * (size_t)conf->size * 3;
    *out = (struct picture){.height = image.height, .width = image.width};
    out->at = spool_write(spool, small.pixel, bytes);
    image_free(&image);
    image_free(&small);
}

/* Bits, lowest first; whether any is set. n is a multiple of 8. */
static int pack_bits(const uint8_t *pixel, size_t n, int threshold, uint8_t *bits) {
    int any = 0;
    for (size_t i = 0; i < n / 8; i++) {
        uint8_t in[8];
        uint64_t eight;
        for (int k = 0; k < 8; k++) in[k] = pixel[8 * i + (size_t)k] > threshold;
        memcpy(&eight, in,
               sizeof eight); /* a bit a byte; the product gathers them on top */
        bits[i] = (uint8_t)(eight * 0x0102040810204080 >> 56);
        any |= bits[i];
    }
    return any != 0;
}

/* How many pixels from the first on are all above the threshold (in) or all not. */
static size_t alike(const uint8_t *pixel, size_t n, int threshold, int in) {
    size_t i = 0;
    for (size_t block = 256; block >= 16; block /= 4) /* most are like their neighbours */
        while (i + block <= n && (in ? least_byte(pixel + i, block) > threshold
                                     : greatest_byte(pixel + i, block) <= threshold))
            i += block;
    while (i < n && (pixel[i] > threshold) == in) i++;
    return i;
}

/* Run lengths, background first; returns their number. */
static uint32_t code_runs(const uint8_t *pixel, size_t n, int threshold, uint32_t *run) {
    uint32_t runs = 0;
    int in = 0;
    for (size_t i = 0; i < n || !runs; in = !in) {
        size_t length = alike(pixel + i, n - i, threshold, in);
        run[runs++] = (uint32_t)length;
        i += length;
    }
    return runs;
}

void picture_mask(const struct conf *conf, const char *what, const uint8_t *data, size_t n,
                  struct spool *spool, struct picture *out) {
    struct image image, small;
    image_decode(&image, data, n, what);
    image_to_grey(&image);
    resize(&image, conf->size, conf->size, conf->mask_resize, &small);
    size_t side = (size_t)conf->size, pixels = (size_t)image.height * (size_t)image.width;
    size_t bits = side * side / 8;
    uint8_t *both = xmalloc(bits + (pixels + 1) * sizeof(uint32_t));
    uint32_t *run = xmalloc((pixels + 1) * sizeof *run);
    *out = (struct picture){.height = image.height, .width = image.width};
    if (!pack_bits(small.pixel, side * side, conf->mask_threshold, both))
        out->empty = EMPTY_SMALL;
    out->runs = code_runs(image.pixel, pixels, conf->mask_threshold, run);
    if (out->runs == 1) out->empty |= EMPTY_ORIGINAL;
    memcpy(both + bits, run, out->runs * sizeof *run);
    out->at = spool_write(spool, both, bits + out->runs * sizeof *run);
    xfree(run);
    xfree(both);
    image_free(&image);
    image_free(&small);
}
