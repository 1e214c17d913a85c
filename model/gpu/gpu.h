/* gpu.h - the GPU machine's ground: how its memory is laid out and what its kernels may
 * see.
 *
 * Maps lie as [N][H][W][C] (channels last), tokens as [N][T][D], both in the machine's
 * storage type: float for fp32, 16 bits for fp16 and bf16. Maps of one channel (logits) and
 * the loss are float in every precision, as under PyTorch's autocast. A picture's three
 * planes are padded to eight channels by the input op, with zeros: GPU_PICTURE. Sums,
 * batch-norm statistics and master weights are float.
 *
 * Parameters of two or more dimensions ("matrices") have a float master and, in 16-bit
 * precisions, a copy in the storage type, which is what kernels read; their gradients are
 * of the storage type. Convolution weights lie as [K][R][S][C / groups], the first
 * convolution's C padded to GPU_PICTURE; all others as in PyTorch. Vectors (norms, biases)
 * and their gradients are float; so are running statistics, class token and positions.
 *
 * A kernel is a function of a struct call (model/op.h) whose pointers are device memory and
 * whose `machine` is this struct gpu. What changes from step to step lies in device memory
 * too (struct gpu_now), so that a captured step can be launched again as it is. */
#ifndef MODEL_GPU_GPU_H
#define MODEL_GPU_GPU_H
#include "model/gpu/device.h"
#include "model/gpu/library.h"
#ifdef __cplusplus
extern "C" {
#endif
#include "model/host.h"
#ifdef __cplusplus
}
#endif

enum {
    GPU_PICTURE = 8, /* channels of a picture's map */
};

/* Written on the device alone, but for what begins an epoch or a pass. */
struct gpu_now {
    int64_t steps; /* optimizer steps taken */
    uint32_t epoch;
    int at;     /* step within the epoch, or batch within a pass, that is under way */
    int passes; /* PHASE_ESTIMATE: batches seen before this one */
    float loss_scale;
    /* fp16: steps since the last overflow; this step's gradients overflow */
    int good, overflow;
    /* 1: a loss was no number; 2: no loss scale will do: nothing is learnt any more */
    int halted;
    /* This step's update, once its loss is known: */
    int skip;      /* 1: none */
    float unscale; /* factor on gradients */
    float rate[2]; /* lr / (1 - beta1^t): decoder, encoder */
    float root;    /* 1 / (1 - beta2^t) */
};

struct gpu {
    struct device *device;
    struct library *library;
    enum precision precision;
    struct gpu_now *now; /* device */
    /* The batch, device memory, [batch] each: the begin kernel fills it from `now`. */
    int *item;         /* place in the resident set */
    int64_t *position; /* place in the epoch's order */
    uint8_t *flip;     /* bit 0: left-right, bit 1: up-down */
    /* The resident set that the batch is of: device memory, fixed for a captured step. */
    const uint8_t *image; /* u8 [count][S][S][3] */
    const uint8_t *mask;  /* bits [count][S*S/8] */
};

#ifdef __cplusplus
extern "C" {
#endif
/* Channels a node's map has in memory, elements and bytes of a batch of it. */
int gpu_channels(const struct graph *g, int node);
size_t gpu_node_bytes(const struct graph *g, int node, int batch, enum precision precision);
size_t gpu_element(enum precision precision, int channels); /* bytes: 2, or 4 */
/* The same as struct kernels' hook; k->machine is a struct gpu. */
size_t gpu_bytes_hook(const struct kernels *k, const struct graph *g, int node, int batch);
/* Where a parameter's element i (PyTorch's order) lies in the machine's own order. 0 < all
 * = elements with padding. */
struct gpu_layout {
    int K, C, R, S; /* a convolution's [K][C][R][S]; C 0: as PyTorch has it */
    int padded;     /* its C with padding */
    size_t count, all;
    /* 1: kernels read a copy of the storage type, its gradient is of that type */
    int matrix;
};
struct gpu_layout gpu_layout(const struct graph *g, int param);
size_t gpu_place(const struct gpu_layout *l, size_t i);

/* gpu_conv_forward(call), gpu_conv_backward(call), ...: a pair an op; each equals
 * ref_OP_*. */
#define OP(name, x, y, cheap)                                                              \
    void gpu_##name##_forward(const struct call *call);                                    \
    void gpu_##name##_backward(const struct call *call);
OPS(OP)
#undef OP
#ifdef __cplusplus
}
#endif
#endif
