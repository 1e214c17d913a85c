/* model_cpu_test.c - the CPU's kernels against the reference, one row a case: forward, backward,
 * gradients added and gradients not wanted, one to three threads, smaller batches than planned for.
 *
 * Tolerance 1e-5 relative L2: float's rounding (6e-8) over sums of up to thousands of terms. */
#include "tests/test.h"
#include "tests/trial.h"

static const double TOLERANCE = 1e-5;

/* a: conv K R stride pad dilation groups bias · maxpool kernel stride pad · resize height width align ·
 * concat further channels · linear outputs · attention heads · dropout rate in percent · loss kind */
struct row {
    enum op op;
    int N, x[3], a[7];
    const char *why;
};
static const struct row rows[] = {
    {OP_conv, 2, {5, 7, 9}, {4, 1, 1, 0, 1, 1, 0}, "1x1, small map: pictures side by side"},
    {OP_conv, 3, {16, 12, 11}, {24, 1, 1, 0, 1, 1, 1}, "1x1 on the tensor, bias"},
    {OP_conv,
     1,
     {3, 30, 31},
     {1, 1, 1, 0, 1, 1, 1},
     "the head: one output, more than one stretch"},
    {OP_conv,
     2,
     {600, 11, 11},
     {8, 1, 1, 0, 1, 1, 0},
     "1x1, weights' gradient in two blocks"},
    {OP_conv, 5, {6, 13, 9}, {7, 1, 2, 0, 1, 1, 0}, "downsample"},
    {OP_conv, 5, {4, 4, 4}, {6, 1, 2, 0, 1, 1, 0}, "downsample, pictures side by side"},
    {OP_conv, 3, {8, 17, 15}, {9, 3, 1, 1, 1, 1, 0}, "3x3, odd map"},
    {OP_conv, 3, {8, 17, 15}, {9, 3, 1, 1, 1, 1, 1}, "3x3 with bias"},
    {OP_conv,
     2,
     {70, 14, 14},
     {12, 3, 1, 1, 1, 1, 0},
     "3x3, channels in chunks and blocks"},
    {OP_conv,
     7,
     {9, 4, 4},
     {5, 3, 1, 1, 1, 1, 1},
     "3x3, pictures side by side, the last group short"},
    {OP_conv, 2, {4, 10, 10}, {4, 3, 1, 0, 1, 1, 0}, "no padding"},
    {OP_conv, 2, {4, 10, 10}, {4, 3, 1, 2, 1, 1, 0}, "more padding than the kernel needs"},
    {OP_conv, 2, {5, 15, 13}, {6, 3, 2, 1, 1, 1, 0}, "stride 2, odd map"},
    {OP_conv, 3, {5, 8, 8}, {6, 3, 2, 1, 1, 1, 0}, "stride 2, even map, side by side"},
    {OP_conv, 2, {3, 33, 35}, {8, 7, 2, 3, 1, 1, 0}, "the stem"},
    {OP_conv, 2, {3, 24, 32}, {10, 8, 8, 0, 1, 1, 1}, "patches"},
    {OP_conv, 2, {6, 14, 14}, {5, 3, 1, 2, 2, 1, 0}, "dilated, every tap used"},
    {OP_conv,
     3,
     {40, 14, 14},
     {5, 3, 1, 6, 6, 1, 0},
     "rate 6 on 14: taps of part of the map"},
    {OP_conv,
     3,
     {300, 14, 13},
     {5, 3, 1, 12, 12, 1, 1},
     "rate 12: slivers, two blocks, bias"},
    {OP_conv, 2, {7, 14, 14}, {5, 3, 1, 18, 18, 1, 0}, "rate 18: the centre alone"},
    {OP_conv, 5, {7, 4, 4}, {5, 3, 1, 2, 2, 1, 0}, "taps of part, pictures side by side"},
    {OP_conv, 3, {7, 2, 3}, {5, 3, 1, 2, 2, 1, 0}, "rate and map alike in one axis"},
    {OP_conv, 2, {6, 9, 8}, {6, 3, 1, 1, 1, 6, 0}, "depthwise"},
    {OP_conv, 2, {5, 9, 8}, {5, 3, 2, 1, 1, 5, 1}, "depthwise, stride 2, bias"},
    {OP_conv, 2, {4, 14, 14}, {4, 3, 1, 12, 12, 4, 0}, "depthwise, dilated"},
    {OP_conv, 4, {6, 1, 1}, {5, 1, 1, 0, 1, 1, 0}, "behind the mean over the map"},
    {OP_batchnorm, 3, {5, 7, 9}, {0}, "batch statistics"},
    {OP_batchnorm,
     4,
     {33, 1, 1},
     {0},
     "after the mean over the map: statistics over the batch alone"},
    {OP_batchnorm, 2, {3, 40, 41}, {0}, "a map longer than one short sum"},
    {OP_batchnorm, 2, {5, 4, 3}, {1}, "frozen"},
    {OP_relu, 2, {3, 5, 7}, {0}, "odd count"},
    {OP_relu, 4, {16, 32, 48}, {0}, "several parts"},
    {OP_add, 2, {3, 5, 7}, {0}, "odd count"},
    {OP_maxpool, 3, {5, 17, 15}, {3, 2, 1}, "odd map"},
    {OP_maxpool, 1, {2, 3, 150}, {3, 2, 1}, "a row longer than one stretch"},
    {OP_maxpool, 2, {3, 8, 6}, {2, 2, 0}, "no padding"},
    {OP_gap, 3, {70, 7, 5}, {0}, "several tasks"},
    {OP_resize, 2, {3, 4, 5}, {16, 20, 0}, "up by 4"},
    {OP_resize, 2, {3, 4, 5}, {16, 20, 1}, "up by 4, corners aligned"},
    {OP_resize, 2, {5, 9, 8}, {4, 3, 0}, "down"},
    {OP_resize, 2, {5, 9, 8}, {4, 3, 1}, "down, corners aligned"},
    {OP_resize, 3, {9, 1, 1}, {7, 5, 0}, "from one place"},
    {OP_concat, 2, {3, 5, 7}, {4, 1}, "three maps"},
    {OP_concat, 3, {3, 5, 7}, {4, 1, 2, 5}, "five maps"},
    {OP_dropout, 3, {5, 7, 3}, {50}, "a picture's elements no multiple of four"},
    {OP_dropout, 2, {64, 14, 14}, {10}, "the decoder's"},
    {OP_tokens, 3, {20, 3, 5}, {0}, "odd grid"},
    {OP_grid, 3, {17, 21, 0}, {0}, "odd width"},
    {OP_linear, 3, {17, 24, 0}, {33}, "one piece"},
    {OP_linear, 2, {301, 50, 0}, {420}, "several pieces"},
    {OP_linear, 1, {1, 3, 0}, {2}, "one token"},
    {OP_layernorm, 3, {17, 33, 0}, {0}, "odd width"},
    {OP_layernorm, 2, {70, 24, 0}, {0}, "several parts"},
    {OP_gelu, 2, {17, 33, 0}, {0}, "odd count"},
    {OP_attention, 2, {17, 72, 0}, {3}, "three heads"},
    {OP_attention, 3, {5, 24, 0}, {1}, "one head"},
    {OP_attention, 1, {1, 24, 0}, {2}, "one token"},
    {OP_loss, 3, {1, 16, 16}, {0}, "bce, flips"},
    {OP_loss, 4, {1, 24, 24}, {1}, "dice"},
    {OP_loss, 2, {1, 272, 272}, {2}, "both, rows longer than one stretch"},
};

static void build(struct trial *t, const struct row *r) {
    int more = r->op == OP_add ? 1 : 0, map = r->x[2] > 0;
    struct shape shape[5];
    for (int i = 0; i < 5; i++)
        shape[i] = (struct shape){map ? 3 : 2, {r->x[0], r->x[1], map ? r->x[2] : 1}};
    for (int i = 0; r->op == OP_concat && i < 4 && r->a[i]; i++)
        shape[++more].dim[0] = r->a[i];
    trial_begin(t, r->N, 1 + more, shape);
    const int *a = r->a, leaves[5] = {0, 1, 2, 3, 4};
    struct graph *g = t->g;
    switch (r->op) {
    case OP_conv:
        add_conv(g, 0, "c",
                 (struct convolution){.out = a[0],
                                      .kernel = a[1],
                                      .stride = a[2],
                                      .pad = a[3],
                                      .dilation = a[4],
                                      .groups = a[5],
                                      .bias = a[6],
                                      .init = INIT_UNIFORM_IN});
        break;
    case OP_batchnorm:
        add_batchnorm(g, 0, "b", 1e-5, .1, a[0]);
        break;
    case OP_relu:
        add_relu(g, 0);
        break;
    case OP_add:
        add_add(g, 0, 1);
        break;
    case OP_maxpool:
        add_maxpool(g, 0, a[0], a[1], a[2]);
        break;
    case OP_gap:
        add_gap(g, 0);
        break;
    case OP_resize:
        add_resize(g, 0, a[0], a[1], a[2]);
        break;
    case OP_concat:
        add_concat(g, leaves, 1 + more);
        break;
    case OP_dropout:
        g->ordinal = 2;
        add_dropout(g, 0, a[0] / 100.);
        break;
    case OP_tokens:
        add_tokens(g, 0, "cls_token", "pos_embed");
        break;
    case OP_grid:
        add_grid(g, 0);
        break;
    case OP_linear:
        add_linear(g, 0, "l", a[0], INIT_TRUNC);
        break;
    case OP_layernorm:
        add_layernorm(g, 0, "n", 1e-6);
        break;
    case OP_gelu:
        add_gelu(g, 0);
        break;
    case OP_attention:
        add_attention(g, 0, a[0]);
        break;
    case OP_loss:
        add_loss(g, 0, a[0]);
        break;
    default:
        fail_msg("no row may have op %s", op_name(r->op));
    }
}

/* Runs the trial on both machines and compares. */
static void compare(const struct trial *t, const struct manner *m, const char *what,
                    const char *why) {
    struct result want, got;
    const char *where = "";
    trial_run(t, &ref_kernels, m, &want);
    trial_run(t, &cpu_kernels, m, &got);
    double off = result_distance(t, &got, &want, &where);
    if (!(off <= TOLERANCE)) fail_msg("%s (%s): %s is off by %g", what, why, where, off);
    result_free(&want);
    result_free(&got);
}

static void each_row(void (*check)(const struct trial *t, const struct row *r)) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct trial t;
        build(&t, &rows[i]);
        trial_fill(&t, 11 + i);
        check(&t, &rows[i]);
        trial_free(&t);
    }
}

static void check_plain(const struct trial *t, const struct row *r) {
    compare(t, &(struct manner){.phase = PHASE_TRAIN}, op_name(r->op), r->why);
}

static void every_op_equals_the_reference(void **state) {
    (void)state;
    cpu_start(2);
    each_row(check_plain);
}

static void check_sums(const struct trial *t, const struct row *r) {
    compare(t, &(struct manner){.phase = PHASE_TRAIN, .sum = 1}, op_name(r->op), r->why);
}

static void gradients_are_added_where_the_call_says_so(void **state) {
    (void)state;
    cpu_start(2);
    each_row(check_sums);
}

static void check_without(const struct trial *t, const struct row *r) {
    compare(t, &(struct manner){.phase = PHASE_TRAIN, .without = 0xff00}, op_name(r->op),
            r->why);
    /* an op without parameters is never called backward if nobody wants its input's gradient */
    if (t->g->params)
        compare(t, &(struct manner){.phase = PHASE_TRAIN, .without = 1}, op_name(r->op),
                r->why);
    if (t->g->params > 1)
        compare(t, &(struct manner){.phase = PHASE_TRAIN, .without = 1 << 8},
                op_name(r->op), r->why);
    if (t->leaves > 1)
        compare(t, &(struct manner){.phase = PHASE_TRAIN, .without = 1}, op_name(r->op),
                r->why);
}

static void unwanted_gradients_are_left_out(void **state) {
    (void)state;
    cpu_start(2);
    each_row(check_without);
}

static void check_threads(const struct trial *t, const struct row *r) {
    struct result one, other;
    struct manner m = {.phase = PHASE_TRAIN};
    cpu_start(1);
    trial_run(t, &cpu_kernels, &m, &one);
    for (int threads = 2; threads <= 3; threads++) {
        cpu_start(threads);
        trial_run(t, &cpu_kernels, &m, &other);
        if (!result_same(t, &one, &other))
            fail_msg("%s (%s): other bytes at %d threads than at 1", op_name(r->op), r->why,
                     threads);
        result_free(&other);
    }
    result_free(&one);
}

static void one_two_and_three_threads_give_the_same_bytes(void **state) {
    (void)state;
    each_row(check_threads);
}

static void check_batches(const struct trial *t, const struct row *r) {
    struct trial smaller = *t;
    smaller.largest = t->N + 3;
    compare(&smaller, &(struct manner){.phase = PHASE_TRAIN}, op_name(r->op), r->why);
    smaller.largest = t->N;
    /* Batch norm of two values is +-1 whatever they are: its gradient is nothing but rounding. */
    int least = r->op == OP_batchnorm && r->x[1] * r->x[2] == 1 ? 3 : 1;
    for (smaller.N = least; smaller.N < t->N; smaller.N++)
        compare(&smaller, &(struct manner){.phase = PHASE_TRAIN}, op_name(r->op), r->why);
}

static void batches_smaller_than_planned_for_fit(void **state) {
    (void)state;
    cpu_start(3);
    each_row(check_batches);
}

static void check_phases(const struct trial *t, const struct row *r) {
    compare(t, &(struct manner){.phase = PHASE_TRAIN, .again = 1}, op_name(r->op), r->why);
    compare(t, &(struct manner){.phase = PHASE_INFER, .forward_only = 1}, op_name(r->op),
            r->why);
    compare(t, &(struct manner){.phase = PHASE_ESTIMATE, .forward_only = 1}, op_name(r->op),
            r->why);
}

static void every_phase_equals_the_reference(void **state) {
    (void)state;
    cpu_start(2);
    each_row(check_phases);
}

static void pictures_come_in_as_in_the_reference(void **state) {
    (void)state;
    struct attr attr = {.mean = {123.675, 116.28, 103.53},
                        .std = {58.395, 57.12, 57.375},
                        .plane = {2, 1, 0}};
    for (attr.gray = 0; attr.gray < 2; attr.gray++) {
        struct trial t;
        trial_begin(&t, 4, 0, NULL);
        add_input(t.g, 16, &attr);
        trial_fill(&t, 5);
        compare(&t, &(struct manner){.phase = PHASE_TRAIN, .forward_only = 1}, "input",
                "flips, planes turned round");
        trial_free(&t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_op_equals_the_reference),
        TEST(gradients_are_added_where_the_call_says_so),
        TEST(unwanted_gradients_are_left_out),
        TEST(one_two_and_three_threads_give_the_same_bytes),
        TEST(batches_smaller_than_planned_for_fit),
        TEST(every_phase_equals_the_reference),
        TEST(pictures_come_in_as_in_the_reference),
    };
    return test_run(tests);
}
