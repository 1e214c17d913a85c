/* op.h - every operation a network is made of, and what a kernel is told.
 *
 * One row an op: adding an op and forgetting a place fails the build or a test. Activations
 * are [N,C,H,W] for maps and [N,T,D] for tokens; a node's shape leaves N out. The columns
 * "keep x" and "keep y" say whether backward reads the op's inputs or its output, "cheap"
 * whether the output is better computed again in backward than kept. Meanings: model/ref,
 * one plain loop nest an op. */
#ifndef MODEL_OP_H
#define MODEL_OP_H
#include <stddef.h>
#include <stdint.h>

/*     name        keep x  keep y  cheap   PyTorch's call */
/* clang-format off */
#define OPS(OP)                                                                             \
    OP(input,      0,      0,      0) /* u8 picture -> (v - mean) / std, [3,S,S] */          \
    OP(conv,       1,      0,      0) /* F.conv2d(x, w, b, stride, padding, dilation, groups) */ \
    OP(batchnorm,  1,      0,      1) /* F.batch_norm */                                     \
    OP(relu,       0,      1,      1) /* F.relu */                                           \
    OP(add,        0,      0,      1) /* x0 + x1 */                                          \
    OP(maxpool,    0,      0,      0) /* F.max_pool2d(x, k, stride, pad) */                  \
    OP(gap,        0,      0,      0) /* x.mean((2,3), keepdim=True) */                      \
    OP(resize,     0,      0,      1) /* F.interpolate(bilinear, align_corners) */           \
    OP(concat,     0,      0,      1) /* torch.cat(x, 1) */                                  \
    OP(dropout,    0,      0,      1) /* F.dropout, bits from stream 5 */                    \
    OP(tokens,     0,      0,      0) /* [D,h,w] -> [1+h*w,D]: cls prepended, positions added */ \
    OP(grid,       0,      0,      1) /* [1+h*w,D] -> [D,h,w], class token dropped */        \
    OP(linear,     1,      0,      0) /* F.linear(x, w, b) */                                \
    OP(layernorm,  1,      0,      0) /* F.layer_norm over D */                              \
    OP(gelu,       1,      0,      0) /* F.gelu, exact erf */                                \
    OP(attention,  1,      1,      0) /* qkv [T,3D] -> [T,D], softmax(q k'/sqrt(d)) v a head */ \
    OP(loss,       1,      0,      0) /* logits [1,S,S] against the batch's masks: a scalar */
/* clang-format on */

enum op {
#define OP(name, x, y, cheap) OP_##name,
    OPS(OP)
#undef OP
        OP_COUNT
};
const char *op_name(enum op op);
int op_keeps_x(enum op op), op_keeps_y(enum op op), op_cheap(enum op op);

enum { NODE_INPUTS = 5, NODE_PARAMS = 4 };

/* What fixes an op besides its shapes; fields an op does not use are 0. */
struct attr {
    int kernel, stride, pad, dilation, groups; /* conv, maxpool */
    int align;                                 /* resize: align_corners */
    int heads;                                 /* attention */
    double eps, momentum;                      /* batchnorm, layernorm */
    int frozen;             /* batchnorm: running statistics in training too */
    double rate;            /* dropout: share set to zero */
    int ordinal;            /* dropout: which one of the graph's, from 0 */
    double mean[3], std[3]; /* input, in 0..255 units, by plane of the tensor */
    int plane[3];           /* input: picture channel (RGB) of tensor plane i */
    int gray;               /* input: luma in all three planes */
    int loss;               /* loss: recipe's word: bce dice bce_dice */
};

struct shape {
    int ndim;   /* 3: C,H,W   2: T,D   0: scalar */
    int dim[3]; /* C,H,W | T,D,1 | 1,1,1 */
};
size_t shape_count(struct shape s); /* elements a picture */

enum phase {
    PHASE_TRAIN, /* batch statistics, dropout, running statistics move */
    PHASE_AGAIN, /* the same values once more, in backward: nothing moves */
    /* frozen batch norms: batch statistics, running ones become the mean over calls; all else
     * as PHASE_INFER */
    PHASE_ESTIMATE,
    PHASE_INFER, /* running statistics, no dropout */
};

/* What a kernel sees: pointers with shapes beside them, never a graph, a model or a global.
 * Element type is the machine's own (double: ref, float: cpu). Parameter slots: conv,
 * linear: 0 weight, 1 bias or NULL; batchnorm: 0 weight 1 bias 2 running mean 3 running
 * variance; layernorm: 0 weight 1 bias; tokens: 0 cls [D], 1 positions [T,D]. */
struct call {
    const struct attr *attr;
    enum phase phase;
    void *machine; /* what the machine's kernels need besides; NULL on the host */
    int N;         /* pictures */
    int inputs;
    struct shape xs[NODE_INPUTS]; /* shapes, a picture */
    struct shape ys;
    const void *x[NODE_INPUTS];
    void *y; /* forward writes it; backward reads it if the op keeps y */
    void *w[NODE_PARAMS];
    void *dx[NODE_INPUTS]; /* NULL: not wanted */
    int sum[NODE_INPUTS];  /* 1: dx += , 0: dx = */
    const void *dy;
    void *dw[NODE_PARAMS]; /* NULL: not wanted */
    int sum_dw;      /* 1: dw += (layernorm only: a norm that serves two taps), 0: dw = */
    void *saved;     /* this node's own memory from forward to backward */
    void *scratch;   /* free use within the call */
    double estimate; /* PHASE_ESTIMATE: weight of this batch, 1/(calls so far + 1) */
    /* the batch: input, dropout and loss read it */
    uint64_t seed;
    uint32_t epoch;
    const int64_t *position;     /* [N] place of picture n in the epoch's order */
    const uint8_t *const *image; /* [N] u8 [S][S][3] */
    const uint8_t *const *mask;  /* [N] bits [S*S/8] */
    const uint8_t *flip;         /* [N] bit 0: left-right, bit 1: up-down */
    double loss_scale;           /* fp16: factor on the loss's gradient */
    double *loss;                /* [N] loss of each picture: their mean is the batch's */
};

/* A kernel pair. `saved` and `scratch` give the bytes wanted (NULL: none). */
struct kernel {
    void (*forward)(const struct call *call);
    void (*backward)(const struct call *call);
    size_t (*saved)(const struct call *call);
    size_t (*scratch)(const struct call *call);
};

/* Dropout's bit for element e of the E elements of a picture: kept iff rng_u32(seed,
 * STREAM_DROPOUT, epoch, (ordinal << 56) + position * E + e) >= rate * 2^32. One
 * definition, so that all machines draw alike. Kept values are scaled by 1 / (1 - rate). */
int dropout_keeps(uint64_t seed, uint32_t epoch, int ordinal, int64_t position, size_t E,
                  size_t e, double rate);
#endif
