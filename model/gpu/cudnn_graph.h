/* cudnn_graph.h - what is asked of cuDNN: a convolution, one of its gradients, or one of
 * them fused with the batch norm beside it, as a graph of backend operations. Shapes as in
 * library.h; NHWC. */
#ifndef MODEL_GPU_CUDNN_GRAPH_H
#define MODEL_GPU_CUDNN_GRAPH_H
#include "model/gpu/cudnn_descriptor.h"
#include "model/gpu/library.h"

/* The operands, by which a graph's tensors go (cuDNN's unique ids). Per-channel ones are
 * float [C] of the convolution's input, but SUM and SQUARES, which are [K], and SCALE and
 * BIAS, which are of the storage type. */
enum operand {
    AT_X = 1,
    AT_W,
    AT_Y,
    AT_DX,
    AT_DW,
    AT_DY,
    AT_SUM,
    AT_SQUARES,
    AT_SCALE,
    AT_BIAS,
    AT_MEAN,
    AT_INVSTD,
    AT_GAMMA,
    AT_BETA,
    AT_DGAMMA,
    AT_DBETA,
    AT_EQ_DY,
    AT_EQ_X,
    AT_EQ_BIAS,
    AT_COUNT,
};

struct operation {
    enum convolution_part part;
    struct convolution_shape shape;
    enum precision precision;
    int sum; /* CONV_DX: the result is added to what is there */
};

/* "conv y fp16 n32 14x14x256 k256 3x3 s1 p1 d1": the same text, the same work. 96 bytes
 * suffice. */
enum { OPERATION_NAME = 96 };
void operation_name(const struct operation *o, char name[OPERATION_NAME]);
/* Bytes of an operand, 0: this operation has none such. */
size_t operation_bytes(const struct operation *o, enum operand which);
/* The finished graph, in the bunch; NULL with the reason in the bunch. handle: of the
 * device that is to compute it; NULL: none is here (what asks further says which it is). */
descriptor operation_graph(struct bunch *b, const struct operation *o,
                           cudnnHandle_t handle);
/* "fp32" "fp16" "bf16" "tf32" */
const char *precision_name(enum precision precision);
#endif
