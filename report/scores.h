/* scores.h - what gather reads: one run's rows, one an image, and what its run.tsv says of
 * it.
 *
 * A run is a folder .../VARIANT/CELL/SPLIT/sSEED with score.DATA.tsv and, unless it is a
 * trivial baseline, run.tsv. Who it is comes from the folder's name; cell and seed are held
 * against run.tsv, so that a moved folder is refused, not believed. */
#ifndef REPORT_SCORES_H
#define REPORT_SCORES_H
#include "core/table.h"

struct score {
    char *variant, *cell, *split; /* of the folder's name */
    char *encoder, *arm, *data;   /* parts of cell */
    long seed;
    char *scored; /* the data set of score.DATA.tsv; usually `data` */
    struct table rows;
    int n;              /* pictures */
    char **name;        /* [n] borrowed from rows */
    char **group;       /* [n] the same: case, sequence, or the picture's own name */
    double *dice, *iou; /* [n] */
    int empty;          /* predictions without a single pixel */
    double best_epoch;  /* NAN where there is no run.tsv */
    char *source;       /* VARIANT/CELL/SPLIT/sSEED/score.DATA.tsv@sha8 */
};
/* `path` is a run folder or a score file in one. die_usage if the name is not of the form,
 * die_no for rows that are not scores (a Dice that its own counts do not give, a name
 * twice, no row). */
void score_open(struct score *score, const char *path);
void score_close(struct score *score);

/* Epochs of one run's log.tsv for the learning curves: train loss (mean over the epoch's
 * steps) and the validation row. */
struct epoch {
    int epoch, steps;
    double loss, dice, iou, val_loss;
};
struct epoch *score_epochs(const char *folder, int *count); /* caller frees */
#endif
