/* matrix.h - the tensor instructions and late copies of a GPU, done by the emulator. */
#ifndef TESTS_EMU_MATRIX_H
#define TESTS_EMU_MATRIX_H
#include "tests/emu/block.h"

/* "mma.m16n8k8" (as = 2 words, bs = 1) and "mma.m16n8k16" (4, 2), by all lanes of a
 * warp: the sum of a number's products and what it was is rounded once (a GPU's order is
 * not told). */
void emu_mma(float *d, const uint32_t *a, int as, const uint32_t *b, int bs,
             float (*number)(uint16_t), struct emu_site site);
/* "ldmatrix.x4", with ".trans" or without; each row is read by the lane that names it. */
void emu_ldmatrix(uint32_t *v, const void *row, int trans, struct emu_site site);

void emu_trap(void);

/* "cp.async": the bytes come when the thread waits for their group; until then nobody
 * may read or write there. A thread that ends must have waited. */
void emu_copy(void *to, const void *from, int bytes);
void emu_copy_commit(void);
void emu_copy_wait(int last);
#endif
