/* tensor.c - views of numbers: sizes, names, 16-bit floats; refuses to convert integers. */
#include "bag.h"
#include "die.h"
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} types[T_COUNT] = {
    [T_BOOL] = {"BOOL", 1}, [T_U8] = {"U8", 1},   [T_I8] = {"I8", 1},
    [T_I16] = {"I16", 2},   [T_U16] = {"U16", 2}, [T_F16] = {"F16", 2},
    [T_BF16] = {"BF16", 2}, [T_I32] = {"I32", 4}, [T_U32] = {"U32", 4},
    [T_F32] = {"F32", 4},   [T_F64] = {"F64", 8}, [T_I64] = {"I64", 8},
    [T_U64] = {"U64", 8},
};

size_t type_size(enum type type) {
    return types[type].size;
}
const char *type_name(enum type type) {
    return types[type].name;
}

size_t tensor_count(const struct tensor *t) {
    size_t n = 1;
    for (int i = 0; i < t->ndim; i++) n = size_mul(n, (size_t)t->dim[i], t->name);
    return n;
}

size_t tensor_bytes(const struct tensor *t) {
    return size_mul(tensor_count(t), type_size(t->type), t->name);
}

const char *tensor_shape(const struct tensor *t) {
    static _Thread_local char buffer[8][12 * TENSOR_DIMS + 3];
    static _Thread_local int turn;
    char *out = buffer[turn++ % 8];
    size_t used = 0;
    out[used++] = '[';
    for (int i = 0; i < t->ndim; i++)
        used += (size_t)snprintf(out + used, sizeof buffer[0] - used, "%s%d", i ? "," : "",
                                 t->dim[i]);
    memcpy(out + used, "]", 2);
    return out;
}

static uint32_t bits_of(float x) {
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static float float_of(uint32_t b) {
    float x;
    memcpy(&x, &b, sizeof x);
    return x;
}

/* a >> shift, rounded to nearest even; 0 < shift < 32. */
static uint32_t shift_even(uint32_t a, int shift) {
    uint32_t half = (1u << (shift - 1)) - 1 + (a >> shift & 1);
    return (a + half) >> shift;
}

uint16_t half_from_f32(float x) {
    uint32_t b = bits_of(x), sign = b >> 16 & 0x8000, a = b & 0x7fffffff;
    if (a > 0x7f800000)
        return (uint16_t)(sign | 0x7e00 | (a >> 13 & 0x3ff)); /* a quiet NaN */
    if (a >= 0x477ff000) return (uint16_t)(sign | 0x7c00);    /* 65520 and more: infinity */
    if (a >= 0x38800000) return (uint16_t)(sign | shift_even(a - 0x38000000, 13));
    if (a < 0x33000000) return (uint16_t)sign; /* below 2^-25: zero */
    /* subnormal: the mantissa with its hidden bit, in units of 2^-24 */
    int shift = 126 - (int)(a >> 23);
    return (uint16_t)(sign | shift_even((a & 0x7fffff) | 0x800000, shift));
}

float half_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, a = h & 0x7fff;
    if (a >= 0x7c00) return float_of(sign | 0x7f800000 | (a & 0x3ff) << 13);
    if (a >= 0x400) return float_of(sign | ((a << 13) + 0x38000000));
    float x = (float)a * 0x1p-24f;
    return sign ? -x : x;
}

uint16_t bfloat_from_f32(float x) {
    uint32_t b = bits_of(x);
    if ((b & 0x7fffffff) > 0x7f800000) return (uint16_t)(b >> 16 | 0x40);
    return (uint16_t)((b + 0x7fff + (b >> 16 & 1)) >> 16);
}

float bfloat_to_f32(uint16_t h) {
    return float_of((uint32_t)h << 16);
}

static void need_float(const struct tensor *t) {
    if (t->type != T_F16 && t->type != T_BF16 && t->type != T_F32 && t->type != T_F64)
        die_no("tensor %s: type %s, wanted a float: F16, BF16, F32 or F64", quoted(t->name),
               type_name(t->type));
}

void tensor_to_f64(const struct tensor *t, double *out) {
    need_float(t);
    size_t n = tensor_count(t);
    const uint16_t *half = t->data;
    const float *f32 = t->data;
    if (t->type == T_F64 && n) memcpy(out, t->data, n * sizeof *out);
    for (size_t i = 0; t->type == T_F32 && i < n; i++) out[i] = (double)f32[i];
    for (size_t i = 0; t->type == T_F16 && i < n; i++)
        out[i] = (double)half_to_f32(half[i]);
    for (size_t i = 0; t->type == T_BF16 && i < n; i++)
        out[i] = (double)bfloat_to_f32(half[i]);
}

void tensor_to_f32(const struct tensor *t, float *out) {
    need_float(t);
    size_t n = tensor_count(t);
    const uint16_t *half = t->data;
    const double *f64 = t->data;
    if (t->type == T_F32 && n) memcpy(out, t->data, n * sizeof *out);
    for (size_t i = 0; t->type == T_F64 && i < n; i++) out[i] = (float)f64[i];
    for (size_t i = 0; t->type == T_F16 && i < n; i++) out[i] = half_to_f32(half[i]);
    for (size_t i = 0; t->type == T_BF16 && i < n; i++) out[i] = bfloat_to_f32(half[i]);
}
