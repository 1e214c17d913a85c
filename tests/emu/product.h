/* product.h - kernels that try a warp's matrix products and late copies
 * (model/gpu/matrix.h) by themselves, right and wrong: tests/emu_matrix_test.c. */
#ifndef TESTS_EMU_PRODUCT_H
#define TESTS_EMU_PRODUCT_H
#include "model/gpu/device.h"
#ifdef __cplusplus
extern "C" {
#endif
enum { PRODUCT_ROWS = 16, PRODUCT_DEEP = 64, PRODUCT_BLOCKS = 3 };
/* What is done otherwise than it should be, and a word of what the emulator says of it
 * (NULL: nothing, the numbers are wrong). */
#define PRODUCT_FAULTS(F)                                                                  \
    F(none, NULL)                                                                          \
    F(rows_for_columns, NULL) /* words 1 and 2 of operand a change places */               \
    F(halves_changed, NULL)   /* the two words of operand b */                             \
    F(pairs_changed, NULL)    /* the two numbers of a word of a */                         \
    F(lanes_turned, NULL)     /* lane l takes what is lane l + 1's */                      \
    F(not_transposed, NULL)   /* ldmatrix for ldmatrix.trans */                            \
    F(no_wait, "under way")                                                                \
    F(waits_for_too_few, "under way")                                                      \
    F(not_committed, "under way")                                                          \
    F(no_barrier, "bytes of shared")                                                       \
    F(no_wait_at_end, "under way")                                                         \
    F(row_misaligned, "not a multiple of 16")                                              \
    F(row_outside, "ldmatrix reads 16 bytes at shared")                                    \
    F(copy_misaligned, "not a multiple of 16")
enum product_fault {
#define F(name, message) PRODUCT_##name,
    PRODUCT_FAULTS(F)
#undef F
        PRODUCTS
};
/* Of each block: y[16][16] = a[16][64] b[16][64]' and z[16][64] = y b, y rounded to the
 * numbers' type between; a, b of 16 bits, bfloat 0 or 1; y, z float. */
void product_tiles(struct device *d, int bfloat, enum product_fault fault, const void *a,
                   const void *b, float *y, float *z);
/* The same y, the operands taken from memory number by number instead of by ldmatrix. */
void product_plain(struct device *d, int bfloat, enum product_fault fault, const void *a,
                   const void *b, float *y);
#ifdef __cplusplus
}
#endif
#endif
