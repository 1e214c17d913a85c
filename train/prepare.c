/* prepare.c - opens every input of a run and refuses what does not fit, before anything is
 * computed: a run of hours must not fail at its end for what was wrong at its start. */
#include "core/die.h"
#include "model/fusions.h"
#include "train.h"
#include <limits.h>
#include <string.h>

/* What is written last is tried first: no permission, no disk, a folder in the way. */
static void check_outdir(const char *dir) {
    char *path = file_join(dir, "run.tsv");
    file_mkdir(dir);
    out_drop(out_open(path));
    xfree(path);
}

/* A random encoder has no makers who scaled its pictures: ImageNet's mean and deviation, as
 * timm and torchvision train their own networks from scratch. */
static void norm_without_weights(struct norm *norm) {
    *norm = (struct norm){{.485, .456, .406}, {.229, .224, .225}, 255, 0};
}

static void open_norm(struct norm *norm, const struct options *o,
                      const struct recipe *recipe, const struct sets *sets) {
    if (recipe->norm) {
        norm_from_pictures(norm, &sets->set[SET_TRAIN]);
    } else if (!strcmp(o->weights, "none")) {
        norm_without_weights(norm);
    } else {
        struct bag bag;
        bag_open(&bag, o->weights);
        norm_from_bag(norm, &bag);
        bag_close(&bag);
    }
}

/* A bag says of what it was made; one of another name would be trained without a word. */
static void check_made_of(const struct bag *bag, const char *key, const char *wanted,
                          const struct cell *cell) {
    const char *is = bag_meta(bag, key);
    if (is && strcmp(is, wanted))
        die_no("%s: its %s is '%s', wanted '%s' for cell %s; give that one's",
               quoted(bag->path), key, quoted(is), wanted, cell_name(cell));
}

static void check_weights(const struct options *o, const struct cell *cell) {
    if (!strcmp(o->weights, "none") && strcmp(cell->pretrain, "random"))
        die_usage(
            "%s: weights 'none' are for random cells; give the bag of %s's %s weights",
            cell_name(cell), cell->encoder, cell->pretrain);
    if (!strcmp(o->weights, "none")) return;
    struct bag bag;
    bag_open(&bag, o->weights);
    check_made_of(&bag, "arm", cell->pretrain, cell);
    check_made_of(&bag, "encoder", cell->encoder, cell);
    bag_close(&bag);
}

static void count_steps(struct run *run) {
    const struct recipe *r = &run->model.recipe;
    run->epoch_steps = epoch_steps(r, run->sets.set[SET_TRAIN].count);
    run->total = r->steps ? r->steps : (int64_t)run->epoch_steps * r->epochs;
    if (run->total / run->epoch_steps >= INT_MAX)
        die_no("%s: %lld steps are more epochs than can be counted", run->options->recipe,
               (long long)run->total);
    run->epoch = 1;
}

void run_open(struct run *run, const struct options *o) {
    struct cell cell;
    struct recipe recipe;
    struct norm norm;
    *run = (struct run){.options = o};
    cell_parse(&cell, o->cell);
    check_weights(o, &cell);
    recipe_read(&recipe, o->recipe, o->overrides, o->override_count);
    pack_open(&run->pack, o->pack);
    check_made_of(&run->pack.bag, "data", cell.data, &cell);
    split_open(&run->split, o->split, &run->pack);
    sets_make(&run->sets, &run->pack, &run->split, &recipe, o->seed, o->split);
    open_norm(&norm, o, &recipe, &run->sets);
    model_build(&run->model, &cell, &recipe, &norm, run->pack.side);
    count_steps(run);
    if (!o->init_only) check_outdir(o->outdir);
    identity_fill(run);
}

/* Random cells take nothing from a bag but its scaling. */
static void first_parameters(struct run *run) {
    const struct options *o = run->options;
    int random = !strcmp(run->model.cell.pretrain, "random");
    struct bag bag;
    if (!random) bag_open(&bag, o->weights);
    run->loaded =
        model_init(&run->model, o->seed, random ? NULL : &bag, run->backend, run->machine);
    if (!random) bag_close(&bag);
}

/* What is known of the run only when it has its machine. Takes value. */
static void set_key(struct run *run, const char *name, char *value) {
    for (int i = 0; i < run->identities; i++) {
        struct key *key = &run->identity[i];
        if (strcmp(key->key, name)) continue;
        xfree(key->value);
        key->value = value;
    }
}

void run_start(struct run *run) {
    const struct options *o = run->options;
    const struct recipe *r = &run->model.recipe;
    run->backend = backend_open(o->device, o->threads, &run->machine);
    set_key(run, "machine", machine_key(run->backend->name, o->any_order));
    fusions_check(run->backend, o->fusions_off);
    run->backend->prepare(run->machine, &(struct job){.graph = run->model.graph,
                                                      .recipe = &run->model.recipe,
                                                      .seed = o->seed,
                                                      .batch = recipe_part(r),
                                                      .train = 1,
                                                      .fusions_off = o->fusions_off,
                                                      .plans = o->plans,
                                                      .relaxed = o->any_order});
    for (enum set s = 0; s < SET_COUNT; s++)
        if (run->sets.set[s].count) run->backend->data(run->machine, s, &run->sets.set[s]);
    set_key(run, "plans", xstrdup(run->backend->plans(run->machine)));
    first_parameters(run);
}

void run_close(struct run *run) {
    if (run->backend) run->backend->close(run->machine);
    for (int i = 0; i < run->identities; i++) {
        xfree(run->identity[i].key);
        xfree(run->identity[i].value);
    }
    xfree(run->loaded);
    xfree(run->log.row);
    model_free(&run->model);
    sets_free(&run->sets);
    split_close(&run->split);
    pack_close(&run->pack);
}
