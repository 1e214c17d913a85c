/* names.h - which tensors an encoder wants, and how a checkpoint's names become them.
 *
 * DIR/ENCODER.tsv (columns name, shape, need; sorted by name) is the encoder's own PyTorch
 * state dict without its classifier head. `need` may be absent; its words:
 *   yes      must be there
 *   counter  num_batches_tracked: counted if there, never written, no arithmetic uses it
 *   extra    counted and written if there: biases that only some lineages have
 *
 * DIR/MAP.tsv (columns from, to; turn and part where they are needed) renames. `*` in a
 * `from`, once, stands for a number, which `to` may repeat. The longest match counts.
 *   from without '/'   a leading part of a name up to a dot; `to` "-" drops it
 *   from with '/'      a whole name, or its end behind a '/': "conv1_conv/kernel" is also
 *                      "model_weights/conv1_conv/conv1_conv/kernel"; "/cls" is "a/cls"
 *   turn               how the axes are exchanged, a word of turn.h
 *   part               "2/3": the second of three blocks of rows of the wanted tensor
 * DIR/MAP.conf, where there is one, says what such files mean but do not say (`key value`):
 *   stride             v1 or v15: which convolution of a ResNet's stage strides
 *   bn_eps             epsilon of the batch norms
 * Where a row has a turn or a part, neighbouring axes may merge: [384,6,64] is
 * [384,384]. */
#ifndef CONVERT_NAMES_H
#define CONVERT_NAMES_H
#include "convert/turn.h"
#include "core/table.h"

enum need { NEED_YES, NEED_COUNTER, NEED_EXTRA };
enum { NAMES_PARTS = 4 };

struct wanted {
    const char *name; /* borrowed until names_close */
    int ndim, dim[TENSOR_DIMS];
    enum need need;
};
struct rename { /* a row of a map */
    const char *from, *to;
    enum turn turn;
    int part, parts; /* 0 of 1: the whole */
};
struct names {
    int count, renames;
    struct wanted *wanted; /* sorted by name */
    struct rename *rename;
    struct table list, map;
    struct pairs conf;           /* of the map */
    const char *stride, *bn_eps; /* NULL: not said */
};
/* What a checkpoint's tensor is to the encoder. */
struct renamed {
    char *name; /* xfree */
    enum turn turn;
    int part, parts, merges;
};
/* map may be NULL. */
void names_open(struct names *names, const char *folder, const char *encoder,
                const char *map);
void names_close(struct names *names);
void names_map(const struct names *names, const char *name, struct renamed *out);
int names_find(const struct names *names,
               const char *name); /* index in wanted, -1 if absent */
/* The classifier head, which no encoder wants: fc.*, head.* */
int names_head(const char *name);
#endif
