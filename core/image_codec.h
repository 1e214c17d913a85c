/* image_codec.h - the formats behind image.h, one file each; nobody but image.c includes
 * it and they. All refuse by die_no naming `what`. */
#ifndef CORE_IMAGE_CODEC_H
#define CORE_IMAGE_CODEC_H
#include "image.h"

void jpeg_decode(struct image *image, const uint8_t *bytes, size_t n, const char *what);
void png_decode(struct image *image, const uint8_t *bytes, size_t n, const char *what);
void tiff_decode(struct image *image, const uint8_t *bytes, size_t n, const char *what);
#endif
