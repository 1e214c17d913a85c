/* trial_gpu.h - trials on the GPU's kernels: the device (or tests/emu's) as a ground. */
#ifndef TESTS_TRIAL_GPU_H
#define TESTS_TRIAL_GPU_H
#include "model/gpu/gpu.h"
#include "tests/trial_room.h"

struct gpu_ground {
    struct ground ground; /* first: the functions are given this */
    struct gpu gpu;
    void *own[8]; /* device arrays of gpu */
    int owns;
};
/* 1: the device that is here computes in it. bf16 wants capability 8.0; that it is not tried
 * for want of that is told, once. */
int gpu_has(enum precision precision);
/* 0 where there is no device, with the reason in why. */
int gpu_ground_open(struct gpu_ground *g, enum precision precision, char *why, size_t size);
void gpu_ground_close(struct gpu_ground *g);
/* Rounds what the trial holds to what the device will hold, so that a reference run sees
 * the same. */
void gpu_ground_round(struct gpu_ground *g, struct trial *t);
#endif
