/* matrix.h - products of small matrices by a warp, in whole registers, and tiles in shared
 * memory that feed them: ptx.h's instructions, chosen by the capability that a kernel is
 * compiled for.
 *
 * The names: d[16][8] += a[16][16] b[16][8]; lane l, with g = l / 4 and t = l % 4, holds
 * of d the rows g (d[0..1]) and g + 8 (d[2..3]) at columns 2t and 2t + 1. Operands are
 * 16-bit numbers two a word. */
#ifndef MODEL_GPU_MATRIX_H
#define MODEL_GPU_MATRIX_H
#include "model/gpu/ptx.h"

DEVICE void multiply_add(float *d, const uint32_t *a, const uint32_t *b, half_t type) {
    if (ARCH >= 80) {
        ptx_mma_k16(d, a, b, type);
    } else {
        ptx_mma_k8(d, a, b[0], type);
        ptx_mma_k8(d, a + 2, b[1], type);
    }
}
/* Before capability 80 there is none: library_open has said so, and nothing comes here. */
DEVICE void multiply_add(float *d, const uint32_t *a, const uint32_t *b, bfloat_t type) {
    if (ARCH >= 80)
        ptx_mma_k16(d, a, b, type);
    else
        ptx_trap();
}

template <typename T> DEVICE uint32_t pack(float low, float high) {
    const float v[2] = {low, high};
    uint32_t word[1];
    give<2>((T *)word, v);
    return word[0];
}
/* out[0..1], the numbers of a word. */
template <typename T> DEVICE void unpack(float *out, uint32_t word) {
    const uint32_t at[1] = {word};
    take<2>(out, (const T *)at);
}

/* A tile in shared memory: rows of 64 numbers, that is eight words of 16 bytes, which
 * lie in another order in each of eight rows, so that eight rows' words of a column lie
 * in different banks. */
enum { TILE_WORDS = 8 };
DEVICE int tile_place(int row, int word) {
    return row * TILE_WORDS + (word ^ (row % TILE_WORDS));
}

/* Operand a of 16 rows from `row` on, and columns 16 k .. 16 k + 15. */
DEVICE void tile_rows(uint32_t *a, const uint4 *tile, int row, int k) {
    int lane = (int)threadIdx.x % WARP;
    ptx_ldmatrix(a, tile + tile_place(row + lane % 16, 2 * k + lane / 16));
}
/* Operands b of two products: rows are columns 16 k .. of the tile, columns its rows
 * `row` .. + 7 (b[0..1]) and `row` + 8 .. (b[2..3]): what multiplies with the tile's
 * transpose. */
DEVICE void tile_across(uint32_t *b, const uint4 *tile, int row, int k) {
    int lane = (int)threadIdx.x % WARP;
    ptx_ldmatrix(b,
                 tile + tile_place(row + lane / 16 * 8 + lane % 8, 2 * k + lane / 8 % 2));
}
/* Operands b of two products: the tile's rows `row` .. + 15, columns 16 k .. + 7
 * (b[0..1]) and the eight behind them (b[2..3]): what multiplies with the tile itself. */
DEVICE void tile_down(uint32_t *b, const uint4 *tile, int row, int k) {
    int lane = (int)threadIdx.x % WARP;
    ptx_ldmatrix_trans(b, tile + tile_place(row + lane % 16, 2 * k + lane / 16));
}

/* A word of a tile from device memory (zeros, if not `some`): begun here, there for this
 * thread after copy_wait, for others after a barrier behind it. Before capability 80 it
 * is there at once. */
DEVICE void copy_begin(uint4 *to, const void *from, int some) {
    if (ARCH >= 80)
        ptx_copy(to, from, some ? 16 : 0);
    else
        *to = some ? *(const uint4 *)from : uint4{0, 0, 0, 0};
}
/* All that was begun is one group. */
DEVICE void copy_commit(void) {
    if (ARCH >= 80) ptx_copy_commit();
}
/* Waits for all groups but the `last` ones. */
template <int last> DEVICE void copy_wait(void) {
    if (ARCH >= 80) ptx_copy_wait<last>();
}
#endif
