/* conv.h - the ways a convolution is computed; conv.cu chooses. */
#ifndef MODEL_GPU_CONV_H
#define MODEL_GPU_CONV_H
#include "model/gpu/columns.h"

struct conv { /* x [N][H][W][C], w [K][R][R][C / groups], y [N][P][Q][K] */
    int N, C, H, W, K, P, Q, R, stride, pad, dilation, groups;
};
struct conv conv_of(const struct call *c);

/* One output channel behind a 1x1, the logits: y is float. */
void head_forward(const struct call *c, struct conv v);
void head_backward(const struct call *c, struct conv v);
size_t head_scratch(const struct call *c, struct conv v);

/* A 3x3 of each channel by itself. */
void depth_forward(const struct call *c, struct conv v);
void depth_backward(const struct call *c, struct conv v);
size_t depth_scratch(const struct call *c, struct conv v);

/* Whatever else the library has no product for: groups of any size, one channel in. */
void loops_forward(const struct call *c, struct conv v);
void loops_backward(const struct call *c, struct conv v);

/* The library's plan for one group, several channels in and out; a fused part may have
 * none: NULL. */
const struct convolution_plan *conv_plan(const struct call *c, enum convolution_part part);

/* y += b, db = the sum of dy's rows: where no other kernel has done it on its way. */
void conv_add_bias(const struct call *c, struct conv v);
void conv_bias_gradient(const struct call *c, struct conv v);
size_t conv_bias_scratch(const struct call *c, struct conv v);
#endif
