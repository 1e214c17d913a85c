/* gpu_fusion_test.c - every fused step of the GPU against the reference on that very
 * run of nodes, one row a run, in each storage type; the same bytes whatever the order
 * of threads.
 *
 * Tolerances are those of the single ops (gpu_ops_test.c): what stays inside a fused
 * step is not rounded, so it may be nearer, never farther. A run that stores an inner
 * number (an open output; the product in front of gelu, its gradient; a decoder's
 * parts, a tap's, a row's) rounds twice: twice the tolerance. */
#include "tests/fusion_rows.h"
#include "tests/test.h"
#include "tests/trial_gpu.h"
#include "model/gpu/chain.h"
#include "model/gpu/kernels.h"

static const enum precision precisions[] = {FP32, FP16, BF16};
enum { PRECISIONS = 3, ORDERS = 8 };

static const struct fusion *named(const char *name) {
    for (int i = 0; i < gpu_kernels.fusions; i++)
        if (strcmp(gpu_kernels.fusion[i].name, name) == 0) return &gpu_kernels.fusion[i];
    fail_msg("no fusion %s", name);
    return NULL;
}

/* Convolutions joined to norms keep maps between in 16 bits, and a number rounded
 * otherwise moves a ReLU's cut: few gradients, but whole ones. So there the norms'
 * biases are raised by 6, where nothing is cut (fp32 cuts as it comes), and the run is
 * held to itself with nothing joined. It may round a norm's scale and bias, what is
 * normalised, and a gradient, where that does not: four times the tolerance; behind a
 * second norm, which divides by less than what was rounded, sixteen times. */
static int joins(const struct fusion_row *r) {
    return named(r->fusion)->can != NULL;
}
static size_t apart_scratch(const struct call *calls, int n) {
    return gpu_chain_scratch(calls, n, 0);
}
static void apart_forward(const struct call *calls, int n) {
    gpu_chain_forward(calls, n, 0);
}
static void apart_backward(const struct call *calls, int n) {
    gpu_chain_backward(calls, n, 0);
}

static double tolerance_of(enum precision p, const struct fusion_row *r) {
    double once = p == FP16 ? 0x1p-10 : p == BF16 ? 0x1p-8 : 1e-5;
    int twice = named(r->fusion)->open || strcmp(r->fusion, "linear_gelu") == 0 ||
                strcmp(r->fusion, "resize_concat_conv") == 0 ||
                strcmp(r->fusion, "dead_taps") == 0 ||
                strcmp(r->fusion, "pooled_row") == 0 ||
                strcmp(r->fusion, "resize_conv") == 0;
    if (strcmp(r->fusion, "conv_chain") == 0) return 16 * once;
    return joins(r) ? 4 * once : twice ? 2 * once : once;
}

/* Where no ReLU cuts, a bias that the next norm subtracts again has no gradient but
 * rounding. */
static void drop_zeros(const struct trial *t, struct result *a, struct result *b) {
    for (int i = 0; i + 4 < t->g->params; i++)
        if (strstr(t->g->param[i].name, ".bias") && a->dw[i] && b->dw[i])
            for (size_t k = 0; k < t->g->param[i].count; k++) a->dw[i][k] = b->dw[i][k] = 1;
}

static void compare(const struct trial *t, struct gpu_ground *g, const struct fusion_row *r,
                    struct manner m) {
    struct result want, got;
    struct fusion apart = *named(r->fusion);
    const char *where = "";
    apart.forward = apart_forward, apart.backward = apart_backward;
    apart.scratch = apart_scratch;
    if (joins(r) && g->gpu.precision != FP32) m.fusion = &apart, m.ground = &g->ground;
    trial_run(t, m.ground ? &gpu_kernels : &ref_kernels, &m, &want);
    m.fusion = named(r->fusion);
    m.ground = &g->ground;
    trial_run(t, &gpu_kernels, &m, &got);
    if (m.fusion->can && g->gpu.precision != FP32) drop_zeros(t, &got, &want);
    double off = result_distance(t, &got, &want, &where);
    if (!(off <= tolerance_of(g->gpu.precision, r)))
        fail_msg("%s (%s), precision %d: %s is off by %g", r->fusion, r->why,
                 g->gpu.precision, where, off);
    result_free(&want);
    result_free(&got);
}

static void raise_biases(struct trial *t) {
    for (int i = 0; i < t->g->params; i++) {
        const char *dot = strrchr(t->g->param[i].name, '.');
        for (size_t k = 0; dot && strcmp(dot, ".bias") == 0 && k < t->g->param[i].count;
             k++)
            t->param[i][k] += 6;
    }
}

static void each_row(void (*check)(const struct trial *t, struct gpu_ground *g,
                                   const struct fusion_row *r)) {
    for (int p = 0; p < PRECISIONS; p++) {
        if (!gpu_has(precisions[p])) continue;
        struct gpu_ground g;
        char why[256];
        if (!gpu_ground_open(&g, precisions[p], why, sizeof why))
            fail_msg("no device: %s", why);
        for (int i = 0; i < FUSION_ROWS; i++) {
            struct trial t;
            int leaves = 1 + (fusion_row[i].leaf[1].ndim > 0);
            trial_begin(&t, fusion_row[i].N, leaves, fusion_row[i].leaf);
            fusion_row[i].build(t.g, leaves - 1);
            t.open = (unsigned)named(fusion_row[i].fusion)->open;
            trial_fill(&t, 70 + (uint64_t)i);
            if (joins(&fusion_row[i]) && precisions[p] != FP32) raise_biases(&t);
            gpu_ground_round(&g, &t);
            check(&t, &g, &fusion_row[i]);
            trial_free(&t);
        }
        gpu_ground_close(&g);
    }
}

static void check_match(const struct trial *t, struct gpu_ground *g,
                        const struct fusion_row *r) {
    (void)g;
    assert_int_equal(named(r->fusion)->match(t->g, t->first), t->nodes);
    if (t->nodes > 1) assert_int_equal(named(r->fusion)->match(t->g, t->g->nodes - 1), 0);
}
static void every_row_is_recognised(void **state) {
    (void)state;
    each_row(check_match);
}

static void every_fusion_has_a_row(void **state) {
    (void)state;
    for (int f = 0; f < gpu_kernels.fusions; f++) {
        int found = 0;
        for (int i = 0; i < FUSION_ROWS; i++)
            found |= strcmp(fusion_row[i].fusion, gpu_kernels.fusion[f].name) == 0;
        if (!found) fail_msg("%s has no row", gpu_kernels.fusion[f].name);
    }
}

static void check_run(const struct trial *t, struct gpu_ground *g,
                      const struct fusion_row *r) {
    compare(t, g, r, (struct manner){.phase = PHASE_TRAIN});
    compare(t, g, r, (struct manner){.phase = PHASE_TRAIN, .again = 1});
    compare(t, g, r, (struct manner){.phase = PHASE_TRAIN, .sum = 1});
    if (named(r->fusion)->train) return;
    compare(t, g, r, (struct manner){.phase = PHASE_INFER, .forward_only = 1});
    compare(t, g, r, (struct manner){.phase = PHASE_ESTIMATE, .forward_only = 1});
}
static void every_fused_step_equals_its_run_of_nodes(void **state) {
    (void)state;
    each_row(check_run);
}

static void check_without(const struct trial *t, struct gpu_ground *g,
                          const struct fusion_row *r) {
    compare(t, g, r, (struct manner){.phase = PHASE_TRAIN, .without = 0xffff00});
    if (t->g->params || t->leaves > 1)
        compare(t, g, r, (struct manner){.phase = PHASE_TRAIN, .without = 1});
    if (t->leaves > 1)
        compare(t, g, r, (struct manner){.phase = PHASE_TRAIN, .without = 2});
    if (t->g->params > 1)
        compare(t, g, r, (struct manner){.phase = PHASE_TRAIN, .without = 1 << 8});
}
static void unwanted_gradients_are_left_out(void **state) {
    (void)state;
    each_row(check_without);
}

static void check_batches(const struct trial *t, struct gpu_ground *g,
                          const struct fusion_row *r) {
    struct trial smaller = *t;
    smaller.largest = t->N + 3;
    compare(&smaller, g, r, (struct manner){.phase = PHASE_TRAIN});
}
static void batches_smaller_than_planned_for_fit(void **state) {
    (void)state;
    each_row(check_batches);
}

static void check_orders(const struct trial *t, struct gpu_ground *g,
                         const struct fusion_row *r) {
    struct result one, other;
    struct manner m = {
        .phase = PHASE_TRAIN, .fusion = named(r->fusion), .ground = &g->ground};
    trial_run(t, &gpu_kernels, &m, &one);
    for (int seed = 1; seed < ORDERS; seed++) {
        char text[16];
        snprintf(text, sizeof text, "%d", seed);
        setenv("EMU_SEED", text, 1); /* on a device orders differ by themselves */
        trial_run(t, &gpu_kernels, &m, &other);
        if (!result_same(t, &one, &other))
            fail_msg("%s (%s), precision %d: other bytes in order %d", r->fusion, r->why,
                     g->gpu.precision, seed);
        result_free(&other);
    }
    unsetenv("EMU_SEED");
    result_free(&one);
}
static void the_order_of_threads_does_not_show(void **state) {
    (void)state;
    each_row(check_orders);
}

static void check_choice(const struct trial *t, struct gpu_ground *g,
                         const struct fusion_row *r) {
    struct kernels k = gpu_kernels;
    k.machine = &g->gpu;
    for (int train = named(r->fusion)->train; train < 2; train++) {
        int worth = gpu_worth(&k, t->g, named(r->fusion), t->first, t->N, train);
        assert_in_range(worth, 0, 1);
        assert_int_equal(gpu_worth(&k, t->g, named(r->fusion), t->first, t->N, train),
                         worth);
    }
}
static void both_ways_are_run_where_one_is_chosen(void **state) {
    (void)state;
    setenv("EMU_CHOOSE", "run", 1); /* a device times them anyway */
    each_row(check_choice);
    unsetenv("EMU_CHOOSE");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_row_is_recognised),
        TEST(every_fusion_has_a_row),
        TEST(every_fused_step_equals_its_run_of_nodes),
        TEST(unwanted_gradients_are_left_out),
        TEST(batches_smaller_than_planned_for_fit),
        TEST(the_order_of_threads_does_not_show),
        TEST(both_ways_are_run_where_one_is_chosen),
    };
    return test_run(tests);
}
