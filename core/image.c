/* image.c - pictures by their magic bytes, and colour to grey and back. It refuses every
 * format but three, and every side beyond IMAGE_SIDE. */
#include "image.h"
#include "die.h"
#include "file.h"
#include "image_codec.h"
#include "lanes.h"
#include <string.h>

void image_make(struct image *image, int width, int height, int channels,
                const char *what) {
    if (width < 1 || height < 1 || width > IMAGE_SIDE || height > IMAGE_SIDE)
        die_no("%s: a picture of %dx%d pixels, wanted sides from 1 to %d", quoted(what),
               width, height, (int)IMAGE_SIDE);
    size_t n = (size_t)width * (size_t)height * (size_t)channels;
    *image = (struct image){width, height, channels, xmalloc(n)};
}

void image_free(struct image *image) {
    xfree(image->pixel);
    *image = (struct image){0};
}

void image_decode(struct image *image, const void *bytes, size_t n, const char *what) {
    static const struct {
        const char *magic;
        size_t n;
        void (*decode)(struct image *, const uint8_t *, size_t, const char *);
    } formats[] = {{"\xff\xd8\xff", 3, jpeg_decode},
                   {"\x89PNG\r\n\x1a\n", 8, png_decode},
                   {"II*\0", 4, tiff_decode},
                   {"MM\0*", 4, tiff_decode}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (n >= formats[i].n && !memcmp(bytes, formats[i].magic, formats[i].n)) {
            formats[i].decode(image, bytes, n, what);
            return;
        }
    die_no("%s: not a picture: begins '%s', wanted a JPEG, PNG or TIFF file", quoted(what),
           quoted_bytes(bytes, n < 16 ? n : 16));
}

void image_to_rgb(struct image *image) {
    if (image->channels == 3) return;
    struct image rgb;
    image_make(&rgb, image->width, image->height, 3, "picture");
    size_t n = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < n; i++) memset(rgb.pixel + 3 * i, image->pixel[i], 3);
    image_free(image);
    *image = rgb;
}

void image_to_grey(struct image *image) {
    if (image->channels == 1) return;
    struct image grey;
    image_make(&grey, image->width, image->height, 1, "picture");
    luma(image->pixel, (size_t)image->width * (size_t)image->height, grey.pixel);
    image_free(image);
    *image = grey;
}

void image_write_png(const struct image *image, const char *path) {
    size_t n;
    uint8_t *bytes = image_encode_png(image, &n);
    file_write(path, bytes, n);
    xfree(bytes);
}
