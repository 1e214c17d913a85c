/* lanes.c - multiply and add, compiled twice: AVX2 multiplies eight 32-bit integers at
 * once, SSE2 has no such instruction. The processor chooses when the program starts.
 * Knows no pictures. */
#include "lanes.h"
#include <string.h>

/* Static, because clang gives a cloned function another name outside its file. */
#define TWICE static __attribute__((target_clones("avx2", "default")))

/* A vector of GCC's; the compiler splits it where the machine's are shorter. */
typedef int wide __attribute__((vector_size(4 * LANES)));

TWICE void widen_any(const uint8_t *restrict from, size_t n, int *restrict to) {
    for (size_t i = 0; i < n; i++) to[i] = from[i];
}

TWICE void weigh_row_any(const int *sample, const int *first, const int *weight,
                         size_t room, int n, int (*sum)[LANES]) {
    for (int i = 0; i < n; i++, weight += room) {
        wide total = {0}, s, w;
        for (size_t k = 0; k < room; k += LANES) {
            memcpy(&s, sample + first[i] + k, sizeof s);
            memcpy(&w, weight + k, sizeof w);
            total += s * w;
        }
        memcpy(sum[i], &total, sizeof total);
    }
}

TWICE void add_row_any(const uint8_t *restrict sample, int weight, size_t n,
                       int *restrict sum) {
    for (size_t i = 0; i < n; i++) sum[i] += sample[i] * weight;
}

void widen(const uint8_t *from, size_t n, int *to) {
    widen_any(from, n, to);
}

void weigh_row(const int *sample, const int *first, const int *weight, size_t room, int n,
               int (*sum)[LANES]) {
    weigh_row_any(sample, first, weight, room, n, sum);
}

void add_row(const uint8_t *sample, int weight, size_t n, int *sum) {
    add_row_any(sample, weight, n, sum);
}
