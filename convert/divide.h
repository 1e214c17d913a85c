/* divide.h - who trains and who validates, by a rule, a seed and a pack alone.
 *
 *   random       the pack's pictures permuted (rng_permutation, seed 42 + replicate,
 *                stream split, epoch 0); the first floor(.8 n) train. 0 is the paper's.
 *   grouped-fK   K of 0..4. The groups, in the pack's order, permuted alike, then sorted by
 *                falling number of pictures (stable); each in turn goes to the fold with
 *                fewest pictures so far, the first of equals. Fold K validates, the others
 *                train.
 *   official     by lists; without any, by the pack's `part`: what begins with Train trains
 *   pranet       by lists
 *   all          every picture validates: a set on which others' models are scored
 * A list names one set's pictures, a name a line. Where only one of train and val is
 * listed, the others are the rest; with both, every picture must be in one. */
#ifndef CONVERT_DIVIDE_H
#define CONVERT_DIVIDE_H
#include "core/pack.h"

enum { DIVIDE_LISTS = 8, DIVIDE_FOLDS = 5 };
struct divide {
    const char *kind;
    uint64_t replicate;
    int lists;
    const char *list[DIVIDE_LISTS]; /* "train=FILE" or "val=FILE" */
};
/* Writes `name group set`, rows in the pack's order, and tells on stderr how many
 * validation pictures have a training picture of their group. */
void divide_write(const struct divide *divide, const struct pack *pack, const char *out);
#endif
