/* model_floor_test.c - what a step must cost at least: counts held to counts made by
 * hand. */
#include "tests/test.h"
#include "model/floor.h"
#include "model/model.h"

static const struct floor_work TRAIN = {32, 2, 1}, FORWARD = {32, 2, 0};
static const struct floor_rates H100 = {800e12, 3e12};

static void build(struct model *model, const char *encoder, const char *preset) {
    static const struct norm plain = {{0, 0, 0}, {1, 1, 1}, 255, 0};
    struct recipe recipe;
    struct cell cell;
    char *conf = xprintf("%s/train/paper.conf", test_home),
         *name = xprintf("%s-random-x", encoder);
    char *change = xprintf("preset=%s", preset);
    recipe_read(&recipe, conf, &change, 1);
    cell_parse(&cell, name);
    model_build(model, &cell, &recipe, &plain, 224);
    xfree(conf), xfree(name), xfree(change);
}

static struct floor whole(const char *encoder, const char *preset,
                          const struct floor_work *work) {
    struct floor sum = {0, 0, 0, 0, 0, 0};
    struct model model;
    build(&model, encoder, preset);
    for (int i = 0; i < model.graph->nodes; i++) {
        struct floor f = floor_of(model.graph, i, work);
        floor_add(&sum, &f);
    }
    model_free(&model);
    return sum;
}

/* ResNet-50 with the decoder of Chen et al., batch 32: counted layer by layer elsewhere,
 * 847 GFLOP forward, 2533 with backward (the first convolution has no gradient of its
 * input), 2068 useful. */
static void a_step_of_resnet50_is_2533_gigaflop(void **state) {
    (void)state;
    struct floor step = whole("resnet50", "chen2018", &TRAIN);
    struct floor forward = whole("resnet50", "chen2018", &FORWARD);
    assert_near(forward.dense / 1e9, 847, 0.5);
    assert_near(step.dense / 1e9, 2533, 0.5);
    assert_near(step.useful / 1e9, 2068, 0.5);
    assert_true(step.saved < step.useful && step.fused < step.apart);
}

/* The 3x3 behind the upsampling: its 256 upsampled channels cost 355 GFLOP a step on 56 x
 * 56, 22 on 14 x 14. */
static void an_upsampled_map_is_counted_on_the_small_one(void **state) {
    (void)state;
    struct model model;
    build(&model, "resnet50", "plain");
    int found = 0;
    for (int i = 0; i < model.graph->nodes; i++) {
        if (strcmp(model.graph->node[i].name, "fuse.0")) continue;
        struct floor f = floor_of(model.graph, i, &TRAIN);
        double upsampled = 3 * 2. * 256 * 256 * 9 * 32 / 1e9;
        assert_near(f.dense / 1e9, upsampled * (304. / 256) * 3136, 1e-3);
        /* 347 useful ones become 22 */
        assert_near((f.useful - f.saved) / 1e9,
                    f.useful / 1e9 * 256 / 304 - upsampled * 196, 1e-3);
        found++;
    }
    assert_int_equal(found, 1);
    model_free(&model);
}

/* 64 -> 256 channels, 1 x 1, 56 x 56, batch 32, 16 bits: x 12.8 MB, y 51.4 MB, w 32 KB. */
static void a_convolutions_bytes_and_floor_are_those_counted_by_hand(void **state) {
    (void)state;
    struct graph *g = graph_new();
    static const struct attr norm = {.std = {1, 1, 1}, .plane = {0, 1, 2}};
    int x = add_conv(g, add_input(g, 224, &norm), "a",
                     (struct convolution){.out = 64, .kernel = 4, .stride = 4, .pad = 0});
    x = add_conv(g, x, "b", (struct convolution){.out = 256, .kernel = 1});
    struct floor f = floor_of(g, x, &FORWARD);
    double X = 64 * 3136 * 32 * 2, Y = 4 * X, W = 64 * 256 * 2,
           flop = 2. * 64 * 256 * 3136 * 32;
    assert_near(f.apart, X + Y + W, 0);
    assert_near(f.dense, flop, 0);
    assert_near(floor_apart(&f, &H100), (X + Y + W) / 3e12, 1e-12); /* bytes decide */
    f = floor_of(g, x, &TRAIN);
    assert_near(f.apart, 3 * (X + Y + W), 0);
    assert_near(f.fused, f.apart, 0); /* no norm behind it */
    int bn = add_batchnorm(g, x, "n", 1e-5, .1, 0);
    f = floor_of(g, x, &TRAIN);
    assert_near(f.fused, f.apart + 2 * Y,
                0); /* both gradients read y: the norm's backward */
    f = floor_of(g, bn, &TRAIN);
    assert_near(f.apart, 8 * Y, 0);
    assert_near(f.fused, 0, 0);
    graph_free(g);
}

static void every_stage_has_a_name_and_the_sum_is_the_whole(void **state) {
    (void)state;
    struct model model;
    build(&model, "vits", "smp");
    for (int i = 0; i < model.graph->nodes; i++) {
        char *stage = floor_stage(model.graph, i);
        assert_true(stage[0] != 0 && !strchr(stage, '.'));
        xfree(stage);
    }
    char *first = floor_stage(model.graph, 0),
         *last = floor_stage(model.graph, model.graph->loss);
    assert_string_equal(first, "stem");
    assert_string_equal(last, "loss");
    xfree(first), xfree(last);
    model_free(&model);
}

/* 40 M parameters in 16 bits: 28 bytes each but for dead taps, of which rate 18 on a 14 x
 * 14 map has 8 of 9. */
static void adam_moves_28_bytes_a_parameter(void **state) {
    (void)state;
    struct model model;
    build(&model, "resnet50", "plain");
    /* 24 for weight and moments in and out, 2 the gradient, 2 the copy; the 16-bit
     * gradient's own writing is the convolution's. */
    struct floor f = floor_of_adam(model.graph, &TRAIN);
    assert_near(f.apart, 28. * (double)model.graph->weights, 0);
    assert_near((f.apart - f.fused_saved) / 28, 2048. * 256 * 8, 1);
    f = floor_of_adam(model.graph, &FORWARD);
    assert_near(f.apart, 0, 0);
    model_free(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_step_of_resnet50_is_2533_gigaflop),
        TEST(an_upsampled_map_is_counted_on_the_small_one),
        TEST(a_convolutions_bytes_and_floor_are_those_counted_by_hand),
        TEST(every_stage_has_a_name_and_the_sum_is_the_whole),
        TEST(adam_moves_28_bytes_a_parameter),
    };
    return test_run(tests);
}
