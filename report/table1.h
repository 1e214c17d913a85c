/* table1.h - Table 1: our number beside the published one, for each encoder, data set and
 * arm; below it, in Markdown, the differences of arms with their intervals.
 *
 * A cell that was not run says so and points to its reasons and remedies below the table,
 * each of which stands there once. Nothing is marked as best: which arm is ahead is a
 * claim, and claims are judged. */
#ifndef REPORT_TABLE1_H
#define REPORT_TABLE1_H
#include "core/file.h"
#include "report/names.h"
#include "report/reason.h"
#include "report/results.h"

/* One row of Table 1, borrowed from the results. */
struct line {
    char *encoder, *arm, *data;
    const struct result *dice, *iou; /* of variant main, split random */
    int rank[3]; /* places of encoder, data and arm in order of appearance */
    char *notes; /* numbers of its reasons, from 1, as "1-3, 5"; NULL where it ran */
};
struct table1 {
    int lines;
    struct line *
        line; /* grouped by encoder, then data set, then arm, each in order of appearance */
    struct reasons notes;
};
/* die_no if the results hold no cell. */
void table1_open(struct table1 *t, const struct results *r);
void table1_close(struct table1 *t);
void table1_markdown(const struct table1 *t, const struct results *r,
                     const struct names *names, const char *path);
void differences_markdown(const struct table1 *t, const struct results *r,
                          const struct names *names, struct out *out);
void table1_latex(const struct table1 *t, const struct results *r,
                  const struct names *names, const char *path);
/* The same as TSV, for the bar chart and for other programs: encoder arm data (as written
 * for readers) arm_name status n dice iou published_dice published_iou baseline_dice. */
void table1_tsv(const struct table1 *t, const struct results *r, const struct names *names,
                const char *path);
#endif
