/* export.c - names and conditions of the networks a model can be exported to; see export.h.
 *
 * It builds no graph: what a model's recipe says decides whether it fits. */
#include "export.h"
#include "cell.h"
#include "die.h"
#include "table.h"
#include <string.h>

/* A key's value that the other program has built in. */
struct demand {
    const char *key, *value;
};
static const struct demand VIT[] = {{"encoder.last_norm", "yes"}, {NULL, NULL}};
static const struct demand RESNET[] = {{"encoder.stride_position", "v15"},
                                       {"encoder.first_dilated", "no"},
                                       {"bn_eps", "0.00001"},
                                       {NULL, NULL}};
static const struct demand SMP[] = {
    {"encoder.stride_position", "v15"}, {"encoder.first_dilated", "yes"},
    {"encoder.output_stride", "16"},    {"bn_eps", "0.00001"},
    {"decoder.separable", "yes"},       {"decoder.extra_convs", "before"},
    {"decoder.concat", "aspp_first"},   {"decoder.align_corners", "yes"},
    {"decoder.skip_width", "48"},       {NULL, NULL}};

/* Beginnings of names, ours and theirs; the first that fits. */
struct rename {
    const char *ours, *theirs;
};
static const struct rename BARE[] = {{"encoder.", ""}, {NULL, NULL}};
static const struct rename WHOLE[] = {{"encoder.", "encoder."},
                                      {"decoder.aspp.", "decoder.aspp.0."},
                                      {"decoder.before.0.", "decoder.aspp.1."},
                                      {"decoder.before.1.", "decoder.aspp.2."},
                                      {"decoder.skip.", "decoder.block1."},
                                      {"decoder.fuse.", "decoder.block2."},
                                      {"decoder.head.", "segmentation_head.0."},
                                      {NULL, NULL}};

static const struct target {
    const char *name, *encoders;
    const struct demand *demand;
    const struct rename *rename;
    int tensors; /* of a whole state dict */
} TARGETS[] = {
    {"timm", "vits vitt", VIT, BARE, 150},
    {"torchvision", "resnet50", RESNET, BARE, 318},
    {"smp", "resnet50", SMP, WHOLE, 379},
};

static const struct target *target_of(const char *to) {
    for (size_t i = 0; i < sizeof TARGETS / sizeof *TARGETS; i++)
        if (!strcmp(TARGETS[i].name, to)) return &TARGETS[i];
    die_usage("--export %s: wanted timm, torchvision or smp; see bag --help", quoted(to));
}

static int same_value(const char *a, const char *b) {
    double x, y;
    return !strcmp(a, b) || (number_parse(a, &x) && number_parse(b, &y) && x == y);
}

static void must_fit(const struct target *to, const struct bag *model,
                     const struct cell *cell, const struct pairs *recipe) {
    if (!strstr(to->encoders, cell->encoder))
        die_no("%s: its encoder is %s, %s takes %s; export it to %s", quoted(model->path),
               quoted(cell->encoder), to->name, to->encoders,
               *cell->encoder == 'v' ? "timm" : "torchvision or smp");
    for (const struct demand *d = to->demand; d->key; d++) {
        const char *is = pairs_need(recipe, d->key);
        if (!same_value(is, d->value))
            die_no("%s: trained with %s %s, %s computes with %s; wanted a model of that "
                   "recipe, or another program",
                   quoted(model->path), d->key, quoted(is), to->name, d->value);
    }
}

/* ---- tensors ---- */

static int ends(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n >= m && !strcmp(name + n - m, end);
}

/* Of the tensor `name` = "...bn2.running_mean": "...conv2.bias", and of "...downsample.1.*"
 * "...downsample.0.bias", which is there if the convolution is biased. NULL if absent. */
static const struct tensor *bias_before(const struct bag *model, const char *name) {
    static const char *const pairs[][2] = {{"bn", "conv"},
                                           {"downsample.1", "downsample.0"}};
    const struct tensor *t = NULL;
    for (int i = 0; i < 2 && !t; i++) {
        const char *at = strstr(name, pairs[i][0]);
        if (!at) continue;
        const char *rest = at + strlen(pairs[i][0]), *dot = strrchr(name, '.');
        char *bias = xprintf("%.*s%s%.*s.bias", (int)(at - name), name, pairs[i][1],
                             (int)(dot - rest), rest);
        t = bag_find(model, bias);
        xfree(bias);
    }
    return t;
}

/* The bias of an encoder's convolution, for which batch-normed networks have no place. */
static int is_lost(const struct tensor *t) {
    return !strncmp(t->name, "encoder.", 8) && ends(t->name, ".bias") &&
           (strstr(t->name, "conv") || strstr(t->name, "downsample.0."));
}

static void add_mean(struct bag_writer *w, const struct tensor *mean,
                     const struct tensor *bias, const struct bag *model) {
    size_t n = tensor_count(mean);
    if (bias && tensor_count(bias) != n)
        die_no("%s: %s is %s, wanted %s", quoted(model->path), quoted(bias->name),
               tensor_shape(bias), tensor_shape(mean));
    float *x = xmalloc(n * sizeof *x + 1), *b = xcalloc(n + 1, sizeof *b);
    tensor_to_f32(mean, x);
    if (bias) tensor_to_f32(bias, b);
    for (size_t i = 0; i < n; i++) x[i] -= b[i];
    struct tensor t = *mean;
    t.type = T_F32;
    t.data = x;
    bag_add(w, &t);
    xfree(x);
    xfree(b);
}

static void add_counter(struct bag_writer *w, const char *mean) {
    int64_t none = 0;
    char *name = xprintf("%.*snum_batches_tracked",
                         (int)(strlen(mean) - strlen("running_mean")), mean);
    bag_add(w, &(struct tensor){.name = name, .type = T_I64, .data = &none});
    xfree(name);
}

/* How many tensors were written. */
static int add_tensors(struct bag_writer *w, const struct target *to,
                       const struct bag *model) {
    int count = 0;
    for (int i = 0; i < model->count; i++) {
        struct tensor t = model->tensor[i];
        const struct rename *r = to->rename;
        while (r->ours && strncmp(t.name, r->ours, strlen(r->ours)) != 0) r++;
        if (!r->ours || (to->demand != VIT && is_lost(&t))) continue;
        char *name = xprintf("%s%s", r->theirs, t.name + strlen(r->ours));
        int mean = ends(name, ".running_mean");
        const struct tensor *bias = mean ? bias_before(model, t.name) : NULL;
        t.name = name;
        if (mean)
            add_mean(w, &t, bias, model);
        else
            bag_add(w, &t);
        if (mean) add_counter(w, name);
        count += 1 + mean;
        xfree(name);
    }
    return count;
}

/* ---- the line of Python ---- */

static char *commas(const char *numbers) {
    size_t n = strlen(numbers), used = 0;
    char *out = xmalloc(2 * n + 1);
    for (size_t i = 0; i <= n; i++) {
        if (numbers[i] == ' ') out[used++] = ',';
        out[used++] = numbers[i];
    }
    return out;
}

static char *python(const struct target *to, const struct bag *model,
                    const struct cell *cell, const struct pairs *recipe) {
    const char *stride = pairs_need(recipe, "encoder.output_stride");
    if (to->demand == VIT)
        return xprintf("timm.create_model(\"vit_%s_patch16_224\", num_classes=0, "
                       "img_size=%s)",
                       strcmp(cell->encoder, "vits") ? "tiny" : "small",
                       quoted(bag_need_meta(model, "side")));
    if (to->demand == RESNET)
        return xprintf("torchvision.models.resnet50(replace_stride_with_dilation=[False, "
                       "%s, %s]); its fc = torch.nn.Identity()",
                       strcmp(stride, "8") ? "False" : "True",
                       strcmp(stride, "32") ? "True" : "False");
    char *rates = commas(pairs_need(recipe, "decoder.rates"));
    char *line = xprintf("segmentation_models_pytorch.DeepLabV3Plus(\"resnet50\", "
                         "encoder_weights=None, decoder_channels=%s, "
                         "decoder_atrous_rates=(%s), decoder_aspp_dropout=%s)",
                         quoted(pairs_need(recipe, "decoder.width")), quoted(rates),
                         quoted(pairs_need(recipe, "decoder.dropout")));
    xfree(rates);
    return line;
}

char *bag_export(const char *name, const struct bag *model, const char *path) {
    const struct target *to = target_of(name);
    const char *text = bag_need_meta(model, "recipe");
    struct cell cell;
    struct pairs recipe;
    cell_parse(&cell, bag_need_meta(model, "cell"));
    pairs_parse(&recipe, text, strlen(text), model->path);
    must_fit(to, model, &cell, &recipe);
    char *line = python(to, model, &cell, &recipe);
    struct bag_writer *w = bag_create(path);
    bag_add_meta(w, "format", "pt"); /* as others' readers want it */
    for (int i = 0; i < model->metas; i++)
        if (strcmp(model->meta[2 * i], "format") != 0)
            bag_add_meta(w, model->meta[2 * i], model->meta[2 * i + 1]);
    int count = add_tensors(w, to, model);
    if (count != to->tensors)
        die_no("%s: gives %d tensors for %s, wanted %d; is it a trained model?",
               quoted(model->path), count, to->name, to->tensors);
    bag_commit(w);
    pairs_free(&recipe);
    return line;
}
