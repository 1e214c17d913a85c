/* sample.h - small kernels, right and wrong, that try the emulator itself: tests/emu_test.c. */
#ifndef TESTS_EMU_SAMPLE_H
#define TESTS_EMU_SAMPLE_H
#include "model/gpu/device.h"
#ifdef __cplusplus
extern "C" {
#endif
/* out[block] = sum of the block's 256 of x[n], by shuffles and shared memory. */
void sample_sum(struct device *d, const float *x, int n, float *out);
/* Each block of 64 turns its part of x round, through shared memory. */
void sample_turn(struct device *d, int *x, int n);
/* count[0] = how many of x[n] are above 0. */
void sample_count(struct device *d, const float *x, int n, unsigned *count);
#ifdef __cplusplus
}
#endif
#endif
