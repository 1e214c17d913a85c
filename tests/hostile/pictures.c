/* pictures.c - through the codecs' own writers where these still write it; by hand where
 * not. */
#include "tests/hostile/pictures.h"
#include "core/die.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

void png_set32(uint8_t *at, uint32_t x) {
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(x >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

void png_sum(uint8_t *chunk) {
    uint32_t n = get32(chunk);
    png_set32(chunk + 8 + n, (uint32_t)crc32(0, chunk + 4, n + 4));
}

/* Makes room for n bytes at a place. */
static uint8_t *open_gap(struct bytes *b, size_t at, size_t n) {
    b->data = xrealloc(b->data, b->n + n, 1);
    memmove(b->data + at + n, b->data + at, b->n - at);
    b->n += n;
    b->room = b->n;
    return b->data + at;
}

void png_insert_bomb(struct bytes *b, const char *name, size_t n) {
    enum { HEADER = 33 }; /* signature and IHDR */
    uint8_t *zeros = xcalloc(n, 1);
    uLongf packed = compressBound(n);
    uint8_t *data = xmalloc(packed);
    compress2(data, &packed, zeros, n, 1);
    uint8_t *chunk = open_gap(b, HEADER, packed + 17);
    png_set32(chunk, (uint32_t)packed + 5);
    memcpy(chunk + 4, name, 4);
    memcpy(chunk + 8, "key\0\0", 5);
    memcpy(chunk + 13, data, packed);
    png_sum(chunk);
    xfree(zeros);
    xfree(data);
}

void png_repeat(struct bytes *b, const char *name) {
    size_t at = 8, n;
    for (; memcmp(b->data + at + 4, name, 4); at += n + 12) n = get32(b->data + at);
    n = get32(b->data + at) + 12;
    uint8_t *gap = open_gap(b, at + n, n);
    memcpy(gap, gap - n, n);
}

static void png_take(png_structp png, png_bytep from, size_t n) {
    bytes_add(png_get_io_ptr(png), from, n);
}

static void png_flush(png_structp png) {
    (void)png;
}

/* All rows of an image, after what was set. */
static uint8_t *png_encode(png_structp png, png_infop info, const struct image *image,
                           struct bytes *out, size_t *n) {
    png_write_info(png, info);
    if (png_get_bit_depth(png, info) < 8) png_set_packing(png);
    int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < image->height; y++)
            png_write_row(png, image->pixel + y * image->width * image->channels);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    *n = out->n;
    return out->data;
}

uint8_t *png_encode_interlaced(const struct image *image, size_t *n) {
    struct bytes out = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &out, png_take, png_flush);
    png_set_IHDR(png, info, (png_uint_32)image->width, (png_uint_32)image->height, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_ADAM7, PNG_COMPRESSION_TYPE_BASE,
                 PNG_FILTER_TYPE_BASE);
    return png_encode(png, info, image, &out, n);
}

uint8_t *png_encode_palette(int bits, int colours, int index, size_t *n) {
    enum { WIDTH = 16, HEIGHT = 12 };
    struct bytes out = {0};
    struct image image;
    png_color colour[256] = {{0, 0, 0}};
    image_make(&image, WIDTH, HEIGHT, 1, "palette");
    memset(image.pixel, index, WIDTH * HEIGHT);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_check_for_invalid_index(png, -1);
    png_set_write_fn(png, &out, png_take, png_flush);
    png_set_IHDR(png, info, WIDTH, HEIGHT, bits,
                 colours ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    if (colours) png_set_PLTE(png, info, colour, colours);
    uint8_t *bytes = png_encode(png, info, &image, &out, n);
    image_free(&image);
    return bytes;
}

uint8_t *jpeg_marker(struct bytes *b, uint8_t marker) {
    for (size_t i = 0; i + 1 < b->n; i++)
        if (b->data[i] == 0xff && b->data[i + 1] == marker) return b->data + i;
    die_usage("pictures.c: no marker %02x", marker);
}

/* Compresses rows of `components` bytes a pixel; copies to our own memory. */
static uint8_t *jpeg_encode(struct jpeg_compress_struct *c, const uint8_t *pixel,
                            unsigned char **made, unsigned long *bytes, size_t *n) {
    jpeg_start_compress(c, TRUE);
    while (c->next_scanline < c->image_height) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)pixel +
                       c->next_scanline * c->image_width * (JDIMENSION)c->input_components;
        jpeg_write_scanlines(c, &row, 1);
    }
    jpeg_finish_compress(c);
    jpeg_destroy_compress(c);
    uint8_t *copy = memcpy(xmalloc(*bytes), *made, *bytes);
    *n = *bytes;
    free(*made);
    return copy;
}

uint8_t *jpeg_encode_scans(const struct image *image, int scans, size_t *n) {
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *made = NULL;
    unsigned long bytes = 0;
    enum { REAL = 190 };
    static jpeg_scan_info scan[REAL];
    scan[0] = (jpeg_scan_info){3, {0, 1, 2, 0}, 0, 0, 0, 0};
    for (int k = 0; k < REAL - 1; k++)
        scan[1 + k] = (jpeg_scan_info){1, {k % 3, 0, 0, 0}, 1 + k / 3, 1 + k / 3, 0, 0};
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &made, &bytes);
    c.image_width = (JDIMENSION)image->width;
    c.image_height = (JDIMENSION)image->height;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    c.scan_info = scan;
    c.num_scans = scans < REAL ? scans : REAL;
    uint8_t *file = jpeg_encode(&c, image->pixel, &made, &bytes, n);
    /* The library writes no scan twice; the last one, tables and all, is copied. */
    struct bytes b = {file, *n, *n};
    size_t end = *n - 2, from = end;
    while (from > 2 && !(file[from] == 0xff && file[from + 1] == 0xda)) from--;
    for (size_t length = end - from; scans > REAL; scans--) {
        uint8_t *gap = open_gap(&b, end, length);
        memcpy(gap, gap - length, length);
        end += length;
    }
    *n = b.n;
    return b.data;
}

uint8_t *jpeg_encode_cmyk(int width, int height, uint8_t value, size_t *n) {
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *made = NULL;
    unsigned long bytes = 0;
    uint8_t *pixel = xmalloc((size_t)(4 * width * height));
    memset(pixel, value, (size_t)(4 * width * height));
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &made, &bytes);
    c.image_width = (JDIMENSION)width;
    c.image_height = (JDIMENSION)height;
    c.input_components = 4;
    c.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&c);
    uint8_t *file = jpeg_encode(&c, pixel, &made, &bytes, n);
    xfree(pixel);
    return file;
}

/* Little-endian words. */
static void put_tag(struct bytes *b, unsigned tag, unsigned type, uint32_t value) {
    bytes_u16(b, tag), bytes_u16(b, type), bytes_u32(b, 1), bytes_u32(b, value);
}

uint8_t *tiff_encode_tile(uint8_t value, size_t *n) {
    static const struct {
        unsigned tag, type;
        uint32_t value;
    } tags[] = {{256, 3, 16}, {257, 3, 16}, {258, 3, 8},  {259, 3, 1}, {262, 3, 1},
                {277, 3, 1},  {322, 3, 16}, {323, 3, 16}, {324, 4, 8}, {325, 4, 256}};
    enum { TAGS = sizeof tags / sizeof *tags };
    struct bytes b = {0};
    bytes_u32(&b, 0x002a4949), bytes_u32(&b, 8 + 256);
    for (int i = 0; i < 256; i++) bytes_add(&b, &value, 1);
    bytes_u16(&b, TAGS);
    for (int i = 0; i < TAGS; i++) put_tag(&b, tags[i].tag, tags[i].type, tags[i].value);
    bytes_u32(&b, 0);
    *n = b.n;
    return b.data;
}
