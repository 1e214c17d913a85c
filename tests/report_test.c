/* report_test.c - results, statistics and Table 1 on tiny runs whose answers are known. */
#include "core/metric.h"
#include "report/escape.h"
#include "report/gather.h"
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

int main(void) {
    const struct CMUnitTest tests[] = {
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
    };
    return test_run(tests);
}
