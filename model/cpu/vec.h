/* vec.h - eight floats at a time, the same bits on every x86-64.
 *
 * A function marked FAST is compiled for AVX2 and for plain x86-64 and chosen when the
 * program starts. Both do the same operations on the same eight lanes in the same order,
 * and -ffp-contract=off keeps multiply and add apart, so results do not depend on the
 * machine. Vectors are passed by address: by value their calling convention would differ
 * between the two. No BLAS, no threads here. */
#ifndef MODEL_CPU_VEC_H
#define MODEL_CPU_VEC_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 8 };
typedef float vec __attribute__((vector_size(32)));
typedef int32_t ivec __attribute__((vector_size(32)));
typedef double wide __attribute__((vector_size(64)));
typedef int32_t ivec_anywhere __attribute__((vector_size(32), aligned(4), may_alias));
typedef float vec_anywhere __attribute__((vector_size(32), aligned(4), may_alias));

#define FAST __attribute__((target_clones("arch=x86-64-v3", "default")))
#define INLINE static inline __attribute__((always_inline))
#define LOAD(p) (*(const vec_anywhere *)(p))
#define STORE(p, v) (*(vec_anywhere *)(p) = (v))
#define SPLAT(x) ((vec){0} + (float)(x))
#define SELECT(mask, yes, no) ((vec)(((mask) & (ivec)(yes)) | (~(mask) & (ivec)(no))))

/* Up to eight floats from p, zeros after the last; and back. */
INLINE void get(vec *v, const float *p, size_t left) {
    if (left >= LANES) {
        *v = LOAD(p);
    } else {
        float part[LANES] = {0};
        memcpy(part, p, left * sizeof *p);
        *v = LOAD(part);
    }
}

INLINE void put(float *p, const vec *v, size_t left) {
    if (left >= LANES) {
        STORE(p, *v);
    } else {
        float part[LANES];
        STORE(part, *v);
        memcpy(p, part, left * sizeof *p);
    }
}

/* The lanes' sum, always in this order. */
INLINE double lanes_sum(const vec *v) {
    const vec a = *v;
    return (((double)a[0] + (double)a[4]) + ((double)a[2] + (double)a[6])) +
           (((double)a[1] + (double)a[5]) + ((double)a[3] + (double)a[7]));
}

/* The sum of n floats: short sums in float, added up in double. */
INLINE double floats_sum(const float *x, size_t n) {
    double total = 0;
    for (size_t i = 0; i < n; i += 1024) {
        vec sum = {0}, part;
        for (size_t j = i; j < n && j < i + 1024; j += LANES) {
            get(&part, x + j, n - j);
            sum += part;
        }
        total += lanes_sum(&sum);
    }
    return total;
}
#endif
