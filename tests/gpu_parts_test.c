/* gpu_parts_test.c - the kernels of a step in parts, by themselves: which pictures a part
 * has, and the sum of the parts' gradients, in several blocks, in eight orders. */
#include "tests/test.h"
#include "core/bag.h"
#include "model/gpu/step.h"
#include <math.h>

enum { ORDERS = 8, MATRICES = 150 * GPU_ALIGN, ALL = 190 * GPU_ALIGN, PICTURES = 11 };
static struct gpu gpu;

static void *on_device(const void *from, size_t bytes) {
    void *p = device_alloc(gpu.device, bytes, "a test's array");
    if (from) device_upload(gpu.device, p, from, bytes);
    device_wait(gpu.device);
    return p;
}

static void open_gpu(enum precision precision, int seed) {
    char why[256], text[16];
    snprintf(text, sizeof text, "%d", seed);
    setenv("EMU_SEED", text, 1); /* on a device orders differ by themselves */
    gpu = (struct gpu){.precision = precision, .device = device_open(0, why, sizeof why)};
    if (!gpu.device) fail_msg("no device: %s", why);
    gpu.now = on_device(NULL, sizeof *gpu.now);
}

/* What a number becomes in the storage type, and back. */
static float stored(float x) {
    if (gpu.precision == FP16) return half_to_f32(half_from_f32(x));
    if (gpu.precision == BF16) return bfloat_to_f32(bfloat_from_f32(x));
    return x;
}

static void give(const float *x, void *to, size_t n, int matrix) {
    static uint16_t half[ALL];
    const int narrow = matrix && gpu.precision != FP32;
    for (size_t i = 0; narrow && i < n; i++)
        half[i] = gpu.precision == FP16 ? half_from_f32(x[i]) : bfloat_from_f32(x[i]);
    device_upload(gpu.device, to, narrow ? (const void *)half : x, n * (narrow ? 2 : 4));
    device_wait(gpu.device);
}

static float taken(const void *from, size_t i, int matrix) {
    if (!matrix || gpu.precision == FP32) return ((const float *)from)[i];
    const uint16_t h = ((const uint16_t *)from)[i];
    return gpu.precision == FP16 ? half_to_f32(h) : bfloat_to_f32(h);
}

/* Parts of 4, 4 and 3 pictures. Sums of three terms in float: 2^-22; then the storage
 * type's rounding, which is exact to what it stores: compared as such, one unit in the last
 * place off. */
static void gradients_are_summed_by_their_pictures(void **state) {
    (void)state;
    static const enum precision precisions[] = {FP32, FP16, BF16};
    static float g[3][ALL], got[ALL];
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < ALL; i++)
            g[k][i] = sinf((float)(i * (k + 1))) * ldexpf(1, i % 9);
    for (int p = 0; p < 3; p++)
        for (int seed = 0; seed < ORDERS; seed++) {
            double loss[4] = {1, 2, 3, 4}, losses[PICTURES];
            open_gpu(precisions[p], seed);
            struct gpu_weights w = {.matrices = MATRICES, .all = ALL};
            w.gradient = on_device(NULL, MATRICES * sizeof(float));
            w.vector_gradient = on_device(NULL, (ALL - MATRICES) * sizeof(float));
            float *sum = on_device(NULL, ALL * sizeof *sum);
            double *one = on_device(loss, sizeof loss),
                   *all = on_device(NULL, sizeof losses);
            for (int k = 0; k < 3; k++) {
                give(g[k], w.gradient, MATRICES, 1);
                give(g[k] + MATRICES, w.vector_gradient, ALL - MATRICES, 0);
                gpu_add_part(
                    &gpu, &w,
                    &(struct gpu_part){k < 2 ? 4 : 3, 4 * k, PICTURES, sum, one, all});
            }
            device_download(gpu.device, losses, all, sizeof losses);
            for (int i = 0; i < PICTURES; i++) assert_true(losses[i] == 1 + i % 4);
            for (int matrix = 0; matrix < 2; matrix++) {
                const size_t from = matrix ? 0 : MATRICES,
                             n = matrix ? MATRICES : ALL - MATRICES;
                device_download(gpu.device, got, matrix ? w.gradient : w.vector_gradient,
                                n * (matrix && gpu.precision != FP32 ? 2 : 4));
                for (size_t i = 0; i < n; i++) {
                    double want = 0;
                    for (int k = 0; k < 3; k++)
                        want += (matrix ? stored(g[k][from + i]) : g[k][from + i]) *
                                (k < 2 ? 4. : 3.) / PICTURES;
                    const double unit = !matrix || gpu.precision == FP32 ? 0
                                        : gpu.precision == FP16          ? 0x1p-11
                                                                         : 0x1p-8;
                    assert_near(taken(got, i, matrix), want,
                                unit * fabs(want) +
                                    0x1p-22 * ldexp(1, (int)(from + i) % 9));
                }
            }
            void *const mine[] = {w.gradient, w.vector_gradient, sum, one, all, gpu.now};
            for (int i = 0; i < 6; i++) device_free(gpu.device, mine[i]);
            device_close(gpu.device);
        }
    unsetenv("EMU_SEED");
}

static void a_parts_pictures_are_those_of_its_place_in_the_batch(void **state) {
    (void)state;
    enum { EACH = 600, N = 300, COUNT = 1300, FIRST = 300, AT = 1 };
    static int host[COUNT], item[N];
    static int64_t position[N];
    for (int i = 0; i < COUNT; i++) host[i] = i * 7 % COUNT;
    for (int seed = 0; seed < ORDERS; seed++) {
        open_gpu(FP32, seed);
        int *order = on_device(host, sizeof host);
        gpu.item = on_device(NULL, sizeof item);
        gpu.position = on_device(NULL, sizeof position);
        gpu.flip = on_device(NULL, N);
        gpu_start(&gpu, 2, AT);
        gpu_begin(&gpu, &(struct gpu_batch){N, EACH, COUNT, FIRST, order, 9, 1});
        device_download(gpu.device, item, gpu.item, sizeof item);
        device_download(gpu.device, position, gpu.position, sizeof position);
        for (int i = 0; i < N; i++) {
            assert_int_equal(position[i], AT * EACH + FIRST + i);
            assert_int_equal(item[i], host[position[i]]);
        }
        void *const mine[] = {order, gpu.item, gpu.position, gpu.flip, gpu.now};
        for (int i = 0; i < 5; i++) device_free(gpu.device, mine[i]);
        device_close(gpu.device);
    }
    unsetenv("EMU_SEED");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(gradients_are_summed_by_their_pictures),
        TEST(a_parts_pictures_are_those_of_its_place_in_the_batch),
    };
    return test_run(tests);
}
