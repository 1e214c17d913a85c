/* core_source_test.c - source files: what is read, and that each wrong line has its own
 * message. */
#include "core/source.h"
#include "tests/test.h"

static const char good[] =
    "# a comment\n"
    "name kvasir\nkind data\nfile a.zip\nfile a.tar.xz\n"
    "url https://example.org/a.zip\nurl file:web/a.zip\n"
    "manual ask\nmanual twice\nbytes 12\nsha256 unknown\nmagic zip xz\n"
    "files 3\nformat pairs a/*.png | b/*.png\ncite A\ncite B\nredistribute no\n";

static void parse(void *arg) {
    struct source s;
    source_parse(&s, arg, strlen(arg), "x.src");
    source_free(&s);
}

static void every_value_of_a_source_is_read(void **state) {
    (void)state;
    struct source s;
    source_parse(&s, good, strlen(good), "x.src");
    assert_int_equal(s.kind, SOURCE_DATA);
    assert_string_equal(s.name, "kvasir");
    assert_int_equal(s.file_count, 2);
    assert_string_equal(s.file[1], "a.tar.xz");
    assert_int_equal(s.url_count, 2);
    assert_int_equal(s.manual_count, 2);
    assert_int_equal(s.bytes, 12);
    assert_int_equal(s.files, 3);
    assert_int_equal(s.unpacked, -1);
    assert_int_equal(s.groups, -1);
    assert_null(s.sha256);
    assert_null(s.content);
    assert_int_equal(s.cite_count, 2);
    assert_string_equal(s.cite[1], "B");
    assert_string_equal(s.redistribute, "no");
    assert_null(s.md5);
    assert_true(source_may_be(&s, "xz") && source_may_be(&s, "zip"));
    assert_false(source_may_be(&s, "x") || source_may_be(&s, "rar"));
    assert_string_equal(s.format, "pairs a/*.png | b/*.png");
    source_free(&s);
}

static void weights_carry_their_scaling(void **state) {
    (void)state;
    const char *text =
        "name w\nkind weights\narm imagenet\nencoder vits\nfile w.pth\nmanual ask\n"
        "mean 0.5 0.5 0.5\nstd 1 1 1\norder rgb\nrange 255\n";
    struct source s;
    source_parse(&s, text, strlen(text), "w.src");
    assert_int_equal(s.kind, SOURCE_WEIGHTS);
    assert_string_equal(s.std, "1 1 1");
    source_free(&s);
}

static void every_wrong_line_has_its_own_message(void **state) {
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"colour red\n", "x.src:18: unknown key colour"},
        {"name twice\n", "x.src:18: key name stands already in line 2"},
        {"terms x\r\n", "x.src:18: a carriage return"},
        {"content 012345678901234567890123456789012345678901234567890123456789012\n",
         "content has 63 digits, wanted 64"},
        {"content ABCDEF7890123456789012345678901234567890123456789012345678901234\n",
         "wanted lower-case hex digits"},
        {"content xyz\n", "wanted lower-case hex digits, or unknown"},
        {"file ../b.zip\n", "wanted a file name without '..'"},
        {"file b/c.zip\n", "wanted a file name alone, without '/'"},
        {"passphrase_file ../../etc/passwd\n", "wanted a file name without '..'"},
        {"url http://example.org/a.zip\n", "wanted https://... or file:..."},
        {"url file:../a.zip\n", "wanted a path without '..'"},
        {"url https://example.org/a b\n", "wanted no blank in it"},
        {"unpacked 1e6\n", "wanted a whole number from 0, or unknown"},
        {"unpacked -1\n", "wanted a whole number from 0, or unknown"},
        {"content\n", "content has no value"},
        {"groups\n", "groups has no value"},
        {"mean 0 0 0\n", "wanted no such line for kind data"},
        {"md5 0123456789abcdef\n", "md5 has 16 digits, wanted 32"},
        {"pictures 0123\n", "pictures has 4 digits, wanted 64"},
        {"sha256_begins 0x1\n", "wanted lower-case hex digits"},
        {"sha256_begins 0123456789012345678901234567890123456789012345678901234567890123\n",
         "sha256_begins has 64 digits, wanted fewer than 64"},
        {"counts ../x\n", "wanted a word of lower-case letters"},
        {"cite\n", "cite has no value"},
        {"terms no end", "x.src:18: the last line has no end"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = xprintf("%s%s", good, cases[i].line);
        assert_dies(EXIT_NO, cases[i].message, parse, text);
        xfree(text);
    }
    char *marked = xprintf("\xef\xbb\xbf%s", good);
    assert_dies(EXIT_NO, "byte order mark", parse, marked);
    xfree(marked);
}

static void what_a_kind_needs_must_be_there(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"kind data\nfile a\nmanual x\n", "no key name"},
        {"name a\nfile a\nmanual x\n", "no key kind"},
        {"name a\nkind pictures\nfile a\nmanual x\n", "wanted data or weights"},
        {"name a\nkind data\nmanual x\n", "no key file"},
        {"name a\nkind data\nfile a.zip\n", "neither url nor manual"},
        {"name A\nkind data\nfile a\nmanual x\n", "wanted a word of lower-case letters"},
        {"name a\nkind data\nfile a\nmanual x\nmagic pdf\n", "wanted words of zip gzip"},
        {"name a\nkind data\nfile a\nmanual x\nmagic zip rar\n",
         "content or pictures known where a .rar may be read"},
        {"name a\nkind data\nfile a\nmanual x\nredistribute perhaps\n", "wanted yes or no"},
        {"name a\nkind weights\ncounts x\n", "wanted no such line for kind weights"},
        {"name a\nkind weights\nencoder vits\nmean 0 0 0\nstd 1 1 1\norder rgb\nrange 1\n",
         "no key arm"},
        {"name a\nkind weights\narm random\nencoder vits\nmean 0 0\nstd 1 1 1\norder "
         "rgb\nrange 1\n",
         "wanted three numbers"},
        {"name a\nkind weights\narm random\nencoder vits\nmean 0 0 0\nstd 1 0 1\norder "
         "rgb\nrange 1\n",
         "wanted numbers above 0"},
        {"name a\nkind weights\narm random\nencoder vits\nmean 0 0 0\nstd 1 1 1\norder "
         "xyz\nrange 1\n",
         "wanted rgb or bgr"},
        {"name a\nkind weights\narm random\nencoder vits\nmean 0 0 0\nstd 1 1 1\norder "
         "rgb\nrange 2\n",
         "wanted 255"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_dies(EXIT_NO, cases[i].message, parse, (void *)cases[i].text);
}

static void a_file_is_known_by_its_first_bytes(void **state) {
    (void)state;
    uint8_t tar[SOURCE_HEAD] = {0};
    memcpy(tar + 257, "ustar", 5);
    assert_true(source_magic("zip xz", (const uint8_t *)"PK\3\4....", 8));
    assert_true(source_magic("zip xz",
                             (const uint8_t *)"\xfd"
                                              "7zXZ\0..",
                             8));
    assert_true(source_magic("tar", tar, sizeof tar));
    assert_true(source_magic("504b0304", (const uint8_t *)"PK\3\4", 4));
    assert_true(source_magic("safetensors", (const uint8_t *)"\1\2\0\0\0\0\0\0{", 9));
    assert_true(source_magic(NULL, (const uint8_t *)"", 0));
    assert_false(source_magic("zip", (const uint8_t *)"<html>", 6));
    assert_false(source_magic("zip", (const uint8_t *)"PK", 2));
    assert_false(source_magic("504b0305", (const uint8_t *)"PK\3\4", 4));
}

static void the_projects_own_sources_are_read(void **state) {
    (void)state;
    char *folder = file_join(test_home, "fetch/sources");
    DIR *dir = opendir(folder);
    int n = 0;
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        struct source s;
        if (e->d_name[0] == '.') continue;
        char *path = file_join(folder, e->d_name), *name;
        source_read(&s, path);
        name = xprintf("%s.src", s.name);
        assert_string_equal(name, e->d_name);
        source_free(&s);
        xfree(name);
        xfree(path);
        n++;
    }
    closedir(dir);
    xfree(folder);
    assert_true(n >= 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_value_of_a_source_is_read),      TEST(weights_carry_their_scaling),
        TEST(every_wrong_line_has_its_own_message), TEST(what_a_kind_needs_must_be_there),
        TEST(a_file_is_known_by_its_first_bytes),   TEST(the_projects_own_sources_are_read),
    };
    return test_run(tests);
}
