/* model_fusion_test.c - every fused step of the CPU against the reference on that very run
 * of nodes, one row a run; and that the networks it is made for have such runs.
 *
 * Tolerance 1e-5 relative L2, as for the single ops. */
#include "tests/test.h"
#include "tests/trial.h"
#include "model/model.h"
#include "model/plan.h"

static const double TOLERANCE = 1e-5;

/* Leaves: 0 is [C,H,W]; 1, where a run has a second one, is `second`. */
struct row {
    const char *fusion;
    int N;
    struct shape leaf[2];
    void (*build)(struct graph *g, int leaves);
    const char *why;
};
#define MAP(c, h, w)                                                                       \
    {                                                                                      \
        3, {                                                                               \
            c, h, w                                                                        \
        }                                                                                  \
    }

static void norm_relu(struct graph *g, int x) {
    add_relu(g, add_batchnorm(g, x - 1, "b", 1e-5, .1, 0));
}
static void frozen_relu(struct graph *g, int x) {
    add_relu(g, add_batchnorm(g, x - 1, "b", 1e-3, .1, 1));
}
static void norm_add_relu(struct graph *g, int x) {
    int b = add_batchnorm(g, 0, "b", 1e-5, .1, 0);
    add_relu(g, add_add(g, b, x - 1));
}
static void norm_added_relu(struct graph *g, int x) {
    int b = add_batchnorm(g, 0, "b", 1e-5, .1, 0);
    add_relu(g, add_add(g, x - 1, b));
}
static void frozen_add_relu(struct graph *g, int x) {
    int b = add_batchnorm(g, 0, "b", 1e-5, .1, 1);
    add_relu(g, add_add(g, b, x - 1));
}
static void just_add_relu(struct graph *g, int x) {
    add_relu(g, add_add(g, 0, x - 1));
}

/* leaf 0 is resized to leaf 1's size. */
static void decoder(struct graph *g, int skip_first, int kernel, int dilation, int pad,
                    int align, int bias) {
    struct shape skip = g->node[1].shape;
    int up = add_resize(g, 0, skip.dim[1], skip.dim[2], align);
    int both =
        skip_first ? add_concat(g, (int[]){1, up}, 2) : add_concat(g, (int[]){up, 1}, 2);
    add_conv(g, both, "c",
             (struct convolution){.out = 37,
                                  .kernel = kernel,
                                  .dilation = dilation,
                                  .pad = pad,
                                  .bias = bias,
                                  .init = INIT_UNIFORM_IN});
}
static void plain_decoder(struct graph *g, int x) {
    (void)x, decoder(g, 1, 3, 1, -1, 0, 0);
}
static void aspp_first(struct graph *g, int x) {
    (void)x, decoder(g, 0, 3, 1, -1, 0, 1);
}
static void aligned(struct graph *g, int x) {
    (void)x, decoder(g, 1, 3, 1, -1, 1, 0);
}
static void wide_kernel(struct graph *g, int x) {
    (void)x, decoder(g, 0, 5, 2, 3, 0, 0);
}

static const struct row rows[] = {
    {"batchnorm_relu", 3, {MAP(5, 7, 9)}, norm_relu, "odd map"},
    {"batchnorm_relu", 2, {MAP(40, 12, 12)}, norm_relu, "several tasks"},
    {"batchnorm_relu", 4, {MAP(33, 1, 1)}, norm_relu, "behind the mean over the map"},
    {"batchnorm_relu", 2, {MAP(5, 7, 9)}, frozen_relu, "frozen"},
    {"batchnorm_add_relu", 3, {MAP(5, 7, 9), MAP(5, 7, 9)}, norm_add_relu, "norm first"},
    {"batchnorm_add_relu",
     2,
     {MAP(5, 6, 8), MAP(5, 6, 8)},
     norm_added_relu,
     "shortcut first"},
    {"batchnorm_add_relu", 2, {MAP(5, 6, 8), MAP(5, 6, 8)}, frozen_add_relu, "frozen"},
    {"add_relu", 2, {MAP(5, 7, 9), MAP(5, 7, 9)}, just_add_relu, "odd count"},
    {"resize_concat_conv", 2, {MAP(11, 5, 4), MAP(7, 20, 16)}, plain_decoder, "up by 4"},
    {"resize_concat_conv",
     3,
     {MAP(11, 3, 4), MAP(7, 13, 11)},
     plain_decoder,
     "no whole factor"},
    {"resize_concat_conv",
     2,
     {MAP(6, 5, 4), MAP(9, 20, 16)},
     aspp_first,
     "the other order, bias"},
    {"resize_concat_conv", 2, {MAP(6, 5, 4), MAP(9, 20, 16)}, aligned, "corners aligned"},
    {"resize_concat_conv",
     1,
     {MAP(6, 1, 1), MAP(3, 4, 4)},
     plain_decoder,
     "from one place"},
    {"resize_concat_conv",
     2,
     {MAP(6, 5, 4), MAP(3, 15, 16)},
     wide_kernel,
     "5x5, dilated, less padding"},
};

static const struct fusion *named(const char *name) {
    for (int i = 0; i < cpu_kernels.fusions; i++)
        if (strcmp(cpu_kernels.fusion[i].name, name) == 0) return &cpu_kernels.fusion[i];
    fail_msg("no fusion %s", name);
    return NULL;
}

static void compare(const struct trial *t, const struct row *r, struct manner m) {
    struct result want, got;
    const char *where = "";
    m.fusion = NULL;
    trial_run(t, &ref_kernels, &m, &want);
    m.fusion = named(r->fusion);
    trial_run(t, &cpu_kernels, &m, &got);
    double off = result_distance(t, &got, &want, &where);
    if (!(off <= TOLERANCE))
        fail_msg("%s (%s): %s is off by %g", r->fusion, r->why, where, off);
    result_free(&want);
    result_free(&got);
}

static void each_row(void (*check)(const struct trial *t, const struct row *r)) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct trial t;
        int leaves = 1 + (rows[i].leaf[1].ndim > 0);
        trial_begin(&t, rows[i].N, leaves, rows[i].leaf);
        rows[i].build(t.g, leaves);
        trial_fill(&t, 70 + i);
        check(&t, &rows[i]);
        trial_free(&t);
    }
}

static void check_match(const struct trial *t, const struct row *r) {
    assert_int_equal(named(r->fusion)->match(t->g, t->first), t->nodes);
    assert_int_equal(named(r->fusion)->match(t->g, t->g->nodes - 1), 0);
}

static void every_row_is_recognised(void **state) {
    (void)state;
    each_row(check_match);
}

static void check_run(const struct trial *t, const struct row *r) {
    compare(t, r, (struct manner){.phase = PHASE_TRAIN});
    compare(t, r, (struct manner){.phase = PHASE_TRAIN, .again = 1});
    compare(t, r, (struct manner){.phase = PHASE_TRAIN, .sum = 1});
    compare(t, r, (struct manner){.phase = PHASE_INFER, .forward_only = 1});
    compare(t, r, (struct manner){.phase = PHASE_ESTIMATE, .forward_only = 1});
}

static void every_fused_step_equals_its_run_of_nodes(void **state) {
    (void)state;
    cpu_start(2);
    each_row(check_run);
}

static void check_without(const struct trial *t, const struct row *r) {
    compare(t, r, (struct manner){.phase = PHASE_TRAIN, .without = 1});
    compare(t, r, (struct manner){.phase = PHASE_TRAIN, .without = 2});
    compare(t, r, (struct manner){.phase = PHASE_TRAIN, .without = 1 << 8});
    compare(t, r, (struct manner){.phase = PHASE_TRAIN, .without = 0xff00});
}

static void unwanted_gradients_are_left_out(void **state) {
    (void)state;
    cpu_start(2);
    each_row(check_without);
}

static void check_batches(const struct trial *t, const struct row *r) {
    struct trial other = *t;
    other.largest = t->N + 2;
    compare(&other, r, (struct manner){.phase = PHASE_TRAIN});
}

static void batches_smaller_than_planned_for_fit(void **state) {
    (void)state;
    cpu_start(3);
    each_row(check_batches);
}

static void check_threads(const struct trial *t, const struct row *r) {
    struct result one, other;
    struct manner m = {.phase = PHASE_TRAIN, .fusion = named(r->fusion)};
    cpu_start(1);
    trial_run(t, &cpu_kernels, &m, &one);
    for (int threads = 2; threads <= 3; threads++) {
        cpu_start(threads);
        trial_run(t, &cpu_kernels, &m, &other);
        if (!result_same(t, &one, &other))
            fail_msg("%s (%s): other bytes at %d threads than at 1", r->fusion, r->why,
                     threads);
        result_free(&other);
    }
    result_free(&one);
}

static void one_two_and_three_threads_give_the_same_bytes(void **state) {
    (void)state;
    each_row(check_threads);
}

static void a_shortcut_round_the_norm_alone_is_left_to_the_single_ops(void **state) {
    (void)state;
    struct trial t;
    struct shape leaf = MAP(5, 4, 4);
    trial_begin(&t, 2, 1, &leaf);
    int b = add_batchnorm(t.g, 0, "b", 1e-5, .1, 0);
    add_relu(t.g, add_add(t.g, b, 0));
    assert_int_equal(named("batchnorm_add_relu")->match(t.g, 1), 0);
    trial_fill(&t, 3);
    trial_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_row_is_recognised),
        TEST(every_fused_step_equals_its_run_of_nodes),
        TEST(unwanted_gradients_are_left_out),
        TEST(batches_smaller_than_planned_for_fit),
        TEST(one_two_and_three_threads_give_the_same_bytes),
        TEST(a_shortcut_round_the_norm_alone_is_left_to_the_single_ops),
    };
    return test_run(tests);
}
