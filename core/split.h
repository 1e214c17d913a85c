/* split.h - who trains and who validates: a TSV `name group set(train|val|pick)`. `pick`
 * rows choose the checkpoint when the recipe says `pick heldout`; else they train. */
#ifndef CORE_SPLIT_H
#define CORE_SPLIT_H
#include "pack.h"

struct split {
    int train, val, pick;                   /* counts */
    int *train_item, *val_item, *pick_item; /* pack indices, in the file's order */
    char sha256[65];
};
/* Every name must be in the pack, every pack item at most once; die_no naming the row. */
void split_open(struct split *split, const char *path, const struct pack *pack);
void split_close(struct split *split);
#endif
