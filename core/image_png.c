/* image_png.c - PNG through libpng's low level. It refuses alpha, 16 bits, indices
 * beyond the palette, and every warning; comments and profiles are skipped unread. */
#include "die.h"
#include "image_codec.h"
#include <png.h>
#include <string.h>

/* Bytes being read, or written. */
struct bytes {
    uint8_t *at;
    size_t used, room;
    const char *what;
};

static _Noreturn void refuse(png_structp png, png_const_charp message) {
    const struct bytes *b = png_get_error_ptr(png);
    die_no("%s: %s; wanted a whole PNG picture", quoted(b->what), quoted(message));
}

static void refuse_warning(png_structp png, png_const_charp message) {
    refuse(png, message);
}

static png_voidp take(png_structp png, png_alloc_size_t n) {
    (void)png;
    return xmalloc(n);
}

static void give(png_structp png, png_voidp memory) {
    (void)png;
    xfree(memory);
}

static void read_bytes(png_structp png, png_bytep to, size_t n) {
    struct bytes *b = png_get_io_ptr(png);
    if (b->room - b->used < n) png_error(png, "the file ends too early");
    memcpy(to, b->at + b->used, n);
    b->used += n;
}

static void write_bytes(png_structp png, png_bytep from, size_t n) {
    struct bytes *b = png_get_io_ptr(png);
    if (b->room - b->used < n) {
        b->room = size_add(size_mul(b->room, 2, "PNG"), n, "PNG");
        b->at = xrealloc(b->at, b->room, 1);
    }
    memcpy(b->at + b->used, from, n);
    b->used += n;
}

static void flush_nothing(png_structp png) {
    (void)png;
}

static void set_limits(png_structp png) {
    png_set_user_limits(png, IMAGE_SIDE, IMAGE_SIDE);
    png_set_chunk_malloc_max(png, 4 << 20);
    png_set_chunk_cache_max(png, 128);
    png_set_benign_errors(png, 0);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    /* all that does not change pixels: texts, profiles, gamma, times, EXIF */
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
}

/* Makes room for what comes: 1 channel for grey and palettes, 3 for colour. */
static void read_header(png_structp png, png_infop info, struct image *image,
                        const char *what) {
    png_read_info(png, info);
    int kind = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    if (kind & PNG_COLOR_MASK_ALPHA || png_get_valid(png, info, PNG_INFO_tRNS))
        die_no("%s: a PNG with transparency, wanted none; flatten it", quoted(what));
    if (depth > 8)
        die_no("%s: a PNG of 16 bits, wanted at most 8; convert it", quoted(what));
    if (depth < 8 && kind == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
    if (depth < 8 && kind == PNG_COLOR_TYPE_PALETTE) png_set_packing(png);
    image_make(image, (int)png_get_image_width(png, info),
               (int)png_get_image_height(png, info), kind == PNG_COLOR_TYPE_RGB ? 3 : 1,
               what);
}

/* Indices to colours. */
static void apply_palette(png_structp png, png_infop info, struct image *image,
                          const char *what) {
    png_colorp colour;
    int colours = 0;
    png_get_PLTE(png, info, &colour, &colours);
    struct image index = *image;
    image_make(image, index.width, index.height, 3, what);
    size_t n = (size_t)index.width * (size_t)index.height;
    for (size_t i = 0; i < n; i++) {
        int k = index.pixel[i];
        if (k >= colours)
            die_no("%s: palette index %d, wanted less than %d", quoted(what), k, colours);
        memcpy(image->pixel + 3 * i,
               (uint8_t[]){colour[k].red, colour[k].green, colour[k].blue}, 3);
    }
    image_free(&index);
}

void png_decode(struct image *image, const uint8_t *bytes, size_t n, const char *what) {
    struct bytes in = {(uint8_t *)(uintptr_t)bytes, 0, n, what};
    png_structp png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &in, refuse,
                                               refuse_warning, NULL, take, give);
    png_infop info = png_create_info_struct(png);
    png_set_read_fn(png, &in, read_bytes);
    set_limits(png);
    read_header(png, info, image, what);
    int passes = png_set_interlace_handling(png);
    size_t row = (size_t)image->width * (size_t)image->channels;
    memset(image->pixel, 0, row * (size_t)image->height); /* interlaced rows are combined */
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < image->height; y++)
            png_read_row(png, image->pixel + (size_t)y * row, NULL);
    png_read_end(png, NULL);
    if (png_get_color_type(png, info) == PNG_COLOR_TYPE_PALETTE)
        apply_palette(png, info, image, what);
    png_destroy_read_struct(&png, &info, NULL);
}

uint8_t *image_encode_png(const struct image *image, size_t *n) {
    struct bytes out = {NULL, 0, 0, "picture to be written"};
    png_structp png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &out, refuse,
                                                refuse_warning, NULL, take, give);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &out, write_bytes, flush_nothing);
    png_set_compression_level(png, 6); /* fixed: same pixels, same bytes */
    png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_ALL_FILTERS);
    png_set_IHDR(png, info, (png_uint_32)image->width, (png_uint_32)image->height, 8,
                 image->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    png_write_info(png, info);
    size_t row = (size_t)image->width * (size_t)image->channels;
    for (int y = 0; y < image->height; y++)
        png_write_row(png, image->pixel + (size_t)y * row);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    *n = out.used;
    return out.at;
}
