/* fetch_test.c - where a raw file comes from, and everything that must not become one. */
#include "fetch/fetch.h"
#include "tests/test.h"

struct try {
    const char *text; /* of the source */
    const char *const *mirror;
    int mirrors;
    const char *pins;
};

static void fetch_one(void *arg) {
    const struct try *t = arg;
    struct source s;
    struct fetch f = {
        .mirror = t->mirror, .mirrors = t->mirrors, .pins = t->pins, .out = "out/raw"};
    source_parse(&s, t->text, strlen(t->text), "sources/x.src");
    fetch_run(&f, &s);
    source_free(&s);
}

static void write_file(const char *path, const char *bytes) {
    file_write(path, bytes, strlen(bytes));
}

static void assert_same(const char *path, const void *bytes, size_t n) {
    size_t got;
    char *text = file_read(path, 1 << 24, &got);
    assert_int_equal(got, n);
    assert_memory_equal(text, bytes, n);
    xfree(text);
}

/* Nothing but `entries` files in out/, and no raw file. */
static void assert_nothing(int entries) {
    assert_false(file_exists("out/raw"));
    if (file_exists("out")) assert_int_equal(count_entries("out"), entries);
}

#define HEAD "name x\nkind data\nfile a.zip\nfile a.tar.xz\nmanual ask the keeper\n"
static const char zip_bytes[] = "PK\3\4 this stands for a zip";

static void a_mirror_is_looked_at_before_any_address(void **state) {
    (void)state;
    const char *mirror[] = {"empty", "full"};
    struct try t = {HEAD "url file:other.zip\nmagic zip\nbytes 26\n", mirror, 2, NULL};
    write_file("full/a.zip", zip_bytes);
    write_file("sources/other.zip", "PK\3\4 another thing, not to take");
    fetch_one(&t);
    assert_same("out/raw", zip_bytes, sizeof zip_bytes - 1);
    assert_int_equal(count_entries("out"), 1);
}

static void a_file_address_is_seen_from_its_source(void **state) {
    (void)state;
    struct try t = {HEAD "url file:gone.zip\nurl file:web/the%20one.zip\n", NULL, 0, NULL};
    write_file("sources/web/the one.zip", zip_bytes);
    fetch_one(&t);
    assert_same("out/raw", zip_bytes, sizeof zip_bytes - 1);
}

static void a_manual_source_says_what_to_ask_and_where_to_put_it(void **state) {
    (void)state;
    struct try t = {HEAD, NULL, 0, NULL};
    assert_dies(EXIT_WORLD,
                "x: to be had by hand only\n  wanted: the file a.zip\n    ask the keeper",
                fetch_one, &t);
    t.text = HEAD "passphrase_file pass.txt\n";
    assert_dies(EXIT_WORLD, "put a.zip and pass.txt into a mirror folder", fetch_one, &t);
    assert_nothing(0);
}

static void a_passphrase_comes_along(void **state) {
    (void)state;
    const char *mirror[] = {"m"};
    struct try t = {HEAD "passphrase_file pass.txt\n", mirror, 1, NULL};
    write_file("m/a.zip", zip_bytes);
    assert_dies(EXIT_WORLD, "pass.txt is in no mirror folder", fetch_one, &t);
    write_file("m/pass.txt", "secret\n");
    fetch_one(&t);
    assert_same("out/pass.txt", "secret\n", 7);
}

static void a_wrong_local_file_is_refused_and_nothing_written(void **state) {
    (void)state;
    static const struct {
        const char *bytes, *more, *message;
        int code;
    } cases[] = {
        {"", "", "m/a.zip: empty file", EXIT_WORLD},
        {"PK\3\4 this", "bytes 26\n", "9 bytes, wanted 26: cut short", EXIT_NO},
        {"PK\3\4 this stands for more than that", "bytes 26\n", "35 bytes, wanted 26;",
         EXIT_NO},
        {zip_bytes,
         "sha256 0123456789012345678901234567890123456789012345678901234567890123\n",
         "wanted 0123456789", EXIT_NO},
        {zip_bytes, "sha256_begins 5255d7a1\nmd5 0123456789abcdef0123456789abcdef\n",
         "md5 is 218c6475", EXIT_NO},
        {zip_bytes, "sha256_begins 1f1d1c9f\n", "wanted one that begins 1f1d1c9f", EXIT_NO},
        {"7z\xbc\xaf", "magic zip\n", "begins with '7z\\xbc\\xaf', wanted zip", EXIT_NO},
        {"\n <!DOCTYPE html><html><title>\n Quota\x1b[2J over </title>", "magic zip\n",
         "a web page titled 'Quota\\x1b[2J over', wanted zip", EXIT_NO},
        {"<html>no", "magic zip\n", "a web page titled 'no title'", EXIT_NO},
    };
    const char *mirror[] = {"m"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = xprintf("%s%s", HEAD, cases[i].more);
        struct try t = {text, mirror, 1, NULL};
        write_file("m/a.zip", cases[i].bytes);
        assert_dies(cases[i].code, cases[i].message, fetch_one, &t);
        assert_nothing(0);
        xfree(text);
    }
}

static void a_folder_in_the_files_place_is_refused(void **state) {
    (void)state;
    const char *mirror[] = {"m"};
    struct try t = {HEAD, mirror, 1, NULL};
    file_mkdir("m/a.zip");
    assert_dies(EXIT_WORLD, "m/a.zip", fetch_one, &t);
    assert_nothing(0);
}

static void another_container_is_taken_where_content_is_known(void **state) {
    (void)state;
    const char *mirror[] = {"m"};
    const char *hash = "0123456789012345678901234567890123456789012345678901234567890123";
    char *text =
        xprintf("%scontent %s\nsha256 %s\nbytes 999\nmagic zip xz\n", HEAD, hash, hash);
    struct try t = {text, mirror, 1, "out/pins.tsv"};
    write_file("m/a.tar.xz", "\xfd"
                             "7zXZ");
    file_write("m/a.tar.xz",
               "\xfd"
               "7zXZ\0 and more",
               15);
    fetch_one(&t);
    assert_true(file_exists("out/raw"));
    assert_false(file_exists("out/pins.tsv"));
    xfree(text);
}

static void what_came_first_is_pinned_and_wanted_from_then_on(void **state) {
    (void)state;
    const char *mirror[] = {"m"};
    struct try t = {HEAD "sha256 unknown\n", mirror, 1, "out/pins.tsv"};
    write_file("out/pins.tsv", "name\tbytes\tsha256\nw\t1\tabc\nz\t2\tdef\n");
    write_file("m/a.zip", zip_bytes);
    fetch_one(&t);
    size_t n;
    char *pins = file_read("out/pins.tsv", 10000, &n), hex[65];
    sha_bytes(zip_bytes, sizeof zip_bytes - 1, hex);
    char *wanted = xprintf("name\tbytes\tsha256\nw\t1\tabc\nx\t26\t%s\nz\t2\tdef\n", hex);
    assert_string_equal(pins, wanted);
    fetch_one(&t);
    write_file("m/a.zip", "PK\3\4 this is another's zip");
    assert_dies(EXIT_NO, "as pinned at the first download (out/pins.tsv:3)", fetch_one, &t);
    assert_same("out/pins.tsv", wanted, strlen(wanted));
    assert_same("out/raw", zip_bytes, sizeof zip_bytes - 1);
    xfree(wanted);
    xfree(pins);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_mirror_is_looked_at_before_any_address),
        TEST(a_file_address_is_seen_from_its_source),
        TEST(a_manual_source_says_what_to_ask_and_where_to_put_it),
        TEST(a_passphrase_comes_along),
        TEST(a_wrong_local_file_is_refused_and_nothing_written),
        TEST(a_folder_in_the_files_place_is_refused),
        TEST(another_container_is_taken_where_content_is_known),
        TEST(what_came_first_is_pinned_and_wanted_from_then_on),
    };
    return test_run(tests);
}
