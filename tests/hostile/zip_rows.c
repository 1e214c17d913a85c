/* zip_rows.c - zips whose headers tell two stories, for both of our readers: a set's
 * archive and PyTorch's checkpoint. Models: CVE-2025-54368, libarchive's ZIP64 lies. */
#include "core/die.h"
#include "tests/hostile/sets.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a harmless zip of each kind ---- */

static void good(struct stage *s, char kind, struct bytes *to) {
    struct box box = {0};
    struct honest h;
    if (kind == 'n') { /* nobody looks into the arrays before the zip is sound */
        box_add_text(&box, "a.npy", draw_word(s));
        box_add_text(&box, "b.npy", draw_word(s));
        set_zip(&box, NULL, to);
    } else if (kind == 'a' || kind == 'w') {
        set_fill(s, &box);
        if (kind == 'a')
            set_zip(&box, NULL, to);
        else
            set_wide(&box, to);
    } else {
        honest_draw(s, &h);
        torch_save(to, draw_word(s), h.tensor, 2);
    }
}

/* ---- and a place in it made to lie ---- */

static void set_u32(struct bytes *b, size_t at, uint32_t x) {
    for (int i = 0; i < 4; i++) b->data[at + (size_t)i] = (uint8_t)(x >> 8 * i);
}

/* Where the k-th header of a kind begins; k of -1 is the last. */
static size_t header(const struct bytes *b, char kind, int k) {
    static const char *const sign[] = {"LPK\3\4", "CPK\1\2", "EPK\5\6", "6PK\6\6",
                                       "OPK\6\7"};
    size_t found = b->n;
    for (size_t i = 0; i < 5; i++)
        for (size_t at = 0; *sign[i] == kind && at + 4 <= b->n; at++)
            if (!memcmp(b->data + at, sign[i] + 1, 4)) {
                found = at;
                if (k-- == 0) return found;
            }
    if (found == b->n) die_usage("zip_rows.c: no header %c", kind);
    return found;
}

/* "KIND HEADER K OFFSET HOW", the last four as often as one likes: KIND a(rchive), w(ide
 * one), n(umpy's) or p(th); HEADER L(ocal), C(entral), E(nd), 6 (ZIP64's end), O (its
 * locator); HOW a number to add to the byte, or ? for a drawn one. */
static void lie(struct stage *s, const char *arg) {
    char which, how[8];
    int k, at, read = 0, lies = 0;
    good(s, *arg++, &s->hostile);
    for (; sscanf(arg, " %c %d %d %7s%n", &which, &k, &at, how, &read) == 4; lies++) {
        int add = *how == '?' ? draw_between(s, 1, 255) : atoi(how);
        s->hostile.data[header(&s->hostile, which, k) + (size_t)at] += (uint8_t)add;
        arg += read;
    }
    if (!lies || *arg) die_usage("zip_rows.c: '%s'", arg);
}

/* Bytes in front of, between or behind. */
static void around(struct stage *s, const char *arg) {
    struct bytes zip = {0}, *b = &s->hostile;
    good(s, arg[0], &zip);
    size_t central = header(&zip, 'C', 0), end = header(&zip, 'E', -1);
    if (arg[1] == 'f') { /* in front; still told as a zip */
        put(b, "PK\3\4");
        draw_bytes(s, b, 1 + draw(s, 300));
    }
    bytes_add(b, zip.data, central);
    if (arg[1] == 'm') draw_bytes(s, b, 1 + draw(s, 300));
    bytes_add(b, zip.data + central, zip.n - central);
    if (arg[1] == 'b') draw_bytes(s, b, 1 + draw(s, 300));
    if (arg[1] == '2') bytes_add(b, zip.data + end, zip.n - end);
    if (arg[1] == 'c') { /* a comment that begins as an end record */
        size_t at = b->n;
        b->data[end + 20] = 22;
        bytes_add(b, zip.data + end, 22);
        b->data[at + 20] = 0;
    }
    xfree(zip.data);
}

/* Bytes that nobody lists, in front of the second member ("m") or of the directory; all
 * places behind them are told rightly. */
static void gap(struct stage *s, const char *arg) {
    struct bytes zip = {0}, *b = &s->hostile;
    good(s, 'a', &zip);
    size_t at = header(&zip, *arg == 'm' ? 'L' : 'C', *arg == 'm'), n = 1 + draw(s, 200);
    bytes_add(b, zip.data, at);
    draw_bytes(s, b, n);
    bytes_add(b, zip.data + at, zip.n - at);
    xfree(zip.data);
    for (int k = 1; *arg == 'm' && k < b->data[header(b, 'E', -1) + 8]; k++)
        set_u32(b, header(b, 'C', k) + 42, (uint32_t)header(b, 'L', k));
    set_u32(b, header(b, 'E', -1) + 16, (uint32_t)header(b, 'C', 0));
}

/* The last member, in both headers, some bytes longer. */
static void reach(struct stage *s, const char *arg) {
    struct bytes *b = &s->hostile;
    good(s, *arg, b);
    size_t local = header(b, 'L', -1), central = header(b, 'C', -1);
    uint32_t n = b->data[central + 20] + ((uint32_t)b->data[central + 21] << 8);
    n += 1 + draw(s, 20);
    set_u32(b, local + 18, n), set_u32(b, local + 22, n);
    set_u32(b, central + 20, n), set_u32(b, central + 24, n);
}

/* A second name (0x7075: version, checksum, UTF-8) in both headers of the first member: "s"
 * the same, "o" another, "l" a longer one. */
static void second_name(struct stage *s, const char *arg) {
    struct bytes zip = {0}, field = {0}, *b = &s->hostile;
    good(s, 'a', &zip);
    size_t local = header(&zip, 'L', 0), central = header(&zip, 'C', 0),
           end = header(&zip, 'E', -1), length = zip.data[local + 26];
    bytes_u16(&field, 0x7075), bytes_u16(&field, (unsigned)(5 + length + (*arg == 'l')));
    bytes_u16(&field, 1), bytes_add(&field, "\0\0\0", 3);
    bytes_add(&field, zip.data + local + 30, length);
    if (*arg == 'o') field.data[field.n - 1] += (uint8_t)draw_between(s, 1, 20);
    if (*arg == 'l') put(&field, "x");
    zip.data[local + 28] = zip.data[central + 30] = (uint8_t)field.n;
    bytes_add(b, zip.data, local + 30 + length);
    bytes_add(b, field.data, field.n);
    bytes_add(b, zip.data + local + 30 + length,
              central + 46 + length - local - 30 - length);
    bytes_add(b, field.data, field.n);
    bytes_add(b, zip.data + central + 46 + length, zip.n - central - 46 - length);
    set_u32(b, header(b, 'E', -1) + 12, (uint32_t)(end - central + field.n));
    set_u32(b, header(b, 'E', -1) + 16, (uint32_t)(central + field.n));
    for (int k = 1; k < zip.data[end + 8]; k++)
        set_u32(b, header(b, 'C', k) + 42, (uint32_t)header(b, 'L', k));
    xfree(field.data);
    xfree(zip.data);
}

static void cut(struct stage *s, const char *arg) {
    good(s, *arg, &s->hostile);
    size_t central = header(&s->hostile, 'C', 0);
    if (arg[1] == 'd') /* in the directory */
        s->hostile.n = central + draw(s, (uint32_t)(s->hostile.n - central));
    else
        s->hostile.n = 5 + draw(s, (uint32_t)(central - 5));
}

/* One bit of some member's data. */
static void rot(struct stage *s, const char *arg) {
    good(s, *arg, &s->hostile);
    size_t at = header(&s->hostile, 'L', 1 + (int)draw(s, 2));
    const uint8_t *local = s->hostile.data + at;
    at += 30 + (size_t)(local[26] | local[27] << 8) + (size_t)(local[28] | local[29] << 8);
    s->hostile.data[at] ^= (uint8_t)(1 << draw(s, 8));
}

/* Two directory entries with one place. */
static void overlap(struct stage *s, const char *arg) {
    good(s, *arg, &s->hostile);
    size_t first = header(&s->hostile, 'C', 0), second = header(&s->hostile, 'C', 1);
    memcpy(s->hostile.data + second + 42, s->hostile.data + first + 42, 4);
}

#define NO EXIT_NO
#define BOTH(number, sentence, archive, pth, make, arg)                                    \
    {number, "an archive: " sentence, ARCHIVE, NO, archive, make, "a" arg}, {              \
        number, "a checkpoint: " sentence, PTH, NO, pth, make, "p" arg                     \
    }
static const struct row rows[] = {
    BOTH(12, "another name in the local header",
         "raw: ", "another name in its local header", lie, " L 1 30 1"),
    BOTH(12, "a shorter name in the local header",
         "raw: ", "another name in its local header", lie, " L 1 26 -1"),
    BOTH(13, "bytes in front", "raw: ", "raw: ", around, "f"),
    BOTH(13, "bytes between members and directory", "raw: ", "raw: ", around, "m"),
    BOTH(13, "bytes behind", "raw: ", "bytes after the zip's end", around, "b"),
    BOTH(13, "two end records", "raw: ", "2 zip end records", around, "2"),
    BOTH(13, "an end record in the comment", "raw: ", "zip end records", around, "c"),
    BOTH(15, "two members in one place", "raw: ", "raw: ", overlap, ""),
    BOTH(16, "the directory has another size",
         "raw: ", "compressed and uncompressed size differ", lie, " C 1 24 ?"),
    BOTH(16, "the directory has another stored size",
         "raw: ", "compressed and uncompressed size differ", lie, " C 1 20 ?"),
    BOTH(17, "a bit of the data is another", "raw: ", "CRC-32", rot, ""),
    BOTH(17, "the directory has another checksum", "raw: ", "raw: ", lie, " C 1 16 ?"),
    BOTH(21, "cut in the directory", "raw: ", "raw: ", cut, "d"),
    BOTH(21, "cut before the directory", "raw: ", "raw: ", cut, "m"),
    BOTH(21, "the end record counts other entries", "raw: ", "raw: ", lie, " E -1 10 ?"),
    BOTH(21, "the end record counts on several disks", "raw: ", "several disks", lie,
         " E -1 4 ?"),
    BOTH(21, "the end record has another directory size", "raw: ", "raw: ", lie,
         " E -1 12 ?"),
    BOTH(21, "the end record has another directory place", "raw: ", "raw: ", lie,
         " E -1 16 ?"),
    BOTH(22, "a member is called encrypted", "raw: ", "encrypted", lie, " C 1 8 1"),
    BOTH(38, "the directory says deflated", "raw: ", "compressed, wanted", lie,
         " C 1 10 8"),
    BOTH(0, "the directory says an unknown method", "raw: ", "compressed, wanted", lie,
         " C 1 10 99"),
    BOTH(0, "the local header is elsewhere", "raw: ", "raw: ", lie, " C 1 42 ?"),
    BOTH(0, "the local header is far past the end", "raw: ", "needs 30 bytes", lie,
         " C 1 45 127"),
    BOTH(0, "a member on another disk", "raw: ", "on another disk", lie, " C 1 34 ?"),
    {21, "a checkpoint: ZIP64 counts other entries", PTH, NO,
     "ZIP64 end record and its locator disagree", lie, "p 6 0 24 ?"},
    {21, "a checkpoint: ZIP64 has another directory size", PTH, NO,
     "32-bit and 64-bit end records disagree", lie, "p 6 0 40 ?"},
    {21, "a checkpoint: ZIP64 has another directory place", PTH, NO,
     "32-bit and 64-bit end records disagree", lie, "p 6 0 48 ?"},
    {21, "a checkpoint: ZIP64's locator points elsewhere", PTH, NO,
     "ZIP64 end record and its locator disagree", lie, "p O 0 8 ?"},
    {21, "a checkpoint: ZIP64's locator counts disks", PTH, NO,
     "ZIP64 end record and its locator disagree", lie, "p O 0 16 ?"},
    {21, "an archive in ZIP64: other entries", ARCHIVE, NO,
     "a ZIP64 end record and a locator that disagree", lie, "w 6 0 24 ?"},
    {21, "an archive in ZIP64: another directory size", ARCHIVE, NO,
     "a directory that does not end at its end record", lie, "w 6 0 40 ?"},
    {21, "an archive in ZIP64: another directory place", ARCHIVE, NO,
     "a directory that does not end at its end record", lie, "w 6 0 48 ?"},
    {21, "an archive in ZIP64: its record elsewhere", ARCHIVE, NO,
     "a ZIP64 end record and a locator that disagree", lie, "w O 0 8 ?"},
    {21, "an archive in ZIP64: a longer record", ARCHIVE, NO,
     "a ZIP64 end record and a locator that disagree", lie, "w 6 0 4 1"},
    {21, "an archive in ZIP64: 32-bit entries that differ", ARCHIVE, NO, "several disks",
     lie, "w E 0 8 -1"},
    {21, "an archive in ZIP64: 32-bit size that differs", ARCHIVE, NO,
     "32-bit and 64-bit end records that disagree", lie, "w E 0 12 -1"},
    {21, "an archive in ZIP64: 32-bit place that differs", ARCHIVE, NO,
     "32-bit and 64-bit end records that disagree", lie, "w E 0 16 -1"},
    {21, "an archive in ZIP64: another size in its extra field", ARCHIVE, NO,
     "stored, with two sizes", lie, "w C 1 57 ?"},
    {21, "an archive in ZIP64: another place in its extra field", ARCHIVE, NO, "raw: ", lie,
     "w C 1 73 ?"},
    {21, "an archive in ZIP64: an extra field past its header", ARCHIVE, NO,
     "an extra field past its header", lie, "w C 1 55 ?"},
    {21, "an archive in ZIP64: a local size", ARCHIVE, NO,
     "another size or checksum in its local header", lie, "w L 1 22 -1"},
    {13, "an archive: bytes in front of a member", ARCHIVE, NO,
     "unlisted bytes in front of it", gap, "m"},
    {13, "an archive: bytes in front of the directory", ARCHIVE, NO,
     "unlisted bytes in front of the directory", gap, "d"},
    {12, "an archive: another name in an extra field", ARCHIVE, NO,
     "a second name in an extra field", second_name, "o"},
    {12, "an archive: a longer name in an extra field", ARCHIVE, NO,
     "a second name in an extra field", second_name, "l"},
    {12, "an archive: a zero byte in a name", ARCHIVE, NO, "a zero byte in its name", lie,
     "a C 1 47 -47"},
    {22, "an archive: encrypted, says one header", ARCHIVE, NO,
     "another method or other flags in its local header", lie, "a L 1 6 1"},
    {38, "an archive: packed as nobody does", ARCHIVE, NO, "neither stored nor deflated",
     lie, "a C 1 10 12"},
    {16, "an archive: another stored size in the local header", ARCHIVE, NO,
     "another size or checksum in its local header", lie, "a L 1 18 ?"},
    {16, "an archive: a member that reaches into the directory", ARCHIVE, NO,
     "overlaps the directory", reach, "a"},
    {21, "an archive: more members than its directory can hold", ARCHIVE, NO,
     "more members than its directory has room for", lie, "a E -1 9 90 E -1 11 90"},
    {21, "an archive: a member fewer than its directory holds", ARCHIVE, NO,
     "a directory that holds more than it counts", lie, "a E -1 8 -1 E -1 10 -1"},
    {21, "an archive: a directory of other headers", ARCHIVE, NO,
     "a directory that holds fewer members than it counts", lie, "a C 1 0 1"},
    {21, "an archive: a directory header past the directory", ARCHIVE, NO, "raw: ", lie,
     "a C 1 29 127"},
    {21, "an archive: its directory on another disk", ARCHIVE, NO, "several disks", lie,
     "a E -1 6 ?"},
    {21, "an archive in ZIP64: a directory far past the end", ARCHIVE, NO,
     "a directory that does not end at its end record", lie, "w 6 0 55 ?"},
    {21, "an archive in ZIP64: both 32-bit entries differ", ARCHIVE, NO,
     "32-bit and 64-bit end records that disagree", lie, "w E 0 8 -1 E 0 10 -1"},
    {21, "an archive in ZIP64: a locator on another disk", ARCHIVE, NO,
     "a ZIP64 end record and a locator that disagree", lie, "w O 0 4 ?"},
    {21, "an archive in ZIP64: a record on another disk", ARCHIVE, NO,
     "a ZIP64 end record and a locator that disagree", lie, "w 6 0 16 ?"},
    {21, "an archive in ZIP64: a directory on another disk", ARCHIVE, NO,
     "a ZIP64 end record and a locator that disagree", lie, "w 6 0 20 ?"},
    {21, "an archive in ZIP64: a record that is none", ARCHIVE, NO,
     "a ZIP64 end record and a locator that disagree", lie, "w 6 0 0 1"},
    {21, "arrays: a directory far past the end", NPZ, NO, "wanted one that ends at", lie,
     "n E -1 19 ?"},
    {21, "arrays: more than the directory can hold", NPZ, NO, "zip members in a directory",
     lie, "n E -1 9 90 E -1 11 90"},
    {21, "arrays: one fewer than the directory holds", NPZ, NO, "and goes on", lie,
     "n E -1 8 -1 E -1 10 -1"},
    {17, "arrays: another checksum in the directory", NPZ, NO,
     "another size or CRC in its local header", lie, "n C 0 16 ?"},
    {17, "arrays: another checksum in both headers", NPZ, NO, "CRC-32", lie,
     "n C 0 16 1 L 0 14 1"},
    {21, "an archive in ZIP64: a checksum in the local header", ARCHIVE, NO,
     "another size or checksum in its local header", lie, "w L 1 14 1"},
};
const struct rows zip_rows = {"zips", rows, sizeof rows / sizeof *rows};
