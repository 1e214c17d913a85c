/* image_tiff.c - TIFF through libtiff, as far as the data sets need it.
 *
 * Strips of 8-bit grey or RGB. CVC-ClinicDB's pictures say photometric 1 (grey) and hold
 * three samples: they are RGB, and libtiff's one warning about that is the only one that
 * passes. It refuses tiles, palettes, JPEG inside, planes apart, other orientations. */
#include "die.h"
#include "image_codec.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <tiffio.h>

enum { MEMORY = 256 << 20, STRIP_ROWS = 16 };

static const char harmless[] = "Sum of Photometric type-related color channels and "
                               "ExtraSamples doesn't match SamplesPerPixel";

struct reader {
    const uint8_t *bytes;
    size_t n, at;
    const char *what;
    TIFF *tiff;
    TIFFOpenOptions *options;
    char problem[300]; /* the first error or warning */
    bool starved; /* memory had failed by then: libtiff itself tells that in many words */
};

static int note(TIFF *tiff, void *arg, const char *module, const char *format,
                va_list args) {
    int reason = errno;
    (void)tiff, (void)module;
    struct reader *r = arg;
    char message[sizeof r->problem];
    vsnprintf(message, sizeof message, format, args);
    if (!r->problem[0] && !strstr(message, harmless)) {
        memcpy(r->problem, message, sizeof message);
        r->starved = reason == ENOMEM;
    }
    return 1;
}

static tmsize_t read_bytes(thandle_t h, void *to, tmsize_t n) {
    struct reader *r = h;
    size_t left = r->at < r->n ? r->n - r->at : 0;
    size_t k = (size_t)n < left ? (size_t)n : left;
    memcpy(to, r->bytes + r->at, k);
    r->at += k;
    return (tmsize_t)k;
}

static tmsize_t write_nothing(thandle_t h, void *from, tmsize_t n) {
    (void)h, (void)from, (void)n;
    return 0;
}

static toff_t seek(thandle_t h, toff_t offset, int whence) {
    struct reader *r = h;
    size_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? r->at : r->n;
    r->at = base + (size_t)offset;
    return r->at;
}

static int close_nothing(thandle_t h) {
    (void)h;
    return 0;
}

static toff_t size(thandle_t h) {
    return ((struct reader *)h)->n;
}

static void release(void *arg) {
    struct reader *r = arg;
    if (r->tiff) TIFFClose(r->tiff);
    if (r->options) TIFFOpenOptionsFree(r->options);
}

static _Noreturn void refuse(const struct reader *r, const char *tag, unsigned found,
                             const char *wanted) {
    die_no("%s: TIFF with %s %u, wanted %s; convert it", quoted(r->what), tag, found,
           wanted);
}

static void check_problem(const struct reader *r) {
    if (r->problem[0] && r->starved)
        die_world("%s: libtiff has no memory (%s); close other programs", quoted(r->what),
                  quoted(r->problem));
    if (r->problem[0])
        die_no("%s: %s; wanted a whole TIFF picture", quoted(r->what), quoted(r->problem));
}

static unsigned tag16(const struct reader *r, uint32_t tag) {
    uint16_t value = 0;
    TIFFGetFieldDefaulted(r->tiff, tag, &value);
    return value;
}

/* The allow list. Returns the samples a pixel. */
static int check_tags(const struct reader *r) {
    unsigned bits = tag16(r, TIFFTAG_BITSPERSAMPLE),
             samples = tag16(r, TIFFTAG_SAMPLESPERPIXEL);
    unsigned pack = tag16(r, TIFFTAG_COMPRESSION), kind = tag16(r, TIFFTAG_PHOTOMETRIC);
    if (bits != 8) refuse(r, "bits a sample", bits, "8");
    if (samples != 1 && samples != 3) refuse(r, "samples a pixel", samples, "1 or 3");
    if (pack != COMPRESSION_NONE && pack != COMPRESSION_LZW &&
        pack != COMPRESSION_ADOBE_DEFLATE && pack != COMPRESSION_DEFLATE)
        refuse(r, "compression", pack, "none, LZW or deflate");
    if (kind != PHOTOMETRIC_MINISBLACK && !(kind == PHOTOMETRIC_RGB && samples == 3))
        refuse(r, "photometric", kind, "grey (1) or RGB (2)");
    if (TIFFIsTiled(r->tiff)) refuse(r, "tiles:", 1, "strips");
    if (samples == 3 && tag16(r, TIFFTAG_PLANARCONFIG) != PLANARCONFIG_CONTIG)
        refuse(r, "planar configuration", 2, "1");
    if (tag16(r, TIFFTAG_ORIENTATION) != ORIENTATION_TOPLEFT)
        refuse(r, "orientation", tag16(r, TIFFTAG_ORIENTATION), "1");
    if (tag16(r, TIFFTAG_FILLORDER) != FILLORDER_MSB2LSB) refuse(r, "fill order", 2, "1");
    if (tag16(r, TIFFTAG_SAMPLEFORMAT) != SAMPLEFORMAT_UINT)
        refuse(r, "sample format", tag16(r, TIFFTAG_SAMPLEFORMAT), "unsigned integers (1)");
    return (int)samples;
}

static void open_reader(struct reader *r) {
    die_cleanup(release, r);
    errno = 0;
    r->options = TIFFOpenOptionsAlloc();
    if (!r->options) die_world("out of memory: wanted room to open %s", quoted(r->what));
    TIFFOpenOptionsSetMaxSingleMemAlloc(r->options, MEMORY);
    TIFFOpenOptionsSetErrorHandlerExtR(r->options, note, r);
    TIFFOpenOptionsSetWarningHandlerExtR(r->options, note, r);
    /* h: read only the first directory on demand; m: never map */
    r->tiff = TIFFClientOpenExt("TIFF", "rm", r, read_bytes, write_nothing, seek,
                                close_nothing, size, NULL, NULL, r->options);
    check_problem(r);
    if (!r->tiff) die_no("%s: not a TIFF picture, wanted one", quoted(r->what));
}

void tiff_decode(struct image *image, const uint8_t *bytes, size_t n, const char *what) {
    struct reader r = {.bytes = bytes, .n = n, .what = what};
    open_reader(&r);
    int samples = check_tags(&r);
    uint32_t width = 0, height = 0;
    TIFFGetField(r.tiff, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(r.tiff, TIFFTAG_IMAGELENGTH, &height);
    if (width > IMAGE_SIDE || height > IMAGE_SIDE)
        refuse(&r, "a side of", width > height ? width : height, "at most 8192");
    size_t row = (size_t)width * (size_t)samples;
    if ((size_t)TIFFScanlineSize64(r.tiff) != row)
        refuse(&r, "bytes a row not", (unsigned)row, "so");
    image_make(image, (int)width, (int)height, samples, what);
    for (uint32_t y = 0; y < height; y++) {
        int ok = TIFFReadScanline(r.tiff, image->pixel + y * row, y, 0);
        check_problem(&r);
        if (ok < 0) die_no("%s: row %u is not there, wanted a whole TIFF", quoted(what), y);
    }
    die_cleanup_forget(release, &r);
    release(&r);
}

/* Little-endian words at a growing place. */
static uint8_t *put(uint8_t *at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) *at++ = (uint8_t)(value >> 8 * i);
    return at;
}

static uint8_t *put_tag(uint8_t *at, uint32_t tag, int type, uint32_t count,
                        uint32_t value) {
    return put(put(put(put(at, tag, 2), (uint32_t)type, 2), count, 4), value, 4);
}

uint8_t *image_encode_tiff(const struct image *image, size_t *n) {
    enum { SHORT = 3, LONG = 4, TAGS = 10, DIRECTORY = 2 + 12 * TAGS + 4 };
    uint32_t channels = (uint32_t)image->channels, height = (uint32_t)image->height;
    uint32_t row = (uint32_t)image->width * channels;
    uint32_t strips = (height + STRIP_ROWS - 1) / STRIP_ROWS, data = row * height;
    uint32_t directory = 8 + data + (data & 1); /* header, pixels, directory, its arrays */
    uint32_t bits = directory + DIRECTORY, offsets = bits + 8,
             counts = offsets + 4 * strips;
    bool one = strips == 1; /* a single value stands in the tag itself */
    uint8_t *bytes = xcalloc(*n = counts + 4 * strips, 1), *at = bytes;
    at = put(put(at, 0x002a4949, 4), directory, 4);
    memcpy(at, image->pixel, data);
    at = put(bytes + directory, TAGS, 2);
    at = put_tag(at, TIFFTAG_IMAGEWIDTH, SHORT, 1, (uint32_t)image->width);
    at = put_tag(at, TIFFTAG_IMAGELENGTH, SHORT, 1, height);
    at = put_tag(at, TIFFTAG_BITSPERSAMPLE, SHORT, channels, channels == 1 ? 8 : bits);
    at = put_tag(at, TIFFTAG_COMPRESSION, SHORT, 1, COMPRESSION_NONE);
    at = put_tag(at, TIFFTAG_PHOTOMETRIC, SHORT, 1, PHOTOMETRIC_MINISBLACK);
    at = put_tag(at, TIFFTAG_STRIPOFFSETS, LONG, strips, one ? 8 : offsets);
    at = put_tag(at, TIFFTAG_SAMPLESPERPIXEL, SHORT, 1, channels);
    at = put_tag(at, TIFFTAG_ROWSPERSTRIP, SHORT, 1, STRIP_ROWS);
    at = put_tag(at, TIFFTAG_STRIPBYTECOUNTS, LONG, strips, one ? data : counts);
    put_tag(at, TIFFTAG_PLANARCONFIG, SHORT, 1, PLANARCONFIG_CONTIG);
    put(bytes + bits, 0x00080008, 4);
    put(bytes + bits + 4, 8, 2);
    for (uint32_t s = 0; s < strips; s++) {
        uint32_t from = s * STRIP_ROWS * row, left = data - from;
        put(bytes + offsets + 4 * s, 8 + from, 4);
        put(bytes + counts + 4 * s, left < STRIP_ROWS * row ? left : STRIP_ROWS * row, 4);
    }
    return bytes;
}
