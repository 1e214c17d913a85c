/* tolerance.h - how far machines and precisions are from each other on the same cell.
 *
 * Each takes the same few steps from the same untrained model on the same pictures and
 * leaves what it found in a bag: `logits` F32 [n][S][S] before the first step, `losses` F32
 * [steps], `gradient.NAME` F32 of the first step; metadata `who` ("ref", "cpu.fp16",
 * "gpu.bf16" ...), `cell`, `side`, `batch`, `emulated` (yes, no). Two such bags are
 * compared number by number. */
#ifndef TESTS_PEER_TOLERANCE_H
#define TESTS_PEER_TOLERANCE_H
#include "core/bag.h"

struct tolerance_run {
    const char *device, *precision, *model, *pack, *split, *out;
    int batch, steps, threads;
};
void tolerance_run(const struct tolerance_run *r);

/* How far b is from a, as relative L2: of the logits, of the losses, of all gradients as
 * one vector. Of the tensor whose gradient is farthest by itself the name and how far, a
 * norm below a thousandth of the median counted as that: where batch norm cancels a bias,
 * its gradient is rounding alone. NaN is far. */
struct tolerance {
    double logits, losses, gradient, farthest;
    const char *worst; /* borrowed from a */
};
struct tolerance tolerance_between(const struct bag *a, const struct bag *b);
#endif
