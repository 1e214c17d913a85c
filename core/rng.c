/* rng.c - Philox4x32-10 and what is drawn from it; keeps no state. */
#include "rng.h"
#include "die.h"
#include <math.h>
#include <stdlib.h>

#define PI 3.14159265358979323846

/* Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011),
 * section 3.3: ten rounds of two 32x32 multiplications, the key bumped by Weyl constants in
 * between. */
void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
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

void rng_block(uint64_t seed, enum stream stream, uint32_t epoch, uint64_t block,
               uint32_t out[4]) {
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), epoch,
                                 (uint32_t)stream};
    philox(counter, key, out);
}

uint32_t rng_u32(uint64_t seed, enum stream stream, uint32_t epoch, uint64_t i) {
    uint32_t w[4];
    rng_block(seed, stream, epoch, i / 4, w);
    return w[i % 4];
}

static uint64_t pair(uint32_t low, uint32_t high) {
    return (uint64_t)high << 32 | low;
}

uint64_t rng_u64(uint64_t seed, enum stream stream, uint32_t epoch, uint64_t i) {
    uint32_t w[4];
    rng_block(seed, stream, epoch, i, w);
    return pair(w[0], w[1]);
}

double rng_uniform(uint64_t seed, enum stream stream, uint32_t epoch, uint64_t i) {
    return (double)(rng_u64(seed, stream, epoch, i) >> 11) * 0x1p-53;
}

double rng_normal(uint64_t seed, enum stream stream, uint32_t epoch, uint64_t i) {
    uint32_t w[4];
    rng_block(seed, stream, epoch, i, w);
    double u1 = (double)((pair(w[0], w[1]) >> 11) + 1) * 0x1p-53;
    double u2 = (double)(pair(w[2], w[3]) >> 11) * 0x1p-53;
    return sqrt(-2 * log(u1)) * cos(2 * PI * u2);
}

static double normal_cdf(double x) {
    return erfc(-x / sqrt(2)) / 2;
}

/* Phi^-1(p) for 0 < p <= .5: a rational start good to 4.5e-4 (Abramowitz and
 * Stegun 26.2.23), then two of Halley's steps, which triple the digits each. */
static double lower_quantile(double p) {
    double t = sqrt(-2 * log(p));
    double above = 2.515517 + t * (0.802853 + t * 0.010328);
    double below = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308));
    double x = above / below - t;
    for (int step = 0; step < 2; step++) {
        double u = (normal_cdf(x) - p) * sqrt(2 * PI) * exp(x * x / 2);
        x -= u / (1 + x * u / 2);
    }
    return x;
}

double rng_truncated_normal(uint64_t seed, enum stream stream, uint32_t epoch, uint64_t i,
                            double std) {
    double low = normal_cdf(-2 / std), high = normal_cdf(2 / std);
    double p = low + (high - low) * rng_uniform(seed, stream, epoch, i);
    if (p <= 0) return -2;
    if (p >= 1) return 2;
    double x = std * (p <= 0.5 ? lower_quantile(p) : -lower_quantile(1 - p));
    return fmin(fmax(x, -2), 2);
}

struct draw {
    uint64_t bits;
    int k;
};

static int draw_compare(const void *a, const void *b) {
    const struct draw *x = a, *y = b;
    if (x->bits != y->bits) return x->bits < y->bits ? -1 : 1;
    return (x->k > y->k) - (x->k < y->k);
}

void rng_permutation(uint64_t seed, enum stream stream, uint32_t epoch, int n, int *order) {
    struct draw *draw = xcalloc((size_t)n, sizeof *draw);
    for (int k = 0; k < n; k++)
        draw[k] = (struct draw){rng_u64(seed, stream, epoch, (uint64_t)k), k};
    qsort(draw, (size_t)n, sizeof *draw, draw_compare);
    for (int k = 0; k < n; k++) order[k] = draw[k].k;
    xfree(draw);
}
