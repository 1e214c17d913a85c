/* table1.h - Table 1: our number beside the published one, for each encoder, data set and
 * arm.
 *
 * A cell that was not run says so and points to its reason and remedy below the table.
 * Nothing is marked as best: which arm is ahead is a claim, and claims are judged with
 * their interval. */
#ifndef REPORT_TABLE1_H
#define REPORT_TABLE1_H
#include "report/names.h"
#include "report/results.h"

/* One row of Table 1, borrowed from the results. */
struct line {
    char *encoder, *arm, *data;
    const struct result *dice, *iou; /* of variant main, split random */
    int rank[3]; /* places of encoder, data and arm in order of appearance */
    int note;    /* number of its reason, from 1; 0 where it ran */
};
struct table1 {
    int lines, notes;
    struct line *
        line; /* grouped by encoder, then data set, then arm, each in order of appearance */
    const char **note; /* [notes] reasons */
};
/* die_no if the results hold no cell. */
void table1_open(struct table1 *t, const struct results *r);
void table1_close(struct table1 *t);
void table1_markdown(const struct table1 *t, const struct results *r,
                     const struct names *names, const char *path);
void table1_latex(const struct table1 *t, const struct results *r,
                  const struct names *names, const char *path);
/* The same as TSV, for the bar chart and for other programs: encoder arm data (as written
 * for readers) arm_name status n dice iou published_dice published_iou baseline_dice. */
void table1_tsv(const struct table1 *t, const struct results *r, const struct names *names,
                const char *path);
#endif
