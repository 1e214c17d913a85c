/* ptx.h - the same face as model/gpu/ptx.h, for the processor: tests/emu/matrix.cc and
 * copy.cc do what NVIDIA's "PTX ISA" says of each instruction. */
#ifndef MODEL_GPU_PTX_H
#define MODEL_GPU_PTX_H
#include "model/gpu/element.h"
#include "tests/emu/matrix.h"

#define ARCH emu_arch()

DEVICE void ptx_mma_k8(float *d, const uint32_t *a, uint32_t b, half_t) {
    emu_mma(d, a, 2, &b, 1, half_to_f32, EMU_HERE);
}
DEVICE void ptx_mma_k16(float *d, const uint32_t *a, const uint32_t *b, half_t) {
    emu_mma(d, a, 4, b, 2, half_to_f32, EMU_HERE);
}
DEVICE void ptx_mma_k16(float *d, const uint32_t *a, const uint32_t *b, bfloat_t) {
    emu_mma(d, a, 4, b, 2, bfloat_to_f32, EMU_HERE);
}
DEVICE void ptx_trap(void) {
    emu_trap();
}
DEVICE void ptx_ldmatrix(uint32_t *v, const void *row) {
    emu_ldmatrix(v, row, 0, EMU_HERE);
}
DEVICE void ptx_ldmatrix_trans(uint32_t *v, const void *row) {
    emu_ldmatrix(v, row, 1, EMU_HERE);
}
DEVICE void ptx_copy(void *to, const void *from, int bytes) {
    emu_copy(to, from, bytes);
}
DEVICE void ptx_copy_commit(void) {
    emu_copy_commit();
}
template <int last> DEVICE void ptx_copy_wait(void) {
    emu_copy_wait(last);
}
#endif
