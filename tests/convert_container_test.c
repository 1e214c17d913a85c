/* convert_container_test.c - the same set in every container, what may lie beside it, and
 * what is told of it: CVC-ClinicDB's RAR and its copies. */
#include "convert/layout.h"
#include "convert/tally.h"
#include "tests/published.h"
#include "tests/test.h"

static void same_files(const char *a, const char *b) {
    char x[65], y[65];
    sha_file(a, x);
    sha_file(b, y);
    assert_string_equal(x, y);
}

/* ---- CVC-ClinicDB: six containers, what lies beside the pictures ---- */

static void fill_cvc(struct box *box, const char *top) {
    for (int i = 0; i < 12; i++) {
        int number = (i * 5 + 3) % 12 + 1;
        char *name = xprintf("%sOriginal/%d.tif", top, number);
        published_add(box, name, number);
        xfree(name);
        name = xprintf("%sGround Truth/%d.tif", top, number);
        published_add(box, name, number + 3);
        xfree(name);
    }
}

/* The pins of the archive `raw`, as lines of its source. */
static char *pins_of(const struct box *box) {
    struct layout layout;
    struct tally pictures = {0};
    char hex[65];
    size_t unpacked = 0;
    layout_open(&layout, "pairs Original/*.tif | Ground Truth/*.tif", "x");
    for (int i = 0; i < box->count; i++) {
        struct place place;
        sha_bytes(box->file[i].data, box->file[i].n, hex);
        enum role role = layout_place(&layout, box->file[i].name, &place);
        /* what source.h says `pictures` is */
        if (role != ROLE_NONE)
            tally_add(&pictures, xprintf("%s %s %s\n", hex,
                                         role == ROLE_MASK ? "mask" : "image", place.name));
        unpacked += box->file[i].n;
        place_free(&place);
    }
    tally_sha(&pictures, hex);
    char *text =
        xprintf("pictures %s\nunpacked %zu\nfiles %d\n", hex, unpacked, box->count);
    tally_free(&pictures);
    layout_close(&layout);
    return text;
}

static void every_container_gives_the_same_pack(void **state) {
    (void)state;
    struct box box = {0};
    char content[65];
    fill_cvc(&box, "CVC-ClinicDB/");
    box_add(&box, "CVC-ClinicDB/", NULL, 0);
    box_write(&box, BOX_ZIP, "raw");
    published_write("cvc", "cvc", "");
    pack_content("x.src", "raw", content);
    char *lines = xprintf("magic rar zip tar gzip xz\ncontent %s\n", content);
    published_write("cvc", "cvc", lines);
    for (enum container c = 0; c < CONTAINERS; c++) {
        box_write(&box, c, "raw");
        published_pack(1, c ? "out.bag" : "zip.bag");
        if (c) same_files("zip.bag", "out.bag");
    }
    xfree(lines);
    box_free(&box);
}

static void a_rar_is_read_only_where_its_files_are_pinned(void **state) {
    (void)state;
    struct box box = {0};
    fill_cvc(&box, "");
    for (enum container c = BOX_RAR4; c <= BOX_RAR5; c++) {
        box_write(&box, c, "raw");
        published_write("cvc", "cvc", "");
        assert_dies(EXIT_NO, "raw: a RAR archive, wanted zip or tar", published_one, NULL);
        published_write("cvc", "cvc", "magic zip\n");
        assert_dies(EXIT_NO, "raw: a RAR archive, wanted zip or tar", published_one, NULL);
        published_write("cvc", "cvc", "magic zip rar\n");
        assert_dies(EXIT_NO, "content or pictures known", published_one, NULL);
    }
    box_free(&box);
}

static void a_rar_that_is_cut_or_changed_is_refused(void **state) {
    (void)state;
    struct box box = {0};
    fill_cvc(&box, "CVC-ClinicDB/");
    char *pins = pins_of(&box), *lines = xprintf("magic rar\n%s", pins);
    published_write("cvc", "cvc", lines);
    for (enum container c = BOX_RAR4; c <= BOX_RAR5; c++) {
        size_t n;
        box_write(&box, c, "whole");
        char *bytes = file_read("whole", 1 << 20, &n);
        for (size_t k = 1; k < 16; k++) {
            file_write("raw", bytes, n * k / 16);
            assert_dies(EXIT_NO, "raw: ", published_one, NULL);
        }
        /* In the middle of some member's pixels: libarchive 3.6 looks at no CRC here, so
         * that it is the pin that notices. */
        bytes[n / 2] ^= 1;
        file_write("raw", bytes, n);
        assert_dies(EXIT_NO, "raw: ", published_one, NULL);
        xfree(bytes);
    }
    xfree(lines);
    xfree(pins);
    box_free(&box);
}

static void files_beside_the_pinned_pictures_do_not_matter(void **state) {
    (void)state;
    struct box box = {0}, other = {0};
    char content[65];
    fill_cvc(&box, "CVC-ClinicDB/");
    box_write(&box, BOX_ZIP, "raw");
    published_write("cvc", "cvc", "");
    pack_content("x.src", "raw", content);
    char *pins = pins_of(&box),
         *lines = xprintf("magic rar zip\ncontent %s\n%s", content, pins);
    published_write("cvc", "cvc", lines);
    published_pack(1, "first.bag");
    /* As in other copies: another folder around, a readme, the same as PNG. */
    fill_cvc(&other, "archive/TIF/");
    box_add_text(&other, "archive/README.txt", "Introduction");
    published_add(&other, "archive/PNG/Original/1.png", 1);
    box_write(&other, BOX_RAR4, "raw");
    published_pack(1, "out.bag");
    same_files("first.bag", "out.bag");
    for (int i = 0; i < 89; i++) { /* 24 pinned files, so 112 at most */
        char *name = xprintf("more/%d", i);
        box_add_text(&other, name, "");
        xfree(name);
    }
    box_write(&other, BOX_ZIP, "raw");
    assert_dies(EXIT_NO, "member number 113, wanted 24 files", published_one, NULL);
    box_free(&other);
    other = (struct box){0};
    fill_cvc(&other, "");
    other.file[0].data[other.file[0].n / 2] ^= 1;
    box_write(&other, BOX_ZIP, "raw");
    assert_dies(EXIT_NO, "its pictures and masks hash to", published_one, NULL);
    xfree(lines);
    xfree(pins);
    box_free(&box);
    box_free(&other);
}

/* What pack --describe prints, and refuses. */
static void describe(void *arg) {
    (void)arg;
    if (!freopen("said", "w", stdout)) die_world("said: not opened");
    pack_describe("x.src", "raw", ".");
    fflush(stdout);
}

static void an_archive_is_described_with_its_pins(void **state) {
    (void)state;
    struct box box = {0};
    size_t n;
    int terminal = dup(1);
    published_add(&box, "top/ADI/a.tif", 1);
    published_add(&box, "top/ADI/b.tif", 2);
    published_add(&box, "top/TUM/c.tif", 3);
    box_add_text(&box, "top/readme", "x");
    box_write(&box, BOX_ZIP, "raw");
    file_write("classes.tsv", "folder\tpictures\nADI\t2\nTUM\t1\n", 28);
    published_write("nct-crc-he-100k", "default", "counts classes\n");
    describe(NULL);
    char *said = file_read("said", 10000, &n), sha256[65];
    sha_file("raw", sha256);
    char *line = xprintf("sha256 %s\n", sha256);
    int good = strstr(said, line) && strstr(said, "files 4\n") &&
               strstr(said, "# top/ADI         2         0         0\n") &&
               strstr(said, "# top             0         0         1\n");
    file_write("classes.tsv", "folder\tpictures\nADI\t3\nTUM\t1\n", 28);
    char message[1000] = "";
    int code = die_catch(describe, NULL, message, sizeof message);
    fflush(stdout);
    dup2(terminal, 1);
    close(terminal);
    if (!good) print_error("%s", said);
    assert_true(good);
    assert_int_equal(code, EXIT_NO);
    assert_non_null(strstr(message, "ADI has 2 pictures, wanted 3"));
    xfree(line);
    xfree(said);
    box_free(&box);
}

static void a_part_that_may_not_be_passed_on_marks_the_pack(void **state) {
    (void)state;
    struct packing p = {0};
    struct pack pack;
    packing_pair(&p, "1");
    for (int i = 0; i < 3; i++) {
        p.source = i == 0 ? "" : i == 1 ? "redistribute yes\n" : "redistribute no\n";
        packing_write(&p);
        packing_run(&p);
        pack_open(&pack, "out.bag");
        const char *word = bag_meta(&pack.bag, "redistribute");
        assert_true(i < 2 ? !word : word && !strcmp(word, "no"));
        pack_close(&pack);
    }
    box_free(&p.box);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_container_gives_the_same_pack),
        TEST(a_rar_is_read_only_where_its_files_are_pinned),
        TEST(a_rar_that_is_cut_or_changed_is_refused),
        TEST(files_beside_the_pinned_pictures_do_not_matter),
        TEST(an_archive_is_described_with_its_pins),
        TEST(a_part_that_may_not_be_passed_on_marks_the_pack),
    };
    return test_run(tests);
}
