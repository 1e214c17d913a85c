/* gpu_fusion_test.c - every fused step of the GPU against the reference on that very run of nodes, one row
 * a run, in each storage type; the same bytes whatever the order of threads.
 *
 * Tolerances are those of the single ops (gpu_ops_test.c): what stays inside a fused step is not rounded,
 * so it may be nearer, never farther. A run that stores an inner number (an open output; the product in
 * front of gelu, its gradient; a decoder's parts, a tap's) rounds twice: twice the tolerance. */
#include "tests/test.h"
#include "tests/trial_gpu.h"
#include "model/gpu/chain.h"
#include "model/gpu/kernels.h"

static const enum precision precisions[] = {FP32, FP16, BF16};
enum { PRECISIONS = 3, ORDERS = 8 };

struct row {
    const char *fusion;
    int N;
    struct shape leaf[2];
    void (*build)(struct graph *g, int last); /* last: the last leaf */
    const char *why;
};
#define MAP(c, h, w)                                                                       \
    {                                                                                      \
        3, {                                                                               \
            c, h, w                                                                        \
        }                                                                                  \
    }
#define TOKENS(t, d)                                                                       \
    {                                                                                      \
        2, {                                                                               \
            t, d, 1                                                                        \
        }                                                                                  \
    }

static void norm_relu(struct graph *g, int last) {
    add_relu(g, add_batchnorm(g, last, "b", 1e-5, .1, 0));
}
static void frozen_relu(struct graph *g, int last) {
    add_relu(g, add_batchnorm(g, last, "b", 1e-3, .1, 1));
}
static void norm_add_relu(struct graph *g, int last) {
    add_relu(g, add_add(g, add_batchnorm(g, 0, "b", 1e-5, .1, 0), last));
}
static void norm_added_relu(struct graph *g, int last) {
    add_relu(g, add_add(g, last, add_batchnorm(g, 0, "b", 1e-5, .1, 0)));
}
static void frozen_add_relu(struct graph *g, int last) {
    add_relu(g, add_add(g, add_batchnorm(g, 0, "b", 1e-5, .1, 1), last));
}
static void just_add_relu(struct graph *g, int last) {
    add_relu(g, add_add(g, 0, last));
}
static void residual_norm(struct graph *g, int last) {
    add_layernorm(g, add_add(g, 0, last), "n", 1e-6);
}
static void upsampled_by_4(struct graph *g, int last) {
    int S = 4 * g->node[last].shape.dim[1];
    add_loss(g, add_resize(g, last, S, S, 0), 0);
}
static void upsampled_aligned(struct graph *g, int last) {
    add_loss(g, add_resize(g, last, 24, 24, 1), 2);
}
static void upsampled_oddly(struct graph *g, int last) {
    add_loss(g, add_resize(g, last, 40, 40, 0), 1);
}
static void hidden(struct graph *g, int last) {
    add_gelu(g, add_linear(g, last, "l", 24, INIT_TRUNC));
}
static void hidden_odd(struct graph *g, int last) {
    add_gelu(g, add_linear(g, last, "l", 19, INIT_UNIFORM_IN));
}
/* Leaf 0 is resized to leaf 1's size. */
static void decoder(struct graph *g, int skip_first, int align, int out, int bias) {
    const struct shape skip = g->node[1].shape;
    const int up = add_resize(g, 0, skip.dim[1], skip.dim[2], align);
    const int both = skip_first ? add_concat(g, (int[]){1, up}, 2)
                                : add_concat(g, (int[]){up, 1}, 2);
    add_conv(g, both, "c",
             (struct convolution){
                 .out = out, .kernel = 3, .pad = -1, .bias = bias, .init = INIT_UNIFORM_IN});
}
static void plain_decoder(struct graph *g, int last) {
    (void)last, decoder(g, 1, 0, 40, 0);
}
static void resized_first(struct graph *g, int last) {
    (void)last, decoder(g, 0, 0, 24, 1);
}
static void aligned_decoder(struct graph *g, int last) {
    (void)last, decoder(g, 1, 1, 264, 0);
}

static void dilated(struct graph *g, int last, int dilation, int bias) {
    add_conv(g, last, "c",
             (struct convolution){.out = 24,
                                  .kernel = 3,
                                  .dilation = dilation,
                                  .pad = -1,
                                  .bias = bias,
                                  .init = INIT_UNIFORM_IN});
}
static void dilated_by_4(struct graph *g, int last) {
    dilated(g, last, 4, 0);
}
static void dilated_by_5(struct graph *g, int last) {
    dilated(g, last, 5, 1);
}

static int convolved(struct graph *g, int x, const char *name, int out, int kernel) {
    return add_conv(g, x, name,
                    (struct convolution){
                        .out = out, .kernel = kernel, .pad = -1, .init = INIT_KAIMING_OUT});
}
static int normed(struct graph *g, int x, const char *name) {
    return add_batchnorm(g, x, name, 1e-5, .1, 0);
}
static void conv_norm_relu(struct graph *g, int last) {
    add_relu(g, normed(g, convolved(g, last, "c", 24, 3), "b"));
}
static void conv_norm_add_relu(struct graph *g, int last) {
    add_relu(g, add_add(g, normed(g, convolved(g, 0, "c", 16, 1), "b"), last));
}
static void norm_relu_conv(struct graph *g, int last) {
    convolved(g, add_relu(g, normed(g, last, "b")), "c", 40, 3);
}
/* Its shortcut is what it reads. */
static void bottleneck(struct graph *g, int last) {
    int x = add_relu(g, normed(g, convolved(g, last, "c1", 8, 1), "b1"));
    x = convolved(g, add_relu(g, normed(g, convolved(g, x, "c2", 8, 3), "b2")), "c3", 16, 1);
    add_relu(g, add_add(g, normed(g, x, "b3"), last));
}
static void two_joined(struct graph *g, int last) {
    int x = add_relu(g, normed(g, convolved(g, last, "c1", 16, 1), "b1"));
    add_relu(g, normed(g, convolved(g, x, "c2", 24, 3), "b2"));
}

static const struct row rows[] = {
    {"conv_norm_relu", 2, {MAP(16, 7, 9)}, conv_norm_relu, "statistics of a 3x3"},
    {"conv_norm_add_relu", 3, {MAP(40, 5, 6), MAP(16, 5, 6)}, conv_norm_add_relu, "of a 1x1"},
    {"norm_relu_conv", 2, {MAP(24, 7, 5)}, norm_relu_conv, "3x3"},
    {"conv_dnorm", 2, {MAP(24, 7, 5)}, norm_relu_conv, "3x3"},
    {"conv_chain", 3, {MAP(16, 5, 7)}, bottleneck, "a whole bottleneck"},
    {"conv_chain", 2, {MAP(8, 6, 5)}, two_joined, "two, no addition"},
    {"dead_taps", 2, {MAP(16, 7, 7)}, dilated_by_4, "all nine reach something"},
    {"dead_taps", 3, {MAP(8, 5, 9)}, dilated_by_4, "not square"},
    {"dead_taps", 2, {MAP(40, 3, 9)}, dilated_by_4, "no row but the middle one"},
    {"dead_taps", 2, {MAP(16, 9, 5)}, dilated_by_5, "no column but the middle one, bias"},
    {"dead_taps", 5, {MAP(16, 5, 3)}, dilated_by_5, "the centre alone, bias"},
    {"resize_concat_conv", 2, {MAP(16, 5, 4), MAP(24, 20, 16)}, plain_decoder, "up by 4"},
    {"resize_concat_conv", 3, {MAP(24, 3, 4), MAP(8, 13, 11)}, plain_decoder, "no whole factor"},
    {"resize_concat_conv", 2, {MAP(8, 5, 3), MAP(8, 20, 13)}, resized_first, "other order, bias"},
    {"resize_concat_conv", 1, {MAP(8, 2, 3), MAP(16, 16, 9)}, aligned_decoder, "corners aligned"},
    {"batchnorm_relu", 3, {MAP(5, 7, 9)}, norm_relu, "odd channels"},
    {"batchnorm_relu", 2, {MAP(40, 12, 12)}, norm_relu, "wide moves, several chunks"},
    {"batchnorm_relu", 4, {MAP(33, 1, 1)}, norm_relu, "behind the mean over the map"},
    {"batchnorm_relu", 2, {MAP(8, 7, 9)}, frozen_relu, "frozen"},
    {"batchnorm_add_relu", 3, {MAP(5, 7, 9), MAP(5, 7, 9)}, norm_add_relu, "norm first"},
    {"batchnorm_add_relu", 2, {MAP(16, 6, 8), MAP(16, 6, 8)}, norm_added_relu, "shortcut first"},
    {"batchnorm_add_relu", 2, {MAP(8, 6, 8), MAP(8, 6, 8)}, frozen_add_relu, "frozen"},
    {"add_relu", 2, {MAP(5, 7, 9), MAP(5, 7, 9)}, just_add_relu, "odd count"},
    {"add_layernorm", 2, {TOKENS(5, 48), TOKENS(5, 48)}, residual_norm, "wide moves"},
    {"add_layernorm", 3, {TOKENS(7, 37), TOKENS(7, 37)}, residual_norm, "odd width"},
    {"add_layernorm", 2, {TOKENS(17, 384), TOKENS(17, 384)}, residual_norm, "ViT-S's width"},
    {"linear_gelu", 2, {TOKENS(5, 48)}, hidden, "wide moves"},
    {"linear_gelu", 3, {TOKENS(7, 37)}, hidden_odd, "odd widths"},
    {"linear_gelu", 2, {TOKENS(150, 16)}, hidden, "several chunks of rows"},
    {"resize_loss", 2, {MAP(1, 8, 8)}, upsampled_by_4, "bce, by 4"},
    {"resize_loss", 3, {MAP(1, 5, 7)}, upsampled_aligned, "both, corners aligned"},
    {"resize_loss", 2, {MAP(1, 9, 3)}, upsampled_oddly, "dice, no whole factor"},
};

static const struct fusion *named(const char *name) {
    for (int i = 0; i < gpu_kernels.fusions; i++)
        if (strcmp(gpu_kernels.fusion[i].name, name) == 0) return &gpu_kernels.fusion[i];
    fail_msg("no fusion %s", name);
    return NULL;
}

/* Convolutions joined to norms keep maps between in 16 bits, and a number rounded otherwise moves a
 * ReLU's cut: few gradients, but whole ones. So there the norms' biases are raised by 3, where hardly
 * anything is cut (fp32 cuts as it comes), and the run is held to itself with nothing joined. It may
 * round a norm's scale and bias, what is normalised, and a gradient, where that does not: four times the
 * tolerance; behind a second norm, which divides by less than what was rounded, sixteen times. */
static int joins(const struct row *r) {
    return named(r->fusion)->can != NULL;
}
static void apart_forward(const struct call *calls, int n) {
    gpu_chain_forward(calls, n, 0);
}
static void apart_backward(const struct call *calls, int n) {
    gpu_chain_backward(calls, n, 0);
}

static double tolerance_of(enum precision p, const struct row *r) {
    double once = p == FP16 ? 0x1p-10 : p == BF16 ? 0x1p-8 : 1e-5;
    int twice = named(r->fusion)->open || strcmp(r->fusion, "linear_gelu") == 0 ||
                strcmp(r->fusion, "resize_concat_conv") == 0 ||
                strcmp(r->fusion, "dead_taps") == 0;
    if (strcmp(r->fusion, "conv_chain") == 0) return 16 * once;
    return joins(r) ? 4 * once : twice ? 2 * once : once;
}

/* Where no ReLU cuts, a bias that the next norm subtracts again has no gradient but rounding. */
static void drop_zeros(const struct trial *t, struct result *a, struct result *b) {
    for (int i = 0; i + 4 < t->g->params; i++)
        if (strstr(t->g->param[i].name, ".bias") && a->dw[i] && b->dw[i])
            for (size_t k = 0; k < t->g->param[i].count; k++) a->dw[i][k] = b->dw[i][k] = 1;
}

static void compare(const struct trial *t, struct gpu_ground *g, const struct row *r,
                    struct manner m) {
    struct result want, got;
    struct fusion apart = *named(r->fusion);
    const char *where = "";
    apart.forward = apart_forward, apart.backward = apart_backward;
    if (joins(r) && g->gpu.precision != FP32) m.fusion = &apart, m.ground = &g->ground;
    trial_run(t, m.ground ? &gpu_kernels : &ref_kernels, &m, &want);
    m.fusion = named(r->fusion);
    m.ground = &g->ground;
    trial_run(t, &gpu_kernels, &m, &got);
    if (m.fusion->can && g->gpu.precision != FP32) drop_zeros(t, &got, &want);
    double off = result_distance(t, &got, &want, &where);
    if (!(off <= tolerance_of(g->gpu.precision, r)))
        fail_msg("%s (%s), precision %d: %s is off by %g", r->fusion, r->why, g->gpu.precision,
                 where, off);
    result_free(&want);
    result_free(&got);
}

static void raise_biases(struct trial *t) {
    for (int i = 0; i < t->g->params; i++) {
        const char *dot = strrchr(t->g->param[i].name, '.');
        for (size_t k = 0; dot && strcmp(dot, ".bias") == 0 && k < t->g->param[i].count; k++)
            t->param[i][k] += 3;
    }
}

static void each_row(void (*check)(const struct trial *t, struct gpu_ground *g,
                                   const struct row *r)) {
    for (int p = 0; p < PRECISIONS; p++) {
        struct gpu_ground g;
        char why[256];
        if (!gpu_ground_open(&g, precisions[p], why, sizeof why)) fail_msg("no device: %s", why);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct trial t;
            int leaves = 1 + (rows[i].leaf[1].ndim > 0);
            trial_begin(&t, rows[i].N, leaves, rows[i].leaf);
            rows[i].build(t.g, leaves - 1);
            t.open = (unsigned)named(rows[i].fusion)->open;
            trial_fill(&t, 70 + i);
            if (joins(&rows[i]) && precisions[p] != FP32) raise_biases(&t);
            gpu_ground_round(&g, &t);
            check(&t, &g, &rows[i]);
            trial_free(&t);
        }
        gpu_ground_close(&g);
    }
}

static void check_match(const struct trial *t, struct gpu_ground *g, const struct row *r) {
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
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            found |= strcmp(rows[i].fusion, gpu_kernels.fusion[f].name) == 0;
        if (!found) fail_msg("%s has no row", gpu_kernels.fusion[f].name);
    }
}

static void check_run(const struct trial *t, struct gpu_ground *g, const struct row *r) {
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

static void check_without(const struct trial *t, struct gpu_ground *g, const struct row *r) {
    compare(t, g, r, (struct manner){.phase = PHASE_TRAIN, .without = 0xffff00});
    if (t->g->params || t->leaves > 1)
        compare(t, g, r, (struct manner){.phase = PHASE_TRAIN, .without = 1});
    if (t->leaves > 1) compare(t, g, r, (struct manner){.phase = PHASE_TRAIN, .without = 2});
    if (t->g->params > 1)
        compare(t, g, r, (struct manner){.phase = PHASE_TRAIN, .without = 1 << 8});
}
static void unwanted_gradients_are_left_out(void **state) {
    (void)state;
    each_row(check_without);
}

static void check_batches(const struct trial *t, struct gpu_ground *g, const struct row *r) {
    struct trial smaller = *t;
    smaller.largest = t->N + 3;
    compare(&smaller, g, r, (struct manner){.phase = PHASE_TRAIN});
}
static void batches_smaller_than_planned_for_fit(void **state) {
    (void)state;
    each_row(check_batches);
}

static void check_orders(const struct trial *t, struct gpu_ground *g, const struct row *r) {
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

static void check_choice(const struct trial *t, struct gpu_ground *g, const struct row *r) {
    struct kernels k = gpu_kernels;
    k.machine = &g->gpu;
    for (int train = named(r->fusion)->train; train < 2; train++) {
        int worth = gpu_worth(&k, t->g, named(r->fusion), t->first, t->N, train);
        assert_in_range(worth, 0, 1);
        assert_int_equal(gpu_worth(&k, t->g, named(r->fusion), t->first, t->N, train), worth);
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
