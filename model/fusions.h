/* fusions.h - a machine's fused steps (model/host.h), for people: which there are, what
 * they save, which nodes of a network they take. */
#ifndef MODEL_FUSIONS_H
#define MODEL_FUSIONS_H
#include "model/backend.h"
#include <stdio.h>

/* die_usage where a name of the list (comma between; "all"; NULL: none) is none of the
 * machine's. */
void fusions_check(const struct backend *b, const char *list);
/* TSV: a row a node (`step` numbers what is done at once, `fusion` says by what,
 * "none": the op alone), then a row a fused step of the machine with how many runs it
 * takes. A machine that times them may leave some of the runs to the single ops.
 * die_world where this build lacks the machine. */
void fusions_print(const struct backend *b, const struct graph *g, int batch, int train,
                   const char *off, FILE *out);
#endif
