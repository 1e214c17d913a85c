/* pictures.h - files that the project's own encoders would not write, and changes to those
 * they do. All bytes are xmalloc's. */
#ifndef TESTS_HOSTILE_PICTURES_H
#define TESTS_HOSTILE_PICTURES_H
#include "core/image.h"
#include "tests/torch_save.h"

void png_set32(uint8_t *at, uint32_t x); /* big-endian */
/* Corrects the checksum of the chunk that begins at `chunk`. */
void png_sum(uint8_t *chunk);
/* A chunk behind the header: "key", two zero bytes, n zeros deflated. */
void png_insert_bomb(struct bytes *b, const char *name, size_t n);
/* The chunk of that name once more, behind itself. */
void png_repeat(struct bytes *b, const char *name);
uint8_t *png_encode_interlaced(const struct image *image, size_t *n);
/* Pixels of so many bits are all `index`, under a palette of so many colours, all of them
 * black; of none: in grey. */
uint8_t *png_encode_palette(int bits, int colours, int index, size_t *n);

/* Where the marker FF `marker` stands. */
uint8_t *jpeg_marker(struct bytes *b, uint8_t marker);
/* Progressive: the first scan holds all DC, each further one a single coefficient again. */
uint8_t *jpeg_encode_scans(const struct image *image, int scans, size_t *n);
uint8_t *jpeg_encode_cmyk(int width, int height, uint8_t value, size_t *n);

/* 16x16 in one tile. */
uint8_t *tiff_encode_tile(uint8_t value, size_t *n);
#endif
