/* launch.h - how a kernel is written and started: the one place where <<<>>> stands.
 *
 * The tests have a launch.h of the same face that runs a kernel on the processor, block by
 * block and thread by thread (tests/emu), so a kernel uses nothing but what this header and
 * element.h give. */
#ifndef MODEL_GPU_LAUNCH_H
#define MODEL_GPU_LAUNCH_H
#include "model/gpu/device.h"
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#define KERNEL static __global__ void
#define BOUNDS(threads) __launch_bounds__(threads)
#define DEVICE static __device__ __forceinline__
#define METHOD __device__ __forceinline__ /* of a struct that a kernel is given */
/* SHARED(float, tile, [32][33]); SHARED(int, last); stands at the top of a kernel or DEVICE
 * function. */
#define SHARED(type, name, ...) __shared__ type name __VA_ARGS__
/* Dynamic shared memory of the launch, as an array of `type`. */
#define SHARED_DYNAMIC(type, name)                                                         \
    extern __shared__ __align__(16) unsigned char name##_bytes[];                          \
    type *name = (type *)name##_bytes

/* shared: bytes of dynamic shared memory; over 48 KB a kernel must be allowed first:
 * launch_allow. */
#define LAUNCH(kernel, grid, block, shared, device, ...)                                   \
    do {                                                                                   \
        kernel<<<(grid), (block), (shared), (cudaStream_t)(device)->stream>>>(             \
            __VA_ARGS__);                                                                  \
        launch_check((device), #kernel);                                                   \
    } while (0)
#define LAUNCH_ALLOW(kernel, shared)                                                       \
    cudaFuncSetAttribute((const void *)(kernel),                                           \
                         cudaFuncAttributeMaxDynamicSharedMemorySize, (int)(shared))

#define BARRIER() __syncthreads()
#define WARP_BARRIER() __syncwarp()
#define SHUFFLE_DOWN(v, delta) __shfl_down_sync(0xffffffffu, (v), (delta))
#define SHUFFLE_XOR(v, mask) __shfl_xor_sync(0xffffffffu, (v), (mask))
#define SHUFFLE(v, lane) __shfl_sync(0xffffffffu, (v), (lane))
#define VOTE_ANY(p) __any_sync(0xffffffffu, (p))
#define BALLOT(p) __ballot_sync(0xffffffffu, (p))
/* On 32- or 64-bit whole numbers, whose sum is the same in any order; the old value. */
#define ATOMIC_ADD(p, v) atomicAdd((p), (v))
#define ATOMIC_MAX(p, v) atomicMax((p), (v))
#define ATOMIC_OR(p, v) atomicOr((p), (v))
/* All of a block's writes so far are seen by other blocks before what it writes next. */
#define FENCE() __threadfence()
#endif
