/* kernels.h - the CPU's kernels, one pair an op, and the bytes they want; float, [N,C,H,W].
 * Each must equal ref's kernel of the same name to float accuracy. */
#ifndef MODEL_CPU_KERNELS_H
#define MODEL_CPU_KERNELS_H
#include "model/host.h"

#define OP(name, x, y, cheap)                                                              \
    void cpu_##name##_forward(const struct call *);                                        \
    void cpu_##name##_backward(const struct call *);
OPS(OP)
#undef OP
size_t cpu_conv_scratch(const struct call *c);
size_t cpu_batchnorm_saved(const struct call *c);
size_t cpu_maxpool_saved(const struct call *c);
size_t cpu_resize_scratch(const struct call *c);
size_t cpu_linear_scratch(const struct call *c);
size_t cpu_layernorm_saved(const struct call *c);
size_t cpu_layernorm_scratch(const struct call *c);
size_t cpu_attention_saved(const struct call *c);
size_t cpu_attention_scratch(const struct call *c);
void cpu_adam(const struct adam *a);
void cpu_round(void *x, size_t n, enum precision precision);
int cpu_finite(const void *x, size_t n);
extern const struct fusion cpu_fusions[];
enum { CPU_FUSIONS = 4 };

/* Helpers of several kernels. */
static inline size_t pad64(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}
static inline int ceil_div(int a, int b) {
    return (a + b - 1) / b;
}
/* Cuts 0..n-1 into `parts` of nearly equal size: where part i begins. */
static inline int cut(int n, int parts, int i) {
    return (int)((long long)n * i / parts);
}
/* The same for elements, on multiples of 16. */
static inline size_t cut_elements(size_t n, int parts, int i) {
    size_t at = n / 16 * (size_t)i / (size_t)parts * 16;
    return i == parts ? n : at;
}
/* Parts for a pass over n elements: by size alone. */
static inline int parts_of(size_t n) {
    return (int)(n / 32768 < 64 ? n / 32768 + 1 : 64);
}
#endif
