/* fused.c - runs of nodes that the GPU does in one step; see host.h's struct fusion.
 *
 *   resize_concat_conv  the decoder's 3x3 behind an upsampling: decoder.cu
 *   resize_conv         a 1x1 behind an upsampling, before it: projected.c
 *   pooled_row          the ASPP's branch of the whole map as a row a picture: pooled.cu
 *   dead_taps           a 3x3 dilated near or beyond its map's size: taps.cu
 *   conv_chain, conv_norm_add_relu, conv_norm_relu, norm_relu_conv, conv_dnorm
 *                       what the library joins to a convolution, in training: chain.cu
 *   batchnorm_add_relu  the end of a bottleneck; y is kept for the ReLU's mask
 *   batchnorm_relu      backward reads x alone: the mask is computed again
 *   add_relu            the same where no batch norm stands right before the addition
 *   add_layernorm       a residual's sum and the norm behind it: layernorm.cu
 *   linear_gelu         bias and gelu in one pass, back with the bias's gradient: linear.cu
 *   resize_loss         in training: the logits' full map is never written: upsampled.cu */
#include "model/gpu/batchnorm.h"
#include "model/gpu/chain.h"
#include "model/runs.h"

static struct batchnorm with_relu(const struct call *calls, int n) {
    struct batchnorm b = gpu_norm_of(&calls[0]);
    b.relu = 1;
    b.y = calls[n - 1].y;
    b.dy = calls[n - 1].dy;
    return b;
}

static void norm_relu_forward(const struct call *calls, int n) {
    struct batchnorm b = with_relu(calls, n);
    gpu_norm_forward(&b);
}

static void norm_relu_backward(const struct call *calls, int n) {
    struct batchnorm b = with_relu(calls, n);
    gpu_norm_backward(&b);
}

static void norm_add_relu_forward(const struct call *calls, int n) {
    struct batchnorm b = with_relu(calls, n);
    b.shortcut = calls[1].x[run_outer_input(&calls[1])];
    gpu_norm_forward(&b);
}

static void norm_add_relu_backward(const struct call *calls, int n) {
    struct batchnorm b = with_relu(calls, n);
    const int k = run_outer_input(&calls[1]);
    b.masked = b.y;
    b.dshortcut = calls[1].dx[k];
    b.sum_shortcut = calls[1].sum[k];
    gpu_norm_backward(&b);
}

static size_t norm_saved(const struct call *calls, int n) {
    (void)n;
    return gpu_batchnorm_saved(&calls[0]);
}

static size_t norm_scratch(const struct call *calls, int n) {
    (void)n;
    return gpu_batchnorm_scratch(&calls[0]);
}

static struct call sum_of(const struct call *calls, int n) {
    struct call c = calls[0];
    c.y = calls[n - 1].y;
    c.dy = calls[n - 1].dy;
    return c;
}

static void sum_relu_forward(const struct call *calls, int n) {
    const struct call c = sum_of(calls, n);
    gpu_add_relu_forward(&c);
}

static void sum_relu_backward(const struct call *calls, int n) {
    const struct call c = sum_of(calls, n);
    gpu_add_relu_backward(&c);
}

/* ---- convolutions with norms: which of it is joined ---- */

static int sums_can(const struct call *calls, int n) {
    return gpu_chain_can(calls, n, CHAIN_SUMS);
}
static size_t sums_scratch(const struct call *calls, int n) {
    return gpu_chain_scratch(calls, n, CHAIN_SUMS);
}
static void sums_forward(const struct call *calls, int n) {
    gpu_chain_forward(calls, n, CHAIN_SUMS);
}
static void sums_backward(const struct call *calls, int n) {
    gpu_chain_backward(calls, n, CHAIN_SUMS);
}

static int prologue_can(const struct call *calls, int n) {
    return gpu_chain_can(calls, n, CHAIN_PROLOGUE);
}
static size_t prologue_scratch(const struct call *calls, int n) {
    return gpu_chain_scratch(calls, n, CHAIN_PROLOGUE);
}
static void prologue_forward(const struct call *calls, int n) {
    gpu_chain_forward(calls, n, CHAIN_PROLOGUE);
}
static void prologue_backward(const struct call *calls, int n) {
    gpu_chain_backward(calls, n, CHAIN_PROLOGUE);
}

static int dnorm_can(const struct call *calls, int n) {
    return gpu_chain_can(calls, n, CHAIN_DNORM);
}
static size_t dnorm_scratch(const struct call *calls, int n) {
    return gpu_chain_scratch(calls, n, CHAIN_DNORM);
}
static void dnorm_forward(const struct call *calls, int n) {
    gpu_chain_forward(calls, n, CHAIN_DNORM);
}
static void dnorm_backward(const struct call *calls, int n) {
    gpu_chain_backward(calls, n, CHAIN_DNORM);
}

static int all_can(const struct call *calls, int n) {
    return gpu_chain_can(calls, n, CHAIN_ALL);
}
static size_t all_scratch(const struct call *calls, int n) {
    return gpu_chain_scratch(calls, n, CHAIN_ALL);
}
static void all_forward(const struct call *calls, int n) {
    gpu_chain_forward(calls, n, CHAIN_ALL);
}
static void all_backward(const struct call *calls, int n) {
    gpu_chain_backward(calls, n, CHAIN_ALL);
}

/* ---- the table ---- */

const struct fusion gpu_fusions[GPU_FUSIONS] = {
    {.name = "resize_concat_conv",
     .about = "the part behind the upsampling is convolved at the small size, tap "
              "by tap; neither the large map nor the concatenation is written",
     .match = gpu_decoder_match,
     .keep = 1 << 0 | 1 << 1,
     .forward = gpu_decoder_forward,
     .backward = gpu_decoder_backward,
     .scratch = gpu_decoder_scratch},
    {.name = "resize_conv",
     .about = "a 1x1 behind an upsampling: its product is over the small map, and no more "
              "than what it puts out is interpolated",
     .match = run_resize_conv,
     .keep = 1 << 0,
     .forward = gpu_projected_forward,
     .backward = gpu_projected_backward,
     .scratch = gpu_projected_scratch},
    {.name = "pooled_row",
     .about = "the branch of the whole map is one row a picture, added like a bias: its "
              "broadcast is never written or multiplied",
     .match = gpu_pooled_match,
     .keep = 1 << 0,
     .forward = gpu_pooled_forward,
     .backward = gpu_pooled_backward,
     .saved = gpu_pooled_saved,
     .scratch = gpu_pooled_scratch},
    {.name = "dead_taps",
     .about = "a dilated 3x3 whose taps reach little or nothing of the map: each is "
              "a product over the places it reaches",
     .match = gpu_taps_match,
     .keep = 1 << 0,
     .forward = gpu_taps_forward,
     .backward = gpu_taps_backward,
     .scratch = gpu_taps_scratch},
    {.name = "conv_chain",
     .about = "convolutions with norms and ReLUs between them, joined in all three ways "
              "below: no normalised map is written",
     .match = run_conv_chain,
     .keep = 1 << 0 | RUN_KEEP_Y,
     .train = 1,
     .can = all_can,
     .forward = all_forward,
     .backward = all_backward,
     .saved = gpu_chain_saved,
     .scratch = all_scratch},
    {.name = "conv_norm_add_relu",
     .about = "the convolution sums its output for the norm: its statistics read no map; "
              "the rest as batchnorm_add_relu",
     .match = run_conv_norm_add_relu,
     .keep = 1 << 0 | RUN_KEEP_Y,
     .train = 1,
     .can = sums_can,
     .forward = sums_forward,
     .backward = sums_backward,
     .saved = gpu_chain_saved,
     .scratch = sums_scratch},
    {.name = "conv_norm_relu",
     .about = "the same without an addition: the rest as batchnorm_relu",
     .match = run_conv_norm_relu,
     .keep = 1 << 0,
     .cheap = 1,
     .train = 1,
     .can = sums_can,
     .forward = sums_forward,
     .backward = sums_backward,
     .saved = gpu_chain_saved,
     .scratch = sums_scratch},
    {.name = "norm_relu_conv",
     .about = "the convolution normalises what it reads, in y and in dw: the normalised "
              "map is never written",
     .match = run_norm_relu_conv,
     .keep = 1 << 0,
     .train = 1,
     .can = prologue_can,
     .forward = prologue_forward,
     .backward = prologue_backward,
     .saved = gpu_chain_saved,
     .scratch = prologue_scratch},
    {.name = "conv_dnorm",
     .about = "the gradient of what a convolution reads goes through the ReLU before it "
              "and makes the norm's own on the way",
     .match = run_norm_relu_conv,
     .keep = 1 << 0,
     .train = 1,
     .can = dnorm_can,
     .forward = dnorm_forward,
     .backward = dnorm_backward,
     .saved = gpu_chain_saved,
     .scratch = dnorm_scratch},
    {.name = "batchnorm_add_relu",
     .about = "the end of a bottleneck: neither the norm nor the sum is written; "
              "backward writes the shortcut gradient on the way",
     .match = run_norm_add_relu,
     .keep = 1 << 0 | RUN_KEEP_Y,
     .forward = norm_add_relu_forward,
     .backward = norm_add_relu_backward,
     .saved = norm_saved,
     .scratch = norm_scratch},
    {.name = "batchnorm_relu",
     .about = "the norm is not written; backward makes the mask again from its input",
     .match = run_norm_relu,
     .keep = 1 << 0,
     .cheap = 1,
     .forward = norm_relu_forward,
     .backward = norm_relu_backward,
     .saved = norm_saved,
     .scratch = norm_scratch},
    {.name = "add_relu",
     .about = "the sum is not written",
     .match = run_add_relu,
     .keep = RUN_KEEP_Y,
     .forward = sum_relu_forward,
     .backward = sum_relu_backward},
    {.name = "add_layernorm",
     .about = "a residual and its norm: the sum is written and not read again; "
              "backward adds the two gradients on the way",
     .match = run_add_layernorm,
     .keep = RUN_KEEP_OPEN,
     .open = 1 << 0,
     .forward = gpu_add_layernorm_forward,
     .backward = gpu_add_layernorm_backward,
     .saved = gpu_add_layernorm_saved,
     .scratch = gpu_add_layernorm_scratch},
    {.name = "linear_gelu",
     .about = "bias and exact gelu in one pass; back with the bias gradient",
     .match = run_linear_gelu,
     .keep = 1 << 0,
     .forward = gpu_linear_gelu_forward,
     .backward = gpu_linear_gelu_backward,
     .saved = gpu_linear_gelu_saved,
     .scratch = gpu_linear_gelu_scratch},
    {.name = "resize_loss",
     .about = "training: upsampling, loss and gradient from the small logits: the "
              "large ones are never written",
     .match = run_resize_loss,
     .keep = 1 << 0,
     .train = 1,
     .forward = gpu_resize_loss_forward,
     .backward = gpu_resize_loss_backward,
     .saved = gpu_resize_loss_saved,
     .scratch = gpu_resize_loss_scratch},
};
