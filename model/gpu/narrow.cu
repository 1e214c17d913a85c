/* narrow.cu - see narrow.h; equals precision_round (model/precision.h) where the result is
 * stored. */
#include "model/gpu/launch.h"
#include "model/gpu/narrow.h"

enum { THREADS = 256 };

DEVICE void narrow(float x, __half *out) {
    *out = __float2half_rn(x);
}
DEVICE void narrow(float x, __nv_bfloat16 *out) {
    *out = __float2bfloat16_rn(x);
}

/* One element a thread. */
template <class T> KERNEL BOUNDS(THREADS) narrow_kernel(const float *in, T *out, int n) {
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n) narrow(in[i], out + i);
}

extern "C" void gpu_narrow(struct device *d, enum precision precision, const float *in,
                           void *out, size_t n) {
    unsigned blocks = (unsigned)((n + THREADS - 1) / THREADS);
    if (precision == FP16)
        LAUNCH(narrow_kernel<__half>, blocks, THREADS, 0, d, in, (__half *)out, (int)n);
    else
        LAUNCH(narrow_kernel<__nv_bfloat16>, blocks, THREADS, 0, d, in,
               (__nv_bfloat16 *)out, (int)n);
}
