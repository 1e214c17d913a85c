/* convert_archive_test.c - names, and archives that are broken or not the source's. Hostile
 * ones: tests/hostile. */
#include "convert/archive.h"
#include "convert/member_name.h"
#include "core/rng.h"
#include "tests/packing.h"
#include "tests/test.h"
#include <zlib.h>

static void good_names_are_good(void **state) {
    (void)state;
    static const char *const good[] = {
        "a",       "a/b.png",        "Ground Truth/1.tif",
        "..a/b..", ".hidden",        "\xc3\xa4/\xe4\xb8\xad.png",
        "a/...",   "1/2/3/4/5/6/7/8"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_null(member_name_wrong(good[i]));
}

static void bad_names_are_refused(void **state) {
    (void)state;
    char deep[64] = "a", wide[300];
    for (int i = 0; i < 16; i++) strcat(deep, "/a");
    memset(wide, 'a', 256);
    wide[256] = 0;
    const char *const bad[] = {"",
                               "/etc/passwd",
                               "../x",
                               "a/../../x",
                               "..",
                               ".",
                               "a/./b",
                               "a//b",
                               "a/",
                               "a\\b",
                               "..\\x",
                               "a\nb",
                               "a\x1b[2J",
                               "a\x7f",
                               "\xff",
                               "\xc0\xaf",
                               "\xe2\x80\xae"
                               "txt.exe",
                               "\xc2\x9b",
                               deep,
                               wide,
                               "\xed\xa0\x80",
                               "\xe2\x82"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!member_name_wrong(bad[i])) fail_msg("'%s' was taken", quoted(bad[i]));
}

static void read_raw(void *arg) {
    struct source *s = arg;
    struct archived m;
    char content[65];
    struct reader *r = reader_open(s, "raw");
    while (reader_next(r, &m)) xfree(m.data);
    reader_end(r, content);
}

/* A source for the file `raw` with further lines. */
static struct source source_with(const char *lines) {
    struct source s;
    char *text = xprintf("name x\nkind data\nfile x.zip\nmanual none\n%s", lines);
    source_parse(&s, text, strlen(text), "x.src");
    xfree(text);
    return s;
}

static void refuses(const char *lines, int code, const char *message) {
    struct source s = source_with(lines);
    assert_dies(code, message, read_raw, &s);
    source_free(&s);
}

static void fill(struct box *box) {
    for (int i = 0; i < 20; i++) {
        size_t n = 3000;
        uint8_t *data = xmalloc(n);
        for (size_t k = 0; k < n; k++)
            data[k] = (uint8_t)((k * 2654435761u + (unsigned)i) >> 11);
        char *name = xprintf("d/%d", i);
        box_add(box, name, data, n);
        xfree(name);
    }
}

static void a_cut_archive_is_refused_wherever_it_is_cut(void **state) {
    (void)state;
    struct box box = {0};
    fill(&box);
    for (int tar = 0; tar < 2; tar++) {
        size_t n;
        if (tar)
            box_tar_xz(&box, "whole");
        else
            box_zip(&box, NULL, "whole");
        char *bytes = file_read("whole", 1 << 20, &n);
        for (size_t k = 1; k < 16; k++) {
            file_write("raw", bytes, n * k / 16);
            refuses("files 20\n", EXIT_NO, "raw: ");
        }
        xfree(bytes);
    }
    box_free(&box);
}

static void a_changed_byte_is_noticed(void **state) {
    (void)state;
    struct box box = {0};
    size_t n;
    fill(&box);
    box_zip(&box, NULL, "raw");
    char *bytes = file_read("raw", 1 << 20, &n);
    bytes[1500] ^= 1; /* in the first member's data: only its CRC tells */
    file_write("raw", bytes, n);
    refuses("", EXIT_NO, "raw: d/0: ");
    xfree(bytes);
    box_free(&box);
}

/* What is wrong with an .xz is said in words of its own. */
static void a_broken_xz_is_said_to_be_one(void **state) {
    (void)state;
    struct box box = {0};
    size_t n;
    fill(&box);
    box_tar_xz(&box, "raw");
    uint8_t *bytes = (uint8_t *)file_read("raw", 1 << 20, &n);
    file_write("raw", bytes, n / 2);
    refuses("", EXIT_NO, "xz: the file ends too early, wanted a whole archive");
    bytes[n / 2] ^= 1;
    file_write("raw", bytes, n);
    refuses("", EXIT_NO, "xz: damaged data, or a wrong check");
    bytes[n / 2] ^= 1;
    bytes[7] ^= 4; /* which check: a byte that the header's own sum covers */
    file_write("raw", bytes, n);
    refuses("", EXIT_NO, "xz: damaged data");
    bytes[7] ^= 4;
    /* the block's header: its length, no sizes; LZMA2, one byte: 1 GiB; its sum */
    assert_memory_equal(bytes + 12, "\2\0\41\1", 4);
    bytes[16] = 38;
    uint32_t sum = (uint32_t)crc32(0, bytes + 12, 8);
    for (int i = 0; i < 4; i++) bytes[20 + i] = (uint8_t)(sum >> 8 * i);
    file_write("raw", bytes, n);
    refuses("", EXIT_NO, "xz: a dictionary that wants more than 256 MiB");
    xfree(bytes);
    box_free(&box);
}

/* More than the thread that decodes may be ahead: it waits, and is told to stop. */
static void a_long_xz_is_read_or_left_in_the_middle(void **state) {
    (void)state;
    struct box box = {0};
    for (int i = 0; i < 3; i++) {
        char name[] = {'d', (char)('0' + i), 0};
        size_t n = 1 << 20;
        uint8_t *data = xmalloc(n);
        for (size_t k = 0; k < n; k++)
            data[k] = (uint8_t)(rng_u64(1, STREAM_ORDER, (uint64_t)i, k) & 15);
        box_add(&box, name, data, n);
    }
    box_tar_xz(&box, "raw");
    refuses("files 1\n", EXIT_NO, "raw: d1: member number 2, wanted 1 files");
    struct source s = source_with("files 3\nunpacked 3145728\n");
    read_raw(&s);
    source_free(&s);
    box_free(&box);
}

static void counts_and_content_must_be_the_sources(void **state) {
    (void)state;
    struct box box = {0};
    fill(&box);
    box_zip(&box, NULL, "raw");
    refuses("files 21\n", EXIT_NO, "20 files, wanted 21");
    refuses("files 19\n", EXIT_NO, "member number 20, wanted 19 files");
    refuses("unpacked 60001\n", EXIT_NO, "60000 bytes in its files, wanted 60001");
    refuses("unpacked 59999\n", EXIT_NO, "wanted 59999 in all");
    refuses("content 0123456789012345678901234567890123456789012345678901234567890123\n",
            EXIT_NO, "its files are not those of x.src");
    box_free(&box);
    struct box folder = {0};
    box_add(&folder, "d/", NULL, 0);
    box_zip(&folder, NULL, "raw");
    refuses("", EXIT_NO, "no file in it");
    box_free(&folder);
}

static void content_is_the_same_in_every_container(void **state) {
    (void)state;
    struct box box = {0};
    char content[65], *wanted, *text;
    size_t n;
    fill(&box);
    box_zip(&box, NULL, "raw.zip");
    box_tar_xz(&box, "raw.tar.xz");
    struct out *out = out_open("described");
    box_describe(&box, "raw.zip", out); /* computes it in its own way */
    out_commit(out);
    text = file_read("described", 10000, &n);
    wanted = strstr(text, "content ") + 8;
    wanted[64] = 0;
    file_write("x.src", "name x\nkind data\nfile x.zip\nmanual none\n", 40);
    pack_content("x.src", "raw.zip", content);
    assert_string_equal(content, wanted);
    pack_content("x.src", "raw.tar.xz", content);
    assert_string_equal(content, wanted);
    xfree(text);
    box_free(&box);
}

static void the_content_of_two_known_files_is_known(void **state) {
    (void)state;
    struct box box = {0};
    char content[65];
    box_add_text(&box, "b", "two\n");
    box_add_text(&box, "a", "one\n");
    box_zip(&box, NULL, "raw");
    file_write("x.src", "name x\nkind data\nfile x.zip\nmanual none\n", 40);
    pack_content("x.src", "raw", content);
    /* printf 'one\n' > a; printf 'two\n' > b; sha256sum a b | sed 's/  / /' | sort | sha256sum */
    assert_string_equal(content,
                        "af0445f8cb62f45d81bd37748b2df6772d2cc61718ebe3aa3f4bd7a181f28da5");
    box_free(&box);
}

static void an_encrypted_archive_opens_by_its_passphrase(void **state) {
    (void)state;
    struct box box = {0};
    fill(&box);
    box_zip(&box, "open sesame", "raw");
    file_write("p.txt", "open sesame\n", 12);
    struct source s = source_with("passphrase_file p.txt\nfiles 20\nunpacked 60000\n");
    read_raw(&s);
    source_free(&s);
    box_free(&box);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(good_names_are_good),
        TEST(bad_names_are_refused),
        TEST(a_cut_archive_is_refused_wherever_it_is_cut),
        TEST(a_changed_byte_is_noticed),
        TEST(a_broken_xz_is_said_to_be_one),
        TEST(a_long_xz_is_read_or_left_in_the_middle),
        TEST(counts_and_content_must_be_the_sources),
        TEST(content_is_the_same_in_every_container),
        TEST(the_content_of_two_known_files_is_known),
        TEST(an_encrypted_archive_opens_by_its_passphrase),
    };
    return test_run(tests);
}
