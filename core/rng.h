/* rng.h - randomness as a function, without state: (seed, stream, epoch, index) -> bits.
 *
 * Philox4x32-10 (Salmon et al., SC 2011; checked against the Random123 vectors). Key =
 * seed, low word first; counter = (index low, index high, epoch, stream). So every machine
 * draws alike, at any thread count, after any resume. */
#ifndef CORE_RNG_H
#define CORE_RNG_H
#include <stdint.h>

enum stream {
    STREAM_SPLIT = 1,
    STREAM_INIT,
    STREAM_ORDER,
    STREAM_AUGMENT,
    STREAM_DROPOUT,
    STREAM_BOOTSTRAP
};

/* The block cipher itself: out = philox4x32-10(counter, key). */
void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* 4 words at a block index. */
void rng_block(uint64_t seed, enum stream stream, uint32_t epoch, uint64_t block,
               uint32_t out[4]);
/* Word i is word i%4 of block i/4. */
uint32_t rng_u32(uint64_t seed, enum stream stream, uint32_t epoch, uint64_t i);
/* Words 0 and 1 of block i, word 0 low. */
uint64_t rng_u64(uint64_t seed, enum stream stream, uint32_t epoch, uint64_t i);
/* Uniform in [0,1): (rng_u64 >> 11) * 2^-53. */
double rng_uniform(uint64_t seed, enum stream stream, uint32_t epoch, uint64_t i);
/* Standard normal: Box-Muller on block i; u1 = (words 1:0 >> 11, plus 1) * 2^-53 in (0,1],
 * u2 = (words 3:2 >> 11) * 2^-53; sqrt(-2 ln u1) cos(2 pi u2). Computed in double. */
double rng_normal(uint64_t seed, enum stream stream, uint32_t epoch, uint64_t i);
/* Normal with mean 0, standard deviation std, cut at +-2 (as timm's trunc_normal_ with its
 * absolute bounds -2, 2), by inversion: std * Phi^-1(uniform between Phi(-2/std),
 * Phi(2/std)). */
double rng_truncated_normal(uint64_t seed, enum stream stream, uint32_t epoch, uint64_t i,
                            double std);
/* order[0..n) = 0..n-1 sorted by rng_u64(seed, stream, epoch, k), ties by k. */
void rng_permutation(uint64_t seed, enum stream stream, uint32_t epoch, int n, int *order);
#endif
