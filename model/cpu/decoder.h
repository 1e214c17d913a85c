/* decoder.h - resize, concatenation and R x R convolution as one step. */
#ifndef MODEL_CPU_DECODER_H
#define MODEL_CPU_DECODER_H
#include "model/host.h"

void decoder_forward(const struct call *calls, int n);
void decoder_backward(const struct call *calls, int n);
size_t decoder_scratch(const struct call *calls, int n);
#endif
