/* zip_rows.c - zips whose headers tell two stories, for both of our readers: a set's archive
 * and PyTorch's checkpoint. Models: CVE-2025-54368, libarchive's ZIP64 lies. */
#include "core/die.h"
#include "tests/hostile/sets.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a harmless zip of each kind ---- */

static void good(struct stage *s, char kind, struct bytes *to) {
    struct box box = {0};
    struct honest h;
    if (kind == 'a' || kind == 'w') {
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

/* ---- and one place in it made to lie ---- */

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

/* "KIND HEADER K OFFSET HOW": KIND a(rchive), w(ide one) or p(th); HEADER L(ocal), C(entral), E(nd), 6
 * (ZIP64's end), O (its locator); HOW a number to add to the byte, or ? for a drawn one. */
static void lie(struct stage *s, const char *arg) {
    char kind, which, how[8];
    int k, at;
    if (sscanf(arg, "%c %c %d %d %7s", &kind, &which, &k, &at, how) != 5)
        die_usage("zip_rows.c: '%s'", arg);
    good(s, kind, &s->hostile);
    int add = *how == '?' ? draw_between(s, 1, 255) : atoi(how);
    s->hostile.data[header(&s->hostile, which, k) + (size_t)at] += (uint8_t)add;
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
    {21, "an archive in ZIP64: a checksum in the local header", ARCHIVE, NO,
     "another size or checksum in its local header", lie, "w L 1 14 1"},
};
const struct rows zip_rows = {"zips", rows, sizeof rows / sizeof *rows};
