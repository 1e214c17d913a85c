/* model_gradient_test.c - the reference's gradients against central differences of its own
 * forward pass, on the rows of op_rows.c: f = sum of dy times y, or the scaled loss.
 *
 * h 1e-5; tolerance 1e-6 relative L2: the third derivative leaves h^2, rounding 1e-16 / h
 * of f. */
#include "tests/op_rows.h"
#include "tests/test.h"

static const double H = 1e-5, TOLERANCE = 1e-6;
enum { SAMPLE = 24 }; /* elements of an array, evenly spaced */

static double value(const struct trial *t) {
    struct result r;
    double f = 0;
    trial_run(t, &ref_kernels, &(struct manner){.phase = PHASE_TRAIN, .forward_only = 1},
              &r);
    if (t->g->loss >= 0)
        for (int n = 0; n < t->N; n++) f += t->loss_scale * r.loss[n] / t->N;
    else
        for (size_t i = 0; i < trial_out_count(t); i++) f += t->dy[i] * r.y[i];
    result_free(&r);
    return f;
}

/* One array that the forward pass reads, beside the gradient that backward gave. */
static void check_array(const struct trial *t, const struct op_row *r, const char *what,
                        int number, double *x, const double *gradient, size_t n) {
    double ours[SAMPLE], theirs[SAMPLE];
    size_t count = n < SAMPLE ? n : SAMPLE;
    for (size_t i = 0; i < count; i++) {
        size_t at = i * n / count;
        double middle = x[at];
        x[at] = middle + H;
        double above = value(t);
        x[at] = middle - H;
        theirs[i] = (above - value(t)) / (2 * H);
        x[at] = middle;
        ours[i] = gradient[at];
    }
    double norm = 0;
    for (size_t i = 0; i < count; i++) norm += ours[i] * ours[i];
    /* Differences carry the rounding of f: some units in its last place, over h. Where the
     * gradient is nought that is all there is. */
    double rounding = 1e-15 * (1 + fabs(value(t))) / H * sqrt((double)count);
    double off = relative_l2(theirs, ours, count),
           allowed = norm > 0 ? TOLERANCE + rounding / sqrt(norm) : rounding;
    if (!(off <= allowed))
        fail_msg("%s (%s): %s%d is off by %g", op_name(r->op), r->why, what, number, off);
}

static void check_row(const struct op_row *row) {
    struct trial t;
    struct result r;
    op_row_build(&t, row);
    trial_fill(&t, 40);
    trial_run(&t, &ref_kernels, &(struct manner){.phase = PHASE_TRAIN}, &r);
    for (int i = 0; i < t.leaves; i++)
        check_array(&t, row, "dx", i, t.leaf[i], r.dx[i], trial_leaf_count(&t, i));
    for (int i = 0; i < t.g->params; i++)
        if (!t.g->param[i].buffer)
            check_array(&t, row, "dw", i, t.param[i], r.dw[i], t.g->param[i].count);
    result_free(&r);
    trial_free(&t);
}

static void gradients_equal_central_differences(void **state) {
    (void)state;
    int seen[OP_COUNT] = {0};
    for (int i = 0; i < op_row_count; i++) {
        check_row(&op_rows[i]);
        seen[op_rows[i].op] = 1;
    }
    for (int op = 0; op < OP_COUNT; op++)
        if (!seen[op] && op != OP_input) fail_msg("no row has op %s", op_name(op));
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(gradients_equal_central_differences)};
    return test_run(tests);
}
