/* gather.h - turns rows, one an image, into results.tsv: every statistic of Table 1 and of
 * the text is computed here (gather.c, compare.c, totals.c, published.c). The learning
 * curves' points are not: train takes a validation mean after each epoch, to choose its
 * checkpoint by, and logs it; --curves copies the logs.
 *
 * EXPERIMENT.tsv says which cells are wanted: columns `cell status reason` (status run |
 * not-run; reason "na" where it runs) and, if other than main and random, `variant` and
 * `split`. A cell that is to run and has no score is fatal; one that is not gets rows with
 * its reason, so that the table, the figures and the claims can say so. Without the file
 * the experiment is what was scored.
 *
 * Rows of a cell, with s seeds of n pictures each:
 *   dice iou               mean over seeds of the mean over pictures; sd_seed from two on
 *   sd_dice                deviation of Dice over pictures (n - 1), mean over seeds
 *   empty pictures seeds   predictions without a pixel (of all seeds), n, s
 *   best_epoch             mean over seeds; absent for a trivial baseline
 *   dice_minus_published iou_minus_published    where the original printed a number
 *   dice_above_baseline    less the best of the cells baseline-*-DATA
 * Scores on another data set than the cell's own: the same rows, metric dice.DATA and so
 * on.
 *
 * Rows of two arms A and B of an encoder and data set, cell ENCODER-A-vs-B-DATA:
 *   dice iou               A less B, picture by picture on the same pictures (others are
 *                          fatal) and seeds; lo and hi are that less and plus 1.96 times
 *                          the standard error of the mean, of the normal approximation,
 *                          with a group's pictures (a sequence, a case; alone where
 *                          ungrouped) as one observation
 * Arms stand in the order in which published.tsv names them, then in the experiment's.
 * Pairs of arms that published.tsv knows (an arm the original did not test stands there as
 * "tested 0") and the experiment does not hold are rows not run, so that the text may speak
 * of them.
 *
 * Rows of cell "all", for each variant and split:
 *   cells cells_run seeds  of the experiment; pairs: its encoder and data sets of two arms or more
 *   wins-A                 encoder and data sets with A's mean Dice above all others'
 *   wins-A-over-B          above B's; both kinds not run while a cell is missing
 *   ahead-A-over-B compared-A-over-B  the same among pairs that were run; their number
 *   clear-A-over-B         those of them whose whole interval of A less B is above 0
 *   least-above-baseline   the least dice_above_baseline
 * Rows of a cell named after a data set: pictures (scored, a seed).
 *
 * Variant "published", split random (published.c): the printed numbers, differences of
 * arms, and for each cell, Dice d: iou_of_dice = d/(2-d); iou_gap = IoU less that;
 * sd_implied = sqrt(2 gap / f''(d)), f'' = 4/(2-d)^3; half_width = 1.96 sd / sqrt(n), n = N
 * - floor(.8 N) pictures; half_width_groups, n the number of groups (cases, sequences); and
 * for a difference d of two arms with these half widths by group, h and k:
 * half_width_groups_most = h + k, the widest an interval of d can be, and
 * correlation_needed = (h^2 + k^2 - d^2) / (2 h k), that of the arms' scores above which an
 * interval of d, taken pair by pair, leaves 0 out. IoU
 * is a convex function of Dice, so the gap between the mean IoU and the IoU of the mean
 * Dice measures the spread of Dice over pictures. */
#ifndef REPORT_GATHER_H
#define REPORT_GATHER_H
#include "report/results.h"
#include "report/scores.h"

#define BASELINE "baseline"
#define NORMAL_95 1.96 /* deviations to either side that hold 95 % of a normal law */

struct slot { /* one variant, cell and split */
    char *variant, *cell, *split, *encoder, *arm, *data;
    bool run;
    char *reason;               /* NULL where it runs */
    const struct score **score; /* on its own data, a seed each */
    int scores;
};
struct gather {
    struct score *score;
    int scores;
    struct slot *slot;
    int slots;
    char **arm; /* in the order of pairs */
    int arms;
    struct table published;
    struct results results;
};
struct gather_input {
    const char *experiment; /* NULL: what was scored */
    const char *published;
    char *const *run; /* folders or score files */
    int runs;
};
/* Fatal as said above. */
void gather(struct gather *g, const struct gather_input *input);
void gather_free(struct gather *g);
/* The rows of published.c, and a printed number's text (NULL if the original has none). */
void gather_published(struct gather *g);
const char *published_get(const struct table *published, const char *cell,
                          const char *metric);
void gather_pairs(struct gather *g);
void gather_totals(struct gather *g);
#endif
