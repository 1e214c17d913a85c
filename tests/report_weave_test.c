/* report_weave_test.c - weave on tiny papers, one for each way to succeed and to fail. */
#include "report/weave.h"
#include "test.h"

static const char head[] =
    "key\tstatus\tvalue\tn\tsd_seed\tlo\thi\tmethod\tp\tp_holm\tmin_p\t"
    "published\treason\tsources\n";

static void write_text(const char *path, const char *text) {
    file_write(path, text, strlen(text));
}

/* Results of five rows, enough for every kind of placeholder. */
static void make_results(struct results *r) {
    char *text = xprintf(
        "%s"
        "main/vits-imagenet-cvc/random/dice\tok\t0.81234\t8\tna\tna\tna\tna\tna\tna\tna\t0.8705\tna\tx@0\n"
        "main/vits-imagenet-sun/random/dice\tnot-run\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\tby "
        "request: write \\input{/etc/passwd} & ask\tna\n"
        "main/all/random/wins\tok\t6\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\n"
        "main/vits-a-vs-b-cvc/random/dice\tok\t-0.02\t8\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\n"
        "published/vits-imagenet-cvc/random/dice\tok\t0.870\tna\tna\tna\tna\tprinted\tna\tna\tna\tna\tna\tna\n"
        "published/sun/random/pictures\tok\t49136\tna\tna\tna\tna\tprinted\tna\tna\tna\tna\tna\tna\n",
        head);
    write_text("results.tsv", text);
    results_read(r, "results.tsv");
    xfree(text);
}

static const struct weave_options plain = {.root = ".", .include = "."};

/* Weaves `paper`; returns the text or, if it failed, the failures; caller frees. */
static char *woven(const char *paper, const struct weave_options *options, bool *good) {
    struct results r;
    char *failures = NULL;
    make_results(&r);
    char *text = weave(paper, strlen(paper), "paper.md", &r, options, &failures);
    *good = text != NULL;
    assert_true((text == NULL) == (failures != NULL));
    results_free(&r);
    return text ? text : failures;
}

static void becomes_by(const char *paper, const char *wanted,
                       const struct weave_options *options) {
    bool good;
    char *text = woven(paper, options, &good);
    assert_string_equal(text, wanted);
    assert_true(good);
    xfree(text);
}

static void becomes(const char *paper, const char *wanted) {
    becomes_by(paper, wanted, &plain);
}

static void fails_by(const char *paper, const char *fragment,
                     const struct weave_options *options) {
    bool good;
    char *text = woven(paper, options, &good);
    assert_false(good);
    if (!strstr(text, fragment)) print_error("failures:\n%swanted: %s\n", text, fragment);
    assert_non_null(strstr(text, fragment));
    xfree(text);
}

static void fails(const char *paper, const char *fragment) {
    fails_by(paper, fragment, &plain);
}

static void a_placeholder_becomes_the_number_with_its_digits(void **state) {
    (void)state;
    becomes("Dice {{vits-imagenet-cvc dice}}.\n", "Dice 0.8123.\n");
    becomes("{{main/vits-imagenet-cvc/random dice}}\n", "0.8123\n");
    becomes("{{ all  wins }} of six\n", "6 of six\n");
    becomes("by {{vits-a-vs-b-cvc dice}}\n", "by −0.0200\n");
    becomes("last line without end", "last line without end\n");
}

static void a_published_number_keeps_its_printed_digits(void **state) {
    (void)state;
    becomes("{{published vits-imagenet-cvc dice}}, {{published sun pictures}}\n",
            "0.870, 49,136\n");
}

static void an_absent_row_is_named_with_its_line(void **state) {
    (void)state;
    fails("one\n\n{{vits-imagenet-etis dice}}\n",
          "paper.md:3: no row 'main/vits-imagenet-etis/random/dice' in the results");
    fails("{{published vits-random-cvc dice}}\n", "paper.md:1: no row 'published/");
}

static void all_failures_are_told_at_once(void **state) {
    (void)state;
    bool good;
    char *text = woven("{{a b}}\n0.5\n{{include none.md}}\n{{\n", &plain, &good);
    assert_false(good);
    for (int line = 1; line <= 4; line++) {
        char at[32];
        snprintf(at, sizeof at, "paper.md:%d: ", line);
        assert_non_null(strstr(text, at));
    }
    xfree(text);
}

static void a_cell_not_run_gives_its_reason_and_cannot_inject(void **state) {
    (void)state;
    becomes("{{vits-imagenet-sun dice}}\n",
            "(not run: by request: write \\\\input\\{/etc/passwd\\} \\& ask)\n");
    struct weave_options strict = plain;
    strict.strict = true;
    fails_by("{{vits-imagenet-sun dice}}\n",
             "paper.md:1: main/vits-imagenet-sun/random/dice is not run", &strict);
}

static void a_malformed_placeholder_is_refused(void **state) {
    (void)state;
    fails("{{vits-imagenet-cvc dice\n}}\n", "paper.md:1: '{{' without '}}' on its line");
    fails("{{}}\n", "wanted {{CELL METRIC}}");
    fails("{{one}}\n", "'{{one}}': wanted {{CELL METRIC}}");
    fails("{{a b c d}}\n", "wanted {{CELL METRIC}}");
    fails("{{include}}\n", "wanted {{include FILE}}");
}

static void a_typed_number_is_refused_in_prose_only(void **state) {
    (void)state;
    const char *const bad[] = {"Dice 0.82.", "(.82)",   "about 12.5 %", "$x = 0.5$",
                               "1,234.5",    "0,82",    "-0.3",         "| 0.1 |",
                               "~~0.9~~",    "a\n  0.5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) fails(bad[i], "typed number");
    const char *const good[] = {"489, 800 and 39,308 of 49,136",
                                "80 % at 224 pixels; v1.5, R2.0.1",
                                "`lr 0.5` and ``a ` 0.5``",
                                "[text](https://arxiv.org/abs/2302.08272)",
                                "<https://arxiv.org/abs/2302.08272>",
                                "End of 2024. 6 more.",
                                "```\n0.5\n```",
                                "~~~~ {.c}\n0.5 {{x\n~~~\n~~~~"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char *wanted = xprintf("%s\n", good[i]);
        becomes(good[i], wanted);
        xfree(wanted);
    }
}

static void an_include_is_the_file_alone_on_its_line(void **state) {
    (void)state;
    write_text("t.md", "| 0.5 |\n| {{x}} |\n\n");
    becomes("{{include t.md}}\nafter\n", "| 0.5 |\n| {{x}} |\nafter\n");
    fails("see {{include t.md}}\n", "alone on its line");
    fails("{{include none.md}}\n", "paper.md:1: include none.md: no such file in .");
    fails("{{include ../t.md}}\n", "wanted a name inside");
    fails("{{include /etc/passwd}}\n", "wanted a name inside");
}

static void a_figure_must_be_there(void **state) {
    (void)state;
    write_text("f.png", "x");
    becomes("![n is {{all wins}}](f.png){width=50%}\n", "![n is 6](f.png){width=50%}\n");
    fails("![caption](g.png)\n", "paper.md:1: figure g.png: no such file in .");
    fails("![caption](../f.png)\n", "wanted a name inside");
    becomes("[a link](g.png)\n", "[a link](g.png)\n");
}

static void a_fragment_is_quoted_with_file_and_lines(void **state) {
    (void)state;
    write_text(
        "a.c",
        "int x;\n    /* [two words */\n    int y;\n\n    /* [inner */\n    if (y) 0.5;\n"
        "    /* inner] */\n    /* two words] */\nint z;\n");
    becomes(
        "{{code a.c two words}}\n",
        "::: listing\n`a.c`, lines 3–7:\n\n``` {.c .numberLines startFrom=\"3\"}\nint y;\n\nif (y) 0.5;\n"
        "```\n:::\n");
    write_text("r.conf", "# [all\nlr 0.1 # ``` tick\n# all]\n");
    becomes(
        "{{code r.conf all}}\n",
        "::: listing\n`r.conf`, lines 2–2:\n\n```` {.conf .numberLines startFrom=\"2\"}\nlr 0.1 # ``` "
        "tick\n````\n:::\n");
}

static void a_fragment_absent_doubled_or_unclosed_is_refused(void **state) {
    (void)state;
    write_text(
        "a.c",
        "/* [one */\nint x;\n/* one] */\n/* [one */\n/* one] */\n// [open\nint y;\n// late]\n// [late\n");
    fails("{{code a.c none}}\n", "fragment 'none' begins 0 and ends 0 times");
    fails("{{code a.c one}}\n", "fragment 'one' begins 2 and ends 2 times");
    fails("{{code a.c open}}\n", "fragment 'open' begins 1 and ends 0 times");
    fails("{{code a.c late}}\n", "in this order");
    fails("{{code b.c one}}\n", "code b.c: no such file");
    fails("{{code ../a.c one}}\n", "wanted a name inside");
}

static void a_true_claim_leaves_nothing(void **state) {
    (void)state;
    becomes("So it is. {{claim wins = 6}}\nNext.\n", "So it is. \nNext.\n");
    becomes("a\n{{claim vits-imagenet-cvc dice > vits-a-vs-b-cvc dice}}\nb\n", "a\nb\n");
    const char *const good[] = {"wins != 5", "wins < 7", "wins <= 6", "wins > 5.5",
                                "wins >= 6"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char *paper = xprintf("x{{claim %s}}\n", good[i]);
        becomes(paper, "x\n");
        xfree(paper);
    }
}

static void a_false_claim_fails_the_paper_and_marks_the_draft(void **state) {
    (void)state;
    fails("x {{claim wins = 5}}\n", "paper.md:1: claim false: wins is 6, claimed = 5; "
                                    "correct it, or set the paper with the claim marked: "
                                    "make all DRAFT=1");
    struct weave_options draft = plain;
    draft.draft = true;
    becomes_by("x {{claim wins = 5}}\n",
               "x [**claim false: wins is 6, claimed = 5**]{.false}\n", &draft);
    fails("{{claim wins ~ 5}}\n", "wanted {{claim X OP Y}}");
    fails("{{claim lost = 5}}\n", "no row 'main/all/random/lost'");
    fails_by("{{claim lost = 5}}\n", "no row 'main/all/random/lost'", &draft);
}

static void a_claim_about_a_cell_not_run_is_not_evaluable(void **state) {
    (void)state;
    bool good;
    char *text =
        woven("{{claim vits-imagenet-cvc dice > vits-imagenet-sun dice}}\n", &plain, &good);
    assert_true(good);
    assert_non_null(strstr(text, "(claim not evaluable: by request"));
    xfree(text);
}

static void a_line_is_left_out_by_its_condition(void **state) {
    (void)state;
    becomes("a\n{{if wins > 0}} Won {{all wins}}.\nb\n", "a\nWon 6.\nb\n");
    becomes("a\n  {{if wins = 0}} None. {{claim wins = 0}}\nb\n", "a\nb\n");
    write_text("f.png", "x");
    becomes("{{if wins > 0}}   ![f](f.png)\n", "![f](f.png)\n");
    becomes(
        "a\n{{if vits-imagenet-sun dice > 0}} c\n{{if vits-imagenet-sun dice <= 0}} d\n",
        "a\n");
    fails("a {{if wins > 0}} b\n", "if: wanted at the beginning of its line");
    fails("{{if wins}} b\n", "if: wanted {{if X OP Y}}");
    fails("{{if wins = 0}} about 0.5\n", "typed number '0.5'");
    fails("{{if wins = 0}} {{no row}}\n", "no row 'main/no/random/row'");
    struct weave_options strict = plain;
    strict.strict = true;
    becomes_by("a\n{{if wins = 0}} {{vits-imagenet-sun dice}}\n", "a\n", &strict);
}

static void a_notice_becomes_the_first_line(void **state) {
    (void)state;
    struct weave_options notice = plain;
    notice.notice = "Not results: 0.5.";
    becomes_by("# Title\n", "Not results: 0.5.\n\n# Title\n", &notice);
}

static void hostile_bytes_are_refused(void **state) {
    (void)state;
    fails("a\rb\n", "byte 0x0d");
    fails("\xff\n", "byte 0xff");
    fails("\xc0\xaf\n", "byte 0xc0");
    fails("\xed\xa0\x80\n", "byte 0xed");
    fails("```\nnever closed\n", "inside a code block");
    becomes("é − 字\n", "é − 字\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_placeholder_becomes_the_number_with_its_digits),
        TEST(a_published_number_keeps_its_printed_digits),
        TEST(an_absent_row_is_named_with_its_line),
        TEST(all_failures_are_told_at_once),
        TEST(a_cell_not_run_gives_its_reason_and_cannot_inject),
        TEST(a_malformed_placeholder_is_refused),
        TEST(a_typed_number_is_refused_in_prose_only),
        TEST(an_include_is_the_file_alone_on_its_line),
        TEST(a_figure_must_be_there),
        TEST(a_fragment_is_quoted_with_file_and_lines),
        TEST(a_fragment_absent_doubled_or_unclosed_is_refused),
        TEST(a_true_claim_leaves_nothing),
        TEST(a_false_claim_fails_the_paper_and_marks_the_draft),
        TEST(a_claim_about_a_cell_not_run_is_not_evaluable),
        TEST(a_line_is_left_out_by_its_condition),
        TEST(a_notice_becomes_the_first_line),
        TEST(hostile_bytes_are_refused),
    };
    return test_run(tests);
}
