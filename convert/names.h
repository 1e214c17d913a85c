/* names.h - which tensors an encoder wants, and how a checkpoint's names become them.
 *
 * DIR/ENCODER.tsv (columns name, shape; sorted by name) is the encoder's own PyTorch state
 * dict without its classifier head. DIR/MAP.tsv (columns from, to) rewrites leading parts
 * of names: the longest `from` that a name equals or that stands before a dot of it becomes
 * `to`; `-` drops it. */
#ifndef CONVERT_NAMES_H
#define CONVERT_NAMES_H
#include "core/bag.h"
#include "core/table.h"

struct wanted {
    const char *name; /* borrowed until names_close */
    int ndim, dim[TENSOR_DIMS];
    int optional; /* num_batches_tracked: old files lack it, and no arithmetic uses it */
};
struct names {
    int count;
    struct wanted *wanted; /* sorted by name */
    struct table list, map;
    int has_map;
};
/* map may be NULL. */
void names_open(struct names *names, const char *folder, const char *encoder,
                const char *map);
void names_close(struct names *names);
/* The encoder's name for a checkpoint's one. Caller frees. */
char *names_map(const struct names *names, const char *name);
int names_find(const struct names *names,
               const char *name); /* index in wanted, -1 if absent */
/* The classifier head, which no encoder wants: fc.*, head.* */
int names_head(const char *name);
#endif
