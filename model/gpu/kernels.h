/* kernels.h - the GPU's kernels, one pair an op, and the bytes they want; see gpu.h for
 * layouts. Each equals ref's kernel of the same name to the accuracy of the storage
 * type. */
#ifndef MODEL_GPU_KERNELS_H
#define MODEL_GPU_KERNELS_H
#include "model/gpu/gpu.h"
#ifdef __cplusplus
extern "C" {
#endif
size_t gpu_conv_scratch(const struct call *c);
size_t gpu_batchnorm_saved(const struct call *c);
size_t gpu_batchnorm_scratch(const struct call *c);
size_t gpu_maxpool_saved(const struct call *c);
size_t gpu_linear_scratch(const struct call *c);
size_t gpu_layernorm_saved(const struct call *c);
size_t gpu_layernorm_scratch(const struct call *c);
/* The ways that gpu_attention_* chooses from by time, for their tests: any head up to 128
 * and any type; heads of 64 and 16 bits. Either's backward takes what either's forward has
 * saved. */
void gpu_attention_plain_forward(const struct call *c);
void gpu_attention_plain_backward(const struct call *c);
int gpu_attention_matrix_fits(const struct call *c);
void gpu_attention_matrix_forward(const struct call *c);
void gpu_attention_matrix_backward(const struct call *c);
size_t gpu_attention_saved(const struct call *c);
size_t gpu_attention_scratch(const struct call *c);
size_t gpu_loss_saved(const struct call *c);
size_t gpu_loss_scratch(const struct call *c);

/* Fused steps: see host.h's struct fusion; fused.c has their table. */
/* the addition's call with y and dy of the ReLU */
void gpu_add_relu_forward(const struct call *c);
void gpu_add_relu_backward(const struct call *c);
void gpu_resize_loss_forward(const struct call *calls, int n);
void gpu_resize_loss_backward(const struct call *calls, int n);
size_t gpu_resize_loss_saved(const struct call *calls, int n);
size_t gpu_resize_loss_scratch(const struct call *calls, int n);
void gpu_add_layernorm_forward(const struct call *calls, int n);
void gpu_add_layernorm_backward(const struct call *calls, int n);
size_t gpu_add_layernorm_saved(const struct call *calls, int n);
size_t gpu_add_layernorm_scratch(const struct call *calls, int n);
void gpu_linear_gelu_forward(const struct call *calls, int n);
void gpu_linear_gelu_backward(const struct call *calls, int n);
size_t gpu_linear_gelu_saved(const struct call *calls, int n);
size_t gpu_linear_gelu_scratch(const struct call *calls, int n);
int gpu_decoder_match(const struct graph *g, int first);
void gpu_decoder_forward(const struct call *calls, int n);
void gpu_decoder_backward(const struct call *calls, int n);
size_t gpu_decoder_scratch(const struct call *calls, int n);
void gpu_map_sums(const struct call *c); /* y [C] of a picture = the sum over x's map */
int gpu_pooled_match(const struct graph *g, int first);
void gpu_pooled_forward(const struct call *calls, int n);
void gpu_pooled_backward(const struct call *calls, int n);
size_t gpu_pooled_saved(const struct call *calls, int n);
size_t gpu_pooled_scratch(const struct call *calls, int n);
void gpu_projected_forward(const struct call *calls, int n);
void gpu_projected_backward(const struct call *calls, int n);
size_t gpu_projected_scratch(const struct call *calls, int n);
int gpu_taps_match(const struct graph *g, int first);
void gpu_taps_forward(const struct call *calls, int n);
void gpu_taps_backward(const struct call *calls, int n);
size_t gpu_taps_scratch(const struct call *calls, int n);
enum { GPU_FUSIONS = 15 };
extern const struct fusion gpu_fusions[GPU_FUSIONS];

/* struct kernels' `worth`: is the fused step quicker here than the rest of the table
 * (choice.c). */
int gpu_worth(const struct kernels *k, const struct graph *g, const struct fusion *f,
              int first, int batch, int train);

/* name gpu, real T_F32 (what tests put and get), every op, every fused step. The machine
 * that uses it copies it and sets .machine, .node_bytes and .worth. */
extern const struct kernels gpu_kernels;
#ifdef __cplusplus
}
#endif
#endif
