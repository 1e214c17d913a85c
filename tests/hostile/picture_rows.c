/* picture_rows.c - PNG, JPEG and TIFF files that declare too much, end too early, or say
 * two things. Models: CVE-2025-64720 and its kin in libpng, CVE-2019-13960 in libjpeg. */
#include "core/die.h"
#include "tests/hostile/hostile.h"
#include "tests/hostile/pictures.h"
#include "tests/hostile/sets.h"
#include <string.h>

/* An encoder's file, and of the same picture the harmless PNG. */
static void encode(struct stage *s, int channels,
                   uint8_t *(*encoder)(const struct image *, size_t *), struct bytes *to) {
    struct image image = noise_draw(s, channels);
    to->data = encoder(&image, &to->n);
    to->room = to->n;
    s->twin.data = image_encode_png(&image, &s->twin.n);
    image_free(&image);
}

static void cut_at(struct stage *s, size_t from, size_t to) {
    s->hostile.n = from + draw(s, (uint32_t)(to - from));
}

/* ---- PNG ---- */

static void png_sides(struct stage *s, const char *arg) {
    encode(s, 1, image_encode_png, &s->hostile);
    uint32_t side = *arg == 'z'   ? 0
                    : *arg == 'm' ? 0x7fffffff - draw(s, 1000)
                                  : 8193 + draw(s, 50000);
    png_set32(s->hostile.data + 16 + 4 * draw(s, 2), side);
    if (*arg == 'b')
        png_set32(s->hostile.data + 16, 50000), png_set32(s->hostile.data + 20, 50000);
    png_sum(s->hostile.data + 8);
}

static void png_cut(struct stage *s, const char *arg) {
    (void)arg;
    encode(s, 3, image_encode_png, &s->hostile);
    cut_at(s, 41, s->hostile.n - 12);
}

/* "NAME": a chunk of that name in front of the pixels, of zeros packed very small. */
static void png_bomb(struct stage *s, const char *name) {
    encode(s, 3, image_encode_png, &s->hostile);
    png_insert_bomb(&s->hostile, name, (size_t)draw_between(s, 10, 20) << 20);
}

static void png_byte(struct stage *s, const char *arg) {
    encode(s, 3, image_encode_png, &s->hostile);
    size_t at = *arg == 'd' ? 41 + draw(s, (uint32_t)s->hostile.n - 60) : 29 + draw(s, 4);
    s->hostile.data[at] ^= (uint8_t)(1 << draw(s, 8));
}

/* IHDR's last five bytes: depth, colour, packing, filter, interlace. */
static void png_form(struct stage *s, const char *arg) {
    encode(s, 3, image_encode_png, &s->hostile);
    s->hostile.data[24 + (arg[0] - '0')] = (uint8_t)(arg[1] - '0');
    if (arg[2]) s->hostile.data[24 + (arg[2] - '0')] = (uint8_t)(arg[3] - '0');
    if (arg[0] == '0' && arg[1] == 'F') s->hostile.data[24] = 16;
    png_sum(s->hostile.data + 8);
}

/* A row fewer than declared; or more. */
static void png_rows(struct stage *s, const char *arg) {
    encode(s, 1, image_encode_png, &s->hostile);
    png_set32(s->hostile.data + 20, *arg == '+' ? 12 + draw_between(s, 1, 99) : 11);
    png_sum(s->hostile.data + 8);
}

static void png_interlaced(struct stage *s, const char *arg) {
    struct image image;
    int one = *arg == '1';
    s->width = one ? 1 : draw_between(s, 2, 40);
    s->height = one ? 1 : draw_between(s, 2, 40);
    image_make(&image, s->width, s->height, 3, "noise");
    for (int i = 0; i < 3 * s->width * s->height; i++)
        image.pixel[i] = (uint8_t)draw(s, 256);
    s->hostile.data = png_encode_interlaced(&image, &s->hostile.n);
    s->twin.data = image_encode_png(&image, &s->twin.n);
    image_free(&image);
}

static void png_index(struct stage *s, const char *arg) {
    (void)arg;
    int colours = draw_between(s, 2, 200);
    s->hostile.data =
        png_encode_palette(8, colours, colours + (int)draw(s, 50), &s->hostile.n);
}

static void png_double(struct stage *s, const char *arg) {
    encode(s, 1, image_encode_png, &s->hostile);
    png_repeat(&s->hostile, arg);
}

/* ---- JPEG ---- */

static uint8_t *jpeg(const struct image *image, size_t *n) {
    return image_encode_jpeg(image, 90, n);
}

static void jpeg_cut(struct stage *s, const char *arg) {
    (void)arg;
    encode(s, 3, jpeg, &s->hostile);
    cut_at(s, 3, s->hostile.n - 2);
}

static void jpeg_scans(struct stage *s, const char *arg) {
    struct image image = noise_draw(s, 3);
    s->hostile.data = jpeg_encode_scans(&image, *arg == 'm' ? 190 : 1000, &s->hostile.n);
    image_free(&image);
}

static void jpeg_sides(struct stage *s, const char *arg) {
    encode(s, 3, jpeg, &s->hostile);
    uint8_t *frame = jpeg_marker(&s->hostile, 0xc0) + 5;
    unsigned side = *arg == '0' ? 0 : 8193 + draw(s, 57000);
    if (*arg == 'b') side = 65500;
    for (int i = 0; i < 2; i++)
        frame[2 * i] = (uint8_t)(side >> 8), frame[2 * i + 1] = (uint8_t)side;
}

/* A second frame header with other sides, behind the first. */
static void jpeg_frames(struct stage *s, const char *arg) {
    struct bytes good = {0}, *b = &s->hostile;
    (void)arg;
    encode(s, 3, jpeg, &good);
    uint8_t *frame = jpeg_marker(&good, 0xc0);
    size_t from = (size_t)(frame - good.data),
           length = 2u + (size_t)(frame[2] << 8 | frame[3]);
    bytes_add(b, good.data, from + length);
    for (int i = draw_between(s, 1, 2); i > 0; i--) {
        bytes_add(b, frame, length);
        b->data[b->n - length + 6] = (uint8_t)draw(s, 256);
    }
    bytes_add(b, good.data + from + length, good.n - from - length);
    xfree(good.data);
}

static void jpeg_cmyk(struct stage *s, const char *arg) {
    (void)arg;
    s->hostile.data = jpeg_encode_cmyk(16, 12, (uint8_t)draw(s, 256), &s->hostile.n);
}

/* A byte of a segment, by marker and place; `add` what is added to it. */
static void jpeg_byte(struct stage *s, const char *arg) {
    encode(s, 3, jpeg, &s->hostile);
    static const struct {
        char name;
        uint8_t marker;
        int at;
    } place[] = {{'p', 0xc0, 4}, {'c', 0xc0, 9}, {'s', 0xc0, 11}, {'q', 0xc0, 12},
                 {'h', 0xc4, 5}, {'d', 0xdb, 4}, {'n', 0xda, 4}};
    for (size_t i = 0; i < sizeof place / sizeof *place; i++)
        if (place[i].name == *arg)
            jpeg_marker(&s->hostile, place[i].marker)[place[i].at] ^= 0xff;
}

static void jpeg_data(struct stage *s, const char *arg) {
    (void)arg;
    encode(s, 3, jpeg, &s->hostile);
    uint8_t *end = s->hostile.data + s->hostile.n - 20 - draw(s, 60);
    end[0] = 0xff, end[1] = (uint8_t)(0xd0 + draw(s, 8)); /* a restart where none is */
}

/* ---- TIFF ---- */

enum { WIDTH, HEIGHT, BITS, PACK, KIND, OFFSETS, SAMPLES, ROWS, COUNTS, PLANAR };

/* Value of the k-th tag of image_encode_tiff's only directory. */
static uint8_t *tag(struct bytes *b, int k) {
    return b->data + (b->data[4] | (uint32_t)b->data[5] << 8) + 2 + 12 * k + 8;
}

static void tiff(struct stage *s, int k, uint32_t value) {
    encode(s, 3, image_encode_tiff, &s->hostile);
    for (int i = 0; i < 4; i++) tag(&s->hostile, k)[i] = (uint8_t)(value >> 8 * i);
}

static void tiff_side(struct stage *s, const char *arg) {
    tiff(s, *arg == 'w' ? WIDTH : HEIGHT, arg[1] == '0' ? 0 : 8193 + draw(s, 57000));
}
static void tiff_strip(struct stage *s, const char *arg) {
    tiff(s, *arg == 'o' ? OFFSETS : COUNTS,
         *arg == '1' ? 1 + draw(s, 99) : 0xffffffff - draw(s, 1u << 30));
}
static void tiff_pack(struct stage *s, const char *arg) {
    tiff(s, PACK,
         *arg == 'j'   ? 7
         : *arg == 'l' ? 5
         : *arg == 'z' ? 8
         : *arg == 'd' ? 32946
                       : 99);
}
static void tiff_other(struct stage *s, const char *arg) {
    tiff(s, arg[0] - 'a', (uint32_t)(arg[1] - '0'));
}

/* "K ID VALUE": another tag at the place of the k-th; of KIND, which is needed, instead of
 * PACK, which is not. */
static void tiff_tag(struct stage *s, const char *arg) {
    int k, id, value;
    if (sscanf(arg, "%d %d %d", &k, &id, &value) != 3) die_usage("picture_rows.c: %s", arg);
    encode(s, 3, image_encode_tiff, &s->hostile);
    uint8_t *at = tag(&s->hostile, k) - 8;
    if (k == KIND) memcpy(tag(&s->hostile, PACK) - 8, at, 12);
    memcpy(at, (uint8_t[]){(uint8_t)id, (uint8_t)(id >> 8)}, 2);
    memcpy(at + 8, (uint8_t[]){(uint8_t)value, 0, 0, 0}, 4);
}

/* Width as a LONG of 2^31 and more. */
static void tiff_wide(struct stage *s, const char *arg) {
    (void)arg;
    tiff(s, WIDTH, (1u << 31) + draw(s, 1u << 30));
    tag(&s->hostile, WIDTH)[-6] = 4;
}

/* The directory that follows is the first one: only the first is read. */
static void tiff_loop(struct stage *s, const char *arg) {
    (void)arg;
    encode(s, 3, image_encode_tiff, &s->hostile);
    memcpy(tag(&s->hostile, 10) - 8, s->hostile.data + 4, 4);
}

static void tiff_directory(struct stage *s, const char *arg) {
    encode(s, 3, image_encode_tiff, &s->hostile);
    uint32_t at = *arg == '0' ? 0 : (uint32_t)s->hostile.n - 1 + draw(s, 1u << 30);
    for (int i = 0; i < 4; i++) s->hostile.data[4 + i] = (uint8_t)(at >> 8 * i);
}

static void tiff_cut(struct stage *s, const char *arg) {
    (void)arg;
    encode(s, 3, image_encode_tiff, &s->hostile);
    cut_at(s, 4, s->hostile.n - 60);
}

static void tiff_tiles(struct stage *s, const char *arg) {
    (void)arg;
    s->hostile.data = tiff_encode_tile((uint8_t)draw(s, 256), &s->hostile.n);
}

/* ---- of any format ---- */

static void other_size(struct stage *s, const char *arg) {
    (void)arg;
    s->hostile.data =
        good_png(draw_between(s, 17, 60), draw_between(s, 1, 11), 1, &s->hostile.n);
}

static void text(struct stage *s, const char *arg) {
    put(&s->hostile, arg);
    put(&s->hostile, draw_word(s));
}

#define NO EXIT_NO
#define PNG "wanted a whole PNG"
#define JPEG "wanted a whole JPEG"
#define ONE "raw: i/2.png: "
static const struct row rows[] = {
    {49, "a PNG of 50,000 x 50,000", PICTURE, NO, PNG, png_sides, "b"},
    {49, "a PNG with a side past 8192", PICTURE, NO, PNG, png_sides, "w"},
    {49, "a PNG with a side of 2^31", PICTURE, NO, PNG, png_sides, "m"},
    {49, "a PNG with a side of 0", PICTURE, NO, PNG, png_sides, "z"},
    {49, "a PNG with ten megabytes of text", PICTURE, 0, "", png_bomb, "zTXt"},
    {49, "a PNG with ten megabytes of profile", PICTURE, 0, "", png_bomb, "iCCP"},
    {49, "a PNG with a chunk nobody knows", PICTURE, 0, "", png_bomb, "ruSt"},
    {49, "a PNG with a needed chunk nobody knows", PICTURE, NO, PNG, png_bomb, "RuSt"},
    {49, "a PNG cut in its pixels", PICTURE, NO, PNG, png_cut, NULL},
    {49, "a PNG of one pixel, interlaced", PICTURE, 0, "", png_interlaced, "1"},
    {49, "a PNG, interlaced", PICTURE, 0, "", png_interlaced, "n"},
    {49, "a PNG with an index past its palette", PICTURE, NO, "palette index", png_index,
     NULL},
    {0, "a PNG with a wrong checksum", PICTURE, NO, PNG, png_byte, "h"},
    {0, "a PNG with a wrong bit in its pixels", PICTURE, NO, PNG, png_byte, "d"},
    {0, "a PNG that declares rows it does not have", PICTURE, NO, PNG, png_rows, "+"},
    {0, "a PNG with a row more than it declares", PICTURE, NO, ONE, png_rows, "-"},
    {0, "a PNG that calls itself 16 bits deep", PICTURE, NO, "16 bits", png_form, "0F"},
    {0, "a PNG of no known depth", PICTURE, NO, PNG, png_form, "07"},
    {0, "a PNG of no known colour", PICTURE, NO, PNG, png_form, "15"},
    {0, "a PNG that calls itself transparent", PICTURE, NO, "transparency", png_form, "16"},
    {0, "a PNG with a palette that is not there", PICTURE, NO, PNG, png_form, "13"},
    {0, "a PNG packed in no known way", PICTURE, NO, PNG, png_form, "21"},
    {0, "a PNG filtered in no known way", PICTURE, NO, PNG, png_form, "31"},
    {0, "a PNG called interlaced", PICTURE, NO, PNG, png_form, "41"},
    {0, "a PNG with two headers", PICTURE, NO, PNG, png_double, "IHDR"},
    {0, "a PNG with its pixels twice", PICTURE, 0, "", png_double, "IDAT"},
    {50, "a JPEG cut", PICTURE, NO, ONE, jpeg_cut, NULL},
    {50, "a JPEG of 190 scans", PICTURE, NO, "more than 100 scans", jpeg_scans, "m"},
    {50, "a JPEG of 1,000 scans", PICTURE, NO, "more than 100 scans", jpeg_scans, "t"},
    {50, "a JPEG of 65,500 x 65,500", PICTURE, NO, "wanted sides from 1 to 8192",
     jpeg_sides, "b"},
    {50, "a JPEG with sides past 8192", PICTURE, NO, "wanted sides from 1 to 8192",
     jpeg_sides, "w"},
    {50, "a JPEG with sides of 0", PICTURE, NO, JPEG, jpeg_sides, "0"},
    {50, "a JPEG in CMYK", PICTURE, NO, "CMYK is not decoded", jpeg_cmyk, NULL},
    {50, "a JPEG whose sides change", PICTURE, NO, JPEG, jpeg_frames, NULL},
    {0, "a JPEG of another depth", PICTURE, NO, ONE, jpeg_byte, "p"},
    {0, "a JPEG of 252 components", PICTURE, NO, ONE, jpeg_byte, "c"},
    {0, "a JPEG with wild sampling factors", PICTURE, NO, ONE, jpeg_byte, "s"},
    {0, "a JPEG with a quantization table it lacks", PICTURE, NO, ONE, jpeg_byte, "q"},
    {0, "a JPEG with a wild Huffman table", PICTURE, NO, ONE, jpeg_byte, "h"},
    {0, "a JPEG with a wild quantization table", PICTURE, NO, ONE, jpeg_byte, "d"},
    {0, "a JPEG with a scan of 252 components", PICTURE, NO, ONE, jpeg_byte, "n"},
    {0, "a JPEG with a restart where none is", PICTURE, NO, JPEG, jpeg_data, NULL},
    {51, "a TIFF whose directories loop", PICTURE, 0, "", tiff_loop, NULL},
    {51, "a TIFF with a strip past the end", PICTURE, NO, ONE, tiff_strip, "o"},
    {51, "a TIFF with a strip longer than the file", PICTURE, NO, ONE, tiff_strip, "c"},
    {51, "a TIFF with a strip too short", PICTURE, NO, ONE, tiff_strip, "1"},
    {51, "a TIFF 2^31 wide", PICTURE, NO, ONE, tiff_wide, NULL},
    {51, "a TIFF with a width past 8192", PICTURE, NO, ONE, tiff_side, "ww"},
    {51, "a TIFF with a height past 8192", PICTURE, NO, ONE, tiff_side, "hh"},
    {51, "a TIFF with a width of 0", PICTURE, NO, ONE, tiff_side, "w0"},
    {51, "a TIFF with a height of 0", PICTURE, NO, ONE, tiff_side, "h0"},
    {51, "a mask of another size than its picture", MASK, NO, "wanted 16x12 as its picture",
     other_size, NULL},
    {0, "a TIFF with a JPEG in it", PICTURE, NO, "compression 7", tiff_pack, "j"},
    {0, "a TIFF with LZW that is none", PICTURE, NO, ONE, tiff_pack, "l"},
    {0, "a TIFF with deflate that is none", PICTURE, NO, ONE, tiff_pack, "z"},
    {0, "a TIFF packed in no known way", PICTURE, NO, ONE, tiff_pack, "u"},
    {0, "a TIFF with the old deflate that is none", PICTURE, NO, ONE, tiff_pack, "d"},
    {0, "a TIFF whose bits come from the other end", PICTURE, NO, "fill order 2", tiff_tag,
     "4 266 2"},
    {0, "a TIFF of signed samples", PICTURE, NO, "sample format 2", tiff_tag, "9 339 2"},
    {0, "a TIFF in white over black", PICTURE, NO, "photometric 0", tiff_other, "e0"},
    {0, "a TIFF in planes", PICTURE, NO, ONE, tiff_other, "j2"},
    {0, "a TIFF of two samples", PICTURE, NO, ONE, tiff_other, "g2"},
    {0, "a TIFF of nine samples", PICTURE, NO, ONE, tiff_other, "g9"},
    {0, "a TIFF with no rows in a strip", PICTURE, NO, ONE, tiff_other, "h0"},
    {0, "a TIFF with a directory past the end", PICTURE, NO, ONE, tiff_directory, "p"},
    {0, "a TIFF with no directory", PICTURE, NO, ONE, tiff_directory, "0"},
    {0, "a TIFF cut", PICTURE, NO, ONE, tiff_cut, NULL},
    {0, "a TIFF in tiles", PICTURE, NO, "wanted strips", tiff_tiles, NULL},
    {0, "a text where a picture should be", PICTURE, NO, "not a picture", text, "\x1b[2J"},
    {0, "a GIF", PICTURE, NO, "not a picture: begins 'GIF89a", text, "GIF89a"},
    {0, "an empty picture", PICTURE, NO, "not a picture", text, ""},
};
const struct rows picture_rows = {"pictures", rows, sizeof rows / sizeof *rows};
