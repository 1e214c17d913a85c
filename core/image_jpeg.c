/* image_jpeg.c - JPEG through libjpeg. It refuses what the library only warns about: a
 * warning means that pixels were made up. */
#include "die.h"
#include "image_codec.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
#include <jerror.h>

enum { SCANS = 100, MEMORY = 256 << 20 };

/* Handed to the library as its error manager; `what` is found behind it again. */
struct errors {
    struct jpeg_error_mgr jpeg;
    const char *what;
};

static _Noreturn void refuse(j_common_ptr c) {
    char message[JMSG_LENGTH_MAX];
    c->err->format_message(c, message);
    if (c->err->msg_code == JERR_OUT_OF_MEMORY)
        die_world("%s: libjpeg has no memory; close other programs",
                  quoted(((struct errors *)c->err)->what));
    die_no("%s: %s; wanted a whole JPEG picture of 1 or 3 components",
           quoted(((struct errors *)c->err)->what), quoted(message));
}

static void emit(j_common_ptr c, int level) {
    if (level < 0) refuse(c);
}

/* A progressive file may hold any number of scans, each a pass over all coefficients. */
static void count_scans(j_common_ptr c) {
    const struct jpeg_decompress_struct *d =
        (const struct jpeg_decompress_struct *)(void *)c;
    if (c->is_decompressor && d->input_scan_number > SCANS)
        die_no("%s: more than %d scans, wanted fewer",
               quoted(((struct errors *)c->err)->what), (int)SCANS);
}

static void destroy(void *arg) {
    jpeg_destroy(arg);
}

static void check_header(const struct jpeg_decompress_struct *d, const char *what) {
    bool grey = d->num_components == 1 && d->jpeg_color_space == JCS_GRAYSCALE;
    bool colour = d->num_components == 3 &&
                  (d->jpeg_color_space == JCS_YCbCr || d->jpeg_color_space == JCS_RGB);
    if ((!grey && !colour) || d->data_precision != 8)
        die_no("%s: %d components of %d bits in colour space %d, wanted grey, YCbCr or RGB "
               "of 8 "
               "bits (CMYK is not decoded); convert it",
               quoted(what), d->num_components, d->data_precision,
               (int)d->jpeg_color_space);
}

void jpeg_decode(struct image *image, const uint8_t *bytes, size_t n, const char *what) {
    struct jpeg_decompress_struct d;
    struct errors errors = {.what = what};
    struct jpeg_progress_mgr progress = {.progress_monitor = count_scans};
    memset(&d, 0, sizeof d);
    d.err = jpeg_std_error(&errors.jpeg);
    errors.jpeg.error_exit = refuse;
    errors.jpeg.emit_message = emit;
    die_cleanup(destroy, &d);
    jpeg_create_decompress(&d);
    d.mem->max_memory_to_use = MEMORY;
    d.progress = &progress;
    jpeg_mem_src(&d, bytes, n);
    jpeg_read_header(&d, TRUE);
    check_header(&d, what);
    image_make(image, (int)d.image_width, (int)d.image_height, d.num_components, what);
    d.out_color_space = d.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    d.dct_method = JDCT_ISLOW; /* the one method whose SIMD and C code agree */
    d.do_fancy_upsampling = TRUE;
    jpeg_start_decompress(&d);
    size_t row = (size_t)image->width * (size_t)image->channels;
    while (d.output_scanline < d.output_height) {
        JSAMPROW at = image->pixel + d.output_scanline * row;
        jpeg_read_scanlines(&d, &at, 1);
    }
    jpeg_finish_decompress(&d);
    die_cleanup_forget(destroy, &d);
    jpeg_destroy_decompress(&d);
}

uint8_t *image_encode_jpeg(const struct image *image, int quality, size_t *n) {
    struct jpeg_compress_struct c;
    struct errors errors = {.what = "picture to be written"};
    unsigned char *made = NULL;
    unsigned long bytes = 0;
    memset(&c, 0, sizeof c);
    c.err = jpeg_std_error(&errors.jpeg);
    errors.jpeg.error_exit = refuse;
    errors.jpeg.emit_message = emit;
    die_cleanup(destroy, &c);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &made, &bytes);
    c.image_width = (JDIMENSION)image->width;
    c.image_height = (JDIMENSION)image->height;
    c.input_components = image->channels;
    c.in_color_space = image->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, quality, TRUE);
    c.dct_method = JDCT_ISLOW;
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        size_t row = (size_t)image->width * (size_t)image->channels;
        JSAMPROW at = image->pixel + c.next_scanline * row;
        jpeg_write_scanlines(&c, &at, 1);
    }
    jpeg_finish_compress(&c);
    die_cleanup_forget(destroy, &c);
    jpeg_destroy_compress(&c);
    uint8_t *copy = memcpy(xmalloc(bytes), made, bytes);
    free(made);
    *n = bytes;
    return copy;
}
