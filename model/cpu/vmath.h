/* vmath.h - exp, logistic, softplus and the normal distribution on eight floats, to float
 * accuracy (relative error below 4e-7 wherever the result is a normal number). NaN stays
 * NaN. */
#ifndef MODEL_CPU_VMATH_H
#define MODEL_CPU_VMATH_H
#include "model/cpu/vec.h"

/* exp: 2^n times a Taylor series of degree 7 on |r| <= ln 2 / 2 (remainder 5e-9). Below
 * -87.3 the result is 0 (no denormals), above 88.7 infinity. */
INLINE void exp8(vec *v) {
    const vec x = *v,
              magic = SPLAT(12582912); /* 1.5 * 2^23: adding it rounds to an integer */
    const vec clamped = SELECT(x > 89, SPLAT(89), SELECT(x < -88, SPLAT(-88), x));
    const vec n = (clamped * SPLAT(1.44269504f) + magic) - magic;
    const vec r = (clamped - n * SPLAT(0.693359375f)) - n * SPLAT(-2.12194440e-4f);
    vec p = SPLAT(1.0 / 5040);
    p = p * r + SPLAT(1.0 / 720);
    p = p * r + SPLAT(1.0 / 120);
    p = p * r + SPLAT(1.0 / 24);
    p = p * r + SPLAT(1.0 / 6);
    p = p * r + SPLAT(0.5);
    p = p * r * r + r + 1;
    /* 2^n in two factors: n = 128 is reached before the result overflows */
    const ivec whole = (ivec)(n + magic) - (ivec)magic, half = whole >> 1;
    const vec y = p * (vec)((half + 127) << 23) * (vec)((whole - half + 127) << 23);
    const vec low = SELECT(x < -87.3f, SPLAT(0), y);
    *v = SELECT(x != x, x, SELECT(x > 88.72f, SPLAT(__builtin_inff()), low));
}

/* 1 / (1 + exp(-x)), and exp(-|x|) for whoever wants the softplus too. */
INLINE void logistic8(vec *v, vec *tail) {
    const vec x = *v;
    vec e = SELECT(x > 0, -x, x);
    exp8(&e);
    *tail = e;
    *v = SELECT(x > 0, SPLAT(1), e) / (1 + e);
}

/* log(1 + u) for 0 <= u <= 1: 2 artanh(u / (2 + u)) by its series, s <= 1/3. */
INLINE void log1p8(vec *v) {
    const vec s = *v / (2 + *v), z = s * s;
    vec p = SPLAT(1.0 / 17);
    p = p * z + SPLAT(1.0 / 15);
    p = p * z + SPLAT(1.0 / 13);
    p = p * z + SPLAT(1.0 / 11);
    p = p * z + SPLAT(1.0 / 9);
    p = p * z + SPLAT(1.0 / 7);
    p = p * z + SPLAT(1.0 / 5);
    p = p * z + SPLAT(1.0 / 3);
    *v = 2 * (s + s * z * p);
}

/* Standard normal distribution function and density at x. The tail is density times a
 * polynomial in t = 1 / (1 + |x| / 2), fitted here to erfcx at Chebyshev points on 0 <= |x|
 * <= 14 (2.4e-8). */
INLINE void normal8(const vec *at, vec *distribution, vec *density) {
    const vec x = *at, a = SELECT(x > 0, x, -x), t = 1 / (1 + SPLAT(0.5) * a);
    vec e = SPLAT(-0.5) * x * x, q = SPLAT(-0.0357394689474848);
    exp8(&e);
    q = q * t + SPLAT(0.16885667059052026);
    q = q * t + SPLAT(-0.26611378567740357);
    q = q * t + SPLAT(0.024877258592367793);
    q = q * t + SPLAT(0.4114258294083892);
    q = q * t + SPLAT(-0.4424270290658443);
    q = q * t + SPLAT(0.0671559316235325);
    q = q * t + SPLAT(0.01946892918659348);
    q = q * t + SPLAT(0.15387217595648742);
    q = q * t + SPLAT(0.19914163177746003);
    q = q * t + SPLAT(0.19948184720629256);
    const vec tail = q * t * e;
    *distribution = SELECT(x > 0, 1 - tail, tail);
    *density = e * SPLAT(0.3989422804014327);
}
#endif
