/* measure.h - what a GPU machine can say of itself, for the benchmark: no run calls it. */
#ifndef MODEL_GPU_MEASURE_H
#define MODEL_GPU_MEASURE_H
#include "model/backend.h"

/* FLOP a second of a product of 8192 x 8192 x 8192 in the machine's precision, and bytes a
 * second of a copy, read and written ones together: the best of several. 0: this build has
 * no GPU machine. */
int gpu_rates(struct machine *m, double *flop, double *bytes);
/* Seconds of each node in a training step, forward and backward, a fused run's at its first
 * node; at [nodes] the optimizer's: medians of `rounds`, each action between two marks, so
 * that what overlaps in a captured step does not here. m is prepared for training and has
 * SET_TRAIN. 0: as above. */
int gpu_profile(struct machine *m, int rounds, double *seconds);
#endif
