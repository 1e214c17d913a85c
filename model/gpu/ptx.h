/* ptx.h - the machine instructions that C++ has no word for, as NVIDIA's "PTX ISA"
 * describes them under the names given here: products of small matrices by a warp, their
 * operands' loads, copies to shared memory that arrive later. matrix.h makes of them what
 * kernels use.
 *
 * The tests have a ptx.h of the same face that does the same lane by lane (tests/emu). */
#ifndef MODEL_GPU_PTX_H
#define MODEL_GPU_PTX_H
#include "model/gpu/element.h"

/* The capability that the text is compiled for; 0 in the host's pass over it. */
#ifdef __CUDA_ARCH__
#define ARCH (__CUDA_ARCH__ / 10)
#else
#define ARCH 0
#endif

/* "mma.m16n8k8", .f16, capability 75: d[16][8] += a[16][8] b[8][8], sums in float. Lane
 * l, with g = l / 4 and t = l % 4, holds d[0..1] = row g, columns 2t and 2t + 1, d[2..3]
 * = the same of row g + 8; in each word two numbers side by side, the lower half first:
 * a[0] = row g, columns 2t.., a[1] = row g + 8; b = rows 2t.., column g. */
DEVICE void ptx_mma_k8(float *d, const uint32_t *a, uint32_t b, half_t) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
        "{%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(b));
}
/* "mma.m16n8k16", .f16 and .bf16, capability 80: twice as deep; a[2..3] and b[1] are the
 * eight columns, or rows, behind those of a[0..1] and b[0]. */
DEVICE void ptx_mma_k16(float *d, const uint32_t *a, const uint32_t *b, half_t) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
DEVICE void ptx_mma_k16(float *d, const uint32_t *a, const uint32_t *b, bfloat_t) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* "trap": the kernel ends with an error that the host sees. */
DEVICE void ptx_trap(void) {
    asm volatile("trap;");
}

DEVICE unsigned ptx_shared(const void *p) {
    return (unsigned)__cvta_generic_to_shared(p);
}
/* "ldmatrix.x4", capability 75: four matrices of 8 x 8 numbers of 16 bits from shared
 * memory. Lane l gives the address of row l % 8 of matrix l / 8, a multiple of 16; v[i]
 * becomes row l / 4, columns 2 (l % 4) and the next of matrix i. */
DEVICE void ptx_ldmatrix(uint32_t *v, const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3])
                 : "r"(ptx_shared(row))
                 : "memory");
}
/* "ldmatrix.x4.trans": v[i] becomes column l / 4, rows 2 (l % 4) and the next. */
DEVICE void ptx_ldmatrix_trans(uint32_t *v, const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3])
                 : "r"(ptx_shared(row))
                 : "memory");
}

/* "cp.async.cg", capability 80: 16 bytes from device memory to shared, both at multiples
 * of 16, of which `bytes` (0 or 16) are read and the rest is zero. They may arrive at
 * any time until the thread waits for their group; other threads see them after a
 * barrier behind that. */
DEVICE void ptx_copy(void *to, const void *from, int bytes) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"(ptx_shared(to)), "l"(__cvta_generic_to_global(from)), "r"(bytes)
                 : "memory");
}
/* "cp.async.commit_group": what this thread copied since the last one is a group. */
DEVICE void ptx_copy_commit(void) {
    asm volatile("cp.async.commit_group;" ::: "memory");
}
/* "cp.async.wait_group": all of this thread's groups but the `last` ones have arrived. */
template <int last> DEVICE void ptx_copy_wait(void) {
    asm volatile("cp.async.wait_group %0;" ::"n"(last) : "memory");
}
#endif
