/* whole.c - see whole.h. */
#include "tests/whole.h"
#include "core/die.h"
#include "core/rng.h"
#include "core/table.h"
#include "tests/test.h"

static long word(const char *words, const char *key) {
    char *want = xprintf("%s=", key);
    const char *at = strstr(words, want);
    assert_non_null(at);
    long value = atol(at + strlen(want));
    xfree(want);
    return value;
}

static double unit(uint64_t seed, uint32_t e, size_t i) {
    return rng_uniform(seed, STREAM_INIT, e, i);
}

static double element(const struct param *p, uint64_t seed, uint32_t e, size_t i) {
    double w = 2 * unit(seed, e, i) - 1;
    const char *end = strrchr(p->name, '.');
    if (strcmp(end, ".running_var") == 0) return 1 + .3 * w;
    if (strcmp(end, ".cls_token") == 0 || strcmp(end, ".pos_embed") == 0) return .2 * w;
    if (p->ndim > 1) return sqrt(6 / (double)(p->count / (size_t)p->dim[0])) * w;
    if (strcmp(end, ".weight") == 0)
        return (strstr(p->name, ".bn3.") ? .25 : 1) * (1 + .2 * w);
    return .1 * w;
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(const struct param *const *)a)->name,
                  (*(const struct param *const *)b)->name);
}

/* The formula numbers parameters by their place among all names of the WHOLE network: `all`
 * is that graph. */
static void fill(struct whole *w, const struct graph *all) {
    const struct param **sorted = xmalloc((size_t)all->params * sizeof *sorted);
    for (int i = 0; i < all->params; i++) sorted[i] = &all->param[i];
    qsort(sorted, (size_t)all->params, sizeof *sorted, by_name);
    for (int i = 0; i < all->params; i++) {
        const struct param *p = sorted[i];
        if (graph_param(w->graph, p->name) < 0) continue;
        struct tensor t = {
            p->name, T_F32, 1, {(int)p->count}, xmalloc(p->count * sizeof(float))};
        for (size_t k = 0; k < p->count; k++)
            ((float *)t.data)[k] = (float)element(p, w->seed, 1000 + (uint32_t)i, k);
        w->backend->put(w->machine, &t);
        xfree(t.data);
    }
    xfree(sorted);
}

static void make_pictures(struct whole *w, uint32_t draw) {
    size_t pixels = (size_t)w->side * (size_t)w->side, blocks = (size_t)w->side / 8;
    const uint8_t **image = xmalloc((size_t)w->batch * sizeof *image),
                  **mask = xmalloc((size_t)w->batch * sizeof *mask);
    for (int n = 0; n < w->batch; n++) {
        uint8_t *a = xmalloc(3 * pixels), *b = xcalloc(pixels / 8, 1);
        for (size_t i = 0; i < 3 * pixels; i++)
            a[i] =
                (uint8_t)(256 * unit(w->seed, 800 + 2 * draw, (size_t)n * 3 * pixels + i));
        for (size_t i = 0; i < pixels; i++) {
            size_t y = i / (size_t)w->side, x = i % (size_t)w->side;
            if (unit(w->seed, 801 + 2 * draw,
                     ((size_t)n * blocks + y / 8) * blocks + x / 8) < .4)
                b[i / 8] |= (uint8_t)(1 << i % 8);
        }
        image[n] = a;
        mask[n] = b;
    }
    w->pictures = (struct pictures){w->batch, w->side, image, mask};
}

static void read_recipe(struct whole *w, const char *precision, char *change) {
    char *key = xprintf("%s.recipe", w->name),
         *lines = xstrdup(bag_need_meta(&w->bag, key));
    char *changes[32], *path = xprintf("%s/train/paper.conf", test_home);
    int n = 0;
    for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n"))
        changes[n++] = line;
    char *own = xprintf("precision=%s", precision ? precision : "fp32");
    changes[n++] = own;
    if (change) changes[n++] = change;
    recipe_read(&w->recipe, path, changes, n);
    xfree(key), xfree(lines), xfree(path), xfree(own);
}

static struct graph *build(const struct whole *w, const char *words, const char *tap) {
    struct norm norm = {{.485, .456, .406}, {.229, .224, .225}, 255, 0};
    struct attr attr = input_attr(&norm, &w->recipe);
    struct graph *g = graph_new();
    int x = add_input(g, w->side, &attr), full = strncmp(w->name, "full.", 5) == 0;
    int width = full ? 0 : (int)word(words, "width");
    struct taps taps;
    if (strstr(words, "resnet50"))
        taps = add_resnet(g, x,
                          full ? &(struct resnet){{3, 4, 6, 3}, 64}
                               : &(struct resnet){{1, 1, 1, 1}, width},
                          &w->recipe);
    else if (full)
        taps = add_vit(g, x,
                       strstr(words, "vitt") ? &(struct vit){192, 12, 3, 16}
                                             : &(struct vit){384, 12, 6, 16},
                       &w->recipe);
    else
        taps = add_vit(g, x, &(struct vit){width, 3, 3, 16}, &w->recipe);
    if (tap && strcmp(tap, "skip") == 0) g->logits = taps.skip;
    if (tap && strcmp(tap, "last") == 0) g->logits = taps.last;
    if (g->logits >= 0) return g;
    int logits = add_deeplab(g, taps, w->side, &w->recipe);
    if (!tap)
        add_loss(g, logits, w->recipe.loss);
    else
        for (int i = 0; i < g->nodes; i++) /* aspp: the projection's ReLU */
            if (strcmp(g->node[i].name, "aspp.project.1") == 0) g->logits = i + 1;
    return g;
}

struct way { /* of opening a network */
    const char *tap, *precision, *device, *fusions_off, *plans;
    char *change; /* "key=value" */
    int part, apart;
};

static void open_any(struct whole *w, const char *name, const struct way *way) {
    const char *tap = way->tap;
    memset(w, 0, sizeof *w);
    bag_open(&w->bag, golden("models.safetensors"));
    w->name = name;
    const char *words = bag_need_meta(&w->bag, name);
    w->seed = (uint64_t)atoll(bag_need_meta(&w->bag, "seed"));
    w->side = (int)word(words, "side");
    w->batch = (int)word(words, "batch");
    read_recipe(w, way->precision, way->change);
    if (way->apart)
        w->recipe.batch = way->part, w->recipe.lr = 0, w->recipe.lr_encoder = -1;
    w->graph = build(w, words, tap);
    w->backend = backend_open(way->device, 2, &w->machine);
    struct job job = {.graph = w->graph,
                      .recipe = &w->recipe,
                      .seed = 1,
                      .batch = way->part ? way->part : w->batch,
                      .train = !tap && strncmp(name, "full.", 5),
                      .fusions_off = way->fusions_off,
                      .plans = way->plans};
    w->backend->prepare(w->machine, &job);
    struct graph *all = tap ? build(w, words, NULL) : w->graph;
    fill(w, all);
    if (all != w->graph) graph_free(all);
    make_pictures(w, (uint32_t)word(words, "draw"));
    for (int set = 0; set < SET_COUNT; set++)
        w->backend->data(w->machine, (enum set)set, &w->pictures);
}

void whole_open(struct whole *w, const char *name, const char *tap, const char *device,
                const char *fusions_off) {
    open_any(w, name,
             &(struct way){.tap = tap, .device = device, .fusions_off = fusions_off});
}

void whole_open_as(struct whole *w, const char *name, const char *precision,
                   const char *device, const char *fusions_off, const char *plans) {
    open_any(w, name,
             &(struct way){.precision = precision,
                           .device = device,
                           .fusions_off = fusions_off,
                           .plans = plans});
}

void whole_open_changed(struct whole *w, const char *name, char *change, const char *device,
                        const char *fusions_off, const char *plans) {
    open_any(w, name,
             &(struct way){.change = change,
                           .device = device,
                           .fusions_off = fusions_off,
                           .plans = plans});
}

void whole_open_parts(struct whole *w, const char *name, const char *precision,
                      const char *device, int part, int apart, const char *plans) {
    open_any(w, name,
             &(struct way){.precision = precision,
                           .device = device,
                           .part = part,
                           .apart = apart,
                           .plans = plans});
}

void whole_close(struct whole *w) {
    w->backend->close(w->machine);
    for (int i = 0; i < w->pictures.count; i++) {
        xfree((void *)(uintptr_t)w->pictures.image[i]);
        xfree((void *)(uintptr_t)w->pictures.mask[i]);
    }
    xfree((void *)(uintptr_t)w->pictures.image);
    xfree((void *)(uintptr_t)w->pictures.mask);
    graph_free(w->graph);
    bag_close(&w->bag);
}

struct distance whole_distance(const struct whole *w, const char *key, const double *ours,
                               size_t n, double floor) {
    char *name = xprintf("%s.%s", w->name, key), *about = xprintf("%s#", name);
    const struct tensor *t = bag_need(&w->bag, name, T_F64, -1),
                        *note = bag_need(&w->bag, about, T_F64, -1);
    size_t kept = tensor_count(t), k = 1;
    while ((n + k - 1) / k > kept) k++;
    if ((n + k - 1) / k != kept)
        fail_msg("%s: %zu elements of ours give no sample of %zu", name, n, kept);
    const double *want = t->data;
    double off = 0, norm = 0;
    for (size_t i = 0; i < kept; i++) {
        off += (ours[i * k] - want[i]) * (ours[i * k] - want[i]);
        norm += want[i] * want[i];
    }
    norm = sqrt(norm);
    double scale = norm > floor ? norm : floor;
    struct distance d = {sqrt(off) / scale, ((const double *)note->data)[2] / scale, norm};
    xfree(name), xfree(about);
    return d;
}
