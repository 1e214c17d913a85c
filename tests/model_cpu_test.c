/* model_cpu_test.c - the CPU's kernels against the reference, one row a case: forward,
 * backward, gradients added and gradients not wanted, one to three threads, smaller batches
 * than planned for.
 *
 * Tolerance 1e-5 relative L2: float's rounding (6e-8) over sums of up to thousands of
 * terms. */
#include "tests/op_rows.h"
#include "tests/test.h"

static const double TOLERANCE = 1e-5;

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

static void each_row(void (*check)(const struct trial *t, const struct op_row *r)) {
    for (int i = 0; i < op_row_count; i++) {
        struct trial t;
        op_row_build(&t, &op_rows[i]);
        trial_fill(&t, 11 + (uint64_t)i);
        check(&t, &op_rows[i]);
        trial_free(&t);
    }
}

static void check_plain(const struct trial *t, const struct op_row *r) {
    compare(t, &(struct manner){.phase = PHASE_TRAIN}, op_name(r->op), r->why);
}

static void every_op_equals_the_reference(void **state) {
    (void)state;
    cpu_start(2);
    each_row(check_plain);
}

static void check_sums(const struct trial *t, const struct op_row *r) {
    compare(t, &(struct manner){.phase = PHASE_TRAIN, .sum = 1}, op_name(r->op), r->why);
}

static void gradients_are_added_where_the_call_says_so(void **state) {
    (void)state;
    cpu_start(2);
    each_row(check_sums);
}

static void check_without(const struct trial *t, const struct op_row *r) {
    compare(t, &(struct manner){.phase = PHASE_TRAIN, .without = 0xff00}, op_name(r->op),
            r->why);
    /* an op without parameters is never called backward if nobody wants its input's
     * gradient */
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

static void check_threads(const struct trial *t, const struct op_row *r) {
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

static void check_batches(const struct trial *t, const struct op_row *r) {
    struct trial smaller = *t;
    smaller.largest = t->N + 3;
    compare(&smaller, &(struct manner){.phase = PHASE_TRAIN}, op_name(r->op), r->why);
    smaller.largest = t->N;
    /* Batch norm of two values is +-1 whatever they are: its gradient is nothing but
     * rounding. */
    int least = r->op == OP_batchnorm && r->x[1] * r->x[2] == 1 ? 3 : 1;
    for (smaller.N = least; smaller.N < t->N; smaller.N++)
        compare(&smaller, &(struct manner){.phase = PHASE_TRAIN}, op_name(r->op), r->why);
}

static void batches_smaller_than_planned_for_fit(void **state) {
    (void)state;
    cpu_start(3);
    each_row(check_batches);
}

static void check_phases(const struct trial *t, const struct op_row *r) {
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

static void the_first_of_equal_maxima_takes_the_gradient(void **state) {
    (void)state;
    struct trial t;
    struct shape leaf = {3, {6, 37, 45}};
    cpu_start(2);
    for (int stride = 1; stride <= 3; stride++) {
        trial_begin(&t, 2, 1, &leaf);
        add_maxpool(t.g, 0, 3, stride, 1);
        trial_fill(&t, 8);
        for (size_t i = 0; i < trial_leaf_count(&t, 0); i++)
            t.leaf[0][i] = rint(t.leaf[0][i]);
        compare(&t, &(struct manner){.phase = PHASE_TRAIN}, "maxpool",
                "few values, many ties");
        trial_free(&t);
    }
}

static void a_nan_in_a_window_stays(void **state) {
    (void)state;
    cpu_start(2);
    op_rows_nan(&ref_kernels, NULL);
    op_rows_nan(&cpu_kernels, NULL);
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
        TEST(the_first_of_equal_maxima_takes_the_gradient),
        TEST(a_nan_in_a_window_stays),
        TEST(pictures_come_in_as_in_the_reference),
    };
    return test_run(tests);
}
