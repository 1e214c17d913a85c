/* chain.h - convolutions with the batch norms between them, as far as the library joins
 * them: a run of struct fusion's, in plans for training alone. See chain.cu. */
#ifndef MODEL_GPU_CHAIN_H
#define MODEL_GPU_CHAIN_H
#include "model/gpu/kernels.h"
#ifdef __cplusplus
extern "C" {
#endif
/* What is joined where the library can; all else is done apart. */
enum { CHAIN_SUMS = 1, CHAIN_PROLOGUE = 2, CHAIN_DNORM = 4, CHAIN_ALL = 7 };
/* 1: the library has some of it for these shapes. */
int gpu_chain_can(const struct call *calls, int n, int with);
void gpu_chain_forward(const struct call *calls, int n, int with);
void gpu_chain_backward(const struct call *calls, int n, int with);
size_t gpu_chain_saved(const struct call *calls, int n);
size_t gpu_chain_scratch(const struct call *calls, int n, int with);
#ifdef __cplusplus
}
#endif
#endif
