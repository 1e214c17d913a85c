/* trial.h - one op, or one run of nodes, tried on a machine's kernels with nothing around
 * it.
 *
 * A trial is a small graph whose leaves have any shape. It is run forward and backward on a
 * table of kernels the way the host would run it: pointers an op must not read are NULL,
 * every buffer stands between sentinels and begins as NaN, so a kernel that reads what
 * nobody wrote, or writes beside its place, is seen. Results come back in double. */
#ifndef TESTS_TRIAL_H
#define TESTS_TRIAL_H
#include "model/host.h"

enum { TRIAL_LEAVES = 5, TRIAL_PARAMS = 16 };

struct trial {
    struct graph *g;
    int first, nodes, leaves; /* nodes 0 .. leaves-1 are leaves; the run follows */
    int N, largest; /* scratch and saved are for the largest batch, as the host's */
    double *leaf[TRIAL_LEAVES], *param[TRIAL_PARAMS], *dy; /* float numbers */
    /* bit i: the run's inner output i is read outside; one at most; before trial_fill */
    unsigned open;
    double *dopen; /* what is given to it there */
    uint64_t seed;
    uint32_t epoch;
    double loss_scale; /* 2 unless set */
    int64_t *position;
    uint8_t **image, **mask, *flip;
};
struct ground; /* memory that is not the host's: trial_room.h */
/* How to run it. */
struct manner {
    enum phase phase;
    struct ground *ground;       /* NULL: the host's memory */
    const struct fusion *fusion; /* NULL: node by node */
    int sum; /* gradients of leaves are added to what stands there (.25 * index % 7) */
    unsigned without; /* bit i: gradient of leaf i not wanted; bit 8 + i: of parameter i */
    int again;        /* forward once more as PHASE_AGAIN before backward */
    int forward_only;
};
struct result {
    double *y, *open, *dx[TRIAL_LEAVES], *dw[TRIAL_PARAMS], *after[TRIAL_PARAMS], *loss;
};

/* A graph with leaves of these shapes; add the run to t->g, then call trial_fill. */
void trial_begin(struct trial *t, int N, int leaves, const struct shape *shape);
/* Random leaves, parameters and upstream gradient; variances positive; pictures, masks */
void trial_fill(struct trial *t, uint64_t seed);
void trial_run(const struct trial *t, const struct kernels *k, const struct manner *m,
               struct result *r);
void trial_free(struct trial *t);
void result_free(struct result *r);

size_t trial_leaf_count(const struct trial *t, int leaf);
size_t trial_out_count(const struct trial *t);
size_t trial_open_count(const struct trial *t);
/* Largest relative L2 distance of any array of a from b's, and which: "y", "dx0" ... NaN if
 * any is. */
double result_distance(const struct trial *t, const struct result *a,
                       const struct result *b, const char **where);
int result_same(const struct trial *t, const struct result *a,
                const struct result *b); /* bit for bit */
#endif
