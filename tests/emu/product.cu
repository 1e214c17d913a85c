/* product.cu - see product.h. A block is two warps of which the second only copies. */
#include "tests/emu/product.h"
#include "model/gpu/matrix.h"

enum { ROWS = PRODUCT_ROWS, DEEP = PRODUCT_DEEP, STEPS = DEEP / 16, COPIERS = 2 * WARP };

DEVICE void change(uint32_t *a, int i, int k) {
    uint32_t old = a[i];
    a[i] = a[k];
    a[k] = old;
}
DEVICE void spoil(uint32_t *a, uint32_t *b, int fault) {
    if (fault == PRODUCT_rows_for_columns) change(a, 1, 2);
    if (fault == PRODUCT_halves_changed) change(b, 0, 1);
    if (fault == PRODUCT_pairs_changed) a[0] = a[0] << 16 | a[0] >> 16;
    if (fault == PRODUCT_lanes_turned) a[3] = SHUFFLE(a[3], (int)threadIdx.x + 1);
}

/* What d[0..3] of columns 8 j .. is goes to row, column of out [ROWS][across]. */
DEVICE void put(float *out, const float *d, int j, int across) {
    int g = (int)threadIdx.x % WARP / 4, t = (int)threadIdx.x % 4;
    for (int i = 0; i < 4; i++)
        out[(g + i / 2 * 8) * across + 8 * j + 2 * t + i % 2] = d[i];
}

template <typename T>
DEVICE void copy_tiles(uint4 *first, uint4 *second, const T *a, const T *b, int fault) {
    for (int i = (int)threadIdx.x; i < ROWS * TILE_WORDS; i += COPIERS)
        copy_begin(first + tile_place(i / TILE_WORDS, i % TILE_WORDS), a + 8 * i, 1);
    copy_commit();
    for (int i = (int)threadIdx.x; i < ROWS * TILE_WORDS; i += COPIERS) {
        uint4 *to = second + tile_place(i / TILE_WORDS, i % TILE_WORDS);
        if (fault == PRODUCT_copy_misaligned) to = (uint4 *)((char *)to + 4);
        copy_begin(to, b + 8 * i, 1);
    }
    if (fault != PRODUCT_not_committed) copy_commit();
    if (fault == PRODUCT_waits_for_too_few)
        copy_wait<1>();
    else if (fault != PRODUCT_no_wait && fault != PRODUCT_no_wait_at_end)
        copy_wait<0>();
}

template <typename T>
DEVICE void multiply(const uint4 *first, const uint4 *second, float *y, float *z,
                     int fault) {
    float d[2][4] = {};
    uint32_t a[4], b[4];
    for (int k = 0; k < STEPS; k++) {
        tile_rows(a, first, 0, k);
        tile_across(b, second, 0, k);
        spoil(a, b, fault);
        multiply_add(d[0], a, b, T());
        multiply_add(d[1], a, b + 2, T());
    }
    put(y, d[0], 0, ROWS);
    put(y, d[1], 1, ROWS);
    a[0] = pack<T>(d[0][0], d[0][1]), a[1] = pack<T>(d[0][2], d[0][3]);
    a[2] = pack<T>(d[1][0], d[1][1]), a[3] = pack<T>(d[1][2], d[1][3]);
    for (int k = 0; k < STEPS; k++) {
        float e[2][4] = {};
        if (fault == PRODUCT_not_transposed)
            tile_rows(b, second, 0, k);
        else
            tile_down(b, second, 0, k);
        multiply_add(e[0], a, b, T());
        multiply_add(e[1], a, b + 2, T());
        put(z, e[0], 2 * k, DEEP);
        put(z, e[1], 2 * k + 1, DEEP);
    }
}

template <typename T>
KERNEL BOUNDS(COPIERS)
    product_kernel(int fault, const T *a, const T *b, float *y, float *z) {
    SHARED(uint4, first, [ROWS * TILE_WORDS]);
    SHARED(uint4, second, [ROWS * TILE_WORDS]);
    const int block = (int)blockIdx.x;
    copy_tiles(first, second, a + block * ROWS * DEEP, b + block * ROWS * DEEP, fault);
    if (fault == PRODUCT_no_wait_at_end) return;
    if (fault != PRODUCT_no_barrier) BARRIER();
    if (threadIdx.x >= WARP) return;
    if (fault == PRODUCT_row_misaligned || fault == PRODUCT_row_outside) {
        uint32_t v[4];
        ptx_ldmatrix(v,
                     (char *)first + (fault == PRODUCT_row_outside ? ROWS * DEEP * 2 : 4));
    }
    multiply<T>(first, second, y + block * ROWS * ROWS, z + block * ROWS * DEEP, fault);
}

extern "C" void product_tiles(struct device *d, int bfloat, enum product_fault fault,
                              const void *a, const void *b, float *y, float *z) {
    if (bfloat)
        LAUNCH((product_kernel<bfloat_t>), PRODUCT_BLOCKS, COPIERS, 0, d, fault,
               (const bfloat_t *)a, (const bfloat_t *)b, y, z);
    else
        LAUNCH((product_kernel<half_t>), PRODUCT_BLOCKS, COPIERS, 0, d, fault,
               (const half_t *)a, (const half_t *)b, y, z);
}

/* Two numbers side by side. */
template <typename T> DEVICE uint32_t pair_at(const T *p) {
    return pack<T>(to_float(p[0]), to_float(p[1]));
}

template <typename T>
KERNEL BOUNDS(WARP) plain_kernel(int fault, const T *a, const T *b, float *y) {
    const int block = (int)blockIdx.x, g = (int)threadIdx.x / 4, t = (int)threadIdx.x % 4;
    a += block * ROWS * DEEP, b += block * ROWS * DEEP;
    for (int j = 0; j < 2; j++) {
        float d[4] = {};
        for (int k = 0; k < DEEP; k += 16) {
            const T *row = a + g * DEEP + k + 2 * t,
                    *column = b + (8 * j + g) * DEEP + k + 2 * t;
            uint32_t own[4] = {pair_at(row), pair_at(row + 8 * DEEP), pair_at(row + 8),
                               pair_at(row + 8 * DEEP + 8)};
            uint32_t other[2] = {pair_at(column), pair_at(column + 8)};
            spoil(own, other, fault);
            multiply_add(d, own, other, T());
        }
        put(y + block * ROWS * ROWS, d, j, ROWS);
    }
}

extern "C" void product_plain(struct device *d, int bfloat, enum product_fault fault,
                              const void *a, const void *b, float *y) {
    if (bfloat)
        LAUNCH((plain_kernel<bfloat_t>), PRODUCT_BLOCKS, WARP, 0, d, fault,
               (const bfloat_t *)a, (const bfloat_t *)b, y);
    else
        LAUNCH((plain_kernel<half_t>), PRODUCT_BLOCKS, WARP, 0, d, fault, (const half_t *)a,
               (const half_t *)b, y);
}
