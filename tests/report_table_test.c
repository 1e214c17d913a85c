/* report_table_test.c - results.tsv, what is made of it in words, and Table 1. */
#include "report/escape.h"
#include "report/table1.h"
#include "test.h"

static void write_text(const char *path, const char *text) {
    file_write(path, text, strlen(text));
}

static const char head[] =
    "key\tstatus\tvalue\tn\tsd_seed\tlo\thi\tmethod\tp\tp_holm\tmin_p\t"
    "published\treason\tsources\n";

static void read_bad(void *row) {
    struct results r;
    char *text = xprintf("%s%s\n", head, (const char *)row);
    write_text("bad.tsv", text);
    results_read(&r, "bad.tsv");
}

static void malformed_results_are_refused_by_line(void **state) {
    (void)state;
    static const struct {
        const char *row, *says;
    } bad[] = {
        {"a/b/dice\tok\t1\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna",
         "wanted variant/cell/split/metric"},
        {"a/b/c/d\tgood\t1\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna",
         "status 'good', wanted ok or not-run"},
        {"a/b/c/d\tok\t1\tna\tna\t2\t1\tna\tna\tna\tna\tna\tna\tna",
         "interval from 2 to 1"},
        {"a/b/c/d\tok\t1\tna\tna\t0\tna\tna\tna\tna\tna\tna\tna\tna",
         "interval from 0 to na"},
        {"a/b/c/d\tok\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna",
         "wanted a number just where"},
        {"a/b/c/d\tok\tnan\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna", "bad.tsv:2"},
        {"a/b/c/d\tnot-run\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna",
         "says no reason"},
        {"a/b/c/d\tok\t1\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\n"
         "a/b/c/d\tok\t2\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna",
         "bad.tsv:3: key 'a/b/c/d' stands twice"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_dies(EXIT_NO, bad[i].says, read_bad, (void *)bad[i].row);
}

static void counts_are_whole_and_differences_signed(void **state) {
    (void)state;
    static const struct {
        const char *key;
        double value;
        const char *text;
    } rows[] = {{"a/b/c/pictures", 39308, "39,308"},
                {"a/b/c/pictures", 999, "999"},
                {"a/b/c/n", 1234567, "1,234,567"},
                {"a/b/c/dice", 1, "1.0000"},
                {"a/b/c/iou", 0, "0.0000"},
                {"a/b/c/sd_dice", .12345, "0.123"},
                {"a/b-vs-c-d/e/dice", .1, "+0.1000"},
                {"a/b/c/dice_minus_published", -.1, "-0.1000"},
                {"a/b-vs-c-d/e/half_width_groups_most", .1, "0.1000"},
                {"a/b-vs-c-d/e/correlation_needed", -.127, "-0.13"},
                {"a/b/c/best_epoch", 7.5, "7.5000"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct result row = {
            .key = (char *)rows[i].key, .ok = true, .value = rows[i].value};
        char text[64];
        result_text(&row, text, sizeof text);
        assert_string_equal(text, rows[i].text);
    }
}

static void reasons_are_a_statement_a_source(void **state) {
    (void)state;
    static const char sun[] = "sun-masks: by hand. Ask: them",
                      both[] =
                          "cvc: not asked | sun-masks: by hand. Ask: them | cvc: not asked";
    struct reasons r = {0};
    reasons_add(&r, sun);
    reasons_add(&r, both);
    assert_int_equal(r.count, 2);
    assert_int_equal(reasons_find(&r, "cvc: not asked"), 1);
    char *joined = reasons_join(&r), *of_two = reason_short(both),
         *of_none = reason_short("no cell of arm random | cvc: not asked");
    assert_string_equal(joined, "sun-masks: by hand. Ask: them | cvc: not asked");
    assert_string_equal(of_two, "it lacks cvc, sun-masks");
    assert_string_equal(of_none, "no cell of arm random | cvc: not asked");
    xfree(joined);
    xfree(of_two);
    xfree(of_none);
    reasons_free(&r);
}

/* ---- Table 1 ---- */

/* A row of a cell that was run; of one that was not. */
#define OK(key, value, published)                                                          \
    "main/" key "\tok\t" value "\t3\tna\tna\tna\tna\tna\tna\tna\t" published "\tna\tna\n"
#define NOT(cell, reason)                                                                  \
    "main/" cell "/random/dice\tnot-run\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\t" reason  \
    "\tna\nmain/" cell                                                                     \
    "/random/iou\tnot-run\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\t" reason "\tna\n"

static const char two_arms[] = OK("vits-imagenet-cvc/random/dice", "0.83333", "0.8705") OK(
    "vits-imagenet-cvc/random/iou", "0.77777",
    "0.7913") OK("vits-radimagenet-cvc/random/dice", "0.5", "0.5033")
    OK("vits-radimagenet-cvc/random/iou", "0.44444",
       "0.4024") "main/vits-imagenet-vs-radimagenet-cvc/random/dice\tok\t0.33333\t3\tna\t0.00667\t0.66\t"
                 "normal\tna\tna\tna\t+0.3672\tna\tna\n" OK(
                     "vits-radimagenet-vs-histo-cvc/random/dice", "-0.1", "na");

/* Table 1 of these rows in all three forms: caller frees. */
struct forms {
    char *md, *tex, *tsv;
};

static struct forms table_of(const char *rows) {
    struct results r;
    struct table1 t;
    struct names names;
    struct forms forms;
    size_t n;
    char *text = xprintf("%s%s%s", head, two_arms, rows);
    write_text("results.tsv", text);
    results_read(&r, "results.tsv");
    names_read(&names, NULL);
    table1_open(&t, &r);
    table1_markdown(&t, &r, &names, "t.md");
    table1_latex(&t, &r, &names, "t.tex");
    table1_tsv(&t, &r, &names, "t.tsv");
    forms.md = file_read("t.md", 1 << 20, &n);
    forms.tex = file_read("t.tex", 1 << 20, &n);
    forms.tsv = file_read("t.tsv", 1 << 20, &n);
    table1_close(&t);
    results_free(&r);
    xfree(text);
    return forms;
}

static void holds(const char *text, const char *wanted) {
    if (!strstr(text, wanted)) print_error("%s\nwanted: %s\n", text, wanted);
    assert_non_null(strstr(text, wanted));
}

static void free_forms(struct forms *f) {
    xfree(f->md);
    xfree(f->tex);
    xfree(f->tsv);
}

static void table_1_sets_ours_beside_the_published(void **state) {
    (void)state;
    struct forms f = table_of(NOT("vits-imagenet-sun", "ask & $wait_"));
    holds(f.md, "| vits | cvc | 3 | imagenet | 0.8333 | 0.8705 | 0.7778 | 0.7913 |\n"
                "|  |  | 3 | radimagenet | 0.5000 | 0.5033 | 0.4444 | 0.4024 |\n"
                "|  | sun | 0 | imagenet | not run (1) | none | not run (1) | none |\n");
    holds(f.md, "(1) ask \\& \\$wait\\_\n");
    holds(f.md, "both masks empty counts 1");
    holds(f.tex, "vits & cvc & 3 & imagenet & 0.8333 & 0.8705 & 0.7778 & 0.7913 \\\\\n");
    holds(f.tex, "(1) ask \\& \\$wait\\_\n");
    holds(f.tsv, "vits\timagenet\tsun\timagenet\tnot-run\tna\tna\tna\tna\tna\tna\n");
    free_forms(&f);
}

/* Cells that lack sources in common: each source has one note, however many need it. */
static void table_1_has_a_note_a_source(void **state) {
    (void)state;
#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    struct forms f = table_of(
        NOT("vits-imagenet-sun", "a: by hand | b: https://h.org/x_y. | c: sha256 " SHA)
            NOT("vits-random-sun", "b: https://h.org/x_y. | w: at <https://h.org/$>"));
    holds(f.md, "| imagenet | not run (1-3) | none |");
    holds(f.md, "| random | not run (2, 4) | none |");
    holds(f.md, "\n(1) **a**: by hand\n(2) **b**: <https://h.org/x_y>.\n"
                "(3) **c**: sha256 0123456789ab...\n(4) **w**: at "
                "\\<https://h.org/\\$\\>\n");
    assert_null(strstr(strstr(f.md, "**b**") + 1, "**b**"));
    free_forms(&f);
}

static void differences_have_their_intervals(void **state) {
    (void)state;
    struct forms f = table_of("");
    holds(f.md, "| vits | cvc | 3 | imagenet less radimagenet | +0.3333 | +0.0067 to "
                "+0.6600 | +0.3672 |\n"
                "|  |  | 3 | radimagenet less histo | −0.1000 | none | none |\n");
    assert_null(strstr(f.md, "not run"));
    free_forms(&f);
}

static void escaping_leaves_nothing_that_acts(void **state) {
    (void)state;
    char *tex = escape_latex("\\input{/etc/passwd}$&#^_~%<>|\"\n\xff"),
         *md = escape_markdown("\\`*_{}[]<&|~^$@\n\xc3\xa9");
    assert_string_equal(
        tex,
        "\\textbackslash{}input\\{/etc/passwd\\}\\$\\&\\#\\textasciicircum{}\\_"
        "\\textasciitilde{}\\%\\textless{}\\textgreater{}\\textbar{}\\textquotedbl{}??");
    assert_string_equal(md, "\\\\\\`\\*\\_\\{\\}\\[\\]\\<\\&\\|\\~\\^\\$\\@ ?");
    xfree(tex);
    xfree(md);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(malformed_results_are_refused_by_line),
        TEST(counts_are_whole_and_differences_signed),
        TEST(reasons_are_a_statement_a_source),
        TEST(table_1_sets_ours_beside_the_published),
        TEST(table_1_has_a_note_a_source),
        TEST(differences_have_their_intervals),
        TEST(escaping_leaves_nothing_that_acts),
    };
    return test_run(tests);
}
