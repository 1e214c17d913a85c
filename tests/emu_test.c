/* emu_test.c - the emulator itself: kernels that are right give the right numbers in every order, and
 * what is wrong is named. */
#include "tests/emu/sample.h"
#include "tests/test.h"

enum { N = 1000, ORDERS = 8 };

static struct device *d;

static void order(int seed) {
    char text[16];
    snprintf(text, sizeof text, "%d", seed);
    setenv("EMU_SEED", text, 1);
}

static void a_block_sums_in_every_order(void **state) {
    (void)state;
    float host[N], sums[4];
    for (int i = 0; i < N; i++) host[i] = (float)(i % 7) - 2;
    float *x = device_alloc(d, sizeof host, "x"), *out = device_alloc(d, sizeof sums, "sums");
    device_upload(d, x, host, sizeof host);
    for (int seed = 0; seed < ORDERS; seed++) {
        order(seed);
        device_clear(d, out, sizeof sums);
        sample_sum(d, x, N, out);
        device_download(d, sums, out, sizeof sums);
        for (int b = 0; b < 4; b++) {
            float want = 0;
            for (int i = 256 * b; i < 256 * b + 256 && i < N; i++) want += host[i];
            assert_true(sums[b] == want);
        }
    }
    device_free(d, x);
    device_free(d, out);
}

static void a_captured_launch_runs_again(void **state) {
    (void)state;
    enum { M = 200 };
    int host[M], got[M];
    for (int i = 0; i < M; i++) host[i] = i + 1;
    int *x = device_alloc(d, sizeof host, "x");
    device_capture_begin(d);
    sample_turn(d, x, M);
    struct captured *c = device_capture_end(d);
    for (int seed = 0; seed < ORDERS; seed++) {
        order(seed);
        device_upload(d, x, host, sizeof host);
        device_launch(d, c);
        device_download(d, got, x, sizeof got);
        for (int i = 0; i < M; i++) {
            int from = i / 64 * 64 + 63 - i % 64;
            assert_int_equal(got[i], from < M ? host[from] : 0);
        }
    }
    captured_free(c);
    device_free(d, x);
}

static void votes_and_atomics_count(void **state) {
    (void)state;
    float host[N];
    unsigned got, want = 0;
    for (int i = 0; i < N; i++) want += (host[i] = (float)(i % 5) - 2) > 0;
    float *x = device_alloc(d, sizeof host, "x");
    unsigned *count = device_alloc(d, sizeof got, "count");
    device_upload(d, x, host, sizeof host);
    for (int seed = 0; seed < ORDERS; seed++) {
        order(seed);
        sample_count(d, x, N, count);
        device_download(d, &got, count, sizeof got);
        assert_int_equal(got, want);
    }
    device_free(d, x);
    device_free(d, count);
}

int main(void) {
    char why[200];
    d = device_open(0, why, sizeof why);
    const struct CMUnitTest tests[] = {
        TEST(a_block_sums_in_every_order),
        TEST(a_captured_launch_runs_again),
        TEST(votes_and_atomics_count),
    };
    return test_run(tests);
}
