/* lanes.h - the inner loops of resize.c, in integers, so that any order gives one
 * answer. */
#ifndef CORE_LANES_H
#define CORE_LANES_H
#include <stddef.h>
#include <stdint.h>

enum { LANES = 8 };

/* to[i] = from[i] for i < n. */
void widen(const uint8_t *from, size_t n, int *to);
/* For each i < n: sum[i][l] = sum over k < room with k % LANES == l of
 * sample[first[i] + k] * weight[i][k]. room is a multiple of LANES. */
void weigh_row(const int *sample, const int *first, const int *weight, size_t room, int n,
               int (*sum)[LANES]);
/* sum[i] += sample[i] * weight for i < n. */
void add_row(const uint8_t *sample, int weight, size_t n, int *sum);
#endif
