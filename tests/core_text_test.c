/* core_text_test.c - tables, `key value` lines, numbers, cells: what is read and what
 * refused. */
#include "core/cell.h"
#include "core/table.h"
#include "core/text.h"
#include "tests/test.h"

static void parses_table(void *arg) {
    struct table t;
    table_parse(&t, arg, strlen(arg), "t.tsv");
    table_free(&t);
}

static void parses_pairs(void *arg) {
    struct pairs p;
    pairs_parse(&p, arg, strlen(arg), "r.conf");
    pairs_free(&p);
}

static void a_table_gives_its_cells_and_lines(void **state) {
    (void)state;
    const char text[] = "# a comment\nname\tvalue\n1\t0.5\n# another\n\xc3\xa9 b\t\n";
    file_write("t.tsv", text, sizeof text - 1);
    struct table t;
    table_read(&t, "t.tsv");
    assert_int_equal(t.rows, 2);
    assert_int_equal(t.cols, 2);
    assert_string_equal(table_get(&t, 1, 0), "\xc3\xa9 b");
    assert_string_equal(table_get(&t, 1, table_need(&t, "value")), "");
    assert_int_equal(t.line[1], 5);
    assert_int_equal(table_column(&t, "absent"), -1);
    assert_near(table_number(&t, 0, 1), 0.5, 0);
    assert_int_equal(table_integer(&t, 0, 0), 1);
    table_free(&t);
}

static void ragged_tables_are_refused(void **state) {
    (void)state;
    assert_dies(EXIT_NO, "t.tsv:2: 1 cells, wanted 2", parses_table, "a\tb\n1\n");
    assert_dies(EXIT_NO, "t.tsv:2: 1 cells, wanted 2", parses_table, "a\tb\n\n");
    assert_dies(EXIT_NO, "t.tsv:3: more than 2 cells", parses_table,
                "a\tb\n1\t2\n1\t2\t3\n");
    assert_dies(EXIT_NO, "t.tsv: no header", parses_table, "");
    assert_dies(EXIT_NO, "t.tsv: no header", parses_table, "# only\n");
    assert_dies(EXIT_NO, "t.tsv:1: column a stands twice", parses_table, "a\ta\n");
    assert_dies(EXIT_NO, "t.tsv:1: column 2 has no name", parses_table, "a\t\n");
    char *wide = xmalloc(5000);
    memset(wide, '\t', 5000);
    memcpy(wide + 4998, "\n", 2);
    assert_dies(EXIT_NO, "columns, wanted at most", parses_table, wide);
    xfree(wide);
}

static void hidden_bytes_are_refused_in_both_formats(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"\xef\xbb\xbf"
         "a\n",
         ":1: begins with a byte order mark"},
        {"a\r\nb\r\n", ":1: a carriage return"},
        {"a\nb\x1b\n", ":2: control byte 0x1b"},
        {"a\nb\x7f\n", ":2: control byte 0x7f"},
        {"a\nb\xc2\x85\n", ":2: control byte 0x85"},
        {"a\n\nc\xff\n", ":3: byte 0xff is not UTF-8"},
        {"a\xc0\x80\n", "not UTF-8"},         /* overlong */
        {"a\xed\xa0\x80\n", "not UTF-8"},     /* surrogate */
        {"a\xf4\x90\x80\x80\n", "not UTF-8"}, /* above U+10FFFF */
        {"a\xe0\x9f\xbf\n", "not UTF-8"},     /* overlong, of three */
        {"a\xf0\x8f\xbf\xbf\n", "not UTF-8"}, /* overlong, of four */
        {"a\xf5\x80\x80\x80\n", "not UTF-8"},
        {"a\xe2\x82\n", "not UTF-8"}, /* cut */
        {"a\xe2\x82", "not UTF-8"},
        {"a\xe2\x41\x80\n", "not UTF-8"}, /* letters in the middle */
        {"a\xe2\x82\x41\n", "not UTF-8"},
        {"a\xf0\x90\x80\x41\n", "not UTF-8"},
        {"a\nb", ":2: the last line has no end"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_dies(EXIT_NO, bad[i].message, parses_table, (void *)(uintptr_t)bad[i].text);
        assert_dies(EXIT_NO, bad[i].message, parses_pairs, (void *)(uintptr_t)bad[i].text);
    }
}

static void every_length_of_utf8_is_read(void **state) {
    (void)state;
    static const char text[] = "a\t\xc2\xa0\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbd"
                               "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\n";
    char *copy = text_copy(text, sizeof text - 1, "t");
    assert_string_equal(copy, text);
    xfree(copy);
}

static void reads_z(void *arg) {
    (void)arg;
    struct pairs p;
    file_write("z", "a\n\0\n", 4);
    pairs_read(&p, "z");
}

static void reads_number(void *arg) {
    struct table t;
    table_parse(&t, arg, strlen(arg), "t.tsv");
    table_number(&t, 0, 0);
}

static void reads_integer(void *arg) {
    struct table t;
    table_parse(&t, arg, strlen(arg), "t.tsv");
    table_integer(&t, 0, 0);
}

static void cells_that_are_no_numbers_are_named(void **state) {
    (void)state;
    assert_dies(EXIT_NO, "t.tsv:2: x is '0,5', wanted a decimal number", reads_number,
                "x\n0,5\n");
    assert_dies(EXIT_NO, "'1e309'", reads_number, "x\n1e309\n");
    assert_dies(EXIT_NO, "'1.5', wanted a whole number", reads_integer, "x\n1.5\n");
    assert_dies(EXIT_NO, "wanted a whole number", reads_integer,
                "x\n9223372036854775808\n");
}

static void numbers_are_strict(void **state) {
    (void)state;
    static const char *const good[] = {"0",  "-1.5", ".5",      "1.",
                                       "+2", "1e-3", "6.02E23", "007"};
    static const char *const bad[] = {"",      "-",   ".",     "1e", "1e+", "0x10",
                                      "inf",   "nan", " 1",    "1 ", "1,5", "--1",
                                      "1e309", "1_0", "1.2.3", "e5"};
    double x;
    long n;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(number_parse(good[i], &x));
        assert_near(x, atof(good[i]), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(number_parse(bad[i], &x) || integer_parse(bad[i], &n));
    assert_true(integer_parse("-9223372036854775808", &n) && n == LONG_MIN);
    assert_false(integer_parse("1.", &n));
}

static void a_number_is_written_as_short_as_reads_back(void **state) {
    (void)state;
    assert_string_equal(number_text(0.1), "0.1");
    assert_string_equal(number_text(1.0 / 3), "0.3333333333333333");
    assert_string_equal(number_text(-1e300), "-1e+300");
    assert_string_equal(number_text(0), "0");
    for (double x = 1e-300; x < 1e300; x *= 1234.56789) {
        double back;
        assert_true(number_parse(number_text(x), &back));
        assert_near(back, x, 0);
    }
}

static void pairs_keep_order_and_drop_comments(void **state) {
    (void)state;
    const char text[] = "# head\n\n a  b c # why\nurl\thttp://x/#y \nflag\na 2\n";
    struct pairs p;
    pairs_parse(&p, text, sizeof text - 1, "r.conf");
    assert_int_equal(p.count, 4);
    assert_string_equal(p.pair[0].key, "a");
    assert_string_equal(p.pair[0].value, "b c");
    assert_int_equal(p.pair[0].line, 3);
    assert_string_equal(pairs_get(&p, "url"), "http://x/#y");
    assert_string_equal(pairs_need(&p, "flag"), "");
    assert_string_equal(pairs_get(&p, "a"), "2");
    assert_null(pairs_get(&p, "absent"));
    pairs_free(&p);
}

static void checks_pairs(void *arg) {
    static const char *const allowed[] = {"a", "b", NULL}, *const many[] = {"url", NULL};
    struct pairs p;
    pairs_parse(&p, arg, strlen(arg), "r.conf");
    pairs_check(&p, allowed, many);
    pairs_need(&p, "a");
    pairs_free(&p);
}

static void keys_unknown_doubled_or_missing_are_refused(void **state) {
    (void)state;
    checks_pairs("a 1\nb 2\nurl x\nurl y\n");
    assert_dies(EXIT_NO, "r.conf:2: unknown key c", checks_pairs, "a 1\nc 2\n");
    assert_dies(EXIT_NO, "r.conf:3: key a stands already in line 1", checks_pairs,
                "a 1\nb 2\na 3\n");
    assert_dies(EXIT_NO, "r.conf: no key a", checks_pairs, "b 1\n");
    assert_dies(EXIT_NO, "control byte 0x00", reads_z, NULL);
}

static void parses_cell(void *arg) {
    struct cell cell;
    cell_parse(&cell, arg);
}

static void a_cell_is_three_known_words(void **state) {
    (void)state;
    struct cell cell;
    cell_parse(&cell, "vitt-own2-mydata");
    assert_string_equal(cell.encoder, "vitt");
    assert_string_equal(cell.pretrain, "own2");
    assert_string_equal(cell.data, "mydata");
    assert_string_equal(cell_name(&cell), "vitt-own2-mydata");
    static const char *const bad[] = {"",
                                      "vits",
                                      "vits-a",
                                      "vits-a-",
                                      "vits--b",
                                      "vits-a-b-c",
                                      "vgg-a-b",
                                      "Vits-a-b",
                                      "vits-a-b ",
                                      "vits-a_b-c",
                                      "vits-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_dies(EXIT_USAGE, "as resnet50-imagenet-kvasir", parses_cell,
                    (void *)(uintptr_t)bad[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_table_gives_its_cells_and_lines),
        TEST(ragged_tables_are_refused),
        TEST(hidden_bytes_are_refused_in_both_formats),
        TEST(every_length_of_utf8_is_read),
        TEST(cells_that_are_no_numbers_are_named),
        TEST(numbers_are_strict),
        TEST(a_number_is_written_as_short_as_reads_back),
        TEST(pairs_keep_order_and_drop_comments),
        TEST(keys_unknown_doubled_or_missing_are_refused),
        TEST(a_cell_is_three_known_words),
    };
    return test_run(tests);
}
