/* floor.h - the least a network can cost on a machine of which two numbers are known: FLOP
 * and bytes a second. A count, not a measurement.
 *
 * FLOP: two a multiply-add. Backward costs a product twice its forward (once where no
 * gradient of its input is wanted), attention two and a half times (it computes its weights
 * again).
 *   dense   every tap of every convolution
 *   useful  without taps that only meet padding
 *   saved   besides, a convolution that reads an upsampled map is counted on the small one: each tap's
 *           product there, then one interpolation
 * Bytes: what must pass through memory once where nothing is kept in a cache.
 *   apart   each operation a pass of its own, as eager programs run them: a batch norm reads twice and
 *           writes, its backward reads four times and writes
 *   fused   convolutions take a batch norm's sums with their result and apply it where they read; what
 *           follows a product element by element is done while it is written; upsampling
 *           and loss are one
 * Floor: of each node the greater of its two times; of a network their sum. */
#ifndef MODEL_FLOOR_H
#define MODEL_FLOOR_H
#include "model/graph.h"

struct floor_rates {
    double flop, bytes; /* a second */
};
struct floor_work {
    /* pictures; bytes of a stored number: 2 or 4; 0: forward only */
    int batch, element, train;
};
struct floor {
    double dense, useful, saved;      /* FLOP */
    double apart, fused, fused_saved; /* bytes */
};
struct floor floor_of(const struct graph *g, int node, const struct floor_work *work);
/* The optimizer's: weight, two moments, gradient read; weight, moments and a 16-bit copy
 * written. */
struct floor floor_of_adam(const struct graph *g, const struct floor_work *work);
void floor_add(struct floor *sum, const struct floor *more);
double floor_apart(const struct floor *f, const struct floor_rates *r); /* seconds */
double floor_fused(const struct floor *f, const struct floor_rates *r);
double floor_saved(const struct floor *f, const struct floor_rates *r);
/* The part of the network a node belongs to: "stem" "layer3" "blocks" "aspp" ...; caller
 * frees. */
char *floor_stage(const struct graph *g, int node);
#endif
