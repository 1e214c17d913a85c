/* train_test.c - the training loop, its record, its stops and its resumes. */
#include "tests/test.h"
#include "core/table.h"
#include "tests/little.h"
#include <sys/wait.h>

static const char CELL[] = "vitt-random-little";

static void train_call(void *o) {
    train(o);
}

static double value_number(const char *outdir, const char *key) {
    double x;
    char *text = little_value(outdir, key);
    assert_true(number_parse(text, &x));
    xfree(text);
    return x;
}

/* Four pictures are trained on, the same four validate. */
static void overfits(const char *device, int side, const char *lines, double least_dice,
                     double most_loss) {
    little_files(4, 4, 0, side, lines);
    little_twins("p.pack", 4, side);
    struct options o = little_options(CELL, device, "run");
    train(&o);
    struct table t;
    table_read(&t, "run/log.tsv");
    double last = NAN;
    for (int i = 0; i < t.rows; i++)
        if (!strcmp(table_get(&t, i, 0), "train")) last = table_number(&t, i, 3);
    assert_true(last < most_loss);
    assert_true(value_number("run", "best_dice") >= least_dice);
    table_free(&t);
}

static void cpu_overfits_four_images(void **state) {
    (void)state;
    overfits("cpu", 64,
             "epochs 40\nbatch 4\nlr 0.003\ndecoder.dropout 0\ndecoder.width 128\n"
             "decoder.skip_width 32",
             .9, .1);
}

/* Plain loops are slow: fewer steps, a smaller size, only the loss, which begins near .8
 * (batch norm's running statistics are not there yet, so Dice says little). */
static void ref_halves_the_loss_of_four_images_in_twelve_steps(void **state) {
    (void)state;
    overfits("ref", 32,
             "epochs 12\nbatch 4\nlr 0.005\ndecoder.dropout 0\ndecoder.width 64\n"
             "decoder.skip_width 16",
             0, .4);
}

static void same_run_twice(const char *device) {
    little_files(5, 2, 0, 32, "epochs 2\naugment flips\nbatch 3");
    struct options a = little_options(CELL, device, "a"),
                   b = little_options(CELL, device, "b");
    b.threads = 2;
    train(&a);
    train(&b);
    assert_true(same_in("a", "b", "model.bag"));
    assert_true(same_in("a", "b", "log.tsv"));
    assert_true(same_in("a", "b", "run.tsv"));
    struct options c = little_options(CELL, device, "c");
    c.seed = 4;
    train(&c);
    assert_false(same_in("a", "c", "model.bag"));
}

static void ref_gives_the_same_bytes_for_the_same_seed_only(void **state) {
    (void)state;
    same_run_twice("ref");
}

static void cpu_gives_the_same_bytes_at_one_and_two_threads(void **state) {
    (void)state;
    same_run_twice("cpu");
}

static void interrupted_equals_uninterrupted(const char *device, const char *lines) {
    little_files(5, 2, 1, 32, lines);
    struct options o = little_options(CELL, device, "whole");
    train(&o);
    o.outdir = "parts";
    for (int stops = 0;;
         stops++) { /* stops in mid-epoch, at an epoch's end, after the best */
        o.stop_after = 1 + stops % 2;
        char message[256];
        int code = die_catch(train_call, &o, message, sizeof message);
        if (!code) break;
        assert_int_equal(code, EXIT_WORLD);
        assert_non_null(strstr(message, "run the same command to resume"));
        assert_true(file_exists("parts/resume.bag"));
        assert_false(file_exists("parts/run.tsv"));
        assert_true(stops < 20);
    }
    assert_false(file_exists("parts/resume.bag"));
    assert_true(same_in("whole", "parts", "model.bag"));
    assert_true(same_in("whole", "parts", "log.tsv"));
    assert_true(same_in("whole", "parts", "run.tsv"));
}

static void ref_resumed_gives_the_bytes_of_an_uninterrupted_run(void **state) {
    (void)state;
    interrupted_equals_uninterrupted("ref", "epochs 2\naugment flips\nbatch 3");
}

static void cpu_resumed_gives_the_bytes_of_an_uninterrupted_run(void **state) {
    (void)state;
    interrupted_equals_uninterrupted(
        "cpu", "epochs 3\naugment flips\nbatch 3\nwarmup 4\nbn reestimate");
}

static void sixteen_bit_runs_resume_as_well(void **state) {
    (void)state;
    interrupted_equals_uninterrupted("cpu", "epochs 2\nbatch 3\nprecision fp16");
}

static void a_killed_run_resumes_to_the_same_bytes(void **state) {
    (void)state;
    little_files(6, 2, 0, 32, "epochs 8\nbatch 2\ncheckpoint_seconds 1");
    struct options o = little_options(CELL, "ref", "whole");
    train(&o);
    o.outdir = "killed";
    for (int k = 0; k < 3; k++) {
        pid_t child = fork();
        if (child == 0) {
            train(&o);
            _exit(0);
        }
        usleep(700000 + 400000 * (unsigned)k);
        kill(child, k == 1 ? SIGTERM : SIGKILL);
        waitpid(child, NULL, 0);
    }
    train(&o);
    assert_true(same_in("whole", "killed", "model.bag"));
    assert_true(same_in("whole", "killed", "log.tsv"));
    assert_true(same_in("whole", "killed", "run.tsv"));
}

static void a_finished_run_is_not_trained_again(void **state) {
    (void)state;
    little_files(4, 2, 0, 32, NULL);
    struct options o = little_options(CELL, "ref", "run");
    train(&o);
    file_write("run/model.bag", "mark", 4);
    train(&o);
    assert_int_equal(file_size("run/model.bag"), 4);
    o.seed = 5; /* another run: trained over */
    train(&o);
    assert_true(file_size("run/model.bag") > 4);
}

static void a_checkpoint_of_another_run_is_refused_and_left(void **state) {
    (void)state;
    little_files(4, 2, 0, 32, NULL);
    struct options o = little_options(CELL, "ref", "run");
    o.stop_after = 1;
    assert_dies(EXIT_WORLD, "interrupted after step 1 of 2", train_call, &o);
    o.seed = 5;
    assert_dies(EXIT_NO, "a checkpoint of another run: its seed is 3, this run's is 5",
                train_call, &o);
    o.seed = 3;
    little_recipe("r.conf", "lr 0.5");
    assert_dies(EXIT_NO, "another run: its recipe is", train_call, &o);
    assert_true(file_exists("run/resume.bag"));
}

static void a_last_batch_of_one_is_refused_before_the_first_step(void **state) {
    (void)state;
    little_files(5, 2, 0, 32, NULL);
    struct options o = little_options(CELL, "ref", "run");
    assert_dies(EXIT_NO, "5 training pictures in batches of 2 leave a last batch of one",
                train_call, &o);
    assert_false(file_exists("run"));
    little_recipe("r.conf", "drop_last yes");
    train(&o);
    little_recipe("r.conf", "batch 1");
    o.outdir = "one";
    assert_dies(EXIT_NO, "batch is 1, wanted at least 2", train_call, &o);
    little_recipe("r.conf", "batch 8\ndrop_last yes");
    assert_dies(EXIT_NO, "make no whole batch of 8", train_call, &o);
}

static void a_split_without_pictures_to_validate_is_refused(void **state) {
    (void)state;
    little_files(4, 0, 0, 32, NULL);
    struct options o = little_options(CELL, "ref", "run");
    assert_dies(EXIT_NO, "s.tsv: found no validation picture", train_call, &o);
}

static void a_loss_that_is_no_number_stops_with_step_and_pictures(void **state) {
    (void)state;
    little_files(4, 2, 0, 32, "lr 1000\nepochs 50\nloss bce");
    struct options o = little_options(CELL, "cpu", "run");
    char message[1024];
    assert_int_equal(die_catch(train_call, &o, message, sizeof message), EXIT_WORLD);
    assert_non_null(strstr(message, "loss is"));
    assert_false(file_exists("run/run.tsv"));
    assert_false(file_exists("run/model.bag"));
    assert_false(file_exists("run/log.tsv"));
}

static void steps_bounds_the_run_whatever_epochs_says(void **state) {
    (void)state;
    little_files(4, 2, 0, 32, "epochs 1\nsteps 5"); /* two steps an epoch */
    struct options o = little_options(CELL, "ref", "run");
    train(&o);
    assert_true(value_number("run", "steps") == 5);
    assert_true(value_number("run", "epochs") == 3);
    struct table t;
    table_read(&t, "run/log.tsv");
    assert_int_equal(t.rows, 5 + 3);
    table_free(&t);
}

/* The row that the recipe's rule chooses out of log.tsv, by hand. */
static int epoch_by_rule(const char *pick) {
    struct table t;
    int best = 0, loss = !strcmp(pick, "loss"), last = !strcmp(pick, "last");
    const char *kind = strcmp(pick, "heldout") ? "val" : "pick";
    double high = -INFINITY;
    table_read(&t, "run/log.tsv");
    for (int i = 0; i < t.rows; i++) {
        if (strcmp(table_get(&t, i, 0), kind)) continue;
        double x = loss ? -table_number(&t, i, 3) : last ? i : table_number(&t, i, 5);
        if (x > high) high = x, best = (int)table_integer(&t, i, 1);
    }
    table_free(&t);
    return best;
}

static void the_checkpoint_is_the_one_the_rule_names(void **state) {
    (void)state;
    static const char *const picks[] = {"val", "last", "loss", "heldout"};
    for (int i = 0; i < 4; i++) {
        char *lines = xprintf("epochs 5\nlr 0.01\npick %s", picks[i]);
        little_files(4, 2, 2, 32, lines);
        struct options o = little_options(CELL, "cpu", "run");
        train(&o);
        assert_int_equal((int)value_number("run", "best_epoch"), epoch_by_rule(picks[i]));
        assert_int_equal((int)value_number("run", "train"), i == 3 ? 4 : 6);
        xfree(lines);
    }
}

static void heldout_without_pick_rows_draws_a_tenth_of_training(void **state) {
    (void)state;
    struct pack pack;
    struct split split;
    struct sets sets;
    struct recipe r;
    little_files(40, 2, 0, 32, "pick heldout\nbatch 4");
    recipe_read(&r, "r.conf", NULL, 0);
    pack_open(&pack, "p.pack");
    split_open(&split, "s.tsv", &pack);
    sets_make(&sets, &pack, &split, &r, 11, "s.tsv");
    assert_int_equal(sets.set[SET_TRAIN].count, 36);
    assert_int_equal(sets.set[SET_PICK].count, 4);
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 36; k++)
            assert_int_not_equal(sets.item[SET_PICK][i], sets.item[SET_TRAIN][k]);
    sets_free(&sets);
    split_close(&split);
    pack_close(&pack);
}

static void weights_none_is_for_random_cells(void **state) {
    (void)state;
    little_files(4, 2, 0, 32, NULL);
    struct options o = little_options("vitt-imagenet-little", "ref", "run");
    assert_dies(EXIT_USAGE, "weights 'none' are for random cells", train_call, &o);
    o.weights = "absent.bag";
    assert_dies(EXIT_WORLD, "absent.bag", train_call, &o);
    assert_false(file_exists("run/run.tsv"));
}

static void weights_are_loaded_and_counted(void **state) {
    (void)state;
    little_files(4, 2, 0, 32, NULL);
    little_weights("whole.bag", CELL, 32, NULL);
    little_weights("holed.bag", CELL, 32, "blocks.3.mlp.fc1.bias");
    struct options o = little_options("vitt-imagenet-little", "ref", "run");
    o.weights = "whole.bag";
    train(&o);
    char *line = little_value("run", "loaded");
    assert_non_null(strstr(line, " 0 missing, 0 unexpected"));
    xfree(line);
    o.weights = "holed.bag";
    o.outdir = "holed";
    assert_dies(EXIT_NO, "blocks.3.mlp.fc1.bias", train_call, &o);
}

static void an_unwritable_outdir_is_found_before_training(void **state) {
    (void)state;
    little_files(4, 2, 0, 32, NULL);
    file_write("run", "a file", 6);
    struct options o = little_options(CELL, "ref", "run");
    assert_dies(EXIT_WORLD, "run", train_call, &o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(cpu_overfits_four_images),
        TEST(ref_halves_the_loss_of_four_images_in_twelve_steps),
        TEST(ref_gives_the_same_bytes_for_the_same_seed_only),
        TEST(cpu_gives_the_same_bytes_at_one_and_two_threads),
        TEST(ref_resumed_gives_the_bytes_of_an_uninterrupted_run),
        TEST(cpu_resumed_gives_the_bytes_of_an_uninterrupted_run),
        TEST(sixteen_bit_runs_resume_as_well),
        TEST(a_killed_run_resumes_to_the_same_bytes),
        TEST(a_finished_run_is_not_trained_again),
        TEST(a_checkpoint_of_another_run_is_refused_and_left),
        TEST(a_last_batch_of_one_is_refused_before_the_first_step),
        TEST(a_split_without_pictures_to_validate_is_refused),
        TEST(a_loss_that_is_no_number_stops_with_step_and_pictures),
        TEST(steps_bounds_the_run_whatever_epochs_says),
        TEST(the_checkpoint_is_the_one_the_rule_names),
        TEST(heldout_without_pick_rows_draws_a_tenth_of_training),
        TEST(weights_none_is_for_random_cells),
        TEST(weights_are_loaded_and_counted),
        TEST(an_unwritable_outdir_is_found_before_training),
    };
    return test_run(tests);
}
