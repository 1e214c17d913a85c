/* cudnn_graph.c - the graphs; see cudnn_graph.h. It chooses no plan and runs nothing. */
#include "model/gpu/cudnn_graph.h"
#include <stdbool.h>
#include <stdio.h>

const char *precision_name(enum precision precision) {
    static const char *const names[] = {"fp32", "fp16", "bf16", "tf32"};
    return names[precision];
}

static cudnnDataType_t storage(const struct operation *o) {
    return o->precision == FP16   ? CUDNN_DATA_HALF
           : o->precision == BF16 ? CUDNN_DATA_BFLOAT16
                                  : CUDNN_DATA_FLOAT;
}

void operation_name(const struct operation *o, char name[OPERATION_NAME]) {
    static const char *const parts[] = {
        "y", "dx", "dw", "y + sums", "norm, y + sums", "norm, dw", "dx, dnorm"};
    const struct convolution_shape *s = &o->shape;
    snprintf(name, OPERATION_NAME, "conv %s%s %s n%d %dx%dx%d k%d %dx%d s%d p%d d%d",
             parts[o->part], o->sum ? " +=" : "", precision_name(o->precision), s->N, s->H,
             s->W, s->C, s->K, s->R, s->S, s->stride, s->pad, s->dilation);
}

/* ---- operands ---- */

/* [N,C,H,W] as cuDNN counts, channels last in memory. */
struct form {
    int64_t dim[4];
    cudnnDataType_t type;
};

static struct form map(const struct operation *o, int c, int h, int w) {
    return (struct form){{o->shape.N, c, h, w}, storage(o)};
}

static struct form channels(int c, cudnnDataType_t type) {
    return (struct form){{1, c, 1, 1}, type};
}

static struct form form_of(const struct operation *o, enum operand which) {
    const struct convolution_shape *s = &o->shape;
    switch (which) {
    case AT_X:
    case AT_DX:
        return map(o, s->C, s->H, s->W);
    case AT_Y:
    case AT_DY:
        return map(o, s->K, s->P, s->Q);
    case AT_W:
    case AT_DW:
        return (struct form){{s->K, s->C, s->R, s->S}, storage(o)};
    case AT_SUM:
    case AT_SQUARES:
        return channels(s->K, CUDNN_DATA_FLOAT);
    case AT_SCALE:
    case AT_BIAS:
        return channels(s->C, storage(o));
    default:
        return channels(s->C, CUDNN_DATA_FLOAT);
    }
}

static int has(const struct operation *o, enum operand which) {
    static const unsigned operands[] = {
        [CONV_Y] = 1u << AT_X | 1u << AT_W | 1u << AT_Y,
        [CONV_DX] = 1u << AT_DY | 1u << AT_W | 1u << AT_DX,
        [CONV_DW] = 1u << AT_DY | 1u << AT_X | 1u << AT_DW,
        [CONV_Y_SUMS] =
            1u << AT_X | 1u << AT_W | 1u << AT_Y | 1u << AT_SUM | 1u << AT_SQUARES,
        [CONV_NORM_Y_SUMS] = 1u << AT_X | 1u << AT_SCALE | 1u << AT_BIAS | 1u << AT_W |
                             1u << AT_Y | 1u << AT_SUM | 1u << AT_SQUARES,
        [CONV_NORM_DW] =
            1u << AT_DY | 1u << AT_X | 1u << AT_SCALE | 1u << AT_BIAS | 1u << AT_DW,
        [CONV_DX_DNORM] = 1u << AT_DY | 1u << AT_W | 1u << AT_X | 1u << AT_MEAN |
                          1u << AT_INVSTD | 1u << AT_GAMMA | 1u << AT_BETA | 1u << AT_DX |
                          1u << AT_DGAMMA | 1u << AT_DBETA | 1u << AT_EQ_DY |
                          1u << AT_EQ_X | 1u << AT_EQ_BIAS,
    };
    return operands[o->part] >> which & 1;
}

size_t operation_bytes(const struct operation *o, enum operand which) {
    if (!has(o, which)) return 0;
    struct form f = form_of(o, which);
    size_t n = f.type == CUDNN_DATA_FLOAT ? 4 : 2;
    for (int i = 0; i < 4; i++) n *= (size_t)f.dim[i];
    return n;
}

/* ---- tensors and operations ---- */

static descriptor tensor_of(struct bunch *b, struct form f, int64_t id, bool virtual) {
    descriptor d = bunch_new(b, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    const int64_t *n = f.dim;
    int64_t strides[4] = {n[1] * n[2] * n[3], 1, n[1] * n[3], n[1]};
    bunch_type(b, d, CUDNN_ATTR_TENSOR_DATA_TYPE, f.type);
    bunch_set(b, d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, f.dim);
    bunch_set(b, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides);
    bunch_integer(b, d, CUDNN_ATTR_TENSOR_UNIQUE_ID, id);
    bunch_integer(b, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 16);
    if (virtual)
        bunch_set(b, d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &virtual);
    bunch_finish(b, d);
    return d;
}

static descriptor tensor(struct bunch *b, const struct operation *o, enum operand which) {
    return tensor_of(b, form_of(o, which), which, false);
}

/* A value between two operations, never in memory; of an operand's shape. */
static descriptor between(struct bunch *b, const struct operation *o, enum operand like,
                          cudnnDataType_t type) {
    struct form f = form_of(o, like);
    f.type = type;
    return tensor_of(b, f, AT_COUNT + b->count, true);
}

static descriptor convolution(struct bunch *b, const struct convolution_shape *s) {
    descriptor d = bunch_new(b, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    int64_t pad[2] = {s->pad, s->pad}, stride[2] = {s->stride, s->stride};
    int64_t dilation[2] = {s->dilation, s->dilation};
    bunch_type(b, d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
    bunch_set(b, d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1,
              &mode);
    bunch_integer(b, d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2);
    bunch_set(b, d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, pad);
    bunch_set(b, d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, pad);
    bunch_set(b, d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, stride);
    bunch_set(b, d, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, dilation);
    bunch_finish(b, d);
    return d;
}

/* The three convolution operations differ in the numbers of their attributes alone: alpha,
 * beta, convolution, and two tensors read, one written. */
struct convolution_names {
    cudnnBackendDescriptorType_t type;
    cudnnBackendAttributeName_t alpha, beta, form, first, second, out;
};

static descriptor convolve(struct bunch *b, const struct operation *o, descriptor first,
                           descriptor second, descriptor out) {
    static const struct convolution_names
        forward = {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y},
        data = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX},
        filter = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW};
    int dw = o->part == CONV_DW || o->part == CONV_NORM_DW;
    int dx = o->part == CONV_DX || o->part == CONV_DX_DNORM;
    const struct convolution_names *n = dw ? &filter : dx ? &data : &forward;
    descriptor form = convolution(b, &o->shape), d = bunch_new(b, n->type);
    bunch_float(b, d, n->alpha, 1);
    bunch_float(b, d, n->beta, o->sum ? 1 : 0);
    bunch_child(b, d, n->form, form);
    bunch_child(b, d, n->first, first);
    bunch_child(b, d, n->second, second);
    bunch_child(b, d, n->out, out);
    bunch_finish(b, d);
    return d;
}

/* y = mode(x) or mode(x, other), element by element; RELU_BWD: y = other where x > 0. */
static descriptor pointwise(struct bunch *b, cudnnPointwiseMode_t mode, descriptor x,
                            descriptor other, descriptor y) {
    descriptor what = bunch_new(b, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    int backward = mode == CUDNN_POINTWISE_RELU_BWD;
    bunch_set(b, what, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
    bunch_type(b, what, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
    bunch_finish(b, what);
    descriptor d = bunch_new(b, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    bunch_child(b, d, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, what);
    bunch_child(b, d, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (backward)
        bunch_child(b, d, CUDNN_ATTR_OPERATION_POINTWISE_DYDESC, other);
    else if (other)
        bunch_child(b, d, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, other);
    bunch_child(b, d,
                backward ? CUDNN_ATTR_OPERATION_POINTWISE_DXDESC
                         : CUDNN_ATTR_OPERATION_POINTWISE_YDESC,
                y);
    bunch_finish(b, d);
    return d;
}

static descriptor sums(struct bunch *b, const struct operation *o, descriptor y) {
    cudnnGenStatsMode_t mode = CUDNN_GENSTATS_SUM_SQSUM;
    descriptor sum = tensor(b, o, AT_SUM), squares = tensor(b, o, AT_SQUARES);
    descriptor d = bunch_new(b, CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR);
    bunch_set(b, d, CUDNN_ATTR_OPERATION_GENSTATS_MODE, CUDNN_TYPE_GENSTATS_MODE, 1, &mode);
    bunch_type(b, d, CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC, CUDNN_DATA_FLOAT);
    bunch_child(b, d, CUDNN_ATTR_OPERATION_GENSTATS_XDESC, y);
    bunch_child(b, d, CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC, sum);
    bunch_child(b, d, CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC, squares);
    bunch_finish(b, d);
    return d;
}

/* ---- graphs ---- */

enum { OPERATIONS = 8 };
struct list {
    descriptor item[OPERATIONS];
    int count;
};

/* relu(x * scale + bias), which the convolution reads; appends its three operations. */
static descriptor normalised(struct bunch *b, const struct operation *o, struct list *l) {
    cudnnDataType_t type = o->part == CONV_NORM_DW ? storage(o) : CUDNN_DATA_FLOAT;
    descriptor x = tensor(b, o, AT_X), scaled = between(b, o, AT_X, type);
    descriptor moved = between(b, o, AT_X, type), out = between(b, o, AT_X, type);
    l->item[l->count++] =
        pointwise(b, CUDNN_POINTWISE_MUL, x, tensor(b, o, AT_SCALE), scaled);
    l->item[l->count++] =
        pointwise(b, CUDNN_POINTWISE_ADD, scaled, tensor(b, o, AT_BIAS), moved);
    l->item[l->count++] = pointwise(b, CUDNN_POINTWISE_RELU_FWD, moved, NULL, out);
    return out;
}

/* From the gradient `dz` behind a ReLU and batch norm of x: dx where the ReLU was open, the
 * norm's own gradients, and the three factors of the gradient before it. */
static void norm_gradients(struct bunch *b, const struct operation *o, descriptor dz,
                           struct list *l) {
    descriptor x = tensor(b, o, AT_X), mean = tensor(b, o, AT_MEAN);
    descriptor invstd = tensor(b, o, AT_INVSTD), gamma = tensor(b, o, AT_GAMMA);
    descriptor dx = tensor(b, o, AT_DX), step[4];
    for (int i = 0; i < 4; i++) step[i] = between(b, o, AT_X, CUDNN_DATA_FLOAT);
    descriptor beta = tensor(b, o, AT_BETA);
    l->item[l->count++] = pointwise(b, CUDNN_POINTWISE_SUB, x, mean, step[0]);
    l->item[l->count++] = pointwise(b, CUDNN_POINTWISE_MUL, step[0], invstd, step[1]);
    l->item[l->count++] = pointwise(b, CUDNN_POINTWISE_MUL, step[1], gamma, step[2]);
    l->item[l->count++] = pointwise(b, CUDNN_POINTWISE_ADD, step[2], beta, step[3]);
    l->item[l->count++] = pointwise(b, CUDNN_POINTWISE_RELU_BWD, step[3], dz, dx);
    static const struct {
        enum operand which;
        cudnnBackendAttributeName_t name;
    } out[] = {{AT_DGAMMA, CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DBN_SCALE_DESC},
               {AT_DBETA, CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DBN_BIAS_DESC},
               {AT_EQ_DY, CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_DY_SCALE_DESC},
               {AT_EQ_X, CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_X_SCALE_DESC},
               {AT_EQ_BIAS, CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_BIAS}};
    descriptor made[sizeof out / sizeof *out];
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        made[i] = tensor(b, o, out[i].which);
    descriptor d = bunch_new(b, CUDNN_BACKEND_OPERATION_BN_BWD_WEIGHTS_DESCRIPTOR);
    bunch_type(b, d, CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_MATH_PREC, CUDNN_DATA_FLOAT);
    bunch_child(b, d, CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_X_DESC, x);
    bunch_child(b, d, CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DY_DESC, dx);
    bunch_child(b, d, CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_MEAN_DESC, mean);
    bunch_child(b, d, CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_INVSTD_DESC, invstd);
    bunch_child(b, d, CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_BN_SCALE_DESC, gamma);
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        bunch_child(b, d, out[i].name, made[i]);
    bunch_finish(b, d);
    l->item[l->count++] = d;
}

descriptor operation_graph(struct bunch *b, const struct operation *o,
                           cudnnHandle_t handle) {
    struct list l = {.count = 0};
    descriptor y, dz;
    switch (o->part) {
    case CONV_Y:
        l.item[l.count++] =
            convolve(b, o, tensor(b, o, AT_X), tensor(b, o, AT_W), tensor(b, o, AT_Y));
        break;
    case CONV_DX:
        l.item[l.count++] =
            convolve(b, o, tensor(b, o, AT_DY), tensor(b, o, AT_W), tensor(b, o, AT_DX));
        break;
    case CONV_DW:
        l.item[l.count++] =
            convolve(b, o, tensor(b, o, AT_DY), tensor(b, o, AT_X), tensor(b, o, AT_DW));
        break;
    case CONV_Y_SUMS:
    case CONV_NORM_Y_SUMS:
        y = tensor(b, o, AT_Y);
        dz = o->part == CONV_Y_SUMS ? tensor(b, o, AT_X) : normalised(b, o, &l);
        l.item[l.count++] = convolve(b, o, dz, tensor(b, o, AT_W), y);
        l.item[l.count++] = sums(b, o, y);
        break;
    case CONV_NORM_DW:
        y = normalised(b, o, &l);
        l.item[l.count++] = convolve(b, o, tensor(b, o, AT_DY), y, tensor(b, o, AT_DW));
        break;
    case CONV_DX_DNORM:
        dz = between(b, o, AT_DX, CUDNN_DATA_FLOAT);
        l.item[l.count++] = convolve(b, o, tensor(b, o, AT_DY), tensor(b, o, AT_W), dz);
        norm_gradients(b, o, dz, &l);
        break;
    }
    descriptor graph = bunch_new(b, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    bunch_set(b, graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
              l.count, l.item);
    if (handle)
        bunch_set(b, graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1,
                  &handle);
    bunch_finish(b, graph);
    return b->status == CUDNN_STATUS_SUCCESS ? graph : NULL;
}
