/* plan.h - from a graph to a program with every byte of memory placed beforehand.
 *
 * A plan is a list of actions (forward a step, compute it again, backward) and a list of
 * values, each with a first and a last action and an offset in one arena; values whose
 * lives overlap never overlap in the arena. Outputs of cheap steps are dropped after their
 * last use in the forward pass and computed again where backward wants them: that keeps a
 * ResNet's raw convolution outputs and little else. Knows kernels only by their sizes; runs
 * nothing. */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H
#include "model/host.h"

struct step { /* one kernel or one fused run */
    int first, nodes;
    const struct fusion *fusion; /* NULL: a single op */
    int cheap;
};

struct value {
    size_t bytes, offset;
    int first, last; /* actions */
};

struct slot { /* value numbers of one call's pointers, -1: NULL */
    int x[NODE_INPUTS], dx[NODE_INPUTS], sum[NODE_INPUTS];
    int y, dy, sum_dw;
};

enum kind { FORWARD, AGAIN, BACKWARD };

struct action {
    enum kind kind;
    int step;
    struct slot *slot; /* [nodes of the step] */
    int saved, scratch;
};

struct plan {
    int steps, actions, values;
    struct step *step;
    struct action *action;
    struct value *value;
    int room_actions, room_values;
    size_t bytes; /* of the arena */
    int logits;   /* value number; -1: never in memory (training only) */
};

/* train 0: forward only. frozen[p] != 0: parameter p wants no gradient (NULL: all want
 * one). */
void plan_make(struct plan *plan, const struct graph *g, const struct kernels *k, int batch,
               int train, const char *fusions_off, const unsigned char *frozen);
void plan_free(struct plan *plan);
/* The nodes that f makes one step of, from `first` on: 0 where it does not apply, or where
 * somebody outside reads what would have no memory. */
int plan_fits(const struct graph *g, const struct fusion *f, int first, int train);
/* The steps alone: plan->step, plan->steps; plan_free as always. */
void plan_steps(struct plan *plan, const struct graph *g, const struct kernels *k,
                int batch, int train, const char *fusions_off);
/* Machine, shapes, attributes and batch of node i: the part of a call that does not depend
 * on memory. */
struct call plan_call(const struct graph *g, const struct kernels *k, int node, int batch);
#endif
