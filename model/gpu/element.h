/* element.h - what kernels are made of: storage types and their conversions, moves of 16
 * bytes, the choice of a kernel by type, grids. CUDA sources alone include it.
 *
 * A kernel computes in float whatever it stores. V elements are moved at once: 16 bytes
 * where the channel count allows (8 of 16 bits, 4 floats), else one. All arrays begin on 16
 * bytes at least (the arena's values and parameters on 256), so a count of channels
 * divisible by V suffices. */
#ifndef MODEL_GPU_ELEMENT_H
#define MODEL_GPU_ELEMENT_H
#include "model/gpu/gpu.h"
#include "model/gpu/kernels.h"
#include "model/gpu/launch.h"

enum { THREADS = 256, WARP = 32 };
typedef __half half_t;
typedef __nv_bfloat16 bfloat_t;

DEVICE float to_float(float x) {
    return x;
}
DEVICE float to_float(half_t x) {
    return __half2float(x);
}
DEVICE float to_float(bfloat_t x) {
    return __bfloat162float(x);
}
/* Rounds to nearest, ties to even. */
DEVICE void put_float(float *to, float x) {
    *to = x;
}
DEVICE void put_float(half_t *to, float x) {
    *to = __float2half_rn(x);
}
DEVICE void put_float(bfloat_t *to, float x) {
    *to = __float2bfloat16_rn(x);
}
/* What x becomes when it is stored. */
template <typename T> DEVICE float rounded(float x) {
    T t;
    put_float(&t, x);
    return to_float(t);
}

/* The widest word that V elements are a multiple of. */
template <int BYTES> struct word { typedef uint8_t type; /* none: element by element */ };
template <> struct word<16> { typedef uint4 type; };
template <> struct word<8> { typedef uint2 type; };
template <> struct word<4> { typedef uint32_t type; };
template <int BYTES>
constexpr int WORD = BYTES % 16 == 0  ? 16
                     : BYTES % 8 == 0 ? 8
                     : BYTES % 4 == 0 ? 4
                                      : 1;

/* out[0..V) = from[0..V): from stands on a multiple of the word. */
template <int V, typename T> DEVICE void take(float *out, const T *from) {
    constexpr int bytes = V * (int)sizeof(T), each = WORD<bytes>;
    if constexpr (V > 1 && each > 1) {
        typename word<each>::type raw[bytes / each];
        for (int i = 0; i < bytes / each; i++)
            raw[i] = ((const typename word<each>::type *)from)[i];
        for (int i = 0; i < V; i++) out[i] = to_float(((const T *)raw)[i]);
    } else {
        for (int i = 0; i < V; i++) out[i] = to_float(from[i]);
    }
}

template <int V, typename T> DEVICE void give(T *to, const float *v) {
    constexpr int bytes = V * (int)sizeof(T), each = WORD<bytes>;
    if constexpr (V > 1 && each > 1) {
        typename word<each>::type raw[bytes / each];
        for (int i = 0; i < V; i++) put_float(&((T *)raw)[i], v[i]);
        for (int i = 0; i < bytes / each; i++)
            ((typename word<each>::type *)to)[i] = raw[i];
    } else {
        for (int i = 0; i < V; i++) put_float(&to[i], v[i]);
    }
}

/* A gradient is written, or added to what stands there. */
template <int V, typename T> DEVICE void give_gradient(T *to, const float *v, int sum) {
    if (!sum) {
        give<V>(to, v);
        return;
    }
    float old[V];
    take<V>(old, to);
    for (int i = 0; i < V; i++) old[i] += v[i];
    give<V>(to, old);
}

/* Elements moved at once where channel counts are multiples of it. */
template <typename T> constexpr int WIDE = 16 / (int)sizeof(T);

/* ---- grids ---- */

/* This thread's place in a launch of one axis, and the launch's threads. */
DEVICE size_t grid_first(void) {
    return (size_t)blockIdx.x * blockDim.x + threadIdx.x;
}
DEVICE size_t grid_stride(void) {
    return (size_t)gridDim.x * blockDim.x;
}
DEVICE float warp_sum(float v) {
    for (int mask = WARP / 2; mask > 0; mask /= 2) v += SHUFFLE_XOR(v, mask);
    return v;
}

static inline struct gpu *gpu_of(const struct call *c) {
    return (struct gpu *)c->machine;
}
/* Blocks of THREADS for `work` threads: enough to fill the device several times over; the
 * rest is done by striding. */
static inline unsigned blocks_for(const struct call *c, size_t work) {
    size_t blocks = (work + THREADS - 1) / THREADS,
           most = (size_t)gpu_of(c)->device->processors * 16;
    return (unsigned)(blocks < 1 ? 1 : blocks < most ? blocks : most);
}
static inline size_t pad256(size_t bytes) {
    return (bytes + 255) / 256 * 256;
}

/* ---- types ---- */

/* The type of a map of so many channels, or (0) of tokens and matrices. */
static inline enum precision type_of(const struct call *c, int channels) {
    enum precision p = gpu_of(c)->precision;
    return channels == 1 || (p != FP16 && p != BF16) ? FP32 : p;
}
static inline int map_channels(struct shape s) {
    return s.ndim == 3 ? s.dim[0] : 0;
}
/* f<T>(arguments) for the T of a precision. */
#define BY_TYPE(type, f, ...)                                                              \
    do {                                                                                   \
        const enum precision type_ = (type);                                               \
        if (type_ == FP16)                                                                 \
            f<half_t>(__VA_ARGS__);                                                        \
        else if (type_ == BF16)                                                            \
            f<bfloat_t>(__VA_ARGS__);                                                      \
        else                                                                               \
            f<float>(__VA_ARGS__);                                                         \
    } while (0)
#endif
