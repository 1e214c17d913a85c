/* source.c - logits of a pack's pictures: a model's, or a baseline's that has no model.
 * It never sees a mask that is scored. */
#include "core/die.h"
#include "eval.h"
#include "scorer.h"
#include <string.h>

struct source {
    const struct pack *pack;
    enum baseline baseline;
    struct scorer scorer; /* without a baseline */
    const uint8_t **image;
    float *plane; /* with one: [S][S] */
};

static size_t pixels(const struct pack *pack) {
    return (size_t)pack->side * (size_t)pack->side;
}

static void check_model(const struct eval_options *o, const struct model *model,
                        const struct pack *pack) {
    struct cell cell;
    cell_parse(&cell, o->cell);
    if (strcmp(cell_name(&cell), cell_name(&model->cell)))
        die_no("%s: a model of %s, wanted %s; give that cell's model", o->model,
               cell_name(&model->cell), cell_name(&cell));
    if (model->side != pack->side)
        die_no("%s: a model for pictures of %d pixels, but those of %s have %d; give a "
               "pack made "
               "with size %d",
               o->model, model->side, o->pack, pack->side, model->side);
}

static void mean_mask(const struct pack *pack, const struct split *split, float *plane) {
    for (size_t j = 0; j < pixels(pack); j++) {
        int sum = 0;
        for (int i = 0; i < split->train; i++)
            sum += pack_mask(pack, split->train_item[i])[j / 8] >> (j % 8) & 1;
        plane[j] = (float)((double)sum / split->train - .5);
    }
}

struct source *source_open(const struct eval_options *o, const struct pack *pack,
                           const struct split *split) {
    struct source *s = xcalloc(1, sizeof *s);
    s->pack = pack;
    s->baseline = o->baseline;
    if (!o->baseline) {
        scorer_open(&s->scorer, o->model, o->device, o->threads, 0, o->plans);
        check_model(o, &s->scorer.model, pack);
        s->image = xcalloc((size_t)source_batch(s), sizeof *s->image);
        return s;
    }
    if (o->baseline == BASELINE_MEAN && !split->train)
        die_no("%s: no training picture, so no mean mask; use another baseline", o->split);
    s->plane = xcalloc(pixels(pack), sizeof *s->plane);
    for (size_t j = 0; j < pixels(pack); j++)
        s->plane[j] = o->baseline == BASELINE_POLYP ? 1 : -1;
    if (o->baseline == BASELINE_MEAN) mean_mask(pack, split, s->plane);
    return s;
}

int source_batch(const struct source *s) {
    return s->baseline ? 1 : recipe_part(&s->scorer.model.recipe);
}

void source_logits(struct source *s, const int *item, int n, float *logits) {
    if (!s->baseline) {
        for (int k = 0; k < n; k++) s->image[k] = pack_image(s->pack, item[k]);
        s->scorer.backend->infer(s->scorer.machine, s->image, n, logits);
        return;
    }
    for (int k = 0; k < n; k++)
        memcpy(logits + (size_t)k * pixels(s->pack), s->plane,
               pixels(s->pack) * sizeof *logits);
}

void source_close(struct source *s) {
    if (!s->baseline) scorer_close(&s->scorer);
    xfree(s->image);
    xfree(s->plane);
    xfree(s);
}
