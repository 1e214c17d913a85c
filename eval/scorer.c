/* scorer.c - opens a trained model on a machine. It knows no metric and no picture. */
#include "scorer.h"

void scorer_open(struct scorer *s, const char *path, const char *device, int threads,
                 int batch, const char *plans) {
    bag_open(&s->bag, path);
    model_open(&s->model, &s->bag);
    s->backend = backend_open(device, threads, &s->machine);
    s->backend->prepare(
        s->machine, &(struct job){.graph = s->model.graph,
                                  .recipe = &s->model.recipe,
                                  .batch = batch ? batch : recipe_part(&s->model.recipe),
                                  .plans = plans});
    model_put(&s->model, &s->bag, s->backend, s->machine);
}

void scorer_close(struct scorer *s) {
    s->backend->close(s->machine);
    model_free(&s->model);
    bag_close(&s->bag);
}
