/* resume.c - one bag with everything an interrupted run needs: the machine's state, the
 * place in the epoch, the log so far, the best parameters so far. There is no second file
 * to be out of step. */
#include "core/die.h"
#include "train.h"
#include <stdio.h>
#include <string.h>

static const char FORMAT[] = "repolyp resume 1";
enum { LOG_COLUMNS = 7, PLACES = 4, CHOICES = 4 };

static char *resume_path(const struct run *run) {
    return file_join(run->options->outdir, "resume.bag");
}

static void add_log(struct bag_writer *w, const struct log *log) {
    bag_begin(w, "run.log", T_F64);
    for (size_t i = 0; i < log->rows; i++) {
        const struct log_row *row = &log->row[i];
        double cell[LOG_COLUMNS] = {row->kind,     row->epoch,      (double)row->step,
                                    row->lr,       row->score.loss, row->score.dice,
                                    row->score.iou};
        bag_write(w, cell, sizeof cell);
    }
    bag_end(w, 2, (int[]){(int)log->rows, LOG_COLUMNS});
}

/* The best parameters so far, which the machine keeps: one array of floats, in the order of
 * graph->param. */
static size_t best_count(const struct run *run) {
    return run->model.graph->weights + run->model.graph->buffers;
}

static void add_best(struct bag_writer *w, const struct run *run) {
    const struct graph *g = run->model.graph;
    size_t n = best_count(run);
    float *all = xmalloc(n * sizeof *all), *at = all;
    run->backend->exchange(run->machine);
    for (int p = 0; p < g->params; at += g->param[p++].count) {
        struct tensor t = param_tensor(&g->param[p], at);
        run->backend->get(run->machine, t.name, &t);
    }
    run->backend->exchange(run->machine);
    bag_add(w, &(struct tensor){"run.best_params", T_F32, 1, {(int)n}, all});
    xfree(all);
}

/* Before the rest is loaded: the machine can keep only what it has. */
static void keep_best(const struct run *run, const float *at) {
    const struct graph *g = run->model.graph;
    for (int p = 0; p < g->params; at += g->param[p++].count) {
        struct tensor t = param_tensor(&g->param[p], (void *)(uintptr_t)at);
        run->backend->put(run->machine, &t);
    }
    run->backend->keep(run->machine);
}

void resume_write(const struct run *run) {
    char *path = resume_path(run), name[64];
    struct bag_writer *w = bag_create(path);
    bag_add_meta(w, "format", FORMAT);
    for (int i = 0; i < run->identities; i++) {
        snprintf(name, sizeof name, "run.%s", run->identity[i].key);
        bag_add_meta(w, name, run->identity[i].value);
    }
    bag_add_meta(w, "loaded", run->loaded);
    int64_t place[PLACES] = {run->epoch, run->at, run->step, run->best_epoch};
    double choice[CHOICES] = {run->best_choice, run->best.loss, run->best.dice,
                              run->best.iou};
    bag_add(w, &(struct tensor){"run.place", T_I64, 1, {PLACES}, place});
    bag_add(w, &(struct tensor){"run.best", T_F64, 1, {CHOICES}, choice});
    if (run->best_epoch) add_best(w, run);
    add_log(w, &run->log);
    run->backend->save(run->machine, w);
    bag_commit(w);
    xfree(path);
}

static void same_run(const struct run *run, const struct bag *bag) {
    char name[64];
    if (strcmp(bag_need_meta(bag, "format"), FORMAT))
        die_no("%s: not a checkpoint of this version; delete it and run again",
               bag->map.path);
    for (int i = 0; i < run->identities; i++) {
        const struct key *key = &run->identity[i];
        snprintf(name, sizeof name, "run.%s", key->key);
        const char *has = bag_need_meta(bag, name);
        if (strcmp(has, key->value))
            die_no("%s: a checkpoint of another run: its %s is %s, this run's is %s; "
                   "delete it to "
                   "begin anew, or give what it was made with",
                   bag->map.path, key->key, quoted(has), quoted(key->value));
    }
}

static const void *numbers(const struct bag *bag, const char *name, enum type type, int n) {
    const struct tensor *t = bag_need(bag, name, type, 1);
    if (t->dim[0] != n)
        die_no("%s: %s has %d numbers, wanted %d; delete it and run again", bag->map.path,
               name, t->dim[0], n);
    return t->data;
}

static void read_log(struct run *run, const struct bag *bag) {
    const struct tensor *t = bag_need(bag, "run.log", T_F64, 2);
    if (t->dim[1] != LOG_COLUMNS)
        die_no("%s: run.log has %d columns, wanted %d; delete it and run again",
               bag->map.path, t->dim[1], LOG_COLUMNS);
    for (int i = 0; i < t->dim[0]; i++) {
        double cell[LOG_COLUMNS];
        memcpy(cell, (const uint8_t *)t->data + (size_t)i * sizeof cell, sizeof cell);
        struct score score = {cell[4], cell[5], cell[6]};
        log_add(&run->log, (struct log_row){(enum log_kind)(int)cell[0], (int)cell[1],
                                            (int64_t)cell[2], cell[3], score});
    }
}

/* The place comes from a file: it must lie inside the run. */
static void read_place(struct run *run, const struct bag *bag) {
    int64_t place[PLACES];
    memcpy(place, numbers(bag, "run.place", T_I64, PLACES), sizeof place);
    if (place[0] < 1 || place[0] > run->total || place[1] < 0 ||
        place[1] > run->epoch_steps ||
        place[2] != (place[0] - 1) * run->epoch_steps + place[1] || place[2] > run->total ||
        place[3] < 0 || place[3] > place[0])
        die_no("%s: its place in the run is impossible; delete it and run again",
               bag->map.path);
    run->epoch = (int)place[0];
    run->at = (int)place[1];
    run->step = place[2];
    run->best_epoch = (int)place[3];
}

int resume_read(struct run *run) {
    char *path = resume_path(run);
    int there = file_exists(path);
    if (there) {
        struct bag bag;
        double choice[CHOICES];
        bag_open(&bag, path);
        same_run(run, &bag);
        read_place(run, &bag);
        memcpy(choice, numbers(&bag, "run.best", T_F64, CHOICES), sizeof choice);
        run->best_choice = choice[0];
        run->best = (struct score){choice[1], choice[2], choice[3]};
        if (run->best_epoch)
            keep_best(run, numbers(&bag, "run.best_params", T_F32, (int)best_count(run)));
        read_log(run, &bag);
        xfree(run->loaded);
        run->loaded = xstrdup(bag_need_meta(&bag, "loaded"));
        run->backend->load(run->machine, &bag);
        bag_close(&bag);
    }
    xfree(path);
    return there;
}
