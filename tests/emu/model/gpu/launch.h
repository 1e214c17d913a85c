/* launch.h - the same face as model/gpu/launch.h, for the processor: a kernel is a plain
 * function, a launch runs its blocks in turn and each block's threads as fibers
 * (tests/emu/block.cc).
 *
 * What a kernel may use stands here and nowhere else; what is missing here is missing on
 * purpose. */
#ifndef MODEL_GPU_LAUNCH_H
#define MODEL_GPU_LAUNCH_H
#include "model/gpu/device.h"
#include "tests/emu/block.h"
#include "tests/emu/number.h"

#define __global__
#define __device__
#define __host__
#define KERNEL static void
#define BOUNDS(threads)
#define DEVICE static inline
#define METHOD inline
#define SHARED(type, name, ...)                                                            \
    typedef type name##_type __VA_ARGS__;                                                  \
    static struct emu_room name##_room;                                                    \
    name##_type &name = *(name##_type *)emu_shared(&name##_room, sizeof(name##_type), #name)
#define SHARED_DYNAMIC(type, name) type *name = (type *)emu_shared_dynamic()

#define LAUNCH(kernel, grid, block, shared, device, ...)                                   \
    emu_start((device), #kernel, (grid), (block), (shared), (kernel), __VA_ARGS__)
#define LAUNCH_ALLOW(kernel, shared) emu_allow((void (*)(void))(kernel), (shared))

#define threadIdx (emu_now.thread)
#define blockIdx (emu_now.block)
#define blockDim (emu_now.threads)
#define gridDim (emu_now.blocks)

#define BARRIER() emu_barrier(EMU_HERE)
#define WARP_BARRIER() emu_warp_barrier(EMU_HERE)
#define SHUFFLE_DOWN(v, delta) emu_shuffle((v), EMU_LANE + (delta), EMU_HERE)
#define SHUFFLE_XOR(v, mask) emu_shuffle((v), EMU_LANE ^ (mask), EMU_HERE)
#define SHUFFLE(v, lane) emu_shuffle((v), (lane)&31, EMU_HERE)
#define VOTE_ANY(p) (emu_ballot((p) != 0, EMU_HERE) != 0)
#define BALLOT(p) emu_ballot((p) != 0, EMU_HERE)
#define ATOMIC_ADD(p, v) emu_atomic((p), (v), emu_add)
#define ATOMIC_MAX(p, v) emu_atomic((p), (v), emu_max)
#define ATOMIC_OR(p, v) emu_atomic((p), (v), emu_or)
#define FENCE() emu_fence()
#endif
