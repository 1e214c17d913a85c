/* report_test.c - the paper's tools on tiny papers and tiny runs whose answers are known by hand. */
#include "core/metric.h"
#include "core/pack.h"
#include "report/escape.h"
#include "report/gather.h"
#include "report/letters.h"
#include "report/montage.h"
#include "report/table1.h"
#include "report/weave.h"
#include "test.h"

/* ---- papers ---- */

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
    fails("x {{claim wins = 5}}\n", "paper.md:1: claim false: wins is 6, claimed = 5");
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

/* ---- results ---- */

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
                {"a/b/c/best_epoch", 7.5, "7.5000"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct result row = {
            .key = (char *)rows[i].key, .ok = true, .value = rows[i].value};
        char text[64];
        result_text(&row, text, sizeof text);
        assert_string_equal(text, rows[i].text);
    }
}

/* ---- runs ---- */

static const char published[] = "cell\tmetric\tvalue\torigin\n"
                                "vits-imagenet-cvc\tdice\t0.8705\tpaper\n"
                                "vits-imagenet-cvc\tiou\t0.7913\tpaper\n"
                                "vits-radimagenet-cvc\tdice\t0.5033\tpaper\n"
                                "vits-radimagenet-cvc\tiou\t0.4024\tpaper\n"
                                "vits-random-cvc\ttested\t0\tpaper\n"
                                "cvc\tpictures\t612\tpaper\n"
                                "cvc\tgroups\t29\treadme\n";

/* A run whose pictures have these counts: inter, pred, truth. */
static void make_run(const char *cell, long seed, const int (*counts)[3], int n) {
    char *folder = xprintf("runs/main/%s/random/s%ld", cell, seed);
    const char *data = strrchr(cell, '-') + 1;
    file_mkdir(folder);
    char *path = xprintf("%s/score.%s.tsv", folder, data);
    struct out *out = out_open(path);
    out_printf(out, "name\tgroup\tsize\tinter\tpred\ttruth\tempty\tdice\tiou\n");
    for (int i = 0; i < n; i++) {
        struct counts c = {counts[i][0], counts[i][1], counts[i][2]};
        out_printf(out, "%d.tif\t1\t96\t%d\t%d\t%d\tnone\t%.17g\t%.17g\n", i + 1,
                   counts[i][0], counts[i][1], counts[i][2], dice(c), iou(c));
    }
    out_commit(out);
    char *run = xprintf("%s/run.tsv", folder);
    char *text =
        xprintf("key\tvalue\ncell\t%s\nseed\t%ld\nbest_epoch\t%ld\n", cell, seed, 3 + seed);
    write_text(run, text);
    xfree(text);
    xfree(run);
    xfree(path);
    xfree(folder);
}

/* Dice 1, .5, 0 and IoU 1, 1/3, 0: means .5 and 4/9, deviation .5. */
static const int half[3][3] = {{10, 10, 10}, {5, 10, 10}, {0, 0, 10}};
/* Dice 1, 1, .5: mean 5/6. */
static const int most[3][3] = {{10, 10, 10}, {20, 20, 20}, {5, 10, 10}};

struct given {
    struct gather g;
    const char *experiment;
    char *run[8];
    int runs;
};

static void do_gather(void *argument) {
    struct given *given = argument;
    write_text("published.tsv", published);
    struct gather_input input = {given->experiment, "published.tsv", given->run,
                                 given->runs};
    gather(&given->g, &input);
}

static const struct result *row(const struct given *given, const char *key) {
    const struct result *found = results_find(&given->g.results, key);
    if (!found) print_error("no row %s\n", key);
    assert_non_null(found);
    return found;
}

static void two_arms(struct given *given) {
    make_run("vits-imagenet-cvc", 0, most, 3);
    make_run("vits-radimagenet-cvc", 0, half, 3);
    *given =
        (struct given){.run = {"runs/main/vits-imagenet-cvc/random/s0",
                               "runs/main/vits-radimagenet-cvc/random/s0/score.cvc.tsv"},
                       .runs = 2};
}

static void means_are_over_pictures(void **state) {
    (void)state;
    struct given given;
    two_arms(&given);
    do_gather(&given);
    assert_near(row(&given, "main/vits-radimagenet-cvc/random/dice")->value, .5, 1e-12);
    assert_near(row(&given, "main/vits-radimagenet-cvc/random/iou")->value, 4. / 9, 1e-12);
    assert_near(row(&given, "main/vits-radimagenet-cvc/random/sd_dice")->value, .5, 1e-12);
    assert_near(row(&given, "main/vits-radimagenet-cvc/random/empty")->value, 1, 0);
    assert_near(row(&given, "main/vits-radimagenet-cvc/random/best_epoch")->value, 3, 0);
    assert_near(row(&given, "main/vits-imagenet-cvc/random/dice")->value, 5. / 6, 1e-12);
    assert_int_equal(row(&given, "main/vits-imagenet-cvc/random/dice")->n, 3);
    assert_true(isnan(row(&given, "main/vits-imagenet-cvc/random/dice")->sd_seed));
    assert_string_equal(row(&given, "main/vits-imagenet-cvc/random/dice")->published,
                        "0.8705");
    assert_near(row(&given, "main/vits-imagenet-cvc/random/dice_minus_published")->value,
                5. / 6 - .8705, 1e-12);
    gather_free(&given.g);
}

static void arms_are_compared_picture_by_picture(void **state) {
    (void)state;
    struct given given;
    two_arms(&given);
    do_gather(&given);
    const struct result *pair =
        row(&given, "main/vits-imagenet-vs-radimagenet-cvc/random/dice");
    assert_near(pair->value, 1. / 3, 1e-12);
    assert_string_equal(pair->published, "+0.3672");
    assert_near(row(&given, "main/all/random/wins-imagenet-over-radimagenet")->value, 1, 0);
    assert_near(row(&given, "main/all/random/wins-radimagenet")->value, 0, 0);
    assert_near(row(&given, "main/all/random/pairs")->value, 1, 0);
    assert_near(row(&given, "main/all/random/cells")->value, 2, 0);
    const struct result *absent =
        row(&given, "main/vits-imagenet-vs-random-cvc/random/dice");
    assert_false(absent->ok);
    assert_string_equal(absent->reason, "vits-random-cvc is not part of this experiment");
    gather_free(&given.g);
}

static void seeds_are_averaged_and_their_spread_told(void **state) {
    (void)state;
    struct given given;
    make_run("vits-imagenet-cvc", 0, most, 3);
    make_run("vits-imagenet-cvc", 1, half, 3);
    given = (struct given){.run = {"runs/main/vits-imagenet-cvc/random/s0",
                                   "runs/main/vits-imagenet-cvc/random/s1"},
                           .runs = 2};
    do_gather(&given);
    const struct result *mean = row(&given, "main/vits-imagenet-cvc/random/dice");
    assert_near(mean->value, (5. / 6 + .5) / 2, 1e-12);
    assert_near(mean->sd_seed, (5. / 6 - .5) / sqrt(2), 1e-12);
    assert_near(row(&given, "main/vits-imagenet-cvc/random/seeds")->value, 2, 0);
    assert_near(row(&given, "main/vits-imagenet-cvc/random/best_epoch")->value, 3.5, 1e-12);
    gather_free(&given.g);
}

static void baselines_are_subtracted(void **state) {
    (void)state;
    struct given given;
    two_arms(&given);
    make_run("baseline-polyp-cvc", 0, half, 3);
    given.run[given.runs++] = "runs/main/baseline-polyp-cvc/random/s0";
    do_gather(&given);
    assert_near(row(&given, "main/vits-imagenet-cvc/random/dice_above_baseline")->value,
                1. / 3, 1e-12);
    assert_near(row(&given, "main/all/random/least-above-baseline")->value, 0, 1e-12);
    assert_near(row(&given, "main/all/random/cells")->value, 2, 0);
    gather_free(&given.g);
}

static void the_spread_behind_published_numbers_follows(void **state) {
    (void)state;
    struct given given;
    two_arms(&given);
    do_gather(&given);
    /* by hand: f(.8705) = .7707, gap .0206, SD .122, 1.96 SD / sqrt(123) = .0215 */
    assert_near(row(&given, "published/vits-imagenet-cvc/random/iou_of_dice")->value, .7707,
                5e-5);
    assert_near(row(&given, "published/vits-imagenet-cvc/random/iou_gap")->value, .0206,
                5e-5);
    assert_near(row(&given, "published/vits-imagenet-cvc/random/sd_implied")->value, .122,
                5e-4);
    assert_near(row(&given, "published/vits-imagenet-cvc/random/half_width")->value, .0215,
                5e-5);
    assert_int_equal(row(&given, "published/vits-imagenet-cvc/random/half_width")->n, 123);
    assert_int_equal(row(&given, "published/vits-imagenet-cvc/random/half_width_groups")->n,
                     29);
    gather_free(&given.g);
}

static void a_cell_not_run_has_rows_with_its_reason(void **state) {
    (void)state;
    struct given given;
    two_arms(&given);
    given.experiment = "experiment.tsv";
    write_text("experiment.tsv",
               "cell\tstatus\treason\nvits-imagenet-cvc\trun\tna\n"
               "vits-radimagenet-cvc\trun\tna\nvits-imagenet-sun\tnot-run\tby request\n");
    do_gather(&given);
    const struct result *missing = row(&given, "main/vits-imagenet-sun/random/dice");
    assert_false(missing->ok);
    assert_string_equal(missing->reason, "by request");
    assert_false(row(&given, "main/all/random/wins-imagenet-over-radimagenet")->ok);
    assert_near(row(&given, "main/all/random/ahead-imagenet-over-radimagenet")->value, 1,
                0);
    assert_near(row(&given, "main/all/random/cells_run")->value, 2, 0);
    results_write(&given.g.results, "results.tsv");
    gather_free(&given.g);
    struct results again;
    results_read(&again, "results.tsv");
    assert_non_null(results_find(&again, "main/vits-imagenet-sun/random/iou"));
    results_free(&again);
}

static void a_wanted_cell_without_score_is_fatal(void **state) {
    (void)state;
    struct given given;
    two_arms(&given);
    given.experiment = "experiment.tsv";
    write_text("experiment.tsv", "cell\tstatus\treason\nvits-imagenet-sun\trun\tna\n");
    assert_dies(EXIT_NO, "vits-imagenet-sun/random is to run, but no score", do_gather,
                &given);
    write_text("experiment.tsv", "cell\tstatus\treason\nvits-imagenet-sun\tnot-run\tna\n");
    assert_dies(EXIT_NO, "no reason is given", do_gather, &given);
    write_text("experiment.tsv",
               "cell\tstatus\treason\nvits-imagenet-cvc\tnot-run\tmissing\n");
    assert_dies(EXIT_NO, "is scored, but experiment.tsv says it is not run", do_gather,
                &given);
}

static void rows_that_contradict_their_counts_are_refused(void **state) {
    (void)state;
    struct given given;
    two_arms(&given);
    static const struct {
        const char *rows, *says;
    } bad[] = {
        {"1.tif\t1\t96\t5\t10\t10\tnone\t0.51\t0.3333333333333333\n",
         "dice is 0.51, its counts give 0.5"},
        {"1.tif\t1\t96\t11\t10\t10\tnone\t1\t1\n", "impossible"},
        {"1.tif\t1\t96\t5\t10\t10\tnone\tnan\t0.5\n", "score.cvc.tsv:2"},
        {"1.tif\t1\t96\t10\t10\t10\tnone\t1\t1\n1.tif\t1\t96\t10\t10\t10\tnone\t1\t1\n",
         "stands twice"},
        {"", "no picture scored"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *text = xprintf("name\tgroup\tsize\tinter\tpred\ttruth\tempty\tdice\tiou\n%s",
                             bad[i].rows);
        write_text("runs/main/vits-imagenet-cvc/random/s0/score.cvc.tsv", text);
        xfree(text);
        assert_dies(EXIT_NO, bad[i].says, do_gather, &given);
    }
}

static void other_pictures_or_a_moved_folder_are_refused(void **state) {
    (void)state;
    struct given given;
    two_arms(&given);
    make_run("vits-imagenet-cvc", 0, most, 2);
    assert_dies(EXIT_NO, "arms are compared on the same pictures", do_gather, &given);
    make_run("vits-imagenet-cvc", 0, most, 3);
    write_text("runs/main/vits-imagenet-cvc/random/s0/run.tsv",
               "key\tvalue\ncell\tvits-random-cvc\nseed\t0\n");
    assert_dies(EXIT_NO, "cell vits-random-cvc in a folder of vits-imagenet-cvc", do_gather,
                &given);
    given.run[0] = "runs/main/vits-imagenet-cvc";
    assert_dies(EXIT_USAGE, "not a run's folder", do_gather, &given);
}

static void epochs_are_means_of_their_steps(void **state) {
    (void)state;
    write_text("log.tsv",
               "kind\tepoch\tstep\tloss\tlr\tdice\tiou\ntrain\t1\t1\t0.6\t0.1\tna\tna\n"
               "train\t1\t2\t0.2\t0.1\tna\tna\nval\t1\t2\t0.3\tna\t0.5\t0.4\n"
               "train\t2\t3\t0.1\t0.1\tna\tna\nval\t2\t3\t0.25\tna\t0.75\t0.6\n");
    int n;
    struct epoch *e = score_epochs(".", &n);
    assert_int_equal(n, 2);
    assert_near(e[0].loss, .4, 1e-12);
    assert_near(e[0].dice, .5, 0);
    assert_near(e[1].val_loss, .25, 0);
    xfree(e);
}

/* ---- Table 1 ---- */

static void table_1_sets_ours_beside_the_published(void **state) {
    (void)state;
    struct given given;
    struct table1 t;
    struct names names;
    two_arms(&given);
    given.experiment = "experiment.tsv";
    write_text("experiment.tsv",
               "cell\tstatus\treason\nvits-imagenet-cvc\trun\tna\n"
               "vits-imagenet-sun\tnot-run\task & $wait_\nvits-radimagenet-cvc\trun\tna\n");
    do_gather(&given);
    names_read(&names, NULL);
    table1_open(&t, &given.g.results);
    table1_markdown(&t, &given.g.results, &names, "t.md");
    table1_latex(&t, &given.g.results, &names, "t.tex");
    table1_tsv(&t, &given.g.results, &names, "t.tsv");
    size_t n;
    char *md = file_read("t.md", 1 << 20, &n), *tex = file_read("t.tex", 1 << 20, &n),
         *tsv = file_read("t.tsv", 1 << 20, &n);
    assert_non_null(strstr(
        md, "| vits | cvc | 3 | imagenet | 0.8333 | 0.8705 | 0.7778 | 0.7913 |\n"
            "|  |  | 3 | radimagenet | 0.5000 | 0.5033 | 0.4444 | 0.4024 |\n"
            "|  | sun | 0 | imagenet | not run (1) | none | not run (1) | none |\n"));
    assert_non_null(strstr(md, "(1) ask \\& \\$wait\\_\n"));
    assert_non_null(strstr(md, "both masks empty counts 1"));
    assert_non_null(strstr(
        tex, "vits & cvc & 3 & imagenet & 0.8333 & 0.8705 & 0.7778 & 0.7913 \\\\\n"));
    assert_non_null(strstr(tex, "(1) ask \\& \\$wait\\_\n"));
    assert_non_null(
        strstr(tsv, "vits\timagenet\tsun\timagenet\tnot-run\tna\tna\tna\tna\tna\tna\n"));
    xfree(md);
    xfree(tex);
    xfree(tsv);
    table1_close(&t);
    gather_free(&given.g);
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

/* ---- the montage ---- */

enum { SIDE = 16, PICTURES = 5 };

/* A pack of five pictures; picture i's truth is the first 32 pixels, a mask's prediction the first
 * 8(i+1) of them: Dice rises with i. */
static void make_pack(void) {
    uint8_t image[PICTURES][SIDE * SIDE * 3],
        mask[PICTURES][SIDE * SIDE / 8] = {{0}}, pred[PICTURES][SIDE * SIDE / 8] = {{0}};
    uint32_t rle[3 * PICTURES];
    uint64_t index[PICTURES + 1];
    int32_t size[PICTURES][2];
    for (int i = 0; i < PICTURES; i++) {
        memset(image[i], 40 * i, sizeof image[i]);
        memset(mask[i], 255, 5);
        memset(pred[i], 255, (size_t)i + 1);
        rle[3 * i] = 0;
        rle[3 * i + 1] = 40;
        rle[3 * i + 2] = SIDE * SIDE - 40;
        index[i] = 3 * (uint64_t)i;
        size[i][0] = size[i][1] = SIDE;
    }
    index[PICTURES] = 3 * PICTURES;
    static const char names[] = "1.tif\n2.tif\n3.tif\n10.tif\n20.tif\n",
                      groups[] = "a\na\na\nb\nb\n";
    struct bag_writer *w = bag_create("pack.bag");
    bag_add_meta(w, "data", "cvc");
    bag_add_meta(w, "source", "made up");
    bag_add(w, &(struct tensor){"image", T_U8, 4, {PICTURES, SIDE, SIDE, 3}, image});
    bag_add(w, &(struct tensor){"mask", T_U8, 2, {PICTURES, SIDE * SIDE / 8}, mask});
    bag_add(w, &(struct tensor){"orig_rle", T_U32, 1, {3 * PICTURES}, rle});
    bag_add(w, &(struct tensor){"orig_index", T_U64, 1, {PICTURES + 1}, index});
    bag_add(w, &(struct tensor){"orig_size", T_I32, 2, {PICTURES, 2}, size});
    bag_add(w, &(struct tensor){"name", T_U8, 1, {sizeof names - 1}, (void *)names});
    bag_add(w, &(struct tensor){"group", T_U8, 1, {sizeof groups - 1}, (void *)groups});
    bag_commit(w);
    char sha[65];
    sha_file("pack.bag", sha);
    w = bag_create("masks.bag");
    bag_add_meta(w, "cell", "vits-imagenet-cvc");
    bag_add_meta(w, "pack", sha);
    bag_add(w, &(struct tensor){"pred", T_U8, 2, {PICTURES, SIDE * SIDE / 8}, pred});
    bag_add(w, &(struct tensor){"name", T_U8, 1, {sizeof names - 1}, (void *)names});
    bag_commit(w);
}

static void a_montage_is_the_same_picture_twice(void **state) {
    (void)state;
    struct block block = {.arms = 1};
    struct names names;
    struct image one, two;
    make_pack();
    char sha[65];
    sha_file("pack.bag", sha);
    names_read(&names, NULL);
    pack_open(&block.pack, "pack.bag");
    masks_open(&block.arm[0], "masks.bag", &block.pack, sha);
    montage(&block, 1, &names, &one);
    montage(&block, 1, &names, &two);
    size_t bytes = 3 * (size_t)one.width * (size_t)one.height;
    assert_memory_equal(one.pixel, two.pixel, bytes);
    /* the first shown picture is at the lower quartile of Dice: the second, of brightness 40 */
    assert_int_equal(one.pixel[3 * (100 * (size_t)one.width + 100)], 40);
    image_free(&one);
    image_free(&two);
    masks_close(&block.arm[0]);
    pack_close(&block.pack);
}

static void open_masks(void *sha) {
    struct pack pack;
    struct masks masks;
    pack_open(&pack, "pack.bag");
    masks_open(&masks, "masks.bag", &pack, sha);
}

static void masks_of_another_pack_are_refused(void **state) {
    (void)state;
    make_pack();
    assert_dies(EXIT_NO, "predicted from another pack", open_masks, "0");
}

static void letters_are_drawn_inside_their_width(void **state) {
    (void)state;
    uint8_t pixel[40 * 300 * 3];
    struct image image = {300, 40, 3, pixel};
    memset(pixel, 255, sizeof pixel);
    static const char text[] = "Dice 0.123 (g)";
    letters_draw(&image, text, 10, 30, 12, 0);
    int first = 300, last = -1;
    for (int x = 0; x < 300; x++)
        for (int y = 0; y < 40; y++)
            if (pixel[3 * (y * 300 + x)] < 128) {
                if (x < first) first = x;
                last = x;
            }
    assert_true(first >= 8 && first <= 12);
    assert_true(last > 100 && last <= 10 + letters_width(text, 12));
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
        TEST(a_notice_becomes_the_first_line),
        TEST(hostile_bytes_are_refused),
        TEST(malformed_results_are_refused_by_line),
        TEST(counts_are_whole_and_differences_signed),
        TEST(means_are_over_pictures),
        TEST(arms_are_compared_picture_by_picture),
        TEST(seeds_are_averaged_and_their_spread_told),
        TEST(baselines_are_subtracted),
        TEST(the_spread_behind_published_numbers_follows),
        TEST(a_cell_not_run_has_rows_with_its_reason),
        TEST(a_wanted_cell_without_score_is_fatal),
        TEST(rows_that_contradict_their_counts_are_refused),
        TEST(other_pictures_or_a_moved_folder_are_refused),
        TEST(epochs_are_means_of_their_steps),
        TEST(table_1_sets_ours_beside_the_published),
        TEST(escaping_leaves_nothing_that_acts),
        TEST(a_montage_is_the_same_picture_twice),
        TEST(masks_of_another_pack_are_refused),
        TEST(letters_are_drawn_inside_their_width),
    };
    return test_run(tests);
}
