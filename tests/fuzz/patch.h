/* patch.h - lets a fuzz target begin from a good file it made itself: the input's first
 * byte picks the file (0: none, the rest is taken as it is), the rest are edits of four
 * bytes: where (24 bits, wrapped round) and what. Bytes at the end may be cut. No seeds
 * need be stored. */
#ifndef TESTS_FUZZ_PATCH_H
#define TESTS_FUZZ_PATCH_H
#include "core/die.h"
#include <string.h>

struct good {
    const uint8_t *bytes;
    size_t n;
};

/* The bytes to parse, in a block of just their size (so that a read past the end is
 * seen). Caller frees. */
static inline uint8_t *patch(const struct good *good, int count, const uint8_t *data,
                             size_t size, size_t *n) {
    int pick = size ? data[0] % (count + 1) : 0;
    if (size) data++, size--;
    const struct good *from = pick ? &good[pick - 1] : &(struct good){data, size};
    *n = from->n;
    if (pick && size % 4 == 3 && from->n) /* a tail of three bytes says where to cut */
        *n = ((size_t)data[size - 3] << 16 | (size_t)data[size - 2] << 8 | data[size - 1]) %
             from->n;
    uint8_t *out = xmalloc(*n);
    if (*n) memcpy(out, from->bytes, *n);
    for (; pick && *n && size >= 4; data += 4, size -= 4)
        out[((size_t)data[0] << 16 | (size_t)data[1] << 8 | data[2]) % *n] = data[3];
    return out;
}
#endif
