/* number.h - the number types and functions of device code, on the processor: half and
 * bfloat16 with exact rounding, vectors of four, the few intrinsics. */
#ifndef TESTS_EMU_NUMBER_H
#define TESTS_EMU_NUMBER_H
#include <math.h>
#include <stdint.h>
#include <string.h>

extern "C" { /* core/tensor.c: round to nearest even, overflow to infinity */
uint16_t half_from_f32(float x);
float half_to_f32(uint16_t h);
uint16_t bfloat_from_f32(float x);
float bfloat_to_f32(uint16_t h);
}

struct __half {
    uint16_t bits;
};
struct __nv_bfloat16 {
    uint16_t bits;
};
static inline float __half2float(__half h) {
    return half_to_f32(h.bits);
}
static inline __half __float2half_rn(float x) {
    return __half{half_from_f32(x)};
}
static inline float __bfloat162float(__nv_bfloat16 h) {
    return bfloat_to_f32(h.bits);
}
static inline __nv_bfloat16 __float2bfloat16_rn(float x) {
    return __nv_bfloat16{bfloat_from_f32(x)};
}

#define VECTORS(type, element, align)                                                      \
    struct alignas(2 * sizeof(element)) type##2 {                                          \
        element x, y;                                                                      \
    };                                                                                     \
    struct type##3 {                                                                       \
        element x, y, z;                                                                   \
    };                                                                                     \
    struct alignas(align) type##4 {                                                        \
        element x, y, z, w;                                                                \
    };                                                                                     \
    static inline type##2 make_##type##2(element x, element y) {                           \
        return type##2 {x, y};                                                             \
    }                                                                                      \
    static inline type##4 make_##type##4(element x, element y, element z, element w) {     \
        return type##4 {x, y, z, w};                                                       \
    }
VECTORS(int, int, 16)
VECTORS(uint, unsigned, 16)
VECTORS(float, float, 16)
VECTORS(uchar, unsigned char, 4)
VECTORS(ushort, unsigned short, 8)
#undef VECTORS

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

#define __expf expf /* glibc has declared these names */
#define __logf logf
template <typename T> static inline T min(T a, T b) {
    return b < a ? b : a;
}
template <typename T> static inline T max(T a, T b) {
    return a < b ? b : a;
}
static inline float rsqrtf(float x) {
    return 1 / sqrtf(x);
}
static inline double rsqrt(double x) {
    return 1 / sqrt(x);
}
static inline float __fdividef(float x, float y) {
    return x / y;
}
static inline int __popc(unsigned x) {
    return __builtin_popcount(x);
}
static inline int __ffs(int x) {
    return __builtin_ffs(x);
}
static inline int __clz(int x) {
    return x ? __builtin_clz((unsigned)x) : 32;
}
static inline unsigned __umulhi(unsigned a, unsigned b) {
    return (unsigned)((uint64_t)a * b >> 32);
}
static inline unsigned __float_as_uint(float x) {
    unsigned u;
    memcpy(&u, &x, sizeof u);
    return u;
}
static inline float __uint_as_float(unsigned u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}
template <typename T> static inline T __ldg(const T *p) {
    return *p;
}
#endif
