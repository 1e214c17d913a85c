/* attention.h - two ways to F.scaled_dot_product_attention on timm's packed qkv [T][3D]:
 * attention.cu's for any device, type and head, attention_matrix.cu's for 16-bit numbers
 * and heads of 64. Both write no map of scores; both keep the log of each row's sum of
 * exponentials [N][heads][T] as `saved`, so that one may run forward and the other
 * backward. */
#ifndef MODEL_GPU_ATTENTION_H
#define MODEL_GPU_ATTENTION_H
#include "model/gpu/element.h"

struct heads {
    int N, T, D, heads, d, blocks; /* blocks of so many rows a head */
    float scale;
    int sum;
};
struct heads attention_heads(const struct call *c, int rows);

/* One head of one picture, by block: where q, k, v begin in qkv, y in y, and the head's
 * rows in what is saved. */
struct head {
    size_t qkv, y, row;
    int first; /* row of the block's first */
};
DEVICE struct head head_of(const struct heads &h, int rows) {
    size_t block = blockIdx.x, head = block / (unsigned)h.blocks;
    size_t n = head / (unsigned)h.heads, column = head % (unsigned)h.heads * (size_t)h.d;
    struct head s;
    s.qkv = n * (size_t)h.T * 3 * (size_t)h.D + column;
    s.y = n * (size_t)h.T * (size_t)h.D + column;
    s.row = head * (size_t)h.T;
    s.first = (int)(block % (unsigned)h.blocks) * rows;
    return s;
}
#endif
