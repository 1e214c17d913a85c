/* report_test.c - what gather computes, on tiny runs whose answers are known. */
#include "core/metric.h"
#include "report/gather.h"
#include "test.h"

static void write_text(const char *path, const char *text) {
    file_write(path, text, strlen(text));
}

static const char published[] = "cell\tmetric\tvalue\torigin\n"
                                "vits-imagenet-cvc\tdice\t0.8705\tpaper\n"
                                "vits-imagenet-cvc\tiou\t0.7913\tpaper\n"
                                "vits-radimagenet-cvc\tdice\t0.5033\tpaper\n"
                                "vits-radimagenet-cvc\tiou\t0.4024\tpaper\n"
                                "vits-random-cvc\ttested\t0\tpaper\n"
                                "cvc\tpictures\t612\tpaper\n"
                                "cvc\tgroups\t29\treadme\n";

static int of_a_group = 1; /* pictures of a run that make a group */

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
        out_printf(out, "%d.tif\tg%d\t96\t%d\t%d\t%d\tnone\t%.17g\t%.17g\n", i + 1,
                   i / of_a_group, counts[i][0], counts[i][1], counts[i][2], dice(c),
                   iou(c));
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

/* Differences of pictures 0, .5, .5: by hand, their mean 1/3, deviation .2887, standard
 * error 1/6. */
static void a_difference_has_the_interval_of_its_pairs(void **state) {
    (void)state;
    struct given given;
    two_arms(&given);
    do_gather(&given);
    const struct result *pair =
        row(&given, "main/vits-imagenet-vs-radimagenet-cvc/random/dice");
    assert_near(pair->lo, 1. / 3 - 1.96 / 6, 1e-12);
    assert_near(pair->hi, 1. / 3 + 1.96 / 6, 1e-12);
    assert_near(row(&given, "main/all/random/clear-imagenet-over-radimagenet")->value, 1,
                0);
    assert_near(row(&given, "main/all/random/clear-radimagenet-over-imagenet")->value, 0,
                0);
    results_write(&given.g.results, "results.tsv");
    gather_free(&given.g);
    struct results again;
    results_read(&again, "results.tsv");
    pair = results_find(&again, "main/vits-imagenet-vs-radimagenet-cvc/random/dice");
    assert_near(pair->hi, 1. / 3 + 1.96 / 6, 1e-12);
    results_free(&again);
}

/* Two groups of two: 0, .5 and .5, .5 about their mean .375 sum to -.25 and .25, and
 * sqrt(2 (.25^2 + .25^2) / 4^2) = .125. One group has no spread, so no interval and nothing
 * clear. */
static void a_group_is_one_observation(void **state) {
    (void)state;
    static const int high[4][3] = {{10, 10, 10}, {20, 20, 20}, {5, 10, 10}, {5, 10, 10}};
    static const int low[4][3] = {{10, 10, 10}, {5, 10, 10}, {0, 0, 10}, {0, 0, 10}};
    for (of_a_group = 2; of_a_group <= 4; of_a_group += 2) {
        struct given given = {.run = {"runs/main/vits-imagenet-cvc/random/s0",
                                      "runs/main/vits-radimagenet-cvc/random/s0"},
                              .runs = 2};
        make_run("vits-imagenet-cvc", 0, high, 4);
        make_run("vits-radimagenet-cvc", 0, low, 4);
        do_gather(&given);
        const struct result *pair =
            row(&given, "main/vits-imagenet-vs-radimagenet-cvc/random/dice");
        assert_near(pair->value, .375, 1e-12);
        assert_int_equal((bool)isnan(pair->lo), of_a_group == 4);
        if (of_a_group == 2) assert_near(pair->lo, .375 - 1.96 * .125, 1e-12);
        assert_near(row(&given, "main/all/random/clear-imagenet-over-radimagenet")->value,
                    of_a_group == 2, 0);
        gather_free(&given.g);
    }
    of_a_group = 1;
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
    /* of both arms .0443 and .1212 by sequence: their sum is below the difference .3672, so
     * that no correlation is needed */
    static const char pair[] = "published/vits-imagenet-vs-radimagenet-cvc/random";
    char *sum = xprintf("%s/half_width_groups_most", pair),
         *needed = xprintf("%s/correlation_needed", pair);
    assert_near(row(&given, sum)->value, .0443 + .1212, 1e-4);
    assert_near(row(&given, needed)->value,
                (.0443 * .0443 + .1212 * .1212 - .3672 * .3672) / (2 * .0443 * .1212), .02);
    xfree(sum);
    xfree(needed);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(means_are_over_pictures),
        TEST(arms_are_compared_picture_by_picture),
        TEST(a_difference_has_the_interval_of_its_pairs),
        TEST(a_group_is_one_observation),
        TEST(seeds_are_averaged_and_their_spread_told),
        TEST(baselines_are_subtracted),
        TEST(the_spread_behind_published_numbers_follows),
        TEST(a_cell_not_run_has_rows_with_its_reason),
        TEST(a_wanted_cell_without_score_is_fatal),
        TEST(rows_that_contradict_their_counts_are_refused),
        TEST(other_pictures_or_a_moved_folder_are_refused),
        TEST(epochs_are_means_of_their_steps),
    };
    return test_run(tests);
}
