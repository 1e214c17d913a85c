/* core_image_test.c - pictures as Pillow decodes them; files that lie are refused. */
#include "core/bag.h"
#include "core/image.h"
#include "core/rng.h"
#include "tests/test.h"
#include <jpeglib.h>
#include <tiffio.h>
#include <zlib.h>

struct file {
    const uint8_t *bytes;
    size_t n;
};

static void decodes(void *arg) {
    const struct file *f = arg;
    struct image image;
    image_decode(&image, f->bytes, f->n, "file");
    image_free(&image);
}

static void pictures_have_pillows_pixels(void **state) {
    (void)state;
    struct bag bag;
    int cases = 0;
    bag_open(&bag, golden("pillow.safetensors"));
    for (int i = 0; i < bag.count; i++) {
        char name[80];
        struct image image;
        const struct tensor *file = &bag.tensor[i];
        if (strncmp(file->name, "file.", 5)) continue;
        snprintf(name, sizeof name, "pixels.%s", file->name + 5);
        const struct tensor *want = bag_need(&bag, name, T_U8, 3);
        image_decode(&image, file->data, tensor_bytes(file), file->name);
        assert_int_equal(image.height, want->dim[0]);
        assert_int_equal(image.width, want->dim[1]);
        assert_int_equal(image.channels, want->dim[2]);
        assert_memory_equal(image.pixel, want->data, tensor_bytes(want));
        image_free(&image);
        cases++;
    }
    assert_int_equal(cases, 14);
    bag_close(&bag);
}

static void formats_we_do_not_want_are_refused(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"jpeg_cmyk", "CMYK is not decoded"},
        {"png_alpha", "transparency, wanted none"},
        {"png_grey_alpha", "transparency, wanted none"},
        {"png_transparent", "transparency, wanted none"},
        {"png_16", "16 bits, wanted at most 8"},
        {"png_index", "palette index"},
        {"tiff_bit", "bits a sample 1, wanted 8"},
        {"tiff_float", "bits a sample 32, wanted 8"},
        {"tiff_cmyk", "samples a pixel 4, wanted 1 or 3"},
        {"tiff_alpha", "samples a pixel 4, wanted 1 or 3"},
        {"tiff_palette", "photometric 3, wanted grey"},
        {"tiff_jpeg", "compression 7, wanted none"},
        {"gif", "not a picture: begins 'GIF87a"},
        {"bmp", "not a picture: begins 'BM"},
    };
    struct bag bag;
    bag_open(&bag, golden("pillow.safetensors"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char name[40];
        snprintf(name, sizeof name, "bad.%s", bad[i][0]);
        const struct tensor *t = bag_need(&bag, name, T_U8, 1);
        assert_dies(EXIT_NO, bad[i][1], decodes,
                    (&(struct file){t->data, tensor_bytes(t)}));
    }
    bag_close(&bag);
}

static struct image noise(int width, int height, int channels) {
    struct image image;
    image_make(&image, width, height, channels, "noise");
    for (int i = 0; i < width * height * channels; i++)
        image.pixel[i] = (uint8_t)rng_u32(7, STREAM_SPLIT, 0, (uint64_t)i);
    return image;
}

typedef uint8_t *encoder(const struct image *, size_t *);
static uint8_t *jpeg(const struct image *image, size_t *n) {
    return image_encode_jpeg(image, 90, n);
}
static encoder *const encoders[3] = {image_encode_png, image_encode_tiff, jpeg};

static void what_is_encoded_comes_back(void **state) {
    (void)state;
    static const int sizes[][2] = {{1, 1}, {37, 16}, {20, 33}, {384, 2}};
    for (int s = 0; s < 4; s++)
        for (int channels = 1; channels <= 3; channels += 2)
            for (int e = 0; e < 3; e++) {
                struct image image = noise(sizes[s][0], sizes[s][1], channels), back;
                size_t n, again;
                uint8_t *bytes = encoders[e](&image, &n),
                        *same = encoders[e](&image, &again);
                assert_int_equal(n, again);
                assert_memory_equal(bytes, same, n);
                image_decode(&back, bytes, n, "back");
                assert_int_equal(back.width, image.width);
                assert_int_equal(back.height, image.height);
                assert_int_equal(back.channels, channels);
                size_t all = (size_t)(image.width * image.height * channels);
                if (e < 2) assert_memory_equal(back.pixel, image.pixel, all);
                image_free(&image);
                image_free(&back);
                xfree(bytes);
                xfree(same);
            }
}

static void a_png_is_written_to_its_name(void **state) {
    (void)state;
    struct image image = noise(5, 4, 3), back;
    size_t n;
    image_write_png(&image, "a.png");
    char *bytes = file_read("a.png", 10000, &n);
    image_decode(&back, bytes, n, "a.png");
    assert_memory_equal(back.pixel, image.pixel, 60);
    image_free(&image);
    image_free(&back);
    xfree(bytes);
}

static void a_picture_cut_anywhere_is_refused(void **state) {
    (void)state;
    struct image image = noise(24, 18, 3);
    for (int e = 0; e < 3; e++) {
        size_t n;
        uint8_t *bytes = encoders[e](&image, &n);
        /* a JPEG's last two bytes end it, a PNG's 12; a TIFF's end is the arrays of its
         * strips */
        for (size_t k = 0; k < n; k += k + 40 < n ? 7 : 1) {
            uint8_t *cut =
                xmalloc(k + 1); /* so that the sanitizer sees a read past the end */
            memcpy(cut, bytes, k);
            char message[300];
            assert_int_equal(
                die_catch(decodes, &(struct file){cut, k}, message, sizeof message),
                EXIT_NO);
            assert_non_null(strstr(message, "file: "));
            xfree(cut);
        }
        xfree(bytes);
    }
    image_free(&image);
}

static void put32(uint8_t *at, uint32_t x) {
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(x >> (24 - 8 * i));
}

static void pngs_that_declare_too_much_are_refused(void **state) {
    (void)state;
    struct image image = noise(8, 8, 1);
    size_t n;
    uint8_t *bytes = image_encode_png(&image, &n);
    struct file file = {bytes, n};
    static const uint32_t sides[] = {50000, 8193, 0x7fffffff, 0};
    for (int i = 0; i < 4;
         i++) { /* signature 8, length 4, "IHDR" 4, width, height ... CRC */
        put32(bytes + 16, sides[i]);
        assert_dies(EXIT_NO, "wanted a whole PNG", decodes, &file); /* the CRC is wrong */
        put32(bytes + 29, (uint32_t)crc32(0, bytes + 12, 17));
        assert_dies(EXIT_NO, "wanted a whole PNG", decodes, &file);
    }
    put32(bytes + 16, 8);
    put32(bytes + 20, 9); /* a row more than the data have */
    put32(bytes + 29, (uint32_t)crc32(0, bytes + 12, 17));
    assert_dies(EXIT_NO, "wanted a whole PNG", decodes, &file);
    image_free(&image);
    xfree(bytes);
}

/* A comment of 10 MB once unpacked is skipped unread; the same chunk with a wrong CRC is
 * not. */
static void a_png_bomb_in_a_comment_does_nothing(void **state) {
    (void)state;
    struct image image = noise(8, 8, 1), back;
    size_t n;
    enum { BOMB = 10 << 20 };
    uint8_t *bytes = image_encode_png(&image, &n), *zeros = xcalloc(BOMB, 1);
    uLongf packed = compressBound(BOMB);
    uint8_t *file = xmalloc(n + packed + 30), *chunk = file + 33;
    memcpy(file, bytes, 33);
    memcpy(chunk + 4, "zTXtkey\0\0", 9);
    assert_int_equal(compress(chunk + 13, &packed, zeros, BOMB), Z_OK);
    put32(chunk, (uint32_t)packed + 5);
    put32(chunk + 13 + packed, (uint32_t)crc32(0, chunk + 4, (uInt)packed + 9));
    memcpy(chunk + 17 + packed, bytes + 33, n - 33);
    struct file whole = {file, n + packed + 17};
    image_decode(&back, whole.bytes, whole.n, "bomb");
    assert_memory_equal(back.pixel, image.pixel, 64);
    chunk[40] ^= 1;
    assert_dies(EXIT_NO, "CRC error", decodes, &whole);
    image_free(&image);
    image_free(&back);
    xfree(bytes);
    xfree(zeros);
    xfree(file);
}

/* A progressive JPEG of one scan a coefficient: 189 and some. */
static uint8_t *many_scans(const struct image *image, unsigned long *n) {
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    static jpeg_scan_info scan[1 + 3 * 63];
    unsigned char *made = NULL;
    scan[0] = (jpeg_scan_info){3, {0, 1, 2, 0}, 0, 0, 0, 0};
    for (int k = 0; k < 189; k++)
        scan[1 + k] = (jpeg_scan_info){1, {k % 3, 0, 0, 0}, 1 + k / 3, 1 + k / 3, 0, 0};
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &made, n);
    c.image_width = (JDIMENSION)image->width;
    c.image_height = (JDIMENSION)image->height;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    c.scan_info = scan;
    c.num_scans = 190;
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        JSAMPROW row = image->pixel + c.next_scanline * (JDIMENSION)image->width * 3;
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    return made;
}

static size_t find_marker(const uint8_t *bytes, size_t n, uint8_t marker) {
    for (size_t i = 0; i + 1 < n; i++)
        if (bytes[i] == 0xff && bytes[i + 1] == marker) return i;
    fail();
    return 0;
}

static void jpegs_that_cost_too_much_are_refused(void **state) {
    (void)state;
    struct image image = noise(16, 16, 3);
    unsigned long scans;
    uint8_t *slow = many_scans(&image, &scans);
    assert_dies(EXIT_NO, "more than 100 scans", decodes, (&(struct file){slow, scans}));
    free(slow);
    size_t n;
    uint8_t *bytes = image_encode_jpeg(&image, 90, &n);
    size_t frame = find_marker(bytes, n, 0xc0); /* length 2, bits 1, height 2, width 2 */
    uint8_t kept[4];
    memcpy(kept, bytes + frame + 5, 4);
    memcpy(bytes + frame + 5, "\xff\xdc\xff\xdc", 4);
    assert_dies(EXIT_NO, "65500x65500 pixels, wanted sides from 1 to 8192", decodes,
                (&(struct file){bytes, n}));
    memcpy(bytes + frame + 5, "\0\0\0\0", 4);
    assert_dies(EXIT_NO, "wanted a whole JPEG", decodes, (&(struct file){bytes, n}));
    memcpy(bytes + frame + 5, kept, 4);
    bytes[n - 20] ^= 0xff; /* inside the coded data: the library only warns */
    bytes[n - 19] = 0xff, bytes[n - 18] = 0xd4;
    assert_dies(EXIT_NO, "wanted a whole JPEG", decodes, (&(struct file){bytes, n}));
    image_free(&image);
    xfree(bytes);
}

/* Value of the k-th tag (little-endian) of image_encode_tiff's only directory. */
static uint8_t *tiff_tag(uint8_t *bytes, int k) {
    uint32_t at = bytes[4] | (uint32_t)bytes[5] << 8;
    return bytes + at + 2 + 12 * k + 8;
}

static void tiffs_that_lie_are_refused(void **state) {
    (void)state;
    enum { WIDTH, HEIGHT, BITS, PACK, KIND, OFFSETS, SAMPLES, ROWS, COUNTS, PLANAR };
    static const struct {
        int tag;
        uint8_t value[4];
        const char *message;
    } lies[] = {
        {WIDTH, {0, 0, 0, 0}, "file: "},
        {WIDTH, {255, 255, 0, 0}, "file: "},
        {HEIGHT, {255, 255, 0, 0}, "file: "},
        {WIDTH, {200, 0, 0, 0}, "file: "}, /* more than the strip has */
        {OFFSETS, {255, 255, 255, 127}, "file: "},
        {COUNTS, {255, 255, 255, 255}, "file: "},
        {COUNTS, {1, 0, 0, 0}, "file: "},
        {PACK, {7, 0, 0, 0}, "compression 7"},
        {PACK, {5, 0, 0, 0}, "file: "}, /* not LZW data */
        {KIND, {0, 0, 0, 0}, "photometric 0"},
        {PLANAR, {2, 0, 0, 0}, "file: "},
    };
    struct image image = noise(20, 10, 3);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        size_t n;
        uint8_t *bytes = image_encode_tiff(&image, &n);
        memcpy(tiff_tag(bytes, lies[i].tag), lies[i].value, 4);
        assert_dies(EXIT_NO, lies[i].message, decodes, (&(struct file){bytes, n}));
        xfree(bytes);
    }
    image_free(&image);
}

static void a_tiff_in_tiles_is_refused(void **state) {
    (void)state;
    uint8_t tile[256] = {0};
    TIFF *tiff = TIFFOpen("tiles.tif", "w");
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, 16);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, 16);
    TIFFSetField(tiff, TIFFTAG_TILEWIDTH, 16);
    TIFFSetField(tiff, TIFFTAG_TILELENGTH, 16);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    assert_int_equal(TIFFWriteEncodedTile(tiff, 0, tile, 256), 256);
    TIFFClose(tiff);
    size_t n;
    char *bytes = file_read("tiles.tif", 10000, &n);
    assert_dies(EXIT_NO, "tiles: 1, wanted strips", decodes,
                (&(struct file){(uint8_t *)bytes, n}));
    xfree(bytes);
}

static void a_tiff_too_wide_is_refused(void **state) {
    (void)state;
    struct image image = {8193, 1, 1, xcalloc(8193, 1)};
    size_t n;
    uint8_t *bytes = image_encode_tiff(&image, &n);
    assert_dies(EXIT_NO, "a side of 8193, wanted at most 8192", decodes,
                (&(struct file){bytes, n}));
    image_free(&image);
    xfree(bytes);
}

/* The next directory is the first one again: only the first is read. */
static void a_tiff_whose_directories_loop_is_read_once(void **state) {
    (void)state;
    struct image image = noise(20, 10, 3), back;
    size_t n;
    uint8_t *bytes = image_encode_tiff(&image, &n);
    memcpy(tiff_tag(bytes, 10) - 8, bytes + 4, 4);
    image_decode(&back, bytes, n, "loop");
    assert_memory_equal(back.pixel, image.pixel, 600);
    memcpy(bytes + 4, "\xff\xff\xff\x7f", 4);
    assert_dies(EXIT_NO, "file: ", decodes, (&(struct file){bytes, n}));
    image_free(&image);
    image_free(&back);
    xfree(bytes);
}

static void bytes_of_no_picture_are_quoted(void **state) {
    (void)state;
    assert_dies(EXIT_NO, "begins '<html>\\x0a', wanted a JPEG", decodes,
                (&(struct file){(const uint8_t *)"<html>\n", 7}));
    assert_dies(EXIT_NO, "begins '', wanted", decodes,
                (&(struct file){(const uint8_t *)"", 0}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(pictures_have_pillows_pixels),
        TEST(formats_we_do_not_want_are_refused),
        TEST(what_is_encoded_comes_back),
        TEST(a_png_is_written_to_its_name),
        TEST(a_picture_cut_anywhere_is_refused),
        TEST(pngs_that_declare_too_much_are_refused),
        TEST(a_png_bomb_in_a_comment_does_nothing),
        TEST(jpegs_that_cost_too_much_are_refused),
        TEST(tiffs_that_lie_are_refused),
        TEST(a_tiff_in_tiles_is_refused),
        TEST(a_tiff_too_wide_is_refused),
        TEST(a_tiff_whose_directories_loop_is_read_once),
        TEST(bytes_of_no_picture_are_quoted),
    };
    return test_run(tests);
}
