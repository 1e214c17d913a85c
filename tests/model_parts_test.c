/* model_parts_test.c - a step's batch taken in parts (`accumulate`), on ref and on cpu: its
 * gradient is the mean of its parts'. The GPU's is gpu_machine_test's.
 *
 * Both sides compute the same parts with the same kernels: what differs is the rounding of
 * sums of two to four terms, 2^-53 and 2^-24 each; four times that is allowed. */
#include "tests/parted.h"
#include "tests/test.h"

static void check(const char *name, const char *device, const char *precision,
                  double most) {
    for (int part = 1; part <= 3; part++) { /* 1 1 1 1 | 2 2 | 3 1 */
        double loss, off = parted_distance(name, device, precision, part, &loss);
        if (!(off <= most && loss <= most))
            fail_msg(
                "%s on %s, %s, parts of %d: gradient %g, loss %g away, wanted %g at most",
                name, device, precision, part, off, loss, most);
    }
}

static void the_gradient_is_the_mean_of_the_parts_gradients(void **state) {
    (void)state;
    check("vit.smp", "ref", "fp32", 0x1p-51);
    check("vit.smp", "cpu", "fp32", 0x1p-22);
    check("resnet.plain", "cpu", "fp32", 0x1p-22);
}

static void so_it_is_in_16_bits(void **state) {
    (void)state;
    check("resnet.plain", "cpu", "fp16", 0x1p-22); /* the cpu keeps gradients in float */
    check("resnet.plain", "cpu", "bf16", 0x1p-22);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_gradient_is_the_mean_of_the_parts_gradients),
        TEST(so_it_is_in_16_bits),
    };
    return test_run(tests);
}
