/* op.c - what is true of an op on every machine: its name, what its backward reads,
 * dropout's bits. No kernel lives here. */
#include "model/op.h"
#include "core/rng.h"

const char *op_name(enum op op) {
    static const char *const names[] = {
#define OP(name, x, y, cheap) #name,
        OPS(OP)
#undef OP
    };
    return names[op];
}

static int column(enum op op, int which) {
    static const char columns[OP_COUNT][3] = {
#define OP(name, x, y, cheap) {x, y, cheap},
        OPS(OP)
#undef OP
    };
    return columns[op][which];
}

int op_keeps_x(enum op op) {
    return column(op, 0);
}
int op_keeps_y(enum op op) {
    return column(op, 1);
}
int op_cheap(enum op op) {
    return column(op, 2);
}

size_t shape_count(struct shape s) {
    if (s.ndim == 0) return 1;
    return (size_t)s.dim[0] * (size_t)s.dim[1] * (size_t)(s.ndim == 3 ? s.dim[2] : 1);
}

int dropout_keeps(uint64_t seed, uint32_t epoch, int ordinal, int64_t position, size_t E,
                  size_t e, double rate) {
    uint64_t index = ((uint64_t)ordinal << 56) + (uint64_t)position * E + e;
    return rng_u32(seed, STREAM_DROPOUT, epoch, index) >= rate * 4294967296.0;
}
