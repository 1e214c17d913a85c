/* cpu.c - the CPU machine's table and its start. */
#include "model/cpu/blas.h"
#include "model/cpu/kernels.h"
#include "model/cpu/threads.h"
#include <stdio.h>

void cpu_start(int threads) {
    blas_start();
    threads_start(threads);
}

static const char *cpu_describe(void) {
    static char text[256];
    snprintf(text, sizeof text, "cpu, %s, %d threads, vectors %s", blas_describe(),
             threads_count(), __builtin_cpu_supports("avx2") ? "avx2" : "sse2");
    return text;
}

const struct kernels cpu_kernels = {
    .name = "cpu",
    .real = T_F32,
    .op =
        {
#define OP(name, x, y, cheap)                                                              \
    [OP_##name].forward = cpu_##name##_forward,                                            \
    [OP_##name].backward = cpu_##name##_backward,
            OPS(OP)
#undef OP
                [OP_conv]
                    .scratch = cpu_conv_scratch,
            [OP_batchnorm].saved = cpu_batchnorm_saved,
            [OP_maxpool].saved = cpu_maxpool_saved,
            [OP_resize].scratch = cpu_resize_scratch,
            [OP_linear].scratch = cpu_linear_scratch,
            [OP_layernorm].saved = cpu_layernorm_saved,
            [OP_layernorm].scratch = cpu_layernorm_scratch,
            [OP_attention].saved = cpu_attention_saved,
            [OP_attention].scratch = cpu_attention_scratch,
        },
    .fusion = cpu_fusions,
    .fusions = CPU_FUSIONS,
    .adam = cpu_adam,
    .round = cpu_round,
    .finite = cpu_finite,
    .describe = cpu_describe,
};
