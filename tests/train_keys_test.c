/* train_keys_test.c - every recipe key changes the trained model, on ref and on cpu; where
 * mathematics says it must not, the model stays the same, or within a stated tolerance.
 *
 * One row a value of a key; a test counts that no key and no word of a key lacks its row.
 */
#include "tests/test.h"
#include "core/table.h"
#include "tests/little.h"

enum effect {
    CHANGES, /* another model */
    SAME,    /* the same numbers, bit for bit */
    CLOSE,   /* tensors of both models within TOLERANCE: see its reason */
    WORDED,  /* has a test of its own below */
};
/* Relative L2 over all tensors that both models have. A bias before a batch norm cancels;
 * what is left is the rounding of sums with and without it, amplified by Adam where a
 * gradient is nearly 0. */
static const double TOLERANCE_REF = 1e-3, TOLERANCE_CPU = 1e-2;

struct row {
    const char *cell;
    const char *base; /* lines for both runs */
    const char *key, *value;
    enum effect effect;
};
#define VIT "vitt-imagenet-little"
#define NET "resnet50-random-little"
static const struct row ROWS[] = {
    {VIT, "", "encoder.skip_block", "0", CHANGES},
    {VIT, "", "encoder.skip_block", "-1", CHANGES},
    {VIT, "", "encoder.skip_norm", "yes", CHANGES},
    {VIT, "", "encoder.last_norm", "no", CHANGES},
    {VIT, "", "decoder.rates", "1 2 2", CHANGES},
    {VIT, "", "decoder.separable", "yes", CHANGES},
    {VIT, "", "decoder.extra_convs", "before", CHANGES},
    {VIT, "", "decoder.extra_convs", "after", CHANGES},
    {VIT, "", "decoder.concat", "aspp_first", CHANGES},
    {VIT, "", "decoder.align_corners", "yes", CHANGES},
    {VIT, "", "decoder.dropout", "0", CHANGES},
    {VIT, "", "decoder.skip_scale", "after", CHANGES},
    {VIT, "", "decoder.skip_scale", "before", CHANGES},
    {VIT, "", "decoder.width", "24", CHANGES},
    {VIT, "", "decoder.skip_width", "12", CHANGES},
    {VIT, "", "decoder.init", "torch", CHANGES},
    {VIT, "", "norm", "target", CHANGES},
    {VIT, "", "scale", "imagenet", CHANGES},
    {VIT, "", "scale", "unit", CHANGES},
    {VIT, "", "scale", "pm1", CHANGES},
    {VIT, "", "scale", "caffe", CHANGES},
    {VIT, "", "scale", "caffe255", CHANGES},
    {VIT, "", "channels", "rgb", SAME}, /* the weights' own order is rgb */
    {VIT, "", "channels", "bgr", CHANGES},
    {VIT, "", "gray", "yes", CHANGES},
    {VIT, "", "load", "partial", SAME}, /* the weights are whole */
    {VIT, "", "load", "none", CHANGES},
    {VIT, "", "bn_momentum", "0.01", CHANGES},
    {VIT, "", "bn_eps", "0.01", CHANGES},
    {VIT, "", "freeze", "encoder", CHANGES},
    {VIT, "", "lr", "0.002", CHANGES},
    {VIT, "", "lr_encoder", "0.0001", CHANGES},
    {VIT, "", "warmup", "2", CHANGES},
    {VIT, "", "betas", "0.8 0.999", CHANGES},
    {VIT, "", "betas", "0.9 0.9", CHANGES},
    {VIT, "", "eps", "0.001", CHANGES},
    {VIT, "", "weight_decay", "0.1", CHANGES},
    {VIT, "", "loss", "dice", CHANGES},
    {VIT, "", "loss", "bce_dice", CHANGES},
    {VIT, "", "batch", "4", CHANGES},
    {VIT, "", "epochs", "2", CHANGES},
    {VIT, "", "steps", "1", CHANGES},
    {VIT, "", "augment", "flips", CHANGES},
    {VIT, "", "precision", "fp16", CHANGES},
    {VIT, "", "precision", "bf16", CHANGES},
    {VIT, "", "checkpoint_seconds", "1", SAME},
    {VIT, "batch 3", "drop_last", "yes", CHANGES}, /* five pictures: 3 + 2 | 3 */
    {NET, "", "encoder.stride_position", "v1", CHANGES},
    {NET, "", "encoder.first_dilated", "yes", CHANGES},
    {NET, "", "encoder.output_stride", "8", CHANGES},
    {NET, "", "encoder.output_stride", "32", CHANGES},
    {NET, "", "encoder.conv_bias", "keep", CLOSE},
    {NET, "", "encoder.conv_bias", "fold", SAME}, /* a random start has no bias to fold */
    {NET, "", "bn", "frozen", CHANGES},
    {NET, "", "bn", "reestimate", CHANGES},
    {NULL, "", "encoder.pos_embed", "resample", WORDED},
    {NULL, "", "pick", "last", WORDED},
    {NULL, "", "pick", "loss", WORDED},
    {NULL, "", "pick", "heldout", WORDED},
    {NULL, "", "metric", "pooled", WORDED},
};
enum { ROW_COUNT = sizeof ROWS / sizeof *ROWS };

static int has_row(const char *key, const char *word, size_t n) {
    for (int i = 0; i < ROW_COUNT; i++)
        if (!strcmp(ROWS[i].key, key) &&
            (!word || (strlen(ROWS[i].value) == n && !strncmp(ROWS[i].value, word, n))))
            return 1;
    return 0;
}

/* The little recipe's own words need no row: they are the other side of every comparison.
 */
static void every_key_and_every_word_has_a_row(void **state) {
    (void)state;
    struct recipe base;
    little_recipe("r.conf", NULL);
    recipe_read(&base, "r.conf", NULL, 0);
    char *text = recipe_text(&base);
    for (const char *const *key = recipe_keys(); *key; key++) {
        if (!has_row(*key, NULL, 0)) fail_msg("key %s has no row", *key);
        for (const char *word = recipe_words(*key); word && *word;) {
            size_t n = strcspn(word, " ");
            char *line = xprintf("\n%s %.*s\n", *key, (int)n, word);
            if (!strstr(text, line) && !has_row(*key, word, n))
                fail_msg("key %s has no row for %.*s", *key, (int)n, word);
            xfree(line);
            word += n + strspn(word + n, " ");
        }
    }
    xfree(text);
}

/* ---- comparing models ---- */

static int same_shape(const struct tensor *a, const struct tensor *b) {
    int same = a->ndim == b->ndim;
    for (int d = 0; same && d < a->ndim; d++) same = a->dim[d] == b->dim[d];
    return same;
}

/* 1: the same tensors with the same bytes. */
static int same_model(const struct bag *a, const struct bag *b) {
    int same = a->count == b->count;
    for (int i = 0; same && i < a->count; i++) {
        const struct tensor *x = &a->tensor[i], *y = bag_find(b, x->name);
        same = y && same_shape(x, y) && !memcmp(x->data, y->data, tensor_bytes(x));
    }
    return same;
}

/* Relative L2 over the tensors both have; running means move with a bias and are left out.
 */
static double model_distance(const struct bag *a, const struct bag *b) {
    double difference = 0, norm = 0;
    for (int i = 0; i < a->count; i++) {
        const struct tensor *x = &a->tensor[i], *y = bag_find(b, x->name);
        if (!y || !same_shape(x, y) || strstr(x->name, "running_mean")) continue;
        const float *u = x->data, *v = y->data;
        for (size_t j = 0; j < tensor_count(x); j++) {
            difference += ((double)u[j] - v[j]) * ((double)u[j] - v[j]);
            norm += (double)u[j] * u[j];
        }
    }
    return sqrt(difference / norm);
}

static void run_to(const char *device, const char *cell, const char *lines,
                   const char *outdir) {
    little_recipe("r.conf", lines);
    struct options o = little_options(cell, device, outdir);
    if (strstr(cell, "imagenet")) o.weights = "w.bag";
    train(&o);
}

static void check_row(const char *device, const struct row *row) {
    char *lines = xprintf("%s\n%s %s", row->base, row->key, row->value);
    struct bag a, b;
    run_to(device, row->cell, lines, "other");
    bag_open(&a, "base/model.bag");
    bag_open(&b, "other/model.bag");
    int same = same_model(&a, &b);
    if (same != (row->effect == SAME) && row->effect != CLOSE)
        fail_msg("%s: %s %s: %s", device, row->key, row->value,
                 same ? "the model is the same" : "the model changed");
    double most = strcmp(device, "ref") ? TOLERANCE_CPU : TOLERANCE_REF;
    double distance = row->effect == CLOSE ? model_distance(&a, &b) : 0;
    if (!(distance <= most))
        fail_msg("%s: %s %s: distance %g, wanted at most %g", device, row->key, row->value,
                 distance, most);
    bag_close(&a);
    bag_close(&b);
    xfree(lines);
}

static void check_all(const char *device) {
    const struct row *base = NULL;
    little_pack("p.pack", 7, 32);
    little_weights("w.bag", VIT, 32, NULL);
    for (int i = 0; i < ROW_COUNT; i++) {
        const struct row *row = &ROWS[i];
        if (row->effect == WORDED) continue;
        if (!base || strcmp(base->cell, row->cell) || strcmp(base->base, row->base)) {
            little_split("s.tsv", *row->base ? 5 : 4, 2, 0);
            run_to(device, row->cell, row->base, "base");
            base = row;
        }
        check_row(device, row);
    }
}

static void every_key_changes_the_model_on_ref(void **state) {
    (void)state;
    check_all("ref");
}

static void every_key_changes_the_model_on_cpu(void **state) {
    (void)state;
    check_all("cpu");
}

/* ---- the keys whose effect has its own form ---- */

static void train_call(void *o) {
    train(o);
}

static void pos_embed_exact_refuses_another_grid_and_resample_takes_it(void **state) {
    (void)state;
    little_files(4, 2, 0, 32, NULL);
    little_weights("w.bag", VIT, 64, NULL);
    struct options o = little_options(VIT, "ref", "run");
    o.weights = "w.bag";
    assert_dies(EXIT_NO, "pos_embed", train_call, &o);
    little_recipe("r.conf", "encoder.pos_embed resample");
    train(&o);
}

/* Dice a picture, then the mean, is not Dice of summed counts unless all pictures are
 * alike. */
static void metric_pooled_scores_otherwise(void **state) {
    (void)state;
    static const char *const devices[] = {"ref", "cpu"};
    for (int i = 0; i < 2; i++) {
        little_files(4, 3, 0, 32, NULL);
        little_weights("w.bag", VIT, 32, NULL);
        run_to(devices[i], VIT, "lr 0.003\nepochs 3\npick last", "image");
        run_to(devices[i], VIT, "lr 0.003\nepochs 3\npick last\nmetric pooled", "pooled");
        char *a = little_value("image", "last_dice"),
             *b = little_value("pooled", "last_dice");
        assert_string_not_equal(a, b);
        assert_true(same_in("image", "pooled", "model.bag") ==
                    0); /* its recipe is written there */
        xfree(a);
        xfree(b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_key_and_every_word_has_a_row),
        TEST(every_key_changes_the_model_on_ref),
        TEST(every_key_changes_the_model_on_cpu),
        TEST(pos_embed_exact_refuses_another_grid_and_resample_takes_it),
        TEST(metric_pooled_scores_otherwise),
    };
    return test_run(tests);
}
