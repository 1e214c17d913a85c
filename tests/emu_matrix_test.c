/* emu_matrix_test.c - a warp's matrix products and late copies by themselves: equal to a
 * plain product in double, in every order of lanes, with Turing's instructions and with
 * Ampere's; what is put together wrongly is seen. */
#include "tests/emu/product.h"
#include "tests/test.h"
#include "core/bag.h"

enum {
    ORDERS = 8,
    A = PRODUCT_BLOCKS * PRODUCT_ROWS * PRODUCT_DEEP,
    Y = PRODUCT_BLOCKS * PRODUCT_ROWS * PRODUCT_ROWS
};

static struct device *d;
static uint16_t host_a[A], host_b[A];
static void *a, *b;
static float *y, *z, got_y[Y], got_z[A];
static double want_y[Y], want_z[A];

static float number(int bfloat, uint16_t bits) {
    return bfloat ? bfloat_to_f32(bits) : half_to_f32(bits);
}
static uint16_t bits(int bfloat, double x) {
    return bfloat ? bfloat_from_f32((float)x) : half_from_f32((float)x);
}

/* Numbers that are no sum's neighbours, all different rows and columns. */
static void fill(int bfloat) {
    for (int i = 0; i < A; i++) {
        host_a[i] = bits(bfloat, (i * 37 % 101 - 50) / 32.0);
        host_b[i] = bits(bfloat, (i * 53 % 103 - 51) / 64.0);
    }
}

static void multiply(int bfloat) {
    enum { R = PRODUCT_ROWS, D = PRODUCT_DEEP };
    for (int block = 0; block < PRODUCT_BLOCKS; block++)
        for (int i = 0; i < R; i++) {
            const uint16_t *own = host_a + (block * R + i) * D,
                           *all = host_b + block * R * D;
            double *row = want_y + (block * R + i) * R, *out = want_z + (block * R + i) * D;
            for (int k = 0; k < D; k++) out[k] = 0;
            for (int j = 0; j < R; j++) {
                row[j] = 0;
                for (int k = 0; k < D; k++)
                    row[j] +=
                        (double)number(bfloat, own[k]) * number(bfloat, all[j * D + k]);
                float kept = number(bfloat, bits(bfloat, row[j]));
                for (int k = 0; k < D; k++)
                    out[k] += (double)kept * number(bfloat, all[j * D + k]);
            }
        }
}

static void open_device(int capability) {
    char text[16], why[200];
    snprintf(text, sizeof text, "%d", capability);
    setenv("EMU_CAPABILITY", text, 1);
    d = device_open(0, why, sizeof why);
    a = device_alloc(d, sizeof host_a, "a");
    b = device_alloc(d, sizeof host_b, "b");
    y = device_alloc(d, sizeof got_y, "y");
    z = device_alloc(d, sizeof got_z, "z");
}

static double distance(const float *got, const double *want, int n) {
    double off = 0, all = 0;
    for (int i = 0; i < n; i++) {
        off += (got[i] - want[i]) * (got[i] - want[i]);
        all += want[i] * want[i];
    }
    return sqrt(off / all);
}

static void run(int bfloat, enum product_fault fault, int seed) {
    char text[16];
    snprintf(text, sizeof text, "%d", seed);
    setenv("EMU_SEED", text, 1);
    fill(bfloat);
    multiply(bfloat);
    device_upload(d, a, host_a, sizeof host_a);
    device_upload(d, b, host_b, sizeof host_b);
    product_tiles(d, bfloat, fault, a, b, y, z);
    device_download(d, got_y, y, sizeof got_y);
    device_download(d, got_z, z, sizeof got_z);
}

/* Sums of 64 products in float, each step rounded: 64 * 2^-24 of the sum at most. */
static const double tolerance = 64 * 0x1p-24;

static void check_device(int capability, int bfloat) {
    open_device(capability);
    for (int seed = 0; seed < ORDERS; seed++) {
        run(bfloat, PRODUCT_none, seed);
        assert_true(distance(got_y, want_y, Y) <= tolerance);
        assert_true(distance(got_z, want_z, A) <= tolerance);
        device_clear(d, y, sizeof got_y);
        product_plain(d, bfloat, PRODUCT_none, a, b, y);
        device_download(d, got_y, y, sizeof got_y);
        assert_true(distance(got_y, want_y, Y) <= tolerance);
    }
    device_close(d);
}

static void products_by_turing_are_right(void **state) {
    (void)state;
    check_device(75, 0);
}
static void products_by_ampere_are_right(void **state) {
    (void)state;
    check_device(80, 0);
    check_device(90, 1);
}

static const char *const message[] = {
#define F(name, message) message,
    PRODUCT_FAULTS(F)
#undef F
};

static void operands_put_together_wrongly_give_wrong_numbers(void **state) {
    (void)state;
    for (int capability = 75; capability <= 80; capability += 5)
        for (int fault = 1; fault < PRODUCTS; fault++) {
            if (message[fault]) continue;
            open_device(capability);
            run(0, (enum product_fault)fault, 1);
            assert_true(distance(got_y, want_y, Y) > .1 || distance(got_z, want_z, A) > .1);
            if (fault != PRODUCT_not_transposed) {
                product_plain(d, 0, (enum product_fault)fault, a, b, y);
                device_download(d, got_y, y, sizeof got_y);
                assert_true(distance(got_y, want_y, Y) > .1);
            }
            device_close(d);
        }
}

struct wrong {
    enum product_fault fault;
    int seed;
};
static void do_wrong(void *arg) {
    const struct wrong *w = arg;
    run(0, w->fault, w->seed);
}

static void what_comes_too_late_or_from_nowhere_is_named(void **state) {
    (void)state;
    for (int fault = 1; fault < PRODUCTS; fault++)
        for (int seed = 0; seed < ORDERS && message[fault]; seed++) {
            open_device(90);
            struct wrong w = {(enum product_fault)fault, seed};
            assert_dies(EXIT_NO, message[fault], do_wrong, &w);
            device_close(d);
        }
}

static void run_plain(void *arg) {
    (void)arg;
    run(1, PRODUCT_none, 0);
}
static void instructions_that_a_device_lacks_are_not_run(void **state) {
    (void)state;
    open_device(75);
    fill(1);
    assert_dies(EXIT_NO, ": trap", run_plain, NULL);
    device_close(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(products_by_turing_are_right),
        TEST(products_by_ampere_are_right),
        TEST(operands_put_together_wrongly_give_wrong_numbers),
        TEST(what_comes_too_late_or_from_nowhere_is_named),
        TEST(instructions_that_a_device_lacks_are_not_run),
    };
    return test_run(tests);
}
