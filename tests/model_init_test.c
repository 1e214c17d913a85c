/* model_init_test.c - pretrained weights into a ResNet-50 as Keras has it: 53 biases in
 * front of batch norms, strides in the first 1x1. What is lost must be said. */
#include "tests/test.h"
#include "model/model.h"

enum { SIDE = 32 };

static const char RECIPE[] =
    "encoder.output_stride 16\nencoder.pos_embed exact\nencoder.skip_block 2\n"
    "encoder.skip_norm no\nencoder.last_norm yes\nencoder.first_dilated no\n"
    "decoder.rates 1 2 3\ndecoder.separable no\ndecoder.extra_convs none\n"
    "decoder.concat skip_first\ndecoder.align_corners no\ndecoder.dropout 0\n"
    "decoder.skip_scale none\ndecoder.width 8\ndecoder.skip_width 8\n"
    "decoder.init kaiming\nnorm source\nscale source\nchannels source\ngray no\n"
    "bn train\nbn_momentum 0.1\nbn_eps 0.00001\nfreeze none\nlr 0.001\nlr_encoder same\n"
    "warmup 0\nbetas 0.9 0.999\neps 0.00000001\nweight_decay 0\nloss bce\nbatch 1\naccumulate 1\n"
    "drop_last no\nepochs 1\nsteps 0\naugment none\npick val\nmetric image\n"
    "precision fp32\ncheckpoint_seconds 60\n";

struct net {
    struct model model;
    const struct backend *backend;
    struct machine *machine;
};

static void net_open(struct net *n, const char *stride, const char *bias, const char *load,
                     const char *pretrain) {
    static const struct norm norm = {{.5, .5, .5}, {.5, .5, .5}, 255, 0};
    struct cell cell;
    struct recipe recipe;
    char *name = xprintf("resnet50-%s-cvc", pretrain);
    char *text = xprintf("preset plain\nencoder.stride_position %s\nencoder.conv_bias %s\n"
                         "load %s\n%s",
                         stride, bias, load, RECIPE);
    cell_parse(&cell, name);
    recipe_parse(&recipe, text, "recipe");
    model_build(&n->model, &cell, &recipe, &norm, SIDE);
    n->backend = backend_open("cpu", 1, &n->machine);
    n->backend->prepare(
        n->machine,
        &(struct job){.graph = n->model.graph, .recipe = &n->model.recipe, .batch = 1});
    xfree(text);
    xfree(name);
}

static void net_close(struct net *n) {
    n->backend->close(n->machine);
    model_free(&n->model);
}

/* A random ResNet-50's encoder, its convolution biases times `bias`; NULL: without any.
 * `stride`: what the bag says of itself. */
static void make_weights(const char *path, const float *bias, const char *stride) {
    struct net n;
    net_open(&n, "v1", "keep", "strict", "random");
    xfree(model_init(&n.model, 5, NULL, n.backend, n.machine));
    struct bag_writer *w = bag_create(path);
    if (stride) bag_add_meta(w, "stride", stride);
    for (int i = 0; i < n.model.graph->params; i++) {
        const struct param *p = &n.model.graph->param[i];
        const char *name = p->name + strlen("encoder.");
        int conv_bias =
            strstr(name, ".bias") && !strstr(name, "bn") && !strstr(name, "downsample.1");
        if (!p->encoder || (conv_bias && !bias)) continue;
        struct tensor t = param_tensor(p, xmalloc(p->count * sizeof(float)));
        n.backend->get(n.machine, p->name, &t);
        for (size_t k = 0; conv_bias && k < p->count; k++)
            ((float *)t.data)[k] = *bias * (float)(1 + k % 3);
        t.name = name;
        bag_add(w, &t);
        xfree(t.data);
    }
    bag_commit(w);
    net_close(&n);
}

struct job_of_loading {
    const char *path, *stride, *bias, *load;
    char line[256];
    float logits[SIDE * SIDE];
};

static void load(void *arg) {
    struct job_of_loading *j = arg;
    struct net n;
    struct bag bag;
    static uint8_t picture[SIDE * SIDE * 3];
    const uint8_t *image[] = {picture};
    for (size_t i = 0; i < sizeof picture; i++) picture[i] = (uint8_t)(i * 7 + i / 96 * 31);
    bag_open(&bag, j->path);
    net_open(&n, j->stride, j->bias, j->load, "imagenet");
    char *line = model_init(&n.model, 9, &bag, n.backend, n.machine);
    snprintf(j->line, sizeof j->line, "%s", line);
    n.backend->infer(n.machine, image, 1, j->logits);
    xfree(line);
    net_close(&n);
    bag_close(&bag);
}

static const float some = 0.3f, none = 0;

static void biases_that_a_strict_load_would_lose_are_a_fault(void **state) {
    (void)state;
    make_weights("w.bag", &some, NULL);
    struct job_of_loading j = {"w.bag", "v1", "drop", "strict", "", {0}};
    assert_dies(EXIT_NO, "53 of them would be lost; recipe key encoder.conv_bias fold",
                load, &j);
}

static void a_partial_load_that_loses_biases_says_so(void **state) {
    (void)state;
    make_weights("w.bag", &some, NULL);
    struct job_of_loading j = {"w.bag", "v1", "drop", "partial", "", {0}};
    load(&j);
    assert_string_equal(j.line,
                        "loaded 265 of 265, 0 missing, 0 unexpected, 53 biases dropped");
}

static void biases_of_zero_are_lost_without_loss(void **state) {
    (void)state;
    make_weights("w.bag", &none, NULL);
    struct job_of_loading j = {"w.bag", "v1", "drop", "strict", "", {0}};
    load(&j);
    assert_string_equal(j.line, "loaded 265 of 265, 0 missing, 0 unexpected");
}

/* Two float programs of 53 layers that add a bias in another place: 1e-3 of the logits'
 * size; dropping changes them by much more. */
static void folding_biases_keeps_the_network_and_dropping_does_not(void **state) {
    (void)state;
    make_weights("w.bag", &some, NULL);
    struct job_of_loading keep = {"w.bag", "v1", "keep", "strict", "", {0}},
                          fold = {"w.bag", "v1", "fold", "strict", "", {0}},
                          drop = {"w.bag", "v1", "drop", "partial", "", {0}};
    load(&keep);
    load(&fold);
    load(&drop);
    assert_string_equal(keep.line, "loaded 318 of 318, 0 missing, 0 unexpected");
    assert_string_equal(fold.line, "loaded 265 of 265, 0 missing, 0 unexpected");
    assert_true(relative_l2_f32(fold.logits, keep.logits, SIDE * SIDE) < 1e-3);
    assert_true(relative_l2_f32(drop.logits, keep.logits, SIDE * SIDE) > 1e-2);
}

static void weights_without_biases_load_where_the_recipe_keeps_some(void **state) {
    (void)state;
    make_weights("w.bag", NULL, NULL);
    struct job_of_loading j = {"w.bag", "v15", "keep", "strict", "", {0}};
    load(&j);
    assert_string_equal(j.line, "loaded 265 of 265, 0 missing, 0 unexpected");
}

static void strides_read_otherwise_than_they_were_made_are_said(void **state) {
    (void)state;
    make_weights("w.bag", NULL, "v1");
    struct job_of_loading j = {"w.bag", "v15", "fold", "strict", "", {0}};
    load(&j);
    assert_string_equal(
        j.line, "loaded 265 of 265, 0 missing, 0 unexpected, stride v1 read as v15");
    j.stride = "v1";
    load(&j);
    assert_string_equal(j.line, "loaded 265 of 265, 0 missing, 0 unexpected");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(biases_that_a_strict_load_would_lose_are_a_fault),
        TEST(a_partial_load_that_loses_biases_says_so),
        TEST(biases_of_zero_are_lost_without_loss),
        TEST(folding_biases_keeps_the_network_and_dropping_does_not),
        TEST(weights_without_biases_load_where_the_recipe_keeps_some),
        TEST(strides_read_otherwise_than_they_were_made_are_said),
    };
    return test_run(tests);
}
