/* table.c - the GPU's kernels as a table; see kernels.h. */
#include "model/gpu/kernels.h"

const struct kernels gpu_kernels = {
    .name = "gpu",
    .real = T_F32,
    .picture = GPU_PICTURE,
    .op =
        {
#define OP(name, x, y, cheap)                                                              \
    [OP_##name].forward = gpu_##name##_forward,                                            \
    [OP_##name].backward = gpu_##name##_backward,
            OPS(OP)
#undef OP
                [OP_conv]
                    .scratch = gpu_conv_scratch,
            [OP_batchnorm].saved = gpu_batchnorm_saved,
            [OP_batchnorm].scratch = gpu_batchnorm_scratch,
            [OP_maxpool].saved = gpu_maxpool_saved,
            [OP_linear].scratch = gpu_linear_scratch,
            [OP_layernorm].saved = gpu_layernorm_saved,
            [OP_layernorm].scratch = gpu_layernorm_scratch,
            [OP_attention].saved = gpu_attention_saved,
            [OP_attention].scratch = gpu_attention_scratch,
            [OP_loss].saved = gpu_loss_saved,
            [OP_loss].scratch = gpu_loss_scratch,
        },
    .fusion = gpu_fusions,
    .fusions = GPU_FUSIONS,
};
