/* batchnorm.h - batch norm with what may follow it in the same pass: an addition, a ReLU */
#ifndef MODEL_CPU_BATCHNORM_H
#define MODEL_CPU_BATCHNORM_H
#include "model/cpu/kernels.h"

struct batchnorm {
    const struct call *c; /* of the batch norm: statistics, parameters, x, dx */
    int N, C;
    size_t plane;
    int block, blocks; /* channels a task, tasks */
    const float *x;
    float *saved;          /* mean [C], 1/sqrt(variance + eps) [C] */
    const float *shortcut; /* forward: added before the ReLU; NULL: nothing */
    int relu;
    int added; /* there is a shortcut (backward: its value is not needed) */
    float *y;
    /* backward. Without a shortcut the ReLU's mask is computed again from x; with one, y is
     * read. */
    const float *dy;
    float *dshortcut; /* NULL: not wanted */
    int sum_shortcut;
};
struct batchnorm batchnorm_of(const struct call *c);
void batchnorm_forward(struct batchnorm *b);
void batchnorm_backward(struct batchnorm *b);
#endif
