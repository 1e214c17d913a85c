/* none.c - the GPU machine of a build without CUDA: it says so. */
#include "model/backend.h"
#include "model/gpu/measure.h"
#include <stdio.h>

static struct machine *none_open(const char *wish, int threads, char *why, size_t size) {
    (void)wish;
    (void)threads;
    snprintf(why, size, "this build has no CUDA");
    return NULL;
}

const struct backend backend_gpu = {.name = "gpu", .open = none_open};

int gpu_rates(struct machine *m, double *flop, double *bytes) {
    (void)m, (void)flop, (void)bytes;
    return 0;
}

int gpu_profile(struct machine *m, int rounds, double *seconds) {
    (void)m, (void)rounds, (void)seconds;
    return 0;
}
