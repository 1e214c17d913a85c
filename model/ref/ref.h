/* ref.h - the reference kernels: one plain loop nest an op, in double. They are the meaning
 * of every op; nothing here is fast, and nothing here is to be made fast. */
#ifndef MODEL_REF_REF_H
#define MODEL_REF_REF_H
#include "model/op.h"
#define OP(name, x, y, cheap)                                                              \
    void ref_##name##_forward(const struct call *);                                        \
    void ref_##name##_backward(const struct call *);
OPS(OP)
#undef OP
size_t ref_batchnorm_saved(const struct call *c);
size_t ref_maxpool_saved(const struct call *c);

/* Writes or adds a gradient, as the call says for input k. */
static inline void give(const struct call *c, int k, size_t i, double g) {
    double *dx = c->dx[k];
    dx[i] = c->sum[k] ? dx[i] + g : g;
}
/* Before scattered sums into dx: zero unless they add to what stands there. */
void ref_clear(const struct call *c, int k);
#endif
