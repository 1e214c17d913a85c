/* narrow.h - float vectors in the storage type: cuBLASLt adds no other bias to a 16-bit
 * product. */
#ifndef MODEL_GPU_NARROW_H
#define MODEL_GPU_NARROW_H
#include "model/gpu/device.h"
#include "model/recipe.h"
#ifdef __cplusplus
extern "C" {
#endif
/* out[0..n) of fp16 or bf16, to nearest. Enqueued on the device's stream. */
void gpu_narrow(struct device *d, enum precision precision, const float *in, void *out,
                size_t n);
#ifdef __cplusplus
}
#endif
#endif
