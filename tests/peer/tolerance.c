/* tolerance.c - a few steps on one machine, and two such runs side by side; see
 * tolerance.h. It knows no bounds. */
#include "tests/peer/tolerance.h"
#include "core/die.h"
#include "core/split.h"
#include "model/model.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a run ---- */

struct job_of {
    const struct backend *b;
    struct machine *m;
    struct model model;
    struct pack pack;
    struct pictures pictures;
};

static void take_pictures(struct job_of *j, const char *split, int n) {
    struct split s;
    split_open(&s, split, &j->pack);
    if (s.train < n)
        die_no("%s: %d pictures to train on, wanted %d; take a smaller --batch", split,
               s.train, n);
    const uint8_t **image = xmalloc((size_t)n * sizeof *image),
                  **mask = xmalloc((size_t)n * sizeof *mask);
    for (int i = 0; i < n; i++) {
        image[i] = pack_image(&j->pack, s.train_item[i]);
        mask[i] = pack_mask(&j->pack, s.train_item[i]);
    }
    j->pictures = (struct pictures){n, j->pack.side, image, mask};
    split_close(&s);
}

static void open_job(struct job_of *j, const struct tolerance_run *r,
                     const struct bag *bag) {
    char *batch = xprintf("%d", r->batch);
    struct recipe *recipe = &j->model.recipe;
    model_open(&j->model, bag);
    pack_open(&j->pack, r->pack);
    if (j->pack.side != j->model.side)
        die_no("%s: pictures of %d pixels, wanted the model's %d", r->pack, j->pack.side,
               j->model.side);
    recipe_set(recipe, "precision", r->precision, "--precision");
    recipe_set(recipe, "batch", batch, "--batch");
    take_pictures(j, r->split, r->batch);
    j->b = backend_open(r->device, r->threads, &j->m);
    struct job job = {.graph = j->model.graph,
                      .recipe = recipe,
                      .seed = 1,
                      .batch = r->batch,
                      .train = 1};
    j->b->prepare(j->m, &job);
    j->b->data(j->m, SET_TRAIN, &j->pictures);
    model_put(&j->model, bag, j->b, j->m);
    xfree(batch);
}

static void add_floats(struct bag_writer *w, const char *name, float *x, size_t n) {
    bag_add(w, &(struct tensor){name, T_F32, 1, {(int)n}, x});
}

static void add_gradients(struct bag_writer *w, const struct job_of *j) {
    const struct graph *g = j->model.graph;
    for (int p = 0; p < g->params; p++) {
        if (g->param[p].buffer) continue;
        size_t n = g->param[p].count;
        float *x = xmalloc(n * sizeof *x);
        struct tensor t = {g->param[p].name, T_F32, 1, {(int)n}, x};
        j->b->gradient(j->m, t.name, &t);
        char *name = xprintf("gradient.%s", t.name);
        add_floats(w, name, x, n);
        xfree(name), xfree(x);
    }
}

static void add_heads(struct bag_writer *w, const struct job_of *j,
                      const struct tolerance_run *r) {
    char *side = xprintf("%d", j->model.side), *batch = xprintf("%d", r->batch);
    char *who = strcmp(r->device, "ref") ? xprintf("%s.%s", r->device, r->precision)
                                         : xstrdup("ref");
    bag_add_meta(w, "who", who);
    bag_add_meta(w, "cell", cell_name(&j->model.cell));
    bag_add_meta(w, "side", side);
    bag_add_meta(w, "batch", batch);
    bag_add_meta(w, "emulated", strstr(j->b->describe(j->m), "emulated") ? "yes" : "no");
    xfree(side), xfree(batch), xfree(who);
}

void tolerance_run(const struct tolerance_run *r) {
    struct job_of j;
    struct bag bag;
    bag_open(&bag, r->model);
    open_job(&j, r, &bag);
    size_t n = (size_t)r->batch * (size_t)j.model.side * (size_t)j.model.side;
    float *logits = xmalloc(n * sizeof *logits),
          *losses = xmalloc((size_t)r->steps * sizeof *losses);
    struct bag_writer *w = bag_create(r->out);
    add_heads(w, &j, r);
    j.b->infer(j.m, j.pictures.image, r->batch, logits);
    add_floats(w, "logits", logits, n);
    for (int i = 0; i < r->steps; i++) {
        double loss;
        j.b->train(j.m, (uint32_t)i, 0, 1, &loss, NULL);
        losses[i] = (float)loss;
        if (i == 0) add_gradients(w, &j);
    }
    add_floats(w, "losses", losses, (size_t)r->steps);
    bag_commit(w);
    j.b->close(j.m);
    xfree(logits), xfree(losses);
    xfree((void *)(uintptr_t)j.pictures.image), xfree((void *)(uintptr_t)j.pictures.mask);
    pack_close(&j.pack);
    model_free(&j.model);
    bag_close(&bag);
}

/* ---- two of them ---- */

static const float *floats(const struct bag *bag, const char *name, size_t n) {
    const struct tensor *t = bag_need(bag, name, T_F32, 1);
    if (tensor_count(t) != n)
        die_no("%s: %s has %zu numbers, wanted %zu", bag->map.path, quoted(name),
               tensor_count(t), n);
    return t->data;
}

/* |b - a| / max(|a|, least); *norm = |a|. */
static double away(const float *a, const float *b, size_t n, double least, double *norm) {
    double off = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        off += ((double)b[i] - a[i]) * ((double)b[i] - a[i]);
        all += (double)a[i] * a[i];
    }
    *norm = sqrt(all);
    double by = *norm > least ? *norm : least;
    return by > 0 ? sqrt(off) / by : sqrt(off);
}

static double of_tensor(const struct bag *a, const struct bag *b, const char *name,
                        double least, double *norm) {
    size_t n = tensor_count(bag_need(a, name, T_F32, 1));
    return away(floats(a, name, n), floats(b, name, n), n, least, norm);
}

static int ascending(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return a < b ? -1 : a > b;
}

static double median_norm(const struct bag *a) {
    double *norm = xmalloc((size_t)a->count * sizeof *norm), median = 0;
    int n = 0;
    for (int i = 0; i < a->count; i++)
        if (!strncmp(a->tensor[i].name, "gradient.", 9))
            of_tensor(a, a, a->tensor[i].name, 0, &norm[n++]);
    qsort(norm, (size_t)n, sizeof *norm, ascending);
    if (n) median = norm[n / 2];
    xfree(norm);
    return median;
}

struct tolerance tolerance_between(const struct bag *a, const struct bag *b) {
    struct tolerance t = {.worst = "none"};
    double norm, least = 1e-3 * median_norm(a), off = 0, all = 0;
    t.logits = of_tensor(a, b, "logits", 0, &norm);
    t.losses = of_tensor(a, b, "losses", 0, &norm);
    for (int i = 0; i < a->count; i++) {
        const char *name = a->tensor[i].name;
        if (strncmp(name, "gradient.", 9)) continue;
        double far = of_tensor(a, b, name, least, &norm);
        double by = norm > least ? norm : least;
        off += far * by * far * by;
        all += norm * norm;
        if (far <= t.farthest) continue;
        t.farthest = far;
        t.worst = name + 9;
        if (isnan(far)) break;
    }
    t.gradient = sqrt(off / all);
    return t;
}
