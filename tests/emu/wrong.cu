/* wrong.cu - kernels that must not pass the emulator; see sample.h. Each has one fault. */
#include "tests/emu/sample.h"
#include "model/gpu/launch.h"

enum { SIZE = 64 };

/* Turns 64 numbers round in shared memory; `fault` leaves something out. */
KERNEL turn(float *x, int fault) {
    SHARED(float, part, [SIZE]);
    const int i = (int)threadIdx.x;
    part[i] = x[i];
    if (fault != WRONG_no_barrier) BARRIER();
    const float v = part[SIZE - 1 - i];
    if (fault != WRONG_no_barrier_before_reuse) BARRIER();
    part[i] = 2 * v;
    x[i] = part[i];
}

KERNEL warp_turn(float *x) {
    SHARED(float, part, [SIZE]);
    const int i = (int)threadIdx.x;
    part[i] = x[i];
    x[i] = part[i ^ 1];
}

KERNEL memory_turn(float *x) {
    const int i = (int)threadIdx.x;
    x[i] = 1;
    x[SIZE + i] = x[SIZE - 1 - i];
}

KERNEL index(float *x, int at) {
    SHARED(float, part, [SIZE]);
    part[(int)threadIdx.x + at] = 1;
    if (at == 0) x[0] = part[1];
}

KERNEL dynamic(float *x) {
    SHARED_DYNAMIC(float, part);
    part[threadIdx.x] = 1;
    x[threadIdx.x] = part[threadIdx.x];
}

KERNEL outside(float *x, int at) {
    x[0] = x[at];
}

KERNEL wide(float *x) {
    uint4 raw[1];
    raw[0] = *(const uint4 *)(x + 1);
    for (int i = 0; i < 4; i++) x[i] = ((const float *)raw)[i];
}

KERNEL barriers(float *x, int fault) {
    const int odd = (int)threadIdx.x % 2;
    if (fault == WRONG_barrier_after_return && odd) return;
    if (fault == WRONG_barrier_in_branch) {
        if (odd) BARRIER();
    } else if (odd) {
        BARRIER();
    } else {
        BARRIER();
    }
    x[threadIdx.x] = 0;
}

KERNEL shuffles(float *x, int fault) {
    const int odd = (int)threadIdx.x % 2;
    float v = 1;
    if (fault == WRONG_shuffle_in_half_warp || odd) v = SHUFFLE_XOR(v, 2);
    if (fault == WRONG_shuffle_beside_barrier) BARRIER();
    x[threadIdx.x] = v;
}

KERNEL neighbours(float *x) {
    const int i = (int)(blockIdx.x * SIZE + threadIdx.x);
    x[i] = x[(i + SIZE) % (int)(gridDim.x * SIZE)];
}

KERNEL alike(float *x) {
    if (threadIdx.x == 0) x[0] = 1;
}

/* The block that comes last reads what the others wrote. */
KERNEL last(float *x, unsigned *came, int fault) {
    SHARED(unsigned, place);
    x[blockIdx.x * SIZE + threadIdx.x] = 1;
    if (fault != WRONG_last_without_fence) FENCE();
    BARRIER();
    if (threadIdx.x == 0) {
        place = ATOMIC_ADD(came, 1u);
        if (fault != WRONG_last_without_second_fence) FENCE();
    }
    BARRIER();
    const unsigned other = (blockIdx.x + 1) % gridDim.x;
    if (place == gridDim.x - 1) x[other * SIZE + threadIdx.x] += 1;
}

KERNEL counting(unsigned *came) {
    if (threadIdx.x == 0) *came = 1;
    ATOMIC_ADD(came, 1u);
}

KERNEL set(float *x) {
    x[threadIdx.x] = 1;
}

static void kernels(struct device *d, enum sample_wrong which, float *x, int n,
                    unsigned *came) {
    static float host[SIZE];
    float *stack = host;
    switch (which) {
    case WRONG_no_barrier:
    case WRONG_no_barrier_before_reuse:
        LAUNCH(turn, 1, SIZE, 0, d, x, which);
        break;
    case WRONG_no_warp_barrier:
        LAUNCH(warp_turn, 1, SIZE, 0, d, x);
        break;
    case WRONG_no_barrier_in_memory:
        LAUNCH(memory_turn, 1, SIZE, 0, d, x);
        break;
    case WRONG_shared_past_end:
        LAUNCH(index, 1, SIZE, 0, d, x, SIZE);
        break;
    case WRONG_shared_before_start:
        LAUNCH(index, 1, SIZE, 0, d, x, -1);
        break;
    case WRONG_shared_unwritten:
        LAUNCH(index, 1, 1, 0, d, x, 0);
        break;
    case WRONG_dynamic_past_end:
        LAUNCH(dynamic, 1, SIZE + 1, SIZE * sizeof *x, d, x);
        break;
    case WRONG_memory_past_end:
        LAUNCH(outside, 1, 1, 0, d, x, n);
        break;
    case WRONG_memory_before_start:
        LAUNCH(outside, 1, 1, 0, d, x, -1);
        break;
    case WRONG_memory_misaligned:
        LAUNCH(wide, 1, 1, 0, d, x);
        break;
    case WRONG_memory_of_host:
        LAUNCH(outside, 1, 1, 0, d, (float *)&stack, 0);
        break;
    case WRONG_barrier_in_branch:
    case WRONG_barrier_elsewhere:
    case WRONG_barrier_after_return:
        LAUNCH(barriers, 1, SIZE, 0, d, x, which);
        break;
    case WRONG_shuffle_in_branch:
    case WRONG_shuffle_beside_barrier:
        LAUNCH(shuffles, 1, SIZE, 0, d, x, which);
        break;
    case WRONG_shuffle_in_half_warp:
        LAUNCH(shuffles, 1, SIZE - 16, 0, d, x, which);
        break;
    case WRONG_blocks_race:
        LAUNCH(neighbours, n / SIZE, SIZE, 0, d, x);
        break;
    case WRONG_blocks_write_alike:
        LAUNCH(alike, 2, 1, 0, d, x);
        break;
    case WRONG_last_without_fence:
    case WRONG_last_without_second_fence:
        LAUNCH(last, 4, SIZE, 0, d, x, came, which);
        break;
    case WRONG_atomic_beside_plain:
        LAUNCH(counting, 1, SIZE, 0, d, came);
        break;
    case WRONG_too_much_shared:
        LAUNCH(dynamic, 1, SIZE, 50000, d, x);
        break;
    case WRONG_too_many_threads:
        LAUNCH(set, 1, 1025, 0, d, x);
        break;
    case WRONG_too_tall_a_grid:
        LAUNCH(set, dim3(1, 65536), 32, 0, d, x);
        break;
    default:
        break;
    }
}

extern "C" void sample_wrong(struct device *d, enum sample_wrong which, float *x, int n,
                             unsigned *came) {
    kernels(d, which, x, n, came);
    switch (which) {
    case WRONG_host_in_memory:
        x[0] = 1;
        break;
    case WRONG_streams_race:
        device_fork(d);
        LAUNCH(set, 1, SIZE, 0, d, x);
        device_main(d);
        LAUNCH(outside, 1, 1, 0, d, x, 5);
        break;
    case WRONG_copy_past_end:
        device_clear(d, x, (size_t)(n + 1) * sizeof *x);
        break;
    case WRONG_fork_twice:
        device_fork(d);
        device_fork(d);
        break;
    case WRONG_wait_in_capture:
        device_capture_begin(d);
        device_wait(d);
        break;
    default:
        break;
    }
}
