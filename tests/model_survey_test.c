/* model_survey_test.c - cuDNN's plans for GPUs that are not here: every convolution of
 * every network, from a device's properties alone. Those in tests/devices were written by
 * hand, from what is generally known of these GPUs: neither copied from data sheets nor
 * read off a card. */
#include "tests/test.h"
#include "core/bag.h"
#include "model/gpu/device.h"
#include "model/gpu/plans.h"
#include "model/gpu/survey.h"
#include "model/model.h"

/* A survey reaches no device: whatever it links to of one ends the test. */
#define NEVER __attribute__((weak))
NEVER void *device_alloc(struct device *d, size_t bytes, const char *what) {
    (void)d, (void)bytes, (void)what;
    abort();
}
NEVER void device_free(struct device *d, void *p) {
    (void)d, (void)p;
    abort();
}
NEVER void device_clear(struct device *d, void *p, size_t bytes) {
    (void)d, (void)p, (void)bytes;
    abort();
}
NEVER void device_mark(struct device *d, int which) {
    (void)d, (void)which;
    abort();
}
NEVER double device_between(struct device *d) {
    (void)d;
    abort();
}
void launch_check(struct device *d, const char *kernel);
NEVER void launch_check(struct device *d, const char *kernel) {
    (void)d, (void)kernel;
    abort();
}

/* The sanitizer does not look for lost memory here: cuDNN leaves some behind in libraries
 * that it has unloaded by then, which no suppression can name. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0";
}

static const char *const encoders[] = {"resnet50", "vits"};
static const char *const presets[] = {"plain", "chen2018", "smp"};
enum { ENCODERS = 2, PRESETS = 3, BATCHES = 2 };
/* A whole batch, and the last one of 612 pictures. */
static const int batches[BATCHES] = {32, 612 % 32};

static struct model model[ENCODERS][PRESETS];

static void build(struct model *m, const char *encoder, const char *preset) {
    static const struct norm plain = {{0, 0, 0}, {1, 1, 1}, 255, 0};
    struct recipe recipe;
    struct cell cell;
    char *conf = xprintf("%s/train/paper.conf", test_home),
         *name = xprintf("%s-random-x", encoder), *change = xprintf("preset=%s", preset);
    recipe_read(&recipe, conf, &change, 1);
    cell_parse(&cell, name);
    model_build(m, &cell, &recipe, &plain, 224);
    xfree(conf), xfree(name), xfree(change);
}

/* Of one group, several channels in and out: what our own kernels do not compute. */
static int convolutions(const struct graph *g) {
    int n = 0;
    for (int i = 0; i < g->nodes; i++)
        n += g->node[i].op == OP_conv && g->node[i].attr.groups == 1 &&
             g->node[i].shape.dim[0] > 1;
    return n;
}

static struct survey_device device(int capability) {
    char *path = xprintf("%s/tests/devices/%d.json", test_home, capability);
    size_t n;
    struct survey_device d = {"surveyed", file_read(path, 4096, &n), capability};
    xfree(path);
    return d;
}

static struct survey_count survey_all(const struct survey_device *d,
                                      enum precision precision) {
    struct survey_count all = {0};
    int nodes = 0;
    for (int e = 0; e < ENCODERS; e++) {
        for (int p = 0; p < PRESETS; p++) {
            survey(model[e][p].graph, batches, BATCHES, d, precision, "plans.bag", &all);
            nodes += convolutions(model[e][p].graph) * BATCHES;
        }
    }
    assert_int_equal(all.convolutions, nodes);
    assert_int_equal(all.products, 3 * nodes);
    assert_true(all.chosen + all.recalled > 0);
    return all;
}

/* Once chosen, once more from the file alone. */
static void every_plan_is_made_stored_and_read(int capability, enum precision precision) {
    struct survey_device d = device(capability);
    struct survey_count first = survey_all(&d, precision),
                        again = survey_all(&d, precision);
    assert_true(first.chosen > 0);
    assert_int_equal(again.chosen, 0);
    assert_int_equal(again.recalled, first.chosen + first.recalled);
    assert_true(again.scratch == first.scratch && first.scratch <= (size_t)512 << 20);
    print_message(
        "# %d, precision %d: %d convolutions, %d plans chosen, %zu MB of scratch\n",
        capability, precision, first.convolutions, first.chosen, first.scratch >> 20);
    xfree((char *)d.properties);
}

#define SURVEY(capability, precision)                                                      \
    static void sm_##capability##_has_a_##precision##_plan_for_every_convolution(          \
        void **s) {                                                                        \
        (void)s;                                                                           \
        if (!survey_possible()) skip();                                                    \
        every_plan_is_made_stored_and_read(capability, precision);                         \
    }
/* fp32 takes cuDNN several times as long to answer for: where it counts. */
#define SURVEYS(S)                                                                         \
    S(90, FP16)                                                                            \
    S(90, BF16)                                                                            \
    S(90, FP32) S(90, TF32) S(75, FP16) S(80, FP16) S(80, BF16) S(86, FP16) S(89, FP16)    \
        S(100, FP16) S(100, BF16) S(120, FP16)
SURVEYS(SURVEY)

/* Every choice in the file becomes `text`. */
static void overwrite(const char *path, const char *text) {
    struct bag bag;
    bag_open(&bag, path);
    struct plan_file *f = plan_file_open(path, bag_need_meta(&bag, "made_for"));
    for (int i = 0; i < bag.count; i++)
        plan_file_add(f, bag.tensor[i].name, text, strlen(text));
    plan_file_save(f);
    plan_file_close(f);
    bag_close(&bag);
}

static void stored_engines_are_asked_again(void **state) {
    (void)state;
    if (!survey_possible()) skip();
    static const char *const wrong[] = {"engine 424242", "engine 0 99=99", "engine",
                                        "nothing"};
    struct survey_device d = device(90);
    struct survey_count first = {0}, again;
    char before[65], after[65];
    survey(model[1][0].graph, batches, 1, &d, FP16, "plans.bag", &first);
    sha_file("plans.bag", before);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        overwrite("plans.bag", wrong[i]);
        again = (struct survey_count){0};
        survey(model[1][0].graph, batches, 1, &d, FP16, "plans.bag", &again);
        sha_file("plans.bag", after);
        assert_int_equal(again.chosen, first.chosen);
        assert_string_equal(after, before);
    }
    xfree((char *)d.properties);
}

static void ask_turing_for_bf16(void *arg) {
    struct survey_count count = {0};
    survey(model[0][0].graph, batches, 1, arg, BF16, NULL, &count);
}

static void turing_has_no_bf16_and_is_told_what_it_has(void **state) {
    (void)state;
    if (!survey_possible()) skip();
    struct survey_device d = device(75);
    assert_dies(3, "use precision fp16", ask_turing_for_bf16, &d);
    xfree((char *)d.properties);
}

static const int no_pictures = 0; /* for which cuDNN has nothing */
static void ask_for_nothing(void *arg) {
    struct survey_count count = {0};
    survey(model[0][0].graph, &no_pictures, 1, arg, FP16, NULL, &count);
}

static void a_convolution_without_a_plan_is_named(void **state) {
    (void)state;
    if (!survey_possible()) skip();
    struct survey_device d = device(90);
    assert_dies(3, "conv y fp16 n0 224x224x8", ask_for_nothing, &d);
    xfree((char *)d.properties);
}

static void properties_of_no_device_are_refused(void **state) {
    (void)state;
    if (!survey_possible()) skip();
    struct survey_device d = {"none", "{\"deviceVer\": 900", 90};
    assert_dies(3, "device properties", ask_for_nothing, &d);
}

/* Of a ResNet-50 without far dilations. cuDNN 9.19 refuses those, bf16, and Blackwell. */
static void check_joins(int capability, enum precision precision, int wanted) {
    struct survey_device d = device(capability);
    int joined[SURVEY_JOINS],
        all = survey_joins(model[0][2].graph, batches[0], &d, precision, joined);
    assert_true(all > 53); /* the encoder's, but the first */
    for (int k = 0; k < SURVEY_JOINS; k++) assert_int_equal(joined[k], wanted ? all : 0);
    xfree((char *)d.properties);
}

static void fp16_convolutions_are_joined_to_their_norms_on_hopper(void **state) {
    (void)state;
    if (!survey_possible()) skip();
    check_joins(90, FP16, 1);
    check_joins(90, BF16, 0);
    check_joins(120, FP16, 0);
}

int main(void) {
#define ROW(c, p) TEST(sm_##c##_has_a_##p##_plan_for_every_convolution),
    const struct CMUnitTest tests[] = {
        SURVEYS(ROW) TEST(stored_engines_are_asked_again),
        TEST(turing_has_no_bf16_and_is_told_what_it_has),
        TEST(a_convolution_without_a_plan_is_named),
        TEST(properties_of_no_device_are_refused),
        TEST(fp16_convolutions_are_joined_to_their_norms_on_hopper),
    };
    test_begin();
    for (int e = 0; e < ENCODERS; e++)
        for (int p = 0; p < PRESETS; p++) build(&model[e][p], encoders[e], presets[p]);
    int failed = test_run(tests);
    for (int e = 0; e < ENCODERS; e++)
        for (int p = 0; p < PRESETS; p++) model_free(&model[e][p]);
    return failed;
}
