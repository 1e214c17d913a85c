/* npz_rows.c - numpy's zips of arrays: headers that are programs, shapes that overflow,
 * bombs under deflate. */
#include "core/die.h"
#include "tests/hostile/bombs.h"
#include "tests/hostile/sets.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* An array: version 1.0, the header padded as numpy pads it, the elements. */
static void npy(struct bytes *b, const char *header, const void *data, size_t n) {
    size_t length = strlen(header) + 1, all = (10 + length + 63) / 64 * 64;
    bytes_add(b, "\x93NUMPY\1\0", 8);
    bytes_u16(b, (unsigned)(all - 10));
    put(b, header);
    for (size_t i = 10 + length; i < all; i++) put(b, " ");
    put(b, "\n");
    if (n) bytes_add(b, data, n);
}

/* The zip of conv.weight (with this header) and bn.running_var. */
static void zip(struct stage *s, const char *header, size_t n, int deflated,
                struct bytes *to) {
    struct honest h;
    struct bytes array[2] = {{0}, {0}};
    struct box box = {0};
    honest_draw(s, &h);
    npy(&array[0], header, h.conv, n);
    npy(&array[1], "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", h.var, 8);
    box_add(&box, "conv.weight.npy", array[0].data, array[0].n);
    box_add(&box, "bn.running_var.npy", array[1].data, array[1].n);
    if (deflated)
        set_deflated(&box, to);
    else
        set_zip(&box, NULL, to);
}

#define GOOD "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"

/* The twin is a safetensors file. */
static void honest(struct stage *s, const char *form) {
    struct stage same = *s;
    struct honest h;
    zip(s, GOOD, 24, *form == 'd', &s->hostile);
    honest_draw(&same, &h);
    safetensors_save(&s->twin, h.tensor, 2);
}

/* As numpy itself writes them, sizes in 64 bits; "K VALUE": byte K of the first local
 * header, and what it becomes. The twin is a safetensors file. */
static void wide(struct stage *s, const char *change) {
    struct honest h;
    struct bytes array[2] = {{0}, {0}};
    struct plain_zip z = {.wide = 1};
    int k, value;
    honest_draw(s, &h);
    npy(&array[0], GOOD, h.conv, 24);
    npy(&array[1], "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", h.var, 8);
    plain_zip_add(&z, "conv.weight.npy", array[0].data, array[0].n);
    plain_zip_add(&z, "bn.running_var.npy", array[1].data, array[1].n);
    plain_zip_end(&z);
    if (sscanf(change, "%d %d", &k, &value) == 2) z.file.data[k] = (uint8_t)value;
    s->hostile = z.file;
    safetensors_save(&s->twin, h.tensor, 2);
    xfree(array[0].data);
    xfree(array[1].data);
}

static void header(struct stage *s, const char *text) {
    char *all = draw_text(s, text);
    zip(s, all, 24, (int)draw(s, 2), &s->hostile);
    xfree(all);
}

/* Fewer elements than the shape wants, or more. */
static void elements(struct stage *s, const char *arg) {
    zip(s,
        *arg == '-' ? GOOD : "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }",
        *arg == '-' ? draw(s, 24) : 24, 0, &s->hostile);
}

/* A byte of the first array's beginning: k, and what it becomes. */
static void begins(struct stage *s, const char *arg) {
    int k, value;
    if (sscanf(arg, "%d %d", &k, &value) != 2) die_usage("npz_rows.c: '%s'", arg);
    zip(s, GOOD, 24, 0, &s->hostile);
    struct bytes *b = &s->hostile;
    uint8_t *array = b->data + 30 + strlen("conv.weight.npy"), *directory = b->data;
    array[k] = (uint8_t)value;
    while (memcmp(directory, "PK\1\2", 4)) directory++;
    size_t n = (size_t)(directory[20] | directory[21] << 8);
    uint32_t crc = (uint32_t)crc32(0, array, (uInt)n);
    for (int i = 0; i < 4; i++)
        b->data[14 + i] = directory[16 + i] = (uint8_t)(crc >> 8 * i);
}

static void member(struct stage *s, const char *name) {
    struct bytes array = {0};
    struct box box = {0};
    char *drawn = draw_text(s, name);
    npy(&array, GOOD, "abcdefghijklmnopqrstuvwx", 24);
    box_add(&box, "a.npy", array.data, array.n);
    box_add_text(&box, drawn, "x");
    set_zip(&box, NULL, &s->hostile);
    xfree(drawn);
}

/* One member of zeros: "FORM": honest about its size, or not. */
static void bomb(struct stage *s, const char *form) {
    struct plain_zip z = {0};
    struct bytes packed = {0};
    uint32_t crc, size = (uint32_t)draw_between(s, 4, 20) << 20;
    deflated_zeros(&packed, size, &crc);
    if (*form == 'l') size = 100 + draw(s, 100);
    if (*form == 'm') size = (uint32_t)(packed.n * 12);
    plain_zip_put(&z,
                  &(struct plain_member){"a.npy", packed.data, packed.n, 8, 0, crc, size});
    plain_zip_end(&z);
    s->hostile = z.file;
    xfree(packed.data);
}

#define NO EXIT_NO
#define H(sentence, fragment, text)                                                        \
    { 0, "an array " sentence, NPZ, NO, fragment, header, text }
static const struct row rows[] = {
    {0, "numpy's arrays, stored", NPZ, 0, "", honest, "s"},
    {0, "numpy's arrays, deflated", NPZ, 0, "", honest, "d"},
    {0, "numpy's arrays, sizes in 64 bits", NPZ, 0, "", wide, "honest"},
    {16, "an array of other sizes in 64 bits", NPZ, NO, "other sizes in its ZIP64 field",
     wide, "49 7"},
    {16, "an array of other sizes in 64 bits, packed", NPZ, NO,
     "other sizes in its ZIP64 field", wide, "64 7"},
    {16, "an array with its size in 32 bits and in 64", NPZ, NO,
     "other sizes in its ZIP64 field", wide, "18 0"},
    {16, "an array with a field that is no size", NPZ, NO, "none but ZIP64's sizes", wide,
     "45 2"},
    {16, "an array with a field that is longer", NPZ, NO, "none but ZIP64's sizes", wide,
     "47 17"},
    {16, "an array with a field of the wrong length", NPZ, NO, "", wide, "28 19"},
    H("of objects: a pickle", "type '|O'",
      "{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }"),
    H("of big-endian floats", "type '>f4'",
      "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }"),
    H("of whole numbers", "type '<i4'",
      "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }"),
    H("of records", "type [(",
      "{'descr': [('%', '<f4')], 'fortran_order': False, 'shape': (2, 3), }"),
    H("in Fortran's order", "Fortran order",
      "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }"),
    H("whose header calls", "in its header", "__import__('os').system('%')"),
    H("whose shape calls", "a dimension that is no plain number",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (%(), 3), }"),
    H("whose shape is an expression", "a shape without its comma",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2*1, 3), }"),
    H("with a negative dimension", "a dimension that is no plain number",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }"),
    H("with a dimension past 2^31", "a dimension past 2^31",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2147483648, 3), }"),
    H("whose size overflows", "whose size overflows",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (2147483647, 2147483647, 2147483647), }"),
    H("of nine dimensions", "more than 8 dimensions",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 2, 3), }"),
    H("with an octal dimension", "a dimension that is no plain number",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (02, 3), }"),
    H("with a shape that is a number", "in its header",
      "{'descr': '<f4', 'fortran_order': False, 'shape': 6, }"),
    H("with a shape without its comma", "a shape without its comma",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (6), }"),
    H("with a key twice", "other keys, or one twice",
      "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"),
    H("with a key besides", "other keys, or one twice",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), '%': 1, }"),
    H("that lacks a key", "without all its keys", "{'descr': '<f4', 'shape': (2, 3), }"),
    H("with text behind its header", "text behind its header's dict",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } % "),
    H("whose header does not close", "in its header",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)"),
    H("with a terminal's escape in its header", "\\x1b[2J",
      "{'descr': '\x1b[2J', 'fortran_order': False, 'shape': (2, 3), }"),
    {0, "an array with elements missing", NPZ, NO, "bytes of elements, wanted 24", elements,
     "-"},
    {0, "an array with elements too many", NPZ, NO, "24 bytes of elements, wanted 12",
     elements, "+"},
    {0, "an array that is none", NPZ, NO, "no .npy", begins, "1 88"},
    {0, "an array of version 3", NPZ, NO, "format 3.0", begins, "6 3"},
    {0, "an array of version 1.7", NPZ, NO, "format 1.7", begins, "7 7"},
    {0, "an array with a header longer than it", NPZ, NO, "a header of", begins, "9 255"},
    {0, "an array with no header", NPZ, NO, "in its header", begins, "8 0"},
    {0, "arrays with a program beside them", NPZ, NO, "wanted arrays (.npy) only", member,
     "%.so"},
    {1, "arrays with a name that climbs out", NPZ, NO, "wanted a plain relative name",
     member, "../%.npy"},
    {9, "arrays with a terminal's escape in a name", NPZ, NO, "\\x1b[2J", member,
     "\x1b[2J%.npy"},
    {11, "arrays with a name twice", NPZ, NO, "listed twice", member, "a.npy"},
    {14, "an array of zeros under deflate", NPZ, NO, "times the file's", bomb, "h"},
    {16, "an array that says fewer bytes than come", NPZ, NO, "does not inflate to its",
     bomb, "l"},
    {16, "an array that says other bytes than come", NPZ, NO, "does not inflate to its",
     bomb, "m"},
};
const struct rows npz_rows = {"npz", rows, sizeof rows / sizeof *rows};
