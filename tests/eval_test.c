/* eval_test.c - rows of scores against counts made by hand, and what eval refuses. */
#include "tests/test.h"
#include "core/table.h"
#include "eval/eval.h"
#include "eval/overlay.h"
#include "tests/little.h"

static const char CELL[] = "vitt-random-little";

static void eval_call(void *o) {
    eval(o);
}

static void make_run(const char *lines) {
    little_files(4, 3, 0, 32, lines);
    struct options o = little_options(CELL, "cpu", "run");
    train(&o);
}

static struct eval_options request(void) {
    return (struct eval_options){.cell = CELL,
                                 .model = "run/model.bag",
                                 .pack = "p.pack",
                                 .split = "s.tsv",
                                 .out = "score.tsv",
                                 .device = "cpu",
                                 .threads = 1};
}

static double mean_of(const char *path, const char *column) {
    struct table t;
    table_read(&t, path);
    int c = table_need(&t, column);
    double sum = 0;
    for (int i = 0; i < t.rows; i++) sum += table_number(&t, i, c);
    sum /= t.rows;
    table_free(&t);
    return sum;
}

static void the_score_train_chose_by_is_repeated_exactly(void **state) {
    (void)state;
    double wanted;
    make_run("epochs 6\nbatch 2");
    struct eval_options o = request();
    eval(&o);
    char *text = little_value("run", "best_dice");
    assert_true(number_parse(text, &wanted));
    assert_true(wanted > 0);
    assert_true(mean_of("score.tsv", "dice") == wanted);
    xfree(text);
}

/* The little originals have the network's size: scaling to it must change nothing. */
static void original_size_equals_network_size_where_they_are_equal(void **state) {
    (void)state;
    make_run("epochs 6");
    struct eval_options o = request();
    eval(&o);
    o.original = 1;
    o.out = "orig.tsv";
    eval(&o);
    assert_true(mean_of("score.tsv", "dice") == mean_of("orig.tsv", "dice"));
    struct table t;
    table_read(&t, "orig.tsv");
    assert_string_equal(table_get(&t, 0, table_need(&t, "size")), "orig");
    table_free(&t);
    table_read(&t, "score.tsv");
    assert_string_equal(table_get(&t, 0, table_need(&t, "size")), "32");
    table_free(&t);
}

static void masks_hold_as_many_pixels_as_the_rows_say(void **state) {
    (void)state;
    make_run("epochs 6");
    struct eval_options o = request();
    o.masks = "masks.bag";
    eval(&o);
    struct bag bag;
    struct table t;
    bag_open(&bag, "masks.bag");
    table_read(&t, "score.tsv");
    const struct tensor *pred = bag_need(&bag, "pred", T_U8, 2);
    assert_int_equal(pred->dim[0], 3);
    assert_int_equal(pred->dim[1], 32 * 32 / 8);
    for (int i = 0; i < 3; i++) {
        long bits = 0;
        const uint8_t *row = (const uint8_t *)pred->data + (size_t)i * (size_t)pred->dim[1];
        for (int j = 0; j < 32 * 32; j++) bits += row[j / 8] >> (j % 8) & 1;
        assert_int_equal(bits, table_integer(&t, i, table_need(&t, "pred")));
    }
    const struct tensor *name = bag_need(&bag, "name", T_U8, 1);
    assert_memory_equal(name->data, "p004\np005\np006\n", 15);
    table_free(&t);
    bag_close(&bag);
}

static void baselines_need_no_model_and_count_as_they_must(void **state) {
    (void)state;
    struct table t;
    little_files(4, 3, 0, 32, NULL);
    struct eval_options o = request();
    o.model = NULL;
    o.baseline = BASELINE_BACKGROUND;
    eval(&o);
    table_read(&t, "score.tsv");
    for (int i = 0; i < t.rows; i++) {
        assert_int_equal(table_integer(&t, i, table_need(&t, "pred")), 0);
        assert_string_equal(table_get(&t, i, table_need(&t, "empty")), "pred");
        assert_string_equal(table_get(&t, i, table_need(&t, "dice")), "0");
    }
    table_free(&t);
    o.baseline = BASELINE_POLYP;
    o.original = 1;
    eval(&o);
    table_read(&t, "score.tsv");
    for (int i = 0; i < t.rows; i++) {
        long truth = table_integer(&t, i, table_need(&t, "truth"));
        assert_int_equal(table_integer(&t, i, table_need(&t, "pred")), 32 * 32);
        assert_int_equal(table_integer(&t, i, table_need(&t, "inter")), truth);
        double dice = table_number(&t, i, table_need(&t, "dice"));
        assert_true(dice == 2. * (double)truth / (32 * 32 + (double)truth));
    }
    table_free(&t);
}

/* With one training mask the mean mask is that mask. */
static void the_mean_baseline_is_the_training_masks_majority(void **state) {
    (void)state;
    struct pack pack;
    struct table t;
    little_files(1, 3, 0, 32, NULL);
    struct eval_options o = request();
    o.baseline = BASELINE_MEAN;
    eval(&o);
    pack_open(&pack, "p.pack");
    long bits = 0;
    for (int j = 0; j < 32 * 32; j++) bits += pack_mask(&pack, 0)[j / 8] >> (j % 8) & 1;
    table_read(&t, "score.tsv");
    for (int i = 0; i < 3; i++)
        assert_int_equal(table_integer(&t, i, table_need(&t, "pred")), bits);
    table_free(&t);
    pack_close(&pack);
}

static void a_model_of_another_cell_or_size_is_refused(void **state) {
    (void)state;
    make_run(NULL);
    struct eval_options o = request();
    o.cell = "vitt-random-kvasir";
    assert_dies(EXIT_NO, "a model of vitt-random-little, wanted vitt-random-kvasir",
                eval_call, &o);
    o.cell = "vitt-random";
    assert_dies(EXIT_USAGE, "vitt-random", eval_call, &o);
    o.cell = CELL;
    little_pack("p.pack", 7, 48);
    assert_dies(EXIT_NO, "a model for pictures of 32 pixels, but those of p.pack have 48",
                eval_call, &o);
    assert_false(file_exists("score.tsv"));
}

static void what_is_no_model_is_refused(void **state) {
    (void)state;
    make_run(NULL);
    struct eval_options o = request();
    o.model = "p.pack";
    assert_dies(EXIT_NO, "not a trained model", eval_call, &o);
    o.model = "s.tsv";
    assert_dies(EXIT_NO, "s.tsv", eval_call, &o);
    o.model = "absent.bag";
    assert_dies(EXIT_WORLD, "absent.bag", eval_call, &o);
    size_t n;
    char *bytes = file_read("run/model.bag", 1 << 30, &n);
    file_write("cut.bag", bytes, n / 2);
    xfree(bytes);
    o.model = "cut.bag";
    assert_dies(EXIT_NO, "cut.bag", eval_call, &o);
    assert_false(file_exists("score.tsv"));
}

static void an_overlay_tints_inside_draws_the_contour_and_leaves_the_rest(void **state) {
    (void)state;
    uint8_t pixel[5 * 5 * 3] = {0}, mask[25] = {0};
    struct image image = {5, 5, 3, pixel};
    for (int y = 1; y < 4; y++)
        for (int x = 1; x < 4; x++) mask[5 * y + x] = 1;
    overlay(&image, mask, 1);
    assert_int_equal(pixel[0], 0);
    assert_int_equal(pixel[3 * (5 * 1 + 1) + 1], 224); /* contour: the colour itself */
    assert_int_equal(pixel[3 * (5 * 2 + 2) + 1], 56);  /* inside: a quarter of it */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_score_train_chose_by_is_repeated_exactly),
        TEST(original_size_equals_network_size_where_they_are_equal),
        TEST(masks_hold_as_many_pixels_as_the_rows_say),
        TEST(baselines_need_no_model_and_count_as_they_must),
        TEST(the_mean_baseline_is_the_training_masks_majority),
        TEST(a_model_of_another_cell_or_size_is_refused),
        TEST(what_is_no_model_is_refused),
        TEST(an_overlay_tints_inside_draws_the_contour_and_leaves_the_rest),
    };
    return test_run(tests);
}
