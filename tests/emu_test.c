/* emu_test.c - the emulator itself: kernels that are right give the right numbers in every
 * order, and what is wrong is named. */
#include "tests/emu/sample.h"
#include "tests/test.h"

enum { N = 1000, ORDERS = 8 };

static struct device *d;

static void open_device(void) {
    char why[200];
    d = device_open(0, why, sizeof why);
}

static void order(int seed) {
    char text[16];
    snprintf(text, sizeof text, "%d", seed);
    setenv("EMU_SEED", text, 1);
}

static void a_block_sums_in_every_order(void **state) {
    (void)state;
    float host[N], sums[4];
    for (int i = 0; i < N; i++) host[i] = (float)(i % 7) - 2;
    float *x = device_alloc(d, sizeof host, "x"),
          *out = device_alloc(d, sizeof sums, "sums");
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

static void the_last_block_adds_up_what_the_others_wrote(void **state) {
    (void)state;
    float host[N], got, want = 0;
    for (int i = 0; i < N; i++) want += host[i] = (float)(i % 9) - 3;
    float *x = device_alloc(d, sizeof host, "x"),
          *part = device_alloc(d, 32 * sizeof *part, "parts"),
          *out = device_alloc(d, sizeof got, "total");
    unsigned *came = device_alloc(d, sizeof *came, "count");
    device_upload(d, x, host, sizeof host);
    for (int seed = 0; seed < ORDERS; seed++) {
        order(seed);
        sample_total(d, x, N, part, came, out);
        device_download(d, &got, out, sizeof got);
        assert_true(got == want);
    }
    device_free(d, x);
    device_free(d, part);
    device_free(d, came);
    device_free(d, out);
}

struct wrong {
    enum sample_wrong which;
    float *x;
    unsigned *came;
};

static void do_wrong(void *arg) {
    const struct wrong *w = arg;
    sample_wrong(d, w->which, w->x, N, w->came);
}

/* In every order: what is watched does not depend on luck. */
static void what_must_not_be_is_named(void **state) {
    (void)state;
    static const char *const message[] = {
#define W(name, message) message,
        SAMPLE_WRONGS(W)
#undef W
    };
    for (int which = 0; which < WRONGS; which++)
        for (int seed = 0; seed < ORDERS; seed++) {
            open_device();
            order(seed);
            struct wrong w = {which, device_alloc(d, N * sizeof(float), "x"),
                              device_alloc(d, sizeof(unsigned), "came")};
            assert_dies(EXIT_NO, message[which], do_wrong, &w);
            device_close(d);
        }
    open_device();
}

/* What is not watched is still guarded. */
static void without_a_watch_a_write_past_the_end_is_seen(void **state) {
    (void)state;
    struct wrong w = {WRONG_blocks_race, device_alloc(d, 100 * sizeof(float), "x"), NULL};
    setenv("EMU_WATCH", "0", 1);
    assert_dies(EXIT_NO, "neighbours wrote past the end of \"x\"", do_wrong, &w);
    unsetenv("EMU_WATCH");
    open_device(); /* the old one cannot be closed: its guard is broken */
}

int main(void) {
    open_device();
    const struct CMUnitTest tests[] = {
        TEST(a_block_sums_in_every_order),
        TEST(a_captured_launch_runs_again),
        TEST(votes_and_atomics_count),
        TEST(the_last_block_adds_up_what_the_others_wrote),
        TEST(what_must_not_be_is_named),
        TEST(without_a_watch_a_write_past_the_end_is_seen),
    };
    return test_run(tests);
}
