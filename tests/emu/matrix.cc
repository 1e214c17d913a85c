/* matrix.cc - a warp's matrix instructions, each lane's registers by the tables of
 * NVIDIA's "PTX ISA" ("Matrix multiply-accumulate operation using mma instruction",
 * "ldmatrix"). */
#include "tests/emu/matrix.h"
#include "tests/emu/inside.h"

enum { SIDE = 8, ACROSS = 4 }; /* a matrix of 8 x 8; lanes that share a row of it */

static uint16_t half_of(const struct emu_pack *lane, int word, int which) {
    uint16_t h;
    memcpy(&h, lane->bytes + 4 * word + 2 * which, sizeof h);
    return h;
}

/* "a" of m16n8k8 and k16: lane 4 g + t holds rows g (words 0, 2) and g + 8 (1, 3) at
 * columns 2 t and 2 t + 1 of columns 0..7 (words 0, 1) and 8..15 (2, 3). */
static uint16_t number_a(const struct emu_pack *all, int row, int k) {
    int lane = row % SIDE * ACROSS + k % SIDE / 2;
    return half_of(&all[lane], row / SIDE + k / SIDE * 2, k % 2);
}
/* "b": lane 4 g + t holds column g at rows 2 t and 2 t + 1 of rows 0..7 (word 0) and
 * 8..15 (1). */
static uint16_t number_b(const struct emu_pack *all, int as, int k, int column) {
    int lane = column * ACROSS + k % SIDE / 2;
    return half_of(&all[lane], as + k / SIDE, k % 2);
}

void emu_mma(float *d, const uint32_t *a, int as, const uint32_t *b, int bs,
             float (*number)(uint16_t), struct emu_site site) {
    uint32_t mine[EMU_PACK / 4];
    if (bs == 2 && emu_arch() < 80) emu_fail("mma.m16n8k16 wants a capability of 80");
    memcpy(mine, a, (size_t)as * 4);
    memcpy(mine + as, b, (size_t)bs * 4);
    const struct emu_pack *all = emu_meet(AT_MATRIX, site, mine, (size_t)(as + bs) * 4);
    /* "c", "d": rows g (0, 1) and g + 8 (2, 3) at columns 2 t and 2 t + 1 */
    for (int i = 0; i < 4; i++) {
        int row = EMU_LANE / ACROSS + i / 2 * SIDE, column = EMU_LANE % ACROSS * 2 + i % 2;
        double sum = d[i];
        for (int k = 0; k < bs * SIDE; k++)
            sum += (double)number(number_a(all, row, k)) *
                   number(number_b(all, as, k, column));
        d[i] = (float)sum;
    }
}

void emu_ldmatrix(uint32_t *v, const void *row, int trans, struct emu_site site) {
    if (!emu_shared_given((const char *)row, 16))
        emu_fail("ldmatrix reads 16 bytes at %s, which is no shared memory",
                 emu_where(row));
    emu_watch_access(row, 16, 16, EMU_READ);
    const struct emu_pack *all = emu_meet(AT_MATRIX, site, row, 16);
    for (int i = 0; i < 4; i++) {
        const struct emu_pack *matrix = all + i * SIDE;
        int g = EMU_LANE / ACROSS, t = EMU_LANE % ACROSS * 2;
        uint16_t pair[2];
        for (int k = 0; k < 2; k++) {
            int down = trans ? t + k : g, column = trans ? g : t + k;
            pair[k] = half_of(&matrix[down], column / 2, column % 2);
        }
        memcpy(&v[i], pair, sizeof pair);
    }
}

void emu_trap(void) {
    emu_fail("trap");
}
