/* blind.c - rewrites a ResNet-50 for another reading; see blind.h. */
#include "tests/blind.h"
#include "core/die.h"
#include "tests/colon.h"
#include "tests/phantom_net.h"
#include <string.h>

static const char TEXT[] =
    "preset plain\nencoder.stride_position v15\nencoder.output_stride 32\n"
    "encoder.pos_embed exact\nencoder.skip_block 2\nencoder.skip_norm no\n"
    "encoder.last_norm yes\nencoder.first_dilated no\nencoder.conv_bias keep\n"
    "decoder.rates 1 2 3\ndecoder.separable no\ndecoder.extra_convs none\n"
    "decoder.concat skip_first\ndecoder.align_corners no\ndecoder.dropout 0\n"
    "decoder.skip_scale none\ndecoder.width 8\ndecoder.skip_width 8\n"
    "decoder.init kaiming\nnorm source\nscale imagenet\nchannels rgb\ngray no\n"
    "load partial\nbn reestimate\nbn_momentum 0.1\nbn_eps 0.00001\nfreeze none\nlr 0.001\n"
    "lr_encoder same\nwarmup 0\nbetas 0.9 0.999\neps 0.00000001\nweight_decay 0\nloss bce\n"
    "batch 16\naccumulate 1\ndrop_last no\nepochs 1\nsteps 0\naugment none\npick val\nmetric image\n"
    "precision fp32\ncheckpoint_seconds 60\n";

static const struct norm NORM = {{.485, .456, .406}, {.229, .224, .225}, 255, 0};

void blind_recipe(struct recipe *r, const struct blind_reading *reading) {
    recipe_parse(r, TEXT, "blind");
    r->scale = reading->scale;
    r->channels = reading->bgr ? 2 : 1;
    r->stride_position = reading->v1;
}

void blind_phantom(const char *path, uint64_t seed) {
    struct net net = {.seed = seed, .colour = 1};
    net_resnet50(&net, 0);
    struct bag_writer *w = bag_create(path);
    for (int i = 0; i < net.count; i++)
        if (net.tensor[i].type == T_F32) bag_add(w, &net.tensor[i]);
    bag_commit(w);
    net_free(&net);
}

/* ---- another scaling and order ---- */

static struct attr attr_of(const struct blind_reading *reading) {
    struct recipe r;
    blind_recipe(&r, reading);
    return input_attr(&NORM, &r);
}

/* x is conv1.weight [O,3,H,W]: planes exchanged and scaled. shift[o]: what the new response
 * lacks of the old one. */
static void rewrite_first(float *x, const struct tensor *t, const struct attr *was,
                          const struct attr *is, double *shift) {
    size_t taps = (size_t)t->dim[2] * (size_t)t->dim[3], one = 3 * taps;
    float *old = xmalloc(one * sizeof *old);
    for (int o = 0; o < t->dim[0]; o++) {
        float *w = x + one * (size_t)o;
        memcpy(old, w, one * sizeof *old);
        shift[o] = 0;
        for (int to = 0; to < 3; to++) {
            int colour = is->plane[to], from = 0;
            while (was->plane[from] != colour) from++;
            double sum = 0;
            for (size_t i = 0; i < taps; i++) {
                double v = old[(size_t)from * taps + i];
                sum += v;
                w[(size_t)to * taps + i] = (float)(v * is->std[to] / was->std[from]);
            }
            shift[o] += (is->mean[to] - was->mean[from]) / was->std[from] * sum;
        }
    }
    xfree(old);
}

struct rewritten {
    int count;
    struct tensor *tensor; /* F32, own memory */
};

static float *find(struct rewritten *r, const char *name) {
    for (int i = 0; i < r->count; i++)
        if (!strcmp(r->tensor[i].name, name)) return r->tensor[i].data;
    return NULL;
}

static void copy_all(struct rewritten *r, const struct bag *from) {
    r->tensor = xcalloc((size_t)from->count, sizeof *r->tensor);
    for (int i = 0; i < from->count; i++) {
        struct tensor *t = &r->tensor[r->count++];
        *t = from->tensor[i];
        t->type = T_F32;
        t->data = xmalloc(tensor_count(t) * sizeof(float) + 1);
        tensor_to_f32(&from->tensor[i], t->data);
    }
}

static void rewrite(struct rewritten *r, const struct bag *from,
                    const struct blind_reading *was, const struct blind_reading *is) {
    const struct tensor *first = bag_find(from, "conv1.weight");
    struct attr a = attr_of(was), b = attr_of(is);
    double *shift = xcalloc((size_t)first->dim[0], sizeof *shift);
    rewrite_first(find(r, "conv1.weight"), first, &a, &b, shift);
    float *mean = find(r, "bn1.running_mean");
    for (int o = 0; o < first->dim[0]; o++) mean[o] = (float)(mean[o] - shift[o]);
    xfree(shift);
}

/* ---- statistics taken anew ---- */

static void estimate(struct rewritten *r, const struct blind_reading *is,
                     const struct pictures *pictures) {
    struct model model;
    struct recipe recipe;
    struct cell cell;
    struct machine *m;
    blind_recipe(&recipe, is);
    cell_parse(&cell, "resnet50-blind-blind");
    model_build(&model, &cell, &recipe, &NORM, pictures->side);
    const struct backend *b = backend_open("cpu", 0, &m);
    b->prepare(m, &(struct job){.graph = model.graph, .recipe = &recipe, .batch = 16});
    b->data(m, SET_TRAIN, pictures);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < r->count; i++) {
            struct tensor *t = &r->tensor[i], named = *t;
            char *name = xprintf("encoder.%s", t->name);
            named.name = name;
            if (!pass) b->put(m, &named);
            if (pass && strstr(name, ".running_")) b->get(m, name, t);
            xfree(name);
        }
        if (!pass) b->estimate(m);
    }
    b->close(m);
    model_free(&model);
}

void blind_make(const char *path, const struct bag *from, const struct blind_reading *was,
                const struct blind_reading *is, const struct pictures *pictures) {
    struct rewritten r = {0, NULL};
    copy_all(&r, from);
    rewrite(&r, from, was, is);
    if (pictures) estimate(&r, is, pictures);
    struct bag_writer *w = bag_create(path);
    bag_add_meta(w, "encoder", "resnet50");
    bag_add_meta(w, "mean", "0.485 0.456 0.406");
    bag_add_meta(w, "std", "0.229 0.224 0.225");
    bag_add_meta(w, "order", "rgb");
    bag_add_meta(w, "range", "255");
    for (int i = 0; i < r.count; i++) {
        bag_add(w, &r.tensor[i]);
        xfree(r.tensor[i].data);
    }
    bag_commit(w);
    xfree(r.tensor);
}

/* ---- pictures ---- */

void blind_pictures(struct pictures *p, int n, int side, uint64_t first) {
    static const struct colon_look look = {
        {.78, .40, .34}, {1.03, .93, .90}, .25, .30, .32, 0, 0};
    const uint8_t **image = xcalloc((size_t)n, sizeof *image),
                  **mask = xcalloc((size_t)n, sizeof *mask);
    for (int i = 0; i < n; i++) {
        struct image picture, soft;
        colon_draw(&look, first + (uint64_t)i, 0, side, side, &picture, &soft);
        image[i] = picture.pixel;
        mask[i] = xcalloc((size_t)(side * side / 8), 1);
        image_free(&soft);
    }
    *p = (struct pictures){n, side, image, mask};
}

void blind_pictures_free(struct pictures *p) {
    for (int i = 0; i < p->count; i++) {
        xfree((void *)(uintptr_t)p->image[i]);
        xfree((void *)(uintptr_t)p->mask[i]);
    }
    xfree((void *)(uintptr_t)p->image);
    xfree((void *)(uintptr_t)p->mask);
}
