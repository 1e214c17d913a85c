/* tally.cc - which kernels a program has run, with how many blocks, in how many orders:
 * rows added at its end to the file that EMU_KERNELS names. tests/emu/mutate.sh reads
 * them. */
#include "tests/emu/inside.h"

enum { KERNELS = 512, ORDERS = 64 };

static struct {
    const char *kernel;
    void (*run)(const void *closure); /* one for each set of template arguments */
    uint64_t most, orders; /* blocks; a bit a value of EMU_SEED, with two blocks or more */
} row[KERNELS];
static int rows;

static void put(void) {
    FILE *f = fopen(getenv("EMU_KERNELS"), "a");
    if (!f) return;
    for (int i = 0; i < rows; i++)
        fprintf(f, "%s\t%llu\t%d\n", row[i].kernel, (unsigned long long)row[i].most,
                __builtin_popcountll(row[i].orders));
    fclose(f);
}

void emu_tally(const struct emu_launch *l, uint64_t blocks, uint64_t seed) {
    int i = 0;
    if (!getenv("EMU_KERNELS")) return;
    if (!rows) atexit(put);
    while (i < rows && (row[i].run != l->run || strcmp(row[i].kernel, l->kernel))) i++;
    if (i == KERNELS) return;
    if (i == rows) row[rows++] = {l->kernel, l->run, 0, 0};
    if (blocks > row[i].most) row[i].most = blocks;
    if (blocks > 1) row[i].orders |= (uint64_t)1 << seed % ORDERS;
}
