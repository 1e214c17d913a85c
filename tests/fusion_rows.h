/* fusion_rows.h - runs of nodes for the fused steps of the GPU: odd sizes, several
 * blocks, both orders. */
#ifndef TESTS_FUSION_ROWS_H
#define TESTS_FUSION_ROWS_H
#include "tests/trial.h"

struct fusion_row {
    const char *fusion;
    int N;
    struct shape leaf[2];                     /* the second may be absent */
    void (*build)(struct graph *g, int last); /* last: the last leaf */
    const char *why;
};
enum { FUSION_ROWS = 37 };
extern const struct fusion_row fusion_row[FUSION_ROWS];
#endif
