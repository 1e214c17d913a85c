/* runs.h - runs of nodes that a machine may do in one step: struct fusion's `match`,
 * the same for every machine. Each gives the nodes of the run that begins at `first`, 0
 * where none does. */
#ifndef MODEL_RUNS_H
#define MODEL_RUNS_H
#include "model/graph.h"
#include "model/op.h"

int run_norm_relu(const struct graph *g, int first);
/* The shortcut is not the batch norm's own input: their gradients are written in one
 * pass. */
int run_norm_add_relu(const struct graph *g, int first);
/* Convolutions of one group, of more channels than a picture to several, without a
 * bias; batch norms over the batch. */
int run_conv_norm_relu(const struct graph *g, int first);
int run_conv_norm_add_relu(const struct graph *g, int first);
int run_norm_relu_conv(const struct graph *g, int first);
/* Two or three convolutions, norm and ReLU between them, then a norm, with what follows
 * of [add] relu. */
int run_conv_chain(const struct graph *g, int first);
int run_add_relu(const struct graph *g, int first);
/* A resize to four times the area or more, its concatenation with one other map, a
 * convolution of one group and stride 1. */
int run_resize_concat_conv(const struct graph *g, int first);
/* A resize to twice the area or more, and a 1x1 convolution to no more channels. */
int run_resize_conv(const struct graph *g, int first);
/* The addition of two different things, and the layer norm of the sum. */
int run_add_layernorm(const struct graph *g, int first);
int run_linear_gelu(const struct graph *g, int first);
/* The logits, one channel, and their loss. */
int run_resize_loss(const struct graph *g, int first);

/* Which input of the run's inner node is from outside, where one of two is: the one
 * with memory. */
int run_outer_input(const struct call *inner);
#endif
