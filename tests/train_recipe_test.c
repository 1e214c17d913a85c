/* train_recipe_test.c - recipes: what is refused and how; text and struct agree. */
#include "tests/test.h"
#include "tests/little.h"

static void recipe_call(void *path) {
    struct recipe r;
    recipe_read(&r, path, NULL, 0);
}

static void override_call(void *text) {
    struct recipe r;
    char *one[] = {text};
    recipe_read(&r, "r.conf", one, 1);
}

static void refuse_recipe(const char *lines, const char *fragment) {
    little_recipe("bad.conf", lines);
    assert_dies(EXIT_NO, fragment, recipe_call, "bad.conf");
}

static void an_unknown_key_is_named_with_the_nearest(void **state) {
    (void)state;
    refuse_recipe("lr_encodr same", "unknown key 'lr_encodr', did you mean 'lr_encoder'");
    refuse_recipe("rates 6 12 18", "did you mean 'decoder.rates'");
    refuse_recipe("zzzzzzzzzzzz 1",
                  "bad.conf:2: unknown key 'zzzzzzzzzzzz'; train/paper.conf");
}

static void a_missing_key_is_named(void **state) {
    (void)state;
    file_write("little.conf", "# nothing\n", 10);
    file_write("few.conf", "preset little\nlr 0.1\n", 21);
    assert_dies(EXIT_NO, "few.conf: 43 keys are missing: encoder.stride_position",
                recipe_call, "few.conf");
}

static void a_key_set_twice_is_refused(void **state) {
    (void)state;
    refuse_recipe("lr 0.1\nlr 0.1", "bad.conf:3: lr is set twice, first in line 2");
}

static void a_bad_value_is_refused_with_what_was_wanted(void **state) {
    (void)state;
    refuse_recipe("loss bcee",
                  "loss is 'bcee', wanted one of: bce dice bce_dice (did you mean");
    refuse_recipe("batch 0", "batch is '0', wanted a whole number from 1 to 4096");
    refuse_recipe("batch 2.5", "batch is '2.5'");
    refuse_recipe("batch 8\naccumulate 3",
                  "accumulate is 3, wanted a divisor of batch, which is 8");
    refuse_recipe("lr 0,1", "lr is '0,1', wanted a number from 0 to 1000");
    refuse_recipe("lr -1", "lr is '-1'");
    refuse_recipe("lr_encoder -1", "lr_encoder is '-1', wanted 'same' or a number from 0");
    refuse_recipe("encoder.output_stride 12", "wanted 8, 16 or 32");
    refuse_recipe("decoder.rates 6 12", "wanted three whole numbers");
    refuse_recipe("decoder.rates 6 12 18 24", "wanted three whole numbers");
    refuse_recipe("betas 0.9 1", "wanted two numbers from 0 to below 1");
}

static void a_recipe_without_preset_or_with_an_unknown_one_is_refused(void **state) {
    (void)state;
    file_write("a.conf", "lr 0.1\n", 7);
    assert_dies(EXIT_NO, "wanted a first line 'preset NAME'", recipe_call, "a.conf");
    file_write("b.conf", "preset nope\n", 12);
    assert_dies(EXIT_NO, "preset 'nope' needs the file nope.conf", recipe_call, "b.conf");
    file_write("c.conf", "preset ../x\n", 12);
    assert_dies(EXIT_NO, "preset is '../x'", recipe_call, "c.conf");
}

static void an_override_is_checked_like_a_line_and_its_fault_is_wrong_use(void **state) {
    (void)state;
    little_recipe("r.conf", NULL);
    assert_dies(EXIT_USAGE, "--set: unknown key 'batchs', did you mean 'batch'",
                override_call, "batchs=2");
    assert_dies(EXIT_USAGE, "--set: batch is 'x'", override_call, "batch=x");
    assert_dies(EXIT_USAGE, "--set: found 'batch', wanted key=value", override_call,
                "batch");
    struct recipe r;
    char *two[] = {(char[]){"batch=7"}, (char[]){"lr_encoder=0.5"}};
    recipe_read(&r, "r.conf", two, 2);
    assert_int_equal(r.batch, 7);
    assert_true(r.lr_encoder == .5);
}

static void a_recipe_as_text_reads_back_the_same(void **state) {
    (void)state;
    struct recipe a, b;
    little_recipe("r.conf",
                  "lr 0.1\nbetas 0.85 0.995\ndecoder.rates 3 5 7\nlr_encoder 0.01");
    recipe_read(&a, "r.conf", NULL, 0);
    char *text = recipe_text(&a);
    recipe_parse(&b, text, "text");
    assert_memory_equal(&a, &b, sizeof a);
    xfree(text);
}

static void the_recipes_of_the_project_read_and_each_preset_fits(void **state) {
    (void)state;
    static const char *const recipes[] = {"paper", "demo"};
    static const char *const presets[] = {"plain", "smp", "chen2018"};
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 3; k++) {
            struct recipe r;
            char *path = xprintf("%s/train/%s.conf", test_home, recipes[i]);
            char *set[] = {xprintf("preset=%s", presets[k])};
            recipe_read(&r, path, set, 1);
            assert_string_equal(r.preset, presets[k]);
            assert_int_equal(r.first_dilated, k == 1);
            assert_int_equal(r.rates[0], k == 1 ? 12 : 6);
            xfree(set[0]);
            xfree(path);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_unknown_key_is_named_with_the_nearest),
        TEST(a_missing_key_is_named),
        TEST(a_key_set_twice_is_refused),
        TEST(a_bad_value_is_refused_with_what_was_wanted),
        TEST(a_recipe_without_preset_or_with_an_unknown_one_is_refused),
        TEST(an_override_is_checked_like_a_line_and_its_fault_is_wrong_use),
        TEST(a_recipe_as_text_reads_back_the_same),
        TEST(the_recipes_of_the_project_read_and_each_preset_fits),
    };
    return test_run(tests);
}
