/* none.c - the GPU machine of a build without CUDA: it says so. */
#include "model/backend.h"
#include <stdio.h>

static struct machine *none_open(const char *wish, int threads, char *why, size_t size) {
    (void)wish;
    (void)threads;
    snprintf(why, size, "this build has no CUDA");
    return NULL;
}

const struct backend backend_gpu = {.name = "gpu", .open = none_open};
