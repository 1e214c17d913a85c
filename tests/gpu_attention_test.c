/* gpu_attention_test.c - attention for heads of 64 and 16-bit numbers by matrix products,
 * and what must equal it: the reference, the other way of doing it, itself in another order
 * of threads and blocks.
 *
 * Tolerance, relative L2: the reference is given the rounded numbers; results are
 * rounded to 11 and 8 bits (half a unit, 2^-11 and 2^-9 at most), and so are the
 * probabilities and their gradients before they are multiplied again; twice half a unit
 * is allowed, as in gpu_ops_test. */
#include "tests/test.h"
#include "tests/trial_gpu.h"
#include "model/gpu/kernels.h"

enum { ORDERS = 8, DIMS = 64 };
static const enum precision precisions[] = {FP16, BF16};
enum { PRECISIONS = 2 };

static double tolerance_of(enum precision p) {
    return p == FP16 ? 0x1p-10 : 0x1p-8;
}

/* The op's kernels, its ways forward and backward named; CHOSEN: as the plan says. */
enum way { CHOSEN, PLAIN, MATRIX };
static struct kernels table(enum way forward, enum way backward) {
    struct kernels k = gpu_kernels;
    struct kernel *op = &k.op[OP_attention];
    if (forward)
        op->forward =
            forward == PLAIN ? gpu_attention_plain_forward : gpu_attention_matrix_forward;
    if (backward)
        op->backward = backward == PLAIN ? gpu_attention_plain_backward
                                         : gpu_attention_matrix_backward;
    return k;
}
static void order(int seed) {
    char text[16];
    snprintf(text, sizeof text, "%d", seed);
    setenv("EMU_SEED", text, 1);
}

static void build(struct trial *t, int N, int T, int heads, struct gpu_ground *g) {
    struct shape leaf = {2, {T, 3 * DIMS * heads}};
    trial_begin(t, N, 1, &leaf);
    add_attention(t->g, 0, heads);
    trial_fill(t, 3 + (uint64_t)T);
    gpu_ground_round(g, t);
}

static void open_ground(struct gpu_ground *g, enum precision precision) {
    char why[256];
    if (!gpu_ground_open(g, precision, why, sizeof why)) fail_msg("no device: %s", why);
}

static void compare(const struct trial *t, struct gpu_ground *g,
                    const struct kernels *kernels, int sum, int times) {
    struct result want, got;
    struct manner m = {.phase = PHASE_TRAIN, .sum = sum};
    const char *where = "";
    trial_run(t, &ref_kernels, &m, &want);
    m.ground = &g->ground;
    trial_run(t, kernels, &m, &got);
    double off = result_distance(t, &got, &want, &where);
    if (!(off <= times * tolerance_of(g->gpu.precision)))
        fail_msg("%d tokens, precision %d: %s is off by %g", t->g->node[0].shape.dim[0],
                 g->gpu.precision, where, off);
    result_free(&want);
    result_free(&got);
}

/* Tokens on every side of 16 (a warp's rows) and 64 (a tile); 197 are the ViT's. */
static const struct {
    int N, T, heads;
} rows[] = {
    {2, 1, 1},  {3, 5, 2},  {1, 16, 1}, {2, 17, 1},  {2, 33, 2},  {1, 50, 3},  {2, 63, 1},
    {1, 64, 2}, {2, 65, 1}, {1, 80, 1}, {1, 128, 1}, {1, 129, 1}, {1, 197, 2},
};
enum { ROWS = sizeof rows / sizeof *rows };

static void equals_the_reference(enum way forward, enum way backward, int sum, int most) {
    const struct kernels kernels = table(forward, backward);
    for (int p = 0; p < PRECISIONS; p++) {
        if (!gpu_has(precisions[p])) continue;
        struct gpu_ground g;
        open_ground(&g, precisions[p]);
        for (int i = 0; i < ROWS; i++) {
            struct trial t;
            if (rows[i].T > most) continue;
            build(&t, rows[i].N, rows[i].T, rows[i].heads, &g);
            compare(&t, &g, &kernels, sum, 1);
            trial_free(&t);
        }
        gpu_ground_close(&g);
    }
}
static void by_matrix_products_it_equals_the_reference(void **state) {
    (void)state;
    equals_the_reference(MATRIX, MATRIX, 0, 197);
}
static void gradients_are_added_where_the_call_says_so(void **state) {
    (void)state;
    equals_the_reference(MATRIX, MATRIX, 1, 80);
}
static void by_multiply_adds_it_equals_the_reference(void **state) {
    (void)state;
    equals_the_reference(PLAIN, PLAIN, 0, 197);
}
static void one_way_goes_on_with_what_the_other_saved(void **state) {
    (void)state;
    equals_the_reference(PLAIN, MATRIX, 0, 65);
    equals_the_reference(MATRIX, PLAIN, 0, 65);
    equals_the_reference(CHOSEN, CHOSEN, 0, 65);
}

static void turing_has_it_in_fp16(void **state) {
    (void)state;
    const char *had = getenv("EMU_CAPABILITY");
    const struct kernels kernels = table(MATRIX, MATRIX);
    setenv("EMU_CAPABILITY", "75", 1);
    struct gpu_ground g;
    open_ground(&g, FP16);
    for (int i = 0; i < ROWS; i++) {
        struct trial t;
        if (rows[i].T > 129) continue;
        build(&t, rows[i].N, rows[i].T, rows[i].heads, &g);
        compare(&t, &g, &kernels, 0, 1);
        trial_free(&t);
    }
    gpu_ground_close(&g);
    if (had)
        setenv("EMU_CAPABILITY", had, 1);
    else
        unsetenv("EMU_CAPABILITY");
}

static void check_orders(enum precision precision, int N, int T, int heads) {
    struct gpu_ground g;
    struct trial t;
    struct result one, other;
    struct manner m = {.phase = PHASE_TRAIN};
    const struct kernels kernels = table(MATRIX, MATRIX);
    open_ground(&g, precision);
    build(&t, N, T, heads, &g);
    m.ground = &g.ground;
    order(0);
    trial_run(&t, &kernels, &m, &one);
    for (int seed = 1; seed < ORDERS; seed++) {
        order(seed); /* on a device orders differ by themselves */
        trial_run(&t, &kernels, &m, &other);
        if (!result_same(&t, &one, &other))
            fail_msg("%d tokens, precision %d: other bytes in order %d", T, precision,
                     seed);
        result_free(&other);
    }
    unsetenv("EMU_SEED");
    result_free(&one);
    trial_free(&t);
    gpu_ground_close(&g);
}
static void the_order_of_threads_does_not_show(void **state) {
    (void)state;
    check_orders(FP16, 1, 197, 1);
    for (int p = 0; p < PRECISIONS; p++) {
        if (!gpu_has(precisions[p])) continue;
        check_orders(precisions[p], 2, 65, 1);
        check_orders(precisions[p], 2, 5, 2);
    }
}

/* Scores far from 0 on both sides: exponentials are taken of differences alone. All keys
 * share a part of 8 that a query's gradient cancels (its row of ds sums to 0), but not
 * the roundings: four times. */
static void great_scores_do_not_overflow(void **state) {
    (void)state;
    const struct kernels kernels = table(MATRIX, MATRIX);
    for (int p = 0; p < PRECISIONS; p++)
        for (int sign = -1; sign <= 1 && gpu_has(precisions[p]); sign += 2) {
            struct gpu_ground g;
            struct trial t;
            open_ground(&g, precisions[p]);
            build(&t, 1, 33, 1, &g);
            for (size_t i = 0; i < trial_leaf_count(&t, 0); i++)
                if (i % (3 * DIMS) < 2 * DIMS)
                    t.leaf[0][i] =
                        (i % (3 * DIMS) < DIMS ? sign * 8 : 8) + t.leaf[0][i] / 8;
            gpu_ground_round(&g, &t);
            compare(&t, &g, &kernels, 0, 4);
            trial_free(&t);
            gpu_ground_close(&g);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(by_matrix_products_it_equals_the_reference),
        TEST(gradients_are_added_where_the_call_says_so),
        TEST(by_multiply_adds_it_equals_the_reference),
        TEST(one_way_goes_on_with_what_the_other_saved),
        TEST(turing_has_it_in_fp16),
        TEST(the_order_of_threads_does_not_show),
        TEST(great_scores_do_not_overflow),
    };
    return test_run(tests);
}
