/* archive_rows.c - archives that reach out of their folder, lie about what they hold, or
 * would fill the disk; and what is no archive at all. */
#include "core/die.h"
#include "tests/hostile/bombs.h"
#include "tests/hostile/hostile.h"
#include "tests/hostile/sets.h"
#include "tests/hostile/tar.h"
#include <stdio.h>
#include <string.h>

static void zip_name(struct stage *s, const char *pattern) {
    struct box box = {0};
    char *name = draw_text(s, pattern);
    set_fill(s, &box);
    box_add_text(&box, name, draw_word(s));
    set_zip(&box, NULL, &s->hostile);
    xfree(name);
}

static void tar_name(struct stage *s, const char *pattern) {
    struct box box = {0};
    char *name = draw_text(s, pattern);
    set_fill(s, &box);
    box_add_text(&box, name, draw_word(s));
    set_tar(&box, 0, &s->hostile);
    xfree(name);
}

static void pax_name(struct stage *s, const char *pattern) {
    struct box box = {0};
    char *name = draw_text(s, pattern);
    tar_pax(&s->hostile, "path", name);
    tar_put(&s->hostile, &(struct tarred){.name = "harmless", .data = "x", .n = 1});
    set_fill(s, &box);
    set_tar(&box, 0, &s->hostile);
    xfree(name);
}

/* "TYPE TARGET": a link or device, then a good set that goes through it. */
static void tar_entry(struct stage *s, const char *arg) {
    struct box box = {0};
    char *target = draw_text(s, arg + 2);
    tar_put(&s->hostile, &(struct tarred){.name = "i", .type = arg[0], .link = target});
    set_fill(s, &box);
    set_tar(&box, 0, &s->hostile);
    xfree(target);
}

/* a -> .., b -> a/.., and so on: each harmless alone. */
static void tar_chain(struct stage *s, const char *arg) {
    struct box box = {0};
    int n = draw_between(s, 2, 20);
    for (int i = 0; i < n; i++) {
        char *name = xprintf("l%d", i), *link = i ? xprintf("l%d/..", i - 1) : xstrdup(arg);
        tar_put(&s->hostile, &(struct tarred){.name = name, .type = '2', .link = link});
        xfree(name);
        xfree(link);
    }
    set_fill(s, &box);
    set_tar(&box, 0, &s->hostile);
}

static void tar_hard_link(struct stage *s, const char *arg) {
    const char *data = draw_word(s);
    tar_put(
        &s->hostile,
        &(struct tarred){
            .name = "i/1.png", .type = '1', .link = arg, .data = data, .n = strlen(data)});
    tar_end(&s->hostile);
}

/* The same set with other rights: bytes only. */
static void tar_setuid(struct stage *s, const char *arg) {
    (void)arg;
    struct box box = {0}, again = {0};
    struct stage same = *s;
    set_fill(s, &box);
    set_tar(&box, 06755 | draw(s, 8), &s->hostile);
    set_fill(&same, &again);
    set_tar(&again, 0, &s->twin);
}

/* A good set, and one good picture more of that name. */
static void twins(struct stage *s, const char *name, struct box *box) {
    size_t n;
    set_fill(s, box);
    uint8_t *png = good_png(9, 9, draw_between(s, 1, 8), &n);
    box_add(box, name, png, n);
}

static void zip_twins(struct stage *s, const char *name) {
    struct box box = {0};
    twins(s, name, &box);
    set_zip(&box, NULL, &s->hostile);
}

static void tar_twins(struct stage *s, const char *name) {
    struct box box = {0};
    twins(s, name, &box);
    set_tar(&box, 0, &s->hostile);
}

/* The headers say a few bytes, the data are a mebibyte. */
static void zip_size_lie(struct stage *s, const char *arg) {
    (void)arg;
    struct plain_zip zip = {0};
    struct bytes packed = {0};
    uint32_t crc;
    deflated_zeros(&packed, 1 << 20, &crc);
    plain_zip_put(&zip, &(struct plain_member){"i/1.png", packed.data, packed.n, 8, 0, crc,
                                               10 + draw(s, 90)});
    plain_zip_end(&zip);
    s->hostile = zip.file;
    xfree(packed.data);
}

static void bytes_of_text(struct stage *s, const char *text) {
    char *all = draw_text(s, text);
    put(&s->hostile, all);
    xfree(all);
}

/* ZipCrypto; what stands in the passphrase's file. */
static void zip_encrypted(struct stage *s, const char *says) {
    struct box box = {0};
    set_fill(s, &box);
    set_zip(&box, "open sesame", &s->hostile);
    if (!says) return;
    s->source = "passphrase_file p.txt\n";
    if (*says != '-') s->passphrase = says;
}

/* A zip in a zip: a member like any other. */
static void zip_nested(struct stage *s, const char *arg) {
    (void)arg;
    struct stage inner = *s, same;
    struct box box = {0}, again = {0};
    zip_bomb(&inner, NULL);
    same = *s;
    set_fill(s, &box);
    box_add(&box, "i/bomb.zip", inner.hostile.data, inner.hostile.n);
    set_zip(&box, NULL, &s->hostile);
    set_fill(&same, &again);
    set_zip(&again, NULL, &s->twin);
}

static void deep(struct stage *s, const char *arg) {
    struct bytes name = {0};
    struct box box = {0};
    int depth = draw_between(s, 17, 2000);
    for (int i = 0; i < depth; i++) put(&name, "a/");
    bytes_add(&name, "b", 2);
    set_fill(s, &box);
    box_add_text(&box, (char *)name.data, "x");
    if (*arg == 'z') set_zip(&box, NULL, &s->hostile);
    if (*arg == 'p') {
        tar_pax(&s->hostile, "path", (char *)name.data);
        set_tar(&box, 0, &s->hostile);
    }
    xfree(name.data);
}

/* Of a good tar: another size, checksum, or an end too early. */
static void tar_lie(struct stage *s, const char *arg) {
    struct box box = {0};
    if (*arg == 'n')
        tar_put(&s->hostile, &(struct tarred){.name = "i/0.png",
                                              .data = "x",
                                              .n = 1,
                                              .size = "\xff\xff\xff\xff\xff\xff\xff\xff"
                                                      "\xff\xff\xff\xf0"});
    if (*arg == 'h')
        tar_put(&s->hostile,
                &(struct tarred){
                    .name = "i/0.png", .data = "x", .n = 1, .size = "77777777777"});
    set_fill(s, &box);
    set_tar(&box, 0, &s->hostile);
    if (*arg == 's') s->hostile.data[148] ^= 1;
    if (*arg == 'c') s->hostile.n = 512 + draw(s, 40);
}

#define NO EXIT_NO
static const struct row rows[] = {
    {1, "a zip whose member climbs out", ARCHIVE, NO, "wanted no part '.' or '..'",
     zip_name, "../../%"},
    {1, "a zip whose member climbs out from within", ARCHIVE, NO,
     "wanted no part '.' or '..'", zip_name, "i/../../%.png"},
    {1, "a tar whose member climbs out", ARCHIVE, NO, "wanted no part '.' or '..'",
     tar_name, "../%"},
    {1, "a tar whose pax path climbs out", ARCHIVE, NO, "wanted no part '.' or '..'",
     pax_name, "%/../../../%"},
    {2, "a zip with an absolute path", ARCHIVE, NO, "wanted a relative name", zip_name,
     "/tmp/%"},
    {2, "a tar with an absolute path", ARCHIVE, NO, "wanted a relative name", tar_name,
     "/etc/%"},
    {3, "a tar with a symlink and a write through it", ARCHIVE, NO, "a link or a device",
     tar_entry, "2 /tmp/%"},
    {4, "a tar with a chain of symlinks", ARCHIVE, NO, "a link or a device", tar_chain,
     ".."},
    {5, "a tar with a hard link that has data", ARCHIVE, NO, "a link or a device",
     tar_hard_link, "/etc/passwd"},
    {6, "a tar with a character device", ARCHIVE, NO, "a link or a device", tar_entry,
     "3 "},
    {6, "a tar with a block device", ARCHIVE, NO, "a link or a device", tar_entry, "4 "},
    {6, "a tar with a fifo", ARCHIVE, NO, "a link or a device", tar_entry, "6 "},
    {7, "a tar of setuid files", ARCHIVE, 0, "", tar_setuid, NULL},
    {8, "a zip with a backslash in a name", ARCHIVE, NO, "member name '", zip_name,
     "..\\%"},
    {8, "a zip with slashes of both kinds", ARCHIVE, NO, "wanted '/' between its parts",
     zip_name, "i/..\\..\\%"},
    {9, "a zip with a newline in a name", ARCHIVE, NO, "\\x0a", zip_name, "i/%\n%.png"},
    {9, "a zip with a terminal's escape in a name", ARCHIVE, NO, "\\x1b[2J", zip_name,
     "i/\x1b[2J%.png"},
    {9, "a zip with a right-to-left mark in a name", ARCHIVE, NO, "wanted printable UTF-8",
     zip_name, "i/%\xe2\x80\xae%.png"},
    {9, "a zip with a name that is not UTF-8", ARCHIVE, NO, "UTF-8", zip_name,
     "i/%\xff.png"},
    {9, "a tar with a terminal's escape in a name", ARCHIVE, NO, "\\x1b", tar_name,
     "i/\x1b]0;%\x07.png"},
    {10, "a zip with two names equal but for case", ARCHIVE, NO, "one name (but for case)",
     zip_twins, "I/1.PNG"},
    {10, "a tar with two names equal but for case", ARCHIVE, NO, "one name (but for case)",
     tar_twins, "M/2.pnG"},
    {11, "a zip with a member twice", ARCHIVE, NO, "one name", zip_twins, "i/1.png"},
    {11, "a tar with a member twice", ARCHIVE, NO, "one name", tar_twins, "i/2.png"},
    {14, "a zip of zeros", ARCHIVE, NO, "wanted at most 200 times as many", zip_bomb, NULL},
    {14, "a tar of zeros under gzip", ARCHIVE, NO, "wanted at most 200 times as many",
     gzip_bomb, NULL},
    {15, "a zip whose members overlap", ARCHIVE, NO, "overlap", zip_overlap, NULL},
    {16, "a zip that says fewer bytes than come", ARCHIVE, NO,
     "raw: i/1.png: ", zip_size_lie, NULL},
    {18, "an empty file", ARCHIVE, EXIT_WORLD, "empty file", bytes_of_text, ""},
    {19, "a web page", ARCHIVE, NO, "a web page", bytes_of_text,
     "<!DOCTYPE html><html><title>%</title>Sign in"},
    {19, "a web page that begins as an mtree", ARCHIVE, NO, "raw: ", bytes_of_text,
     "#mtree\n<html><title>%</title>"},
    {19, "an mtree", ARCHIVE, NO, "raw: ", bytes_of_text, "#mtree\n./% type=file\n"},
    {20, "a zip with a path of up to 2,000 parts", ARCHIVE, NO, "wanted at most 16 parts",
     deep, "z"},
    {20, "a tar with a path of up to 2,000 parts", ARCHIVE, NO, "wanted at most 16 parts",
     deep, "p"},
    {22, "an encrypted zip, no passphrase", ARCHIVE, NO, "passphrase_file", zip_encrypted,
     NULL},
    {22, "an encrypted zip, the passphrase's file absent", ARCHIVE, EXIT_WORLD,
     "p.txt: not there", zip_encrypted, "-"},
    {22, "an encrypted zip, the passphrase's file empty", ARCHIVE, EXIT_WORLD,
     "p.txt: empty", zip_encrypted, "\n"},
    {22, "an encrypted zip, a wrong passphrase", ARCHIVE, NO, "p.txt", zip_encrypted,
     "open says me\n"},
    {23, "a zip with a bomb as a member", ARCHIVE, 0, "", zip_nested, NULL},
    {0, "a tar with a negative size", ARCHIVE, NO, "raw: ", tar_lie, "n"},
    {0, "a tar with a size of 8 GiB", ARCHIVE, NO, "raw: ", tar_lie, "h"},
    {0, "a tar with a wrong checksum", ARCHIVE, NO, "raw: ", tar_lie, "s"},
    {0, "a tar cut in its first member", ARCHIVE, NO, "raw: ", tar_lie, "c"},
    {0, "a RAR that is none", ARCHIVE, NO, "raw: ", bytes_of_text,
     "Rar!\x1a\x07\x01%%%%%%%%%"},
    {0, "a 7z that is none", ARCHIVE, NO, "raw: ", bytes_of_text,
     "7z\xbc\xaf\x27\x1c%%%%%%"},
};
const struct rows archive_rows = {"archives", rows, sizeof rows / sizeof *rows};
