/* precision.c - see precision.h. */
#include "model/precision.h"
#include "core/bag.h"
#include <string.h>

int precision_is_16bit(enum precision precision) {
    return precision == FP16 || precision == BF16;
}

/* 13 of float's 23 bits of mantissa go; infinity stays what it is, NaN stays NaN. */
static float tf32(float x) {
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    if ((b & 0x7f800000) == 0x7f800000) return x;
    b = (b + 0xfff + (b >> 13 & 1)) & ~(uint32_t)0x1fff;
    memcpy(&x, &b, sizeof x);
    return x;
}

float precision_round(enum precision precision, float x) {
    switch (precision) {
    case FP16:
        return half_to_f32(half_from_f32(x));
    case BF16:
        return bfloat_to_f32(bfloat_from_f32(x));
    case TF32:
        return tf32(x);
    case FP32:
        break;
    }
    return x;
}

int node_is_product(const struct graph *g, int node) {
    const struct node *n = &g->node[node];
    return n->op == OP_linear || (n->op == OP_conv && n->attr.groups == 1);
}

int param_is_rounded(const struct graph *g, int param, enum precision precision) {
    for (int i = 0; i < g->nodes && precision != FP32; i++)
        if (g->node[i].param[0] == param &&
            (g->node[i].op == OP_linear || g->node[i].op == OP_conv))
            return precision != TF32 || node_is_product(g, i);
    return 0;
}
