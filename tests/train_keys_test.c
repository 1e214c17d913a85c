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
static const double TOLERANCE_REF = 1e-9, TOLERANCE_CPU = 5e-3;

struct row {
    const char *cell;
    const char *base; /* lines for both runs */
    const char *key, *value;
    enum effect effect;
};
/* Both models of a pair are those of the last step. */
#define LAST "pick last"
#define VIT "vitt-imagenet-little"
#define NET "resnet50-random-little"
static const struct row ROWS[] = {
    {VIT, LAST, "encoder.skip_block", "0", CHANGES},
    {VIT, LAST, "encoder.skip_block", "-1", CHANGES},
    {VIT, LAST, "encoder.skip_norm", "yes", CHANGES},
    {VIT, LAST, "encoder.last_norm", "no", CHANGES},
    {VIT, LAST, "decoder.rates", "1 1 3", CHANGES},
    {VIT, LAST, "decoder.rates", "1 12 18",
     SAME}, /* beyond a 2x2 map rates 2 and 12 are one */
    {VIT, LAST, "decoder.separable", "yes", CHANGES},
    {VIT, LAST, "decoder.extra_convs", "before", CHANGES},
    {VIT, LAST, "decoder.extra_convs", "after", CHANGES},
    {VIT, LAST, "decoder.concat", "aspp_first", CHANGES},
    {VIT, LAST, "decoder.align_corners", "yes", CHANGES},
    {VIT, LAST, "decoder.dropout", "0", CHANGES},
    {VIT, LAST, "decoder.skip_scale", "after", CHANGES},
    {VIT, LAST, "decoder.skip_scale", "before", CHANGES},
    {VIT, LAST, "decoder.width", "24", CHANGES},
    {VIT, LAST, "decoder.skip_width", "12", CHANGES},
    {VIT, LAST, "decoder.init", "torch", CHANGES},
    {VIT, LAST, "norm", "target", CHANGES},
    {VIT, LAST, "scale", "imagenet", CHANGES},
    {VIT, LAST, "scale", "unit", CHANGES},
    {VIT, LAST, "scale", "pm1", CHANGES},
    {VIT, LAST, "scale", "caffe", CHANGES},
    {VIT, LAST, "scale", "caffe255", CHANGES},
    {VIT, LAST, "scale", "raw", CHANGES},
    {VIT, LAST, "channels", "rgb", SAME}, /* the weights' own order is rgb */
    {VIT, LAST, "channels", "bgr", CHANGES},
    {VIT, LAST, "gray", "yes", CHANGES},
    {VIT, LAST, "load", "partial", SAME}, /* the weights are whole */
    {VIT, LAST, "load", "none", CHANGES},
    {VIT, LAST, "bn_momentum", "0.01", CHANGES},
    {VIT, LAST, "bn_eps", "0.01", CHANGES},
    {VIT, LAST, "freeze", "encoder", CHANGES},
    {VIT, LAST, "lr", "0.002", CHANGES},
    {VIT, LAST, "lr_encoder", "0.0001", CHANGES},
    {VIT, LAST, "warmup", "2", CHANGES},
    {VIT, LAST, "betas", "0.8 0.999", CHANGES},
    {VIT, LAST, "betas", "0.9 0.9", CHANGES},
    {VIT, LAST, "eps", "0.001", CHANGES},
    {VIT, LAST, "weight_decay", "0.1", CHANGES},
    {VIT, LAST, "loss", "dice", CHANGES},
    {VIT, LAST, "loss", "bce_dice", CHANGES},
    {VIT, LAST, "batch", "4", CHANGES},
    /* batch norms see two pictures, not four */
    {VIT, LAST "\nbatch 4", "accumulate", "2", CHANGES},
    {VIT, LAST, "epochs", "2", CHANGES},
    {VIT, LAST, "steps", "1", CHANGES},
    {VIT, LAST, "augment", "flips", CHANGES},
    {VIT, LAST, "precision", "fp16", CHANGES},
    {VIT, LAST, "precision", "bf16", CHANGES},
    {VIT, LAST, "precision", "tf32", CHANGES},
    {VIT, LAST, "checkpoint_seconds", "1", SAME},
    {VIT, LAST "\nbatch 3", "drop_last", "yes", CHANGES}, /* five pictures: 3 + 2 | 3 */
    {NET, LAST, "encoder.stride_position", "v1", CHANGES},
    {NET, LAST, "encoder.first_dilated", "yes", CHANGES},
    {NET, LAST, "encoder.output_stride", "8", CHANGES},
    {NET, LAST, "encoder.output_stride", "32", CHANGES},
    {NET, LAST, "encoder.conv_bias", "fold", SAME}, /* a random start has no bias to fold */
    {NET, LAST, "bn", "frozen", CHANGES},
    {NET, LAST, "bn", "reestimate", CHANGES},
    {NET, LAST "\nsteps 2", "encoder.conv_bias", "keep",
     CLOSE}, /* the second step has a bias */
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

/* 1 if the row's effect is not what it says. */
static int check_row(const char *device, const struct row *row) {
    char *lines = xprintf("%s\n%s %s", row->base, row->key, row->value);
    double most = strcmp(device, "ref") ? TOLERANCE_CPU : TOLERANCE_REF;
    struct bag a, b;
    run_to(device, row->cell, lines, "other");
    bag_open(&a, "base/model.bag");
    bag_open(&b, "other/model.bag");
    int same = same_model(&a, &b);
    double distance = model_distance(&a, &b);
    int bad = row->effect == CLOSE ? !(distance <= most) : same != (row->effect == SAME);
    if (bad)
        print_error("%s: %s %s: %s, distance %g\n", device, row->key, row->value,
                    same ? "the same model" : "another model", distance);
    bag_close(&a);
    bag_close(&b);
    xfree(lines);
    return bad;
}

static void check_all(const char *device) {
    const struct row *base = NULL;
    int bad = 0;
    little_pack("p.pack", 7, 32);
    little_weights("w.bag", VIT, 32, NULL);
    for (int i = 0; i < ROW_COUNT; i++) {
        const struct row *row = &ROWS[i];
        if (row->effect == WORDED) continue;
        if (!base || strcmp(base->cell, row->cell) || strcmp(base->base, row->base)) {
            int net = !strcmp(row->cell, NET); /* slow in plain loops: one step */
            little_split("s.tsv",
                         net                                  ? 2
                         : strcmp(row->key, "drop_last") == 0 ? 5
                                                              : 4,
                         net ? 1 : 2, 0);
            run_to(device, row->cell, row->base, "base");
            base = row;
        }
        bad += check_row(device, row);
    }
    assert_int_equal(bad, 0);
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

/* Dice a picture, then the mean, is not Dice of summed counts unless pictures are alike. */
static void metric_pooled_scores_otherwise(void **state) {
    (void)state;
    static const char *const devices[] = {"ref", "cpu"};
    for (int i = 0; i < 2; i++) {
        little_files(4, 3, 0, 32, NULL);
        little_weights("w.bag", VIT, 32, NULL);
        run_to(devices[i], VIT, "lr 0.0001", "image");
        run_to(devices[i], VIT, "lr 0.0001\nmetric pooled", "pooled");
        char *a = little_value("image", "last_dice"),
             *b = little_value("pooled", "last_dice");
        assert_string_not_equal(a, b);
        xfree(a);
        xfree(b);
    }
}

/* The validation masks are turned, and running statistics stand still: the first epoch is
 * the best, by Dice and by loss, with a wide margin. */
static void every_pick_keeps_another_model_than_its_neighbour(void **state) {
    (void)state;
    static const char *const devices[] = {"ref", "cpu"};
    static const char *const picks[] = {"val", "last", "loss", "heldout"};
    for (int i = 0; i < 2; i++) {
        struct bag bag[4];
        little_files(4, 2, 0, 32, NULL);
        little_turned("p.pack", 6, 32, 4);
        for (int k = 0; k < 4; k++) {
            char *lines = xprintf(
                "lr 0.001\nbn_momentum 0\ndecoder.dropout 0\ndrop_last yes\nepochs 3\n"
                "pick %s",
                picks[k]);
            run_to(devices[i], "vitt-random-little", lines, picks[k]);
            char *path = xprintf("%s/model.bag", picks[k]);
            bag_open(&bag[k], path);
            xfree(path);
            xfree(lines);
        }
        assert_false(same_model(&bag[0], &bag[1]));
        assert_false(same_model(&bag[1], &bag[2]));
        assert_false(same_model(&bag[0], &bag[3]));
        for (int k = 0; k < 4; k++) bag_close(&bag[k]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_key_and_every_word_has_a_row),
        TEST(every_key_changes_the_model_on_ref),
        TEST(every_key_changes_the_model_on_cpu),
        TEST(pos_embed_exact_refuses_another_grid_and_resample_takes_it),
        TEST(metric_pooled_scores_otherwise),
        TEST(every_pick_keeps_another_model_than_its_neighbour),
    };
    return test_run(tests);
}
