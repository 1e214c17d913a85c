/* init.c - where parameters start: drawn from stream 2, then the encoder's from pretrained
 * weights. A partial load happens only where the recipe says so, and is counted. */
#include "core/die.h"
#include "core/resize.h"
#include "core/rng.h"
#include "model/model.h"
#include <math.h>
#include <string.h>

/* FNV-1a of a parameter's name: its own counter, so that it starts alike whatever other
 * parameters a recipe adds or takes away, and variants differ in what they vary alone. */
static uint32_t name_counter(const char *name) {
    uint32_t h = 2166136261u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

/* Element i of the parameter whose name has counter e: epoch = e, index = i. */
static double draw(const struct param *param, uint32_t e, uint64_t seed, size_t i) {
    double fan = param->fan;
    switch (param->init) {
    case INIT_ZERO:
        return 0;
    case INIT_ONE:
        return 1;
    case INIT_KAIMING_OUT:
    case INIT_KAIMING_IN:
        return sqrt(2 / fan) * rng_normal(seed, STREAM_INIT, e, i);
    case INIT_UNIFORM_IN:
        return (2 * rng_uniform(seed, STREAM_INIT, e, i) - 1) / sqrt(fan);
    case INIT_TRUNC:
        return rng_truncated_normal(seed, STREAM_INIT, e, i, .02);
    }
    return 0;
}

static struct tensor fresh(const struct param *param, uint64_t seed) {
    struct tensor t = param_tensor(param, xmalloc(param->count * sizeof(float)));
    uint32_t counter = name_counter(param->name);
    for (size_t i = 0; i < param->count; i++)
        ((float *)t.data)[i] = (float)draw(param, counter, seed, i);
    return t;
}

/* ---- the encoder's weights ---- */

struct loading {
    const struct model *model;
    const struct bag *weights;
    const struct backend *b;
    struct machine *m;
    int wanted, loaded, missing, unexpected;
    int dropped;  /* biases that are not zero, which the recipe leaves out */
    char *faults; /* lines */
};

static void fault(struct loading *l, const char *name, const char *what) {
    char *longer = xprintf("%s\n  %s: %s", l->faults ? l->faults : "", quoted(name), what);
    xfree(l->faults);
    l->faults = longer;
}

static int ends(const char *text, const char *tail) {
    size_t n = strlen(text), k = strlen(tail);
    return n >= k && strcmp(text + n - k, tail) == 0;
}

/* A bias in front of a batch norm, as Keras's ResNet has them. */
static int is_conv_bias(const char *name) {
    return ends(name, ".bias") && (strstr(name, "conv") || ends(name, "downsample.0.bias"));
}

/* "layer1.0.bn1.running_mean" -> "layer1.0.conv1.bias": the bias that the batch norm would
 * absorb. */
static char *bias_before(const char *name) {
    char *out = xprintf("%.*s.bias", (int)(strrchr(name, '.') - name), name);
    char *bn = strstr(out, "bn");
    if (bn && (bn == out || bn[-1] == '.')) {
        char *renamed = xprintf("%.*sconv%s", (int)(bn - out), out, bn + 2);
        xfree(out);
        return renamed;
    }
    char *down = strstr(out, "downsample.1.");
    if (down) down[11] = '0';
    return out;
}

/* conv_bias fold: (x + b - mean) = x - (mean - b), exactly what the batch norm does with
 * it. */
static void fold_bias(struct loading *l, const char *name, struct tensor *t) {
    char *bias = bias_before(name);
    const struct tensor *b = bag_find(l->weights, bias);
    if (b && tensor_count(b) == tensor_count(t)) {
        float *shift = xmalloc(tensor_count(b) * sizeof *shift);
        tensor_to_f32(b, shift);
        for (size_t i = 0; i < tensor_count(t); i++) ((float *)t->data)[i] -= shift[i];
        xfree(shift);
    }
    xfree(bias);
}

/* pos_embed resample: class token as it is, grid by bicubic with antialias, as timm's
 * resample_abs_pos_embed. t is [1,1+h*h,D], want its wanted number of tokens. */
static void resample(const struct tensor *t, int want, double *out) {
    int D = t->dim[2], from = (int)(sqrt(t->dim[1] - 1) + .5),
        to = (int)(sqrt(want - 1) + .5);
    if (from * from != t->dim[1] - 1)
        die_no("%s: %d positions are no square and a class token", t->name, t->dim[1]);
    double *all = xmalloc(tensor_count(t) * sizeof *all);
    double *plane = xmalloc((size_t)(from * from) * sizeof *plane),
           *scaled = xmalloc((size_t)(to * to) * sizeof *scaled);
    tensor_to_f64(t, all);
    for (int d = 0; d < D; d++) {
        out[d] = all[d];
        for (int i = 0; i < from * from; i++)
            plane[i] = all[(size_t)(i + 1) * (size_t)D + (size_t)d];
        resize_bicubic(plane, from, from, scaled, to, to);
        for (int i = 0; i < to * to; i++)
            out[(size_t)(i + 1) * (size_t)D + (size_t)d] = scaled[i];
    }
    xfree(all);
    xfree(plane);
    xfree(scaled);
}

static void load_one(struct loading *l, const struct param *p, const char *name) {
    const struct recipe *r = &l->model->recipe;
    const struct tensor *t = bag_find(l->weights, name);
    if (is_conv_bias(name) && !t) return; /* keep: weights without any start at zero */
    l->wanted++;
    if (!t) {
        l->missing++;
        fault(l, name, "missing");
        return;
    }
    struct tensor copy = *t;
    double *values =
        xmalloc((p->count > tensor_count(t) ? p->count : tensor_count(t)) * sizeof *values);
    copy.data = values;
    copy.name = p->name;
    if (param_fits(p, t)) {
        copy.type = T_F32;
        tensor_to_f32(t, copy.data);
        if (r->conv_bias == 2 && ends(name, "running_mean")) fold_bias(l, name, &copy);
    } else if (strcmp(name, "pos_embed") == 0 && r->pos_embed == 1 && t->ndim == 3 &&
               t->dim[2] == p->dim[2]) {
        copy.type = T_F64;
        copy.dim[1] = p->dim[1];
        resample(t, p->dim[1], values);
    } else {
        const char *remedy =
            strcmp(name, "pos_embed")
                ? "weights of another architecture"
                : "recipe key encoder.pos_embed resample fits it to this side";
        char *what =
            xprintf("is %s, wanted %zu elements; %s", tensor_shape(t), p->count, remedy);
        l->missing++;
        fault(l, name, what);
        xfree(what);
        xfree(values);
        return;
    }
    l->b->put(l->m, &copy);
    l->loaded++;
    xfree(values);
}

/* Not wanted, and no surprise: the classifier, counters, biases that the recipe folds or
 * drops (dropped ones are counted), a final norm that no tap uses. */
static int ignored(const struct loading *l, const char *name) {
    return strncmp(name, "fc.", 3) == 0 || strncmp(name, "head.", 5) == 0 ||
           ends(name, "num_batches_tracked") || is_conv_bias(name) ||
           (strncmp(name, "norm.", 5) == 0 &&
            graph_param(l->model->graph, "encoder.norm.weight") < 0);
}

static int any_nonzero(const struct tensor *t) {
    size_t n = tensor_count(t), i = 0;
    float *value = xmalloc(n * sizeof *value + 1);
    tensor_to_f32(t, value);
    while (i < n && value[i] == 0) i++;
    xfree(value);
    return i < n;
}

/* encoder.conv_bias drop takes a part of the network away, unless the biases are all
 * zero. */
static void count_dropped(struct loading *l) {
    for (int i = 0; i < l->weights->count && l->model->recipe.conv_bias == 0; i++) {
        const struct tensor *t = &l->weights->tensor[i];
        l->dropped += is_conv_bias(t->name) && any_nonzero(t);
    }
    if (!l->dropped) return;
    char *what =
        xprintf("%d of them would be lost; recipe key encoder.conv_bias fold keeps "
                "the network as it is, load partial loses them knowingly",
                l->dropped);
    fault(l, "biases of convolutions", what);
    xfree(what);
}

static void load_encoder(struct loading *l) {
    const struct graph *g = l->model->graph;
    size_t prefix = strlen("encoder.");
    for (int i = 0; i < g->params; i++)
        if (g->param[i].encoder) load_one(l, &g->param[i], g->param[i].name + prefix);
    count_dropped(l);
    for (int i = 0; i < l->weights->count; i++) {
        const char *name = l->weights->tensor[i].name;
        char *full = xprintf("encoder.%s", name);
        if (graph_param(g, full) < 0 && !ignored(l, name)) {
            l->unexpected++;
            fault(l, name, "unexpected");
        }
        xfree(full);
    }
}

/* What the count does not say and the paper should: biases lost, strides read otherwise
 * than the weights' makers had them. Caller frees. */
static char *reading(const struct loading *l) {
    const struct recipe *r = &l->model->recipe;
    const char *stride = bag_meta(l->weights, "stride");
    int other = stride && strcmp(stride, r->stride_position ? "v1" : "v15") != 0;
    char *lost = l->dropped ? xprintf(", %d biases dropped", l->dropped) : xstrdup("");
    if (!other) return lost;
    warn(
        "%s: made with stride %s, read as %s; recipe key encoder.stride_position %s reads it as it was made",
        l->weights->map.path, quoted(stride), r->stride_position ? "v1" : "v15",
        quoted(stride));
    char *all = xprintf("%s, stride %s read as %s", lost, quoted(stride),
                        r->stride_position ? "v1" : "v15");
    xfree(lost);
    return all;
}

char *model_init(const struct model *model, uint64_t seed, const struct bag *weights,
                 const struct backend *b, struct machine *m) {
    enum { STRICT, PARTIAL, NONE };
    int loads = strcmp(model->cell.pretrain, "random") != 0 && model->recipe.load != NONE;
    for (int i = 0; i < model->graph->params; i++) {
        const struct param *p = &model->graph->param[i];
        /* what will be loaded, or will stop us, need not be drawn */
        if (loads && model->recipe.load == STRICT && p->encoder &&
            bag_find(weights, p->name + strlen("encoder.")))
            continue;
        struct tensor t = fresh(p, seed);
        b->put(m, &t);
        xfree(t.data);
    }
    if (!loads)
        return xprintf("loaded 0 tensors: %s",
                       model->recipe.load == NONE ? "load none" : "random start");
    struct loading l = {.model = model, .weights = weights, .b = b, .m = m};
    load_encoder(&l);
    if (l.faults && model->recipe.load == STRICT)
        die_no("%s: loaded %d of %d, %d missing, %d unexpected; wanted a %s, whole:%s",
               weights->map.path, l.loaded, l.wanted, l.missing, l.unexpected,
               model->cell.encoder, l.faults);
    xfree(l.faults);
    char *read = reading(&l);
    char *line = xprintf("loaded %d of %d, %d missing, %d unexpected%s", l.loaded, l.wanted,
                         l.missing, l.unexpected, read);
    xfree(read);
    return line;
}
