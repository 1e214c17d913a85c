/* gpu_ops_test.c - the GPU's kernels against the reference, one row a case, in each storage
 * type: forward, backward, gradients added and gradients not wanted, phases, smaller
 * batches than planned for; the same bytes whatever the order of threads.
 *
 * Tolerance, relative L2: fp32 1e-5, float's rounding (6e-8) over sums of up to
 * thousands of terms. fp16 and bf16: the reference is given the rounded numbers, so what
 * differs is the rounding of results, half a unit in the last place, 2^-11 and 2^-9 at
 * most; twice that is allowed. */
#include "tests/op_rows.h"
#include "tests/test.h"
#include "tests/trial_gpu.h"
#include "model/gpu/kernels.h"

static const enum precision precisions[] = {FP32, FP16, BF16};
enum { PRECISIONS = 3, ORDERS = 8 };

static double tolerance_of(enum precision p) {
    return p == FP16 ? 0x1p-10 : p == BF16 ? 0x1p-8 : 1e-5;
}

/* Shapes that no other machine's kernels divide so: see conv_loops.cu, and sums of more
 * than one block. */
static const struct op_row own_rows[] = {
    {OP_conv, 2, {6, 9, 8}, {4, 3, 1, 1, 1, 2, 1}, "two groups, bias"},
    {OP_conv, 3, {12, 7, 5}, {6, 3, 2, 2, 2, 3, 0}, "three groups, stride 2, dilated"},
    {OP_conv, 3, {1, 13, 11}, {5, 3, 2, 1, 1, 1, 0}, "one channel in"},
    {OP_conv, 2, {1, 17, 16}, {1, 3, 1, 1, 1, 1, 1}, "one channel in, one out"},
    {OP_conv, 2, {37, 6, 5}, {37, 3, 1, 1, 1, 37, 1}, "depthwise, two blocks of channels"},
    {OP_conv, 1, {264, 4, 3}, {264, 3, 1, 1, 1, 264, 0}, "the same by eights"},
    {OP_maxpool, 2, {8, 12, 14}, {3, 2, 1}, "even map: the last windows are cut off"},
    {OP_concat, 3, {8, 13, 15}, {16, 8}, "whole eights of channels, by several blocks"},
    {OP_batchnorm, 2, {264, 3, 3}, {0}, "running statistics by two blocks"},
};

static void open_ground(struct gpu_ground *g, enum precision precision) {
    char why[256];
    if (!gpu_ground_open(g, precision, why, sizeof why)) fail_msg("no device: %s", why);
}

static void compare(const struct trial *t, struct gpu_ground *g, struct manner m,
                    const char *what, const char *why) {
    struct result want, got;
    const char *where = "";
    trial_run(t, &ref_kernels, &m, &want);
    m.ground = &g->ground;
    trial_run(t, &gpu_kernels, &m, &got);
    double off = result_distance(t, &got, &want, &where);
    if (!(off <= tolerance_of(g->gpu.precision)))
        fail_msg("%s (%s), precision %d: %s is off by %g", what, why, g->gpu.precision,
                 where, off);
    result_free(&want);
    result_free(&got);
}

static void each_row(void (*check)(const struct trial *t, struct gpu_ground *g,
                                   const struct op_row *r)) {
    const int own = sizeof own_rows / sizeof *own_rows;
    for (int p = 0; p < PRECISIONS; p++) {
        if (!gpu_has(precisions[p])) continue;
        struct gpu_ground g;
        open_ground(&g, precisions[p]);
        for (int i = 0; i < op_row_count + own; i++) {
            const struct op_row *r =
                i < op_row_count ? &op_rows[i] : &own_rows[i - op_row_count];
            struct trial t;
            op_row_build(&t, r);
            trial_fill(&t, 11 + (uint64_t)i);
            gpu_ground_round(&g, &t);
            check(&t, &g, r);
            trial_free(&t);
        }
        gpu_ground_close(&g);
    }
}

static void check_plain(const struct trial *t, struct gpu_ground *g,
                        const struct op_row *r) {
    compare(t, g, (struct manner){.phase = PHASE_TRAIN}, op_name(r->op), r->why);
}
static void every_op_equals_the_reference(void **state) {
    (void)state;
    each_row(check_plain);
}

static void check_sums(const struct trial *t, struct gpu_ground *g,
                       const struct op_row *r) {
    compare(t, g, (struct manner){.phase = PHASE_TRAIN, .sum = 1}, op_name(r->op), r->why);
}
static void gradients_are_added_where_the_call_says_so(void **state) {
    (void)state;
    each_row(check_sums);
}

static void check_without(const struct trial *t, struct gpu_ground *g,
                          const struct op_row *r) {
    compare(t, g, (struct manner){.phase = PHASE_TRAIN, .without = 0xff00}, op_name(r->op),
            r->why);
    /* an op without parameters is never called backward if nobody wants its input's
     * gradient */
    if (t->g->params || t->leaves > 1)
        compare(t, g, (struct manner){.phase = PHASE_TRAIN, .without = 1}, op_name(r->op),
                r->why);
    if (t->g->params > 1)
        compare(t, g, (struct manner){.phase = PHASE_TRAIN, .without = 1 << 8},
                op_name(r->op), r->why);
}
static void unwanted_gradients_are_left_out(void **state) {
    (void)state;
    each_row(check_without);
}

static void check_batches(const struct trial *t, struct gpu_ground *g,
                          const struct op_row *r) {
    struct trial smaller = *t;
    smaller.largest = t->N + 3;
    compare(&smaller, g, (struct manner){.phase = PHASE_TRAIN}, op_name(r->op), r->why);
}
static void batches_smaller_than_planned_for_fit(void **state) {
    (void)state;
    each_row(check_batches);
}

static void check_phases(const struct trial *t, struct gpu_ground *g,
                         const struct op_row *r) {
    compare(t, g, (struct manner){.phase = PHASE_TRAIN, .again = 1}, op_name(r->op),
            r->why);
    compare(t, g, (struct manner){.phase = PHASE_INFER, .forward_only = 1}, op_name(r->op),
            r->why);
    compare(t, g, (struct manner){.phase = PHASE_ESTIMATE, .forward_only = 1},
            op_name(r->op), r->why);
}
static void every_phase_equals_the_reference(void **state) {
    (void)state;
    each_row(check_phases);
}

static void same_in_orders(const struct trial *t, struct gpu_ground *g, struct manner m,
                           const char *what, const char *why) {
    struct result one, other;
    m.ground = &g->ground;
    trial_run(t, &gpu_kernels, &m, &one);
    for (int seed = 1; seed < ORDERS; seed++) {
        char text[16];
        snprintf(text, sizeof text, "%d", seed);
        setenv("EMU_SEED", text, 1); /* on a device orders differ by themselves */
        trial_run(t, &gpu_kernels, &m, &other);
        if (!result_same(t, &one, &other))
            fail_msg("%s (%s), precision %d: other bytes in order %d", what, why,
                     g->gpu.precision, seed);
        result_free(&other);
    }
    unsetenv("EMU_SEED");
    result_free(&one);
}
static void check_orders(const struct trial *t, struct gpu_ground *g,
                         const struct op_row *r) {
    same_in_orders(t, g, (struct manner){.phase = PHASE_TRAIN}, op_name(r->op), r->why);
    const enum phase other = r->op == OP_dropout ? PHASE_INFER : PHASE_ESTIMATE;
    if (r->op == OP_dropout || r->op == OP_batchnorm) /* another kernel */
        same_in_orders(t, g, (struct manner){.phase = other, .forward_only = 1},
                       op_name(r->op), r->why);
}
static void the_order_of_threads_does_not_show(void **state) {
    (void)state;
    each_row(check_orders);
}

static void the_first_of_equal_maxima_takes_the_gradient(void **state) {
    (void)state;
    struct shape leaf = {3, {6, 37, 45}};
    struct gpu_ground g;
    open_ground(&g, FP32);
    for (int stride = 1; stride <= 3; stride++) {
        struct trial t;
        trial_begin(&t, 2, 1, &leaf);
        add_maxpool(t.g, 0, 3, stride, 1);
        trial_fill(&t, 8);
        for (size_t i = 0; i < trial_leaf_count(&t, 0); i++)
            t.leaf[0][i] = rint(t.leaf[0][i]);
        compare(&t, &g, (struct manner){.phase = PHASE_TRAIN}, "maxpool",
                "few values, many ties");
        trial_free(&t);
    }
    gpu_ground_close(&g);
}

/* In one order: a picture is one thread's, and eight orders of so many take their time. */
static void losses_of_many_pictures_are_those_of_the_reference(void **state) {
    (void)state;
    const struct op_row row = {
        OP_loss, 257, {1, 4, 4}, {2}, "sums of pictures by two blocks"};
    struct gpu_ground g;
    struct trial t;
    open_ground(&g, FP32);
    op_row_build(&t, &row);
    trial_fill(&t, 9);
    setenv("EMU_SEED", "5", 1);
    check_plain(&t, &g, &row);
    unsetenv("EMU_SEED");
    trial_free(&t);
    gpu_ground_close(&g);
}

static void a_nan_in_a_window_stays(void **state) {
    (void)state;
    for (int p = 0; p < PRECISIONS; p++) {
        if (!gpu_has(precisions[p])) continue;
        struct gpu_ground g;
        open_ground(&g, precisions[p]);
        op_rows_nan(&gpu_kernels, &g.ground);
        gpu_ground_close(&g);
    }
}

static void pictures_come_in_as_in_the_reference(void **state) {
    (void)state;
    struct attr attr = {.mean = {123.675, 116.28, 103.53},
                        .std = {58.395, 57.12, 57.375},
                        .plane = {2, 1, 0}};
    for (int p = 0; p < PRECISIONS; p++) {
        if (!gpu_has(precisions[p])) continue;
        struct gpu_ground g;
        open_ground(&g, precisions[p]);
        for (attr.gray = 0; attr.gray < 2; attr.gray++) {
            struct trial t;
            trial_begin(&t, 4, 0, NULL);
            add_input(t.g, 16, &attr);
            trial_fill(&t, 5);
            const struct manner m = {.phase = PHASE_TRAIN, .forward_only = 1};
            compare(&t, &g, m, "input", "flips, planes turned round");
            same_in_orders(&t, &g, m, "input", "flips, planes turned round");
            trial_free(&t);
        }
        gpu_ground_close(&g);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_op_equals_the_reference),
        TEST(gradients_are_added_where_the_call_says_so),
        TEST(unwanted_gradients_are_left_out),
        TEST(batches_smaller_than_planned_for_fit),
        TEST(every_phase_equals_the_reference),
        TEST(the_order_of_threads_does_not_show),
        TEST(the_first_of_equal_maxima_takes_the_gradient),
        TEST(losses_of_many_pictures_are_those_of_the_reference),
        TEST(a_nan_in_a_window_stays),
        TEST(pictures_come_in_as_in_the_reference),
    };
    return test_run(tests);
}
