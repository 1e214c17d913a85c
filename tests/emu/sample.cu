/* sample.cu - kernels that are right; see sample.h. */
#include "tests/emu/sample.h"
#include "model/gpu/launch.h"

enum { THREADS = 256, TURN = 64 };

KERNEL BOUNDS(THREADS) sum_kernel(const float *x, int n, float *out) {
    SHARED(float, part, [THREADS / 32]);
    const int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    float v = i < n ? x[i] : 0;
    for (int delta = 16; delta > 0; delta /= 2) v += SHUFFLE_DOWN(v, delta);
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
    BARRIER();
    if (threadIdx.x == 0) {
        float sum = 0;
        for (int k = 0; k < THREADS / 32; k++) sum += part[k];
        out[blockIdx.x] = sum;
    }
}

extern "C" void sample_sum(struct device *d, const float *x, int n, float *out) {
    LAUNCH(sum_kernel, (n + THREADS - 1) / THREADS, THREADS, 0, d, x, n, out);
}

template <int N> KERNEL turn_kernel(int *x, int n) {
    SHARED_DYNAMIC(int, part);
    const int i = (int)(blockIdx.x * N + threadIdx.x);
    part[threadIdx.x] = i < n ? x[i] : 0;
    BARRIER();
    if (i < n) x[i] = part[N - 1 - threadIdx.x];
}

extern "C" void sample_turn(struct device *d, int *x, int n) {
    LAUNCH((turn_kernel<TURN>), (n + TURN - 1) / TURN, TURN, TURN * sizeof *x, d, x, n);
}

KERNEL count_kernel(const float *x, int n, unsigned *count) {
    const int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    const unsigned up = BALLOT(i < n && x[i] > 0);
    if (threadIdx.x % 32 == 0) ATOMIC_ADD(count, (unsigned)__popc(up));
}

extern "C" void sample_count(struct device *d, const float *x, int n, unsigned *count) {
    device_clear(d, count, sizeof *count);
    LAUNCH(count_kernel, (n + THREADS - 1) / THREADS, THREADS, 0, d, x, n, count);
}

KERNEL BOUNDS(THREADS)
    total_kernel(const float *x, int n, float *part, unsigned *came, float *out) {
    SHARED(unsigned, place);
    const int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    float v = i < n ? x[i] : 0;
    for (int mask = 16; mask > 0; mask /= 2) v += SHUFFLE_XOR(v, mask);
    if (threadIdx.x % 32 == 0) part[i / 32] = v;
    FENCE();
    BARRIER(); /* all parts of this block stand and are fenced before it says so */
    if (threadIdx.x == 0) {
        place = ATOMIC_ADD(came, 1u);
        FENCE();
    }
    BARRIER(); /* place stands */
    if (place != gridDim.x - 1 || threadIdx.x != 0) return;
    float sum = 0;
    for (unsigned k = 0; k < gridDim.x * (THREADS / 32); k++) sum += part[k];
    out[0] = sum;
}

extern "C" void sample_total(struct device *d, const float *x, int n, float *part,
                             unsigned *came, float *out) {
    device_clear(d, came, sizeof *came);
    LAUNCH(total_kernel, (n + THREADS - 1) / THREADS, THREADS, 0, d, x, n, part, came, out);
}
