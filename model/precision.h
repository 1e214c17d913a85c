/* precision.h - what a precision does to numbers, in one place for every machine.
 *
 * fp16, bf16: maps, tokens and the copies of weights that products read are stored in 16
 * bits; sums, statistics, vectors and master weights are float. tf32: all is stored as in
 * fp32, but a product (a convolution of one group, a linear layer) reads its operands
 * rounded to 10 bits of mantissa, as the tensor cores do; so do the products of its
 * gradients. */
#ifndef MODEL_PRECISION_H
#define MODEL_PRECISION_H
#include "model/graph.h"
#include "model/recipe.h"

int precision_is_16bit(enum precision precision);
/* x as the precision keeps (fp16, bf16) or reads (tf32) it, to nearest, ties to even. */
float precision_round(enum precision precision, float x);
/* 1: this node is one of tf32's products. */
int node_is_product(const struct graph *g, int node);
/* 1: products and depthwise convolutions read the parameter through a rounded copy. */
int param_is_rounded(const struct graph *g, int param, enum precision precision);
#endif
