/* sample.h - small kernels, right and wrong, that try the emulator itself:
 * tests/emu_test.c. */
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
/* out[0] = sum of x[n]: the block that comes last adds up what the others wrote. */
void sample_total(struct device *d, const float *x, int n, float *part, unsigned *came,
                  float *out);

/* What must not be, a word each: name, what the message must say. x is 1000 floats. */
#define SAMPLE_WRONGS(W)                                                                   \
    W(no_barrier, "part")                                                                  \
    W(no_barrier_before_reuse, "part")                                                     \
    W(no_warp_barrier, "part")                                                             \
    W(no_barrier_in_memory, "\"x\"")                                                       \
    W(shared_past_end, "writes 4 bytes at shared part +")                                  \
    W(shared_before_start, "writes 4 bytes at shared part -4 (of")                         \
    W(shared_unwritten, "nobody has written")                                              \
    W(dynamic_past_end, "writes 4 bytes at shared dynamic +256 (of")                       \
    W(memory_past_end, "\"x\" +4000 (of 4000 bytes)")                                      \
    W(memory_before_start, "reads 4 bytes at")                                             \
    W(memory_misaligned, "not a multiple of 16")                                           \
    W(memory_of_host, "the host's memory")                                                 \
    W(host_in_memory, "the host writes device memory")                                     \
    W(barrier_in_branch, "BARRIER at")                                                     \
    W(barrier_elsewhere, "at BARRIER")                                                     \
    W(barrier_after_return, "have ended")                                                  \
    W(shuffle_in_branch, "waits at a shuffle")                                             \
    W(shuffle_beside_barrier, "waits at BARRIER")                                          \
    W(shuffle_in_half_warp, "a warp of 16 threads")                                        \
    W(blocks_race, "another block")                                                        \
    W(blocks_write_alike, "another block wrote")                                           \
    W(last_without_fence, "another block")                                                 \
    W(last_without_second_fence, "another block")                                          \
    W(atomic_beside_plain, "wrote")                                                        \
    W(streams_race, "the other stream")                                                    \
    W(too_much_shared, "LAUNCH_ALLOW")                                                     \
    W(too_many_threads, "blocks of (1025,1,1)")                                            \
    W(too_tall_a_grid, "a grid of (1,65536,1)")                                            \
    W(copy_past_end, "of 4004 bytes")                                                      \
    W(fork_twice, "device_fork without its pair")                                          \
    W(wait_in_capture, "while capturing")
enum sample_wrong {
#define W(name, message) WRONG_##name,
    SAMPLE_WRONGS(W)
#undef W
        WRONGS
};
void sample_wrong(struct device *d, enum sample_wrong which, float *x, int n,
                  unsigned *came);
#ifdef __cplusplus
}
#endif
#endif
