/* turn.h - a tensor read as F32 with its axes in another order, a block at a time.
 *
 * Keras and Flax lay weights out otherwise than PyTorch; no value changes, only its place:
 *   -           as it is
 *   hwio        a convolution's [H,W,I,O] to [O,I,H,W]
 *   first_last  a dense kernel's [in,out...] to [out...,in]
 *   last_first  an attention output's [heads,d,out] to [out,heads,d]
 * Sources: keras.layers.Conv2D, flax.linen.Dense and DenseGeneral; timm's _load_weights. */
#ifndef CONVERT_TURN_H
#define CONVERT_TURN_H
#include "core/bag.h"

enum turn { TURN_NONE, TURN_HWIO, TURN_FIRST_LAST, TURN_LAST_FIRST, TURN_COUNT };
enum turn turn_parse(const char *word); /* TURN_COUNT if it is none */
/* The turned tensor's sizes; 0 if the turn does not apply (hwio: not four dimensions). */
int turn_dims(const struct tensor *t, enum turn turn, int dim[TENSOR_DIMS]);
/* Elements from..from+n-1 of the turned tensor in row-major order. t's data may lie at any
 * address; its type is F16, BF16, F32 or F64. */
void turn_read(const struct tensor *t, enum turn turn, size_t from, size_t n, float *out);
#endif
