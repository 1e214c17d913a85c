/* gpu_step_test.c - the kernels around a network, by themselves: an epoch's order, a
 * batch, counts, the decision on an update, Adam, copies. Sizes of several blocks, odd
 * where the kernel's face allows it, in eight orders of threads and blocks; what is
 * wanted is written here in plain C and double. */
#include "tests/test.h"
#include "core/bag.h"
#include "core/rng.h"
#include "model/gpu/narrow.h"
#include "model/gpu/step.h"
#include <math.h>

enum { ORDERS = 8, SEED = 42 };
static struct gpu gpu;

static void order(int seed) {
    char text[16];
    snprintf(text, sizeof text, "%d", seed);
    setenv("EMU_SEED", text, 1); /* on a device orders differ by themselves */
}
static void *on_device(const void *from, size_t bytes) {
    void *p = device_alloc(gpu.device, bytes, "a test's array");
    if (from) device_upload(gpu.device, p, from, bytes);
    device_wait(gpu.device);
    return p;
}
static void from_device(void *to, const void *from, size_t bytes) {
    device_download(gpu.device, to, from, bytes);
}
static void release(void *p) {
    device_free(gpu.device, p);
}
static struct gpu_now now(void) {
    struct gpu_now n;
    return from_device(&n, gpu.now, sizeof n), n;
}

static void open_gpu(enum precision precision) {
    enum { BATCH = 300 };
    char why[256];
    gpu = (struct gpu){.precision = precision, .device = device_open(0, why, sizeof why)};
    if (!gpu.device) fail_msg("no device: %s", why);
    gpu.now = on_device(NULL, sizeof *gpu.now);
    gpu.item = on_device(NULL, BATCH * sizeof *gpu.item);
    gpu.position = on_device(NULL, BATCH * sizeof *gpu.position);
    gpu.flip = on_device(NULL, BATCH);
}
static void close_gpu(void) {
    void *const all[] = {gpu.now, gpu.item, gpu.position, gpu.flip};
    for (int i = 0; i < 4; i++) release(all[i]);
    device_close(gpu.device);
}

/* ---- order and batch ---- */

static void an_epochs_order_is_the_hosts(void **state) {
    (void)state;
    static const int counts[] = {1, 255, 256, 700};
    open_gpu(FP32);
    for (int i = 0; i < 4; i++)
        for (int seed = 0; seed < ORDERS; seed++) {
            const int n = counts[i];
            int want[700], got[700];
            void *draw = on_device(NULL, (size_t)n * sizeof(uint64_t));
            int *place = on_device(NULL, (size_t)n * sizeof *place);
            order(seed);
            gpu_order(&gpu, SEED, 3, n, draw, place);
            from_device(got, place, (size_t)n * sizeof *got);
            rng_permutation(SEED, STREAM_ORDER, 3, n, want);
            assert_memory_equal(got, want, (size_t)n * sizeof *want);
            release(draw);
            release(place);
        }
    close_gpu();
}

/* Batch `at` of a set of 700, each of 300: whole ones, the short last, one that repeats. */
static void check_batch(int at, int N, const int *host, const int *place, int augment) {
    const struct gpu_batch b = {N, 300, 700, 0, place, SEED, augment};
    int item[300];
    int64_t position[300];
    uint8_t flip[300];
    gpu_start(&gpu, 5, at);
    gpu_begin(&gpu, &b);
    from_device(item, gpu.item, (size_t)N * sizeof *item);
    from_device(position, gpu.position, (size_t)N * sizeof *position);
    from_device(flip, gpu.flip, (size_t)N);
    for (int i = 0; i < N; i++) {
        const int k = at * 300 + i < 700 ? at * 300 + i : 699, which = place ? host[k] : k;
        assert_int_equal(item[i], which);
        assert_int_equal(position[i], at * 300 + i);
        assert_int_equal(
            flip[i], augment ? rng_u32(SEED, STREAM_AUGMENT, 5, (uint64_t)which) & 3 : 0);
    }
    assert_int_equal(now().overflow, 0);
}
static void a_batch_is_the_hosts(void **state) {
    (void)state;
    int host[700];
    open_gpu(FP32);
    rng_permutation(SEED, STREAM_ORDER, 5, 700, host);
    int *place = on_device(host, sizeof host);
    for (int seed = 0; seed < ORDERS; seed++) {
        order(seed);
        check_batch(0, 300, host, place, 1);
        check_batch(2, 100, host, place, 1);
        check_batch(1, 300, host, place, 0);
        check_batch(2, 300, host, NULL, 0);
    }
    release(place);
    close_gpu();
}

/* ---- counts ---- */

static void pixels_are_counted(void **state) {
    (void)state;
    enum { SET = 7, N = 4, S = 20, PIXELS = S * S };
    static float logits[N][PIXELS];
    static uint8_t mask[SET][PIXELS / 8];
    const int item[N] = {6, 2, 0, 5};
    const double loss[N] = {.5, .25, 2, 9};
    open_gpu(FP32);
    for (int i = 0; i < N * PIXELS; i++)
        logits[i / PIXELS][i % PIXELS] =
            i % 29 ? (float)rng_uniform(1, STREAM_INIT, 0, (uint64_t)i) - .4f : 0;
    for (int i = 0; i < SET * PIXELS / 8; i++)
        mask[i / (PIXELS / 8)][i % (PIXELS / 8)] =
            (uint8_t)rng_u32(2, STREAM_INIT, 0, (uint64_t)i);
    gpu.mask = on_device(mask, sizeof mask);
    device_upload(gpu.device, gpu.item, item, sizeof item);
    float *z = on_device(logits, sizeof logits);
    double *each = on_device(loss, sizeof loss),
           *losses = on_device(NULL, SET * sizeof *losses);
    int *counts = on_device(NULL, (size_t)3 * SET * sizeof *counts);
    const struct gpu_tally t = {N, N, SET, PIXELS, z, each, counts, losses};
    for (int seed = 0; seed < ORDERS; seed++) {
        int got[SET][3];
        double told[SET];
        order(seed);
        device_clear(gpu.device, counts, sizeof got);
        device_clear(gpu.device, losses, sizeof told);
        gpu_start(&gpu, 0, 1);
        gpu_count(&gpu, &t);
        from_device(got, counts, sizeof got);
        from_device(told, losses, sizeof told);
        for (int place = 0; place < SET; place++) {
            int want[3] = {0};
            const int n = place - N; /* the last of the batch is no picture of the set */
            for (int i = 0; n >= 0 && i < PIXELS; i++) {
                const int pred = logits[n][i] > 0,
                          truth = mask[item[n]][i / 8] >> i % 8 & 1;
                want[0] += pred && truth, want[1] += pred, want[2] += truth;
            }
            assert_memory_equal(got[place], want, sizeof want);
            assert_true(told[place] == (n < 0 ? 0 : loss[n]));
        }
    }
    void *const all[] = {z, each, losses, counts, (void *)(uintptr_t)gpu.mask};
    for (int i = 0; i < 5; i++) release(all[i]);
    close_gpu();
}

/* ---- the decision ---- */

static void set_overflow(int overflow) {
    struct gpu_now n = now();
    n.overflow = overflow;
    device_upload(gpu.device, gpu.now, &n, sizeof n);
    device_wait(gpu.device);
}
static void judge(const struct gpu_update *u, double a, double b, double *losses) {
    const double loss[2] = {a, b};
    double *each = on_device(loss, sizeof loss);
    gpu_judge(&gpu, u, each, 2, losses);
    release(each);
}

static void an_update_is_decided_on_as_the_host_does(void **state) {
    (void)state;
    const struct gpu_update u = {.lr = 1e-3,
                                 .lr_encoder = 1e-4,
                                 .beta1 = .9,
                                 .beta2 = .999,
                                 .eps = 1e-8,
                                 .warmup = 4,
                                 .scaling = 1};
    open_gpu(FP16);
    double *losses = on_device(NULL, GPU_LOSSES * sizeof *losses), told[3];
    gpu_restore(&gpu, 1, 1024, 1999);
    gpu_start(&gpu, 0, GPU_LOSSES);
    judge(&u, .5, .75,
          losses); /* a good step: the second, and the 2000th since an overflow */
    struct gpu_now n = now();
    assert_int_equal(n.skip, 0);
    assert_int_equal(n.steps, 2);
    assert_true(n.unscale == 1.f / 1024 && n.loss_scale == 2048 && n.good == 0);
    assert_true(n.rate[0] == (float)(1e-3 * 2 / 4 / (1 - pow(.9, 2))));
    assert_true(n.rate[1] == (float)(1e-4 * 2 / 4 / (1 - pow(.9, 2))));
    assert_true(n.root == (float)(1 / (1 - pow(.999, 2))));
    set_overflow(1);
    judge(&u, 1, 2, losses);
    n = now();
    assert_true(n.skip && n.steps == 2 && n.loss_scale == 1024 && n.unscale == 1.f / 2048);
    set_overflow(0);
    judge(&u, 1, NAN, losses);
    n = now();
    assert_true(n.skip && n.halted == 1 && n.steps == 2 && n.at == GPU_LOSSES + 3);
    from_device(told, losses, sizeof told);
    assert_true(told[0] == .625 && told[1] == 1.5 && isnan(told[2]));
    gpu_restore(&gpu, 9, 65536, 1999); /* the greatest scale */
    judge(&u, 1, 1, losses);
    assert_true(now().loss_scale == 65536 && now().halted == 0);
    for (int i = 0; i < 2; i++) { /* the least one, and one less */
        gpu_restore(&gpu, 9, 1.f / 32768 / (float)(1 + i), 0);
        set_overflow(1);
        judge(&u, 1, 1, losses);
        assert_int_equal(now().halted, 2 * i);
    }
    release(losses);
    close_gpu();
}

/* ---- Adam, over two parts of several blocks each ---- */

enum { MATRICES = 41 * GPU_ALIGN, ALL = 60 * GPU_ALIGN };
static float host[3][ALL], gradient[ALL];

static struct gpu_weights weights_open(enum precision precision) {
    const size_t element = gpu_element(precision, 0);
    struct gpu_weights w = {.matrices = MATRICES,
                            .all = ALL,
                            .encoder = {23 * GPU_ALIGN, 50 * GPU_ALIGN},
                            .end = {MATRICES, ALL}};
    static uint8_t bytes[MATRICES * sizeof(float)];
    for (int i = 0; i < ALL; i++) {
        host[0][i] = (float)rng_normal(1, STREAM_INIT, 0, (uint64_t)i);
        host[1][i] = .1f * (float)rng_normal(2, STREAM_INIT, 0, (uint64_t)i);
        host[2][i] = .01f * (float)rng_uniform(3, STREAM_INIT, 0, (uint64_t)i);
        gradient[i] = 8 * (float)rng_normal(4, STREAM_INIT, 0, (uint64_t)i);
        if (i >= MATRICES) continue;
        const uint16_t h =
            precision == FP16 ? half_from_f32(gradient[i]) : bfloat_from_f32(gradient[i]);
        if (element == 2) {
            gradient[i] = precision == FP16 ? half_to_f32(h) : bfloat_to_f32(h);
            memcpy(bytes + 2 * i, &h, 2);
        } else {
            memcpy(bytes + 4 * i, &gradient[i], 4);
        }
    }
    w.w = on_device(host[0], sizeof host[0]);
    w.m = on_device(host[1], sizeof host[1]);
    w.v = on_device(host[2], sizeof host[2]);
    w.gradient = on_device(bytes, MATRICES * element);
    w.vector_gradient = on_device(gradient + MATRICES, (ALL - MATRICES) * sizeof(float));
    if (element == 2) w.copy = on_device(NULL, MATRICES * element);
    return w;
}
static void weights_close(struct gpu_weights *w) {
    void *const all[] = {w->w, w->m, w->v, w->gradient, w->vector_gradient, w->copy};
    for (int i = 0; i < 6; i++)
        if (all[i]) release(all[i]);
}

/* w, m, v against what stands in `host`, moved in double; the copy against w. */
static void check_adam(const struct gpu_weights *w, const struct gpu_update *u, int moved) {
    static float got[3][ALL];
    static uint16_t copy[MATRICES];
    const struct gpu_now n = now();
    from_device(got[0], w->w, sizeof got[0]);
    from_device(got[1], w->m, sizeof got[1]);
    from_device(got[2], w->v, sizeof got[2]);
    if (w->copy) from_device(copy, w->copy, sizeof copy);
    for (int i = 0; i < ALL; i++) {
        const int encoder = i < MATRICES ? i < 23 * GPU_ALIGN : i < 50 * GPU_ALIGN;
        double x = host[0][i], m = host[1][i], v = host[2][i];
        if (moved && !(encoder && u->freeze)) {
            const double g = gradient[i] * (double)n.unscale + u->weight_decay * x;
            m = u->beta1 * m + (1 - u->beta1) * g;
            v = u->beta2 * v + (1 - u->beta2) * g * g;
            x -= n.rate[encoder] * m / (sqrt(v * n.root) + u->eps);
        }
        /* a handful of roundings of numbers of their size */
        assert_true(fabs(got[0][i] - x) <= 1e-6 * (fabs(x) + 1e-2));
        assert_true(fabs(got[1][i] - m) <= 1e-6 * (fabs(m) + .1));
        assert_true(fabs(got[2][i] - v) <= 1e-6 * (fabs(v) + 1e-3));
        if (!w->copy || i >= MATRICES || !moved || (encoder && u->freeze)) continue;
        assert_int_equal(copy[i], gpu.precision == FP16 ? half_from_f32(got[0][i])
                                                        : bfloat_from_f32(got[0][i]));
    }
}

enum { PRECISIONS = 3 };
static const enum precision precisions[PRECISIONS] = {FP32, FP16, BF16};
static void adam_moves_everything_once(void **state) {
    (void)state;
    for (int p = 0; p < PRECISIONS; p++)
        for (int seed = 0; seed < ORDERS; seed++) {
            const struct gpu_update u = {.lr = 1e-2,
                                         .lr_encoder = 1e-3,
                                         .beta1 = .9,
                                         .beta2 = .99,
                                         .eps = 1e-6,
                                         .weight_decay = .01,
                                         .freeze = seed == 1};
            open_gpu(precisions[p]);
            order(seed);
            struct gpu_weights w = weights_open(precisions[p]);
            double *losses = on_device(NULL, GPU_LOSSES * sizeof *losses);
            gpu_restore(&gpu, 6, 8, 0);
            gpu_start(&gpu, 0, 0);
            if (seed == 2) set_overflow(1); /* this step is left out */
            judge(&u, 1, 1, losses);
            gpu_adam(&gpu, &u, &w);
            check_adam(&w, &u, seed != 2);
            release(losses);
            weights_close(&w);
            close_gpu();
        }
}

static void spoil(const struct gpu_weights *w, size_t at, float bad) {
    const size_t element = gpu_element(gpu.precision, 0);
    const uint16_t half = gpu.precision == FP16 ? half_from_f32(bad) : bfloat_from_f32(bad);
    if (at >= MATRICES)
        device_upload(gpu.device, w->vector_gradient + (at - MATRICES), &bad, sizeof bad);
    else
        device_upload(gpu.device, (uint8_t *)w->gradient + at * element,
                      element == 2 ? (const void *)&half : &bad, element);
    device_wait(gpu.device);
}

/* Wherever it stands: in the first and last element of each part, and between; in many
 * places too. */
static void a_gradient_that_overflows_is_found(void **state) {
    (void)state;
    static const size_t places[] = {0,      2500, MATRICES - 1, MATRICES, MATRICES + 1301,
                                    ALL - 1};
    for (int p = 0; p < PRECISIONS; p++)
        for (int i = -1; i < 7; i++) {
            open_gpu(precisions[p]);
            order(i + 1);
            struct gpu_weights w = weights_open(precisions[p]);
            if (i >= 0 && i < 6) spoil(&w, places[i], i % 2 ? INFINITY : NAN);
            for (size_t at = 0; i == 6 && at < ALL; at += 100) spoil(&w, at, -INFINITY);
            gpu_finite(&gpu, &w);
            assert_int_equal(now().overflow, i >= 0);
            weights_close(&w);
            close_gpu();
        }
}

/* ---- copies ---- */

static void copies_are_rounded_and_exchanges_exact(void **state) {
    (void)state;
    enum { N = 2603 };
    static uint16_t copy[MATRICES];
    static float got[2][ALL];
    for (int seed = 0; seed < 2 * ORDERS; seed++) {
        const enum precision precision = seed % 2 ? FP16 : BF16;
        open_gpu(precision);
        order(seed / 2);
        struct gpu_weights w = weights_open(precision);
        gpu_copy(&gpu, &w, GPU_ALIGN, MATRICES - 2 * GPU_ALIGN);
        from_device(copy, w.copy, sizeof copy);
        for (int i = 0; i < MATRICES; i++) {
            const int in = i >= GPU_ALIGN && i < MATRICES - GPU_ALIGN;
            const float x = in ? host[0][i] : 0;
            assert_int_equal(copy[i],
                             precision == FP16 ? half_from_f32(x) : bfloat_from_f32(x));
        }
        gpu_swap(&gpu, w.w, w.m, N);
        from_device(got[0], w.w, sizeof got[0]);
        from_device(got[1], w.m, sizeof got[1]);
        for (int i = 0; i < ALL; i++)
            assert_true(got[0][i] == host[i < N][i] && got[1][i] == host[i >= N][i]);
        gpu_narrow(gpu.device, precision, w.m, w.copy, N);
        from_device(copy, w.copy, sizeof copy);
        for (int i = 0; i <= N; i++) { /* the one behind them stays */
            const float x = i < N ? got[1][i] : host[0][i];
            assert_int_equal(copy[i],
                             precision == FP16 ? half_from_f32(x) : bfloat_from_f32(x));
        }
        weights_close(&w);
        close_gpu();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_epochs_order_is_the_hosts),
        TEST(a_batch_is_the_hosts),
        TEST(pixels_are_counted),
        TEST(an_update_is_decided_on_as_the_host_does),
        TEST(adam_moves_everything_once),
        TEST(a_gradient_that_overflows_is_found),
        TEST(copies_are_rounded_and_exchanges_exact),
    };
    return test_run(tests);
}
