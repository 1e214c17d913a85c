/* eval.h - a model and a pack to one row a validation image: what eval's files share.
 *
 * Rows: name group size inter pred truth empty dice iou. size is the network's side in
 * pixels, or `orig`: then logits are scaled to the picture's original size (bilinear,
 * align_corners no) and held against the mask as it was published. empty says which mask
 * has no pixel: none, pred, truth or both. No statistic over images is computed here. */
#ifndef EVAL_EVAL_H
#define EVAL_EVAL_H
#include "core/metric.h"
#include "core/pack.h"
#include "core/split.h"

enum baseline { BASELINE_NONE, BASELINE_BACKGROUND, BASELINE_POLYP, BASELINE_MEAN };
struct eval_options {
    const char *cell, *model, *pack, *split, *out; /* model NULL with a baseline */
    const char *device;
    const char *plans; /* of a gpu: where its plans are kept; NULL: nowhere */
    const char *masks; /* bag of predicted masks; NULL: none */
    int threads;
    int original; /* score at original size */
    enum baseline baseline;
};
void eval(const struct eval_options *options);

/* source.c: where logits come from: a model, or a baseline that has none: -1 everywhere, 1
 * everywhere, or the training masks' mean less .5. */
struct source;
struct source *source_open(const struct eval_options *o, const struct pack *pack,
                           const struct split *split);
/* How many pictures to ask for at once: as many as training took, so that train's
 * own validation score is repeated exactly. */
int source_batch(const struct source *s);
/* Logits [n][S][S] of n pack items. */
void source_logits(struct source *s, const int *item, int n, float *logits);
void source_close(struct source *s);
#endif
