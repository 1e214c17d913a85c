/* random.h - core/rng.h's Philox on the device: same key, same counter, same words. */
#ifndef MODEL_GPU_RANDOM_H
#define MODEL_GPU_RANDOM_H
#include "core/rng.h"
#include "model/gpu/element.h"

/* rng_block: four words at a block index. */
DEVICE void random_block(uint64_t seed, uint32_t stream, uint32_t epoch, uint64_t block,
                         uint32_t out[4]) {
    uint32_t a = (uint32_t)block, b = (uint32_t)(block >> 32), c = epoch, d = stream;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p = (uint64_t)0xD2511F53u * a, q = (uint64_t)0xCD9E8D57u * c;
        a = (uint32_t)(q >> 32) ^ b ^ k0;
        c = (uint32_t)(p >> 32) ^ d ^ k1;
        b = (uint32_t)q;
        d = (uint32_t)p;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = a, out[1] = b, out[2] = c, out[3] = d;
}

/* rng_u32: word i % 4 of block i / 4. */
DEVICE uint32_t random_u32(uint64_t seed, uint32_t stream, uint32_t epoch, uint64_t i) {
    uint32_t word[4];
    random_block(seed, stream, epoch, i / 4, word);
    return word[i % 4];
}
/* rng_u64: words 0 and 1 of block i. */
DEVICE uint64_t random_u64(uint64_t seed, uint32_t stream, uint32_t epoch, uint64_t i) {
    uint32_t word[4];
    random_block(seed, stream, epoch, i, word);
    return (uint64_t)word[1] << 32 | word[0];
}
#endif
