/* model.c - a network by name, and a trained one as a bag. What the layers are is
 * resnet.c's, vit.c's and deeplab.c's; where they start is init.c's. */
#include "model/model.h"
#include "core/die.h"
#include "core/table.h"
#include "model/parts.h"
#include <string.h>

static const char FORMAT[] = "repolyp model 1";

/* Encoders by name: a row each. depth > 0: a ViT. */
static const struct {
    const char *name;
    struct resnet resnet;
    struct vit vit;
} ENCODERS[] = {
    {"resnet50", {{3, 4, 6, 3}, 64}, {0, 0, 0, 0}}, /* torchvision.models.resnet50 */
    {"vits", {{0, 0, 0, 0}, 0}, {384, 12, 6, 16}},  /* timm vit_small_patch16_224 */
    {"vitt", {{0, 0, 0, 0}, 0}, {192, 12, 3, 16}},  /* timm vit_tiny_patch16_224 */
};

void model_build(struct model *model, const struct cell *cell, const struct recipe *recipe,
                 const struct norm *norm, int side) {
    if (side < 32 || side % 16)
        die_no("side is %d pixels, wanted a multiple of 16 from 32 on", side);
    *model = (struct model){*cell, *recipe, *norm, side, graph_new()};
    struct attr attr = input_attr(norm, recipe);
    struct taps taps = {0, 0};
    int x = add_input(model->graph, side, &attr);
    for (size_t i = 0; i < sizeof ENCODERS / sizeof *ENCODERS; i++) {
        if (strcmp(ENCODERS[i].name, cell->encoder)) continue;
        if (ENCODERS[i].vit.depth)
            taps = add_vit(model->graph, x, &ENCODERS[i].vit, recipe);
        else
            taps = add_resnet(model->graph, x, &ENCODERS[i].resnet, recipe);
    }
    if (!taps.last)
        die_usage("encoder '%s': wanted resnet50, vits or vitt", quoted(cell->encoder));
    add_loss(model->graph, add_deeplab(model->graph, taps, side, recipe), recipe->loss);
}

void model_free(struct model *model) {
    graph_free(model->graph);
    model->graph = NULL;
}

void model_open(struct model *model, const struct bag *bag) {
    const char *path = bag->map.path, *format = bag_meta(bag, "format");
    if (!format || strcmp(format, FORMAT))
        die_no("%s: not a trained model: format is '%s', wanted '%s'; make one with train",
               path, quoted(format ? format : "absent"), FORMAT);
    struct cell cell;
    struct recipe recipe;
    struct norm norm;
    long side;
    cell_parse(&cell, bag_need_meta(bag, "cell"));
    recipe_parse(&recipe, bag_need_meta(bag, "recipe"), path);
    norm_from_bag(&norm, bag);
    if (!integer_parse(bag_need_meta(bag, "side"), &side) || side < 32 || side > 8192)
        die_no("%s: side is '%s', wanted pixels", path, quoted(bag_need_meta(bag, "side")));
    model_build(model, &cell, &recipe, &norm, (int)side);
}

static void add_norm(struct bag_writer *w, const struct norm *norm) {
    const double *m = norm->mean, *s = norm->std;
    char *mean =
        xprintf("%s %s %s", number_text(m[0]), number_text(m[1]), number_text(m[2]));
    char *std =
        xprintf("%s %s %s", number_text(s[0]), number_text(s[1]), number_text(s[2]));
    bag_add_meta(w, "mean", mean);
    bag_add_meta(w, "std", std);
    bag_add_meta(w, "order", norm->bgr ? "bgr" : "rgb");
    bag_add_meta(w, "range", number_text(norm->range));
    xfree(mean);
    xfree(std);
}

struct tensor param_tensor(const struct param *param, void *data) {
    struct tensor t = {param->name, T_F32, param->ndim, {0}, data};
    for (int d = 0; d < param->ndim; d++) t.dim[d] = param->dim[d];
    return t;
}

int param_fits(const struct param *param, const struct tensor *t) {
    int same = t->ndim == param->ndim;
    for (int d = 0; same && d < param->ndim; d++) same = t->dim[d] == param->dim[d];
    return same;
}

void model_save(const struct model *model, const struct backend *b, struct machine *m,
                const char *path, const char *const *extra) {
    const struct graph *g = model->graph;
    struct bag_writer *w = bag_create(path);
    char *recipe = recipe_text(&model->recipe), *side = xprintf("%d", model->side);
    bag_add_meta(w, "format", FORMAT);
    bag_add_meta(w, "cell", cell_name(&model->cell));
    bag_add_meta(w, "side", side);
    bag_add_meta(w, "recipe", recipe);
    add_norm(w, &model->norm);
    for (; extra && extra[0]; extra += 2) bag_add_meta(w, extra[0], extra[1]);
    for (int i = 0; i < g->params; i++) {
        const struct param *p = &g->param[i];
        struct tensor t = param_tensor(p, xmalloc(p->count * sizeof(float)));
        b->get(m, p->name, &t);
        bag_add(w, &t);
        xfree(t.data);
    }
    bag_commit(w);
    xfree(recipe);
    xfree(side);
}

void model_put(const struct model *model, const struct bag *bag, const struct backend *b,
               struct machine *m) {
    for (int i = 0; i < model->graph->params; i++) {
        const struct param *p = &model->graph->param[i];
        const struct tensor *t = bag_find(bag, p->name);
        if (!t)
            die_no("%s: tensor %s is missing: a model of another architecture",
                   bag->map.path, p->name);
        if (!param_fits(p, t))
            die_no(
                "%s: %s is %s, wanted %zu elements in %d dimensions: a model of another architecture",
                bag->map.path, p->name, tensor_shape(t), p->count, p->ndim);
        b->put(m, t);
    }
}
