/* train.h - one cell and seed to one run: what train's files share; no other room includes
 * it.
 *
 * A run folder OUTDIR ends with log.tsv, model.bag, host.tsv and, written last, run.tsv.
 * Until then resume.bag holds a whole checkpoint. Everything but host.tsv is a function of
 * the recipe, the data, the weights, the split, the seed, the sources and the kind of
 * machine: interrupted and resumed gives the same bytes as uninterrupted. */
#ifndef TRAIN_TRAIN_H
#define TRAIN_TRAIN_H
#include "core/cell.h"
#include "core/file.h"
#include "core/pack.h"
#include "core/split.h"
#include "model/model.h"
#include <signal.h>

struct options {
    const char *cell, *recipe, *pack, *split, *weights, *outdir;
    const char *device;      /* auto cpu gpu ref */
    const char *fusions_off; /* NULL: none */
    const char *plans;       /* of a gpu: where its plans are kept; NULL: nowhere */
    int any_order;           /* of a gpu: its sums may come in any order */
    const char *init_only;   /* write the untrained model there and stop; NULL: train */
    int threads;             /* 0: all */
    uint64_t seed;
    long stop_after;  /* steps of this call, then as if by SIGTERM; 0: none */
    char **overrides; /* "key=value" */
    int override_count;
};

/* Pictures of the three sets: train, val and, for `pick heldout`, pick. */
struct sets {
    struct pictures set[SET_COUNT];
    int *item[SET_COUNT]; /* pack indices */
};
/* Rows marked pick train too, after the others, unless the recipe says `pick heldout`;
 * then, if the split marks none, a tenth of the training rows is drawn by stream 1,
 * epoch 1. die_no where the sets cannot be trained on: nothing to train, nothing to
 * validate, a last batch of one. */
void sets_make(struct sets *sets, const struct pack *pack, const struct split *split,
               const struct recipe *recipe, uint64_t seed, const char *split_path);
void sets_free(struct sets *sets);

/* A set's mean loss and its Dice and IoU as the recipe's `metric` says. */
struct score {
    double loss, dice, iou;
};

enum log_kind { LOG_TRAIN, LOG_VAL, LOG_PICK };
struct log_row {
    enum log_kind kind;
    int epoch;          /* from 1 */
    int64_t step;       /* from 1 */
    double lr;          /* LOG_TRAIN */
    struct score score; /* LOG_TRAIN: the loss alone */
};

struct log {
    struct log_row *row;
    size_t rows, room;
};
void log_add(struct log *log, struct log_row row);
void log_write(const struct log *log, const char *path);

struct key {
    char *key, *value;
};

struct run {
    const struct options *options;
    struct model model; /* cell, recipe, norm, side and graph */
    struct pack pack;
    struct split split;
    struct sets sets;
    const struct backend *backend;
    struct machine *machine;
    char *loaded; /* what model_init said */

    struct key identity[32]; /* what run.tsv says of the inputs, in order */
    int identities;

    int64_t total, step; /* optimizer steps in all, and done */
    int epoch_steps;
    int epoch, at; /* epoch from 1; steps of it that are done */
    struct log log;
    int best_epoch;     /* 0: none yet */
    struct score best;  /* validation score at best_epoch */
    double best_choice; /* what `pick` compares */
    int64_t steps_here; /* by this process */
};

/* prepare.c: opens every input and refuses what does not fit, before anything is computed.
 */
void run_open(struct run *run, const struct options *options);
void run_start(
    struct run *run); /* opens the machine, fills in first parameters or resume.bag */
void run_close(struct run *run);

/* loop.c: trains to the end; on a signal writes resume.bag and dies with exit 3. */
void run_train(struct run *run);
void run_catch_signals(void); /* SIGTERM, SIGINT, SIGUSR1 set a flag, nothing else */

/* resume.c: everything an interrupted run needs, in one bag. */
void resume_write(const struct run *run);
int resume_read(struct run *run); /* 0: there is none; die_no if it is another run's */

/* record.c */
void identity_fill(struct run *run); /* all but `machine` and `loaded` */
/* What `machine` says: a device's name without its number, and of a gpu's sums in any
 * order. */
char *machine_key(const char *device, int any_order); /* caller frees */
/* The first key whose value differs between run.tsv at `path` and this run; NULL: none.
 * `found` is set to the file's value. Caller frees both. */
char *identity_differs(const struct run *run, const char *path, char **found);
void record_write(struct run *run, double seconds); /* log, model, host, then run.tsv */
/* Dice and IoU of counts by the recipe's metric, and the mean of losses. */
struct score score_of(const struct recipe *recipe, const struct counts *c,
                      const double *loss, int n);

/* The whole program after its options: 0 done. */
void train(const struct options *options);
#endif
