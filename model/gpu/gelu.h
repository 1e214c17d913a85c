/* gelu.h - F.gelu with the exact erf, and its derivative, on the device. */
#ifndef MODEL_GPU_GELU_H
#define MODEL_GPU_GELU_H
#include "model/gpu/element.h"

DEVICE float normal_cdf(float x) {
    return .5f * (1 + erff(x * 0.70710678118654752f));
}
DEVICE float gelu_of(float x) {
    return x * normal_cdf(x);
}
DEVICE float gelu_slope(float x) {
    float density = 0.39894228040143268f * expf(-.5f * x * x);
    return normal_cdf(x) + x * density;
}
#endif
