/* harmless_rows.c - good files of every kind: they must be read, each as its like in
 * another form. Without them a tool that refused everything would pass. Fuzzers begin
 * here. */
#include "core/die.h"
#include "tests/hostile/pictures.h"
#include "tests/hostile/sets.h"
#include <stdlib.h>
#include <string.h>

/* A set in some container; the twin is a stored zip. */
static void archive(struct stage *s, const char *form) {
    struct box box = {0}, again = {0};
    struct stage same = *s;
    set_fill(s, &box);
    set_fill(&same, &again);
    set_zip(&again, NULL, &s->twin);
    if (*form == 'e') {
        s->source = "passphrase_file p.txt\n";
        s->passphrase = "open sesame\n";
        set_zip(&box, "open sesame", &s->hostile);
    } else if (*form == 'd') {
        set_deflated(&box, &s->hostile);
    } else if (*form == 'w') {
        set_wide(&box, &s->hostile);
    } else {
        set_tar(&box, 0, &s->hostile);
    }
    if (*form == 'g') set_gzip(&s->hostile);
    if (*form == 'x') set_xz(&s->hostile);
}

/* "FORM CHANNELS": a lossless picture; the twin is a PNG. */
static void picture(struct stage *s, const char *arg) {
    struct image image = noise_draw(s, arg[1] - '0');
    s->hostile.data = *arg == 't'   ? image_encode_tiff(&image, &s->hostile.n)
                      : *arg == 'i' ? png_encode_interlaced(&image, &s->hostile.n)
                                    : image_encode_png(&image, &s->hostile.n);
    s->twin.data = image_encode_png(&image, &s->twin.n);
    image_free(&image);
}

/* A JPEG; the twin is the PNG of what it decodes to. */
static void jpeg(struct stage *s, const char *arg) {
    struct image image = noise_draw(s, arg[1] - '0');
    s->hostile.data =
        *arg == 'p' ? jpeg_encode_scans(&image, 40, &s->hostile.n)
                    : image_encode_jpeg(&image, draw_between(s, 30, 95), &s->hostile.n);
    image_free(&image);
    image_decode(&image, s->hostile.data, s->hostile.n, "jpeg");
    s->twin.data = image_encode_png(&image, &s->twin.n);
    image_free(&image);
}

/* "BITS COLOURS": a PNG of one index; the twin is what that means. */
static void palette(struct stage *s, const char *arg) {
    int bits = arg[0] - '0', colours = atoi(arg + 2), most = (1 << bits) - 1;
    int index = (int)draw(s, (uint32_t)(colours ? colours : most + 1));
    struct image image;
    s->hostile.data = png_encode_palette(bits, colours, index, &s->hostile.n);
    image_make(&image, 16, 12, colours ? 3 : 1, "palette");
    memset(image.pixel, colours ? 0 : 255 * index / most, (colours ? 3 : 1) * 16 * 12);
    s->twin.data = image_encode_png(&image, &s->twin.n);
    image_free(&image);
}

/* A checkpoint; the twin is in the other form. */
static void weights(struct stage *s, const char *form) {
    struct honest h;
    struct bytes pth = {0}, safetensors = {0};
    honest_draw(s, &h);
    torch_save(&pth, draw_word(s), h.tensor, 2);
    safetensors_save(&safetensors, h.tensor, 2);
    s->hostile = *form == 'p' ? pth : safetensors;
    s->twin = *form == 'p' ? safetensors : pth;
}

static void text(struct stage *s, const char *pattern) {
    s->passphrase = "open sesame\n"; /* a source may name it */
    char *all = draw_text(s, pattern);
    put(&s->hostile, all);
    xfree(all);
}

#define HEAD                                                                                \
    "key\tstatus\tvalue\tn\tsd_seed\tlo\thi\tmethod\tp\tp_holm\tmin_p\tpublished\treason\t" \
    "sources\n"
#define ROW(metric, value)                                                                 \
    "main/vits-imagenet-cvc/random/" metric "\tok\t" value                                 \
    "\t8\tna\tna\tna\tna\tna\tna\tna\t0.87\tna\tna\n"
static const struct row rows[] = {
    {0, "a deflated zip", ARCHIVE, 0, "", archive, "d"},
    {0, "a zip in ZIP64, sizes behind the data", ARCHIVE, 0, "", archive, "w"},
    {0, "an encrypted zip and its passphrase", ARCHIVE, 0, "", archive, "e"},
    {0, "a tar", ARCHIVE, 0, "", archive, "t"},
    {0, "a tar under gzip", ARCHIVE, 0, "", archive, "g"},
    {0, "a tar under xz", ARCHIVE, 0, "", archive, "x"},
    {0, "a PNG in colour", PICTURE, 0, "", picture, "i3"},
    {0, "a PNG in grey", MASK, 0, "", picture, "p1"},
    {0, "a PNG with a palette", PICTURE, 0, "", palette, "8 200"},
    {0, "a PNG with a palette of 4 bits", PICTURE, 0, "", palette, "4 9"},
    {0, "a PNG with a palette of 1 bit", PICTURE, 0, "", palette, "1 2"},
    {0, "a PNG in grey of 1 bit", PICTURE, 0, "", palette, "1 0"},
    {0, "a PNG in grey of 2 bits", PICTURE, 0, "", palette, "2 0"},
    {0, "a PNG in grey of 4 bits", PICTURE, 0, "", palette, "4 0"},
    {0, "a TIFF in colour", PICTURE, 0, "", picture, "t3"},
    {0, "a TIFF in grey", MASK, 0, "", picture, "t1"},
    {0, "a JPEG in colour", PICTURE, 0, "", jpeg, "b3"},
    {0, "a JPEG in grey", PICTURE, 0, "", jpeg, "b1"},
    {0, "a JPEG of 40 scans", PICTURE, 0, "", jpeg, "p3"},
    {0, "a checkpoint of torch.save", PTH, 0, "", weights, "p"},
    {0, "a safetensors file", SAFETENSORS, 0, "", weights, "s"},
    {0, "a source", SOURCE, 0, "PK", text,
     "name x # %\nkind data\nfile x.zip\nfile %.tar\nurl file:x.zip\nurl https://%.org/%\n"
     "manual ask %\nbytes 14\nsha256 unknown\ncontent unknown\nunpacked 99\nfiles 3\n"
     "groups 4\nmagic zip 504b0304\nformat pairs a/*.png | b/*.png\npassphrase_file p.txt\n"
     "licence %\ncite %\nterms %\n"},
    {0, "a table of results", RESULTS, 0, "0.8123", text,
     HEAD ROW("dice", "0.81234") ROW("iou", "0.7")},
    {0, "a paper", PAPER, 0, "# A paper", text,
     "# A paper\n\n%, `% 0.5` and ``%``.\n\n```\n0.5 {{%\n```\n"
     "[%](https://%.org/2302.08272)\n"},
};
const struct rows harmless_rows = {"harmless", rows, sizeof rows / sizeof *rows};
