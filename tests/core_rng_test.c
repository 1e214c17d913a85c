/* core_rng_test.c - the generator against its authors' vectors, the draws against their
 * law. */
#include "core/rng.h"
#include "tests/test.h"

/* Random123 1.09, tests/kat_vectors: philox4x32 10. */
static void philox_gives_the_known_answers(void **state) {
    (void)state;
    static const uint32_t known[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
         0x94fdcceb, 0x5001e420, 0x24126ea1},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        philox(known[i], known[i] + 4, out);
        assert_memory_equal(out, known[i] + 6, sizeof out);
    }
}

static void seed_stream_epoch_and_index_have_their_places(void **state) {
    (void)state;
    const uint32_t counter[4] = {0x89abcdef, 0x01234567, 7, STREAM_ORDER},
                   key[2] = {0x55667788, 0x11223344};
    uint32_t want[4], got[4];
    uint64_t seed = 0x1122334455667788, index = 0x0123456789abcdef;
    philox(counter, key, want);
    rng_block(seed, STREAM_ORDER, 7, index, got);
    assert_memory_equal(got, want, sizeof got);
    assert_true(rng_u64(seed, STREAM_ORDER, 7, index) ==
                ((uint64_t)want[1] << 32 | want[0]));
    for (uint32_t k = 0; k < 4; k++)
        assert_int_equal(rng_u32(seed, STREAM_ORDER, 7, 4 * index + k), want[k]);
    assert_near(rng_uniform(seed, STREAM_ORDER, 7, index), (double)want[1] / 0x1p32,
                0x1p-32);
}

static void uniform_draws_fill_the_unit_interval(void **state) {
    (void)state;
    int bin[16] = {0}, n = 160000;
    for (int i = 0; i < n; i++)
        bin[(int)(16 * rng_uniform(3, STREAM_DROPOUT, 1, (uint64_t)i))]++;
    double chi = 0;
    for (int k = 0; k < 16; k++) chi += (bin[k] - n / 16.) * (bin[k] - n / 16.) / (n / 16.);
    assert_in_range((int)chi, 2, 45); /* 15 degrees of freedom: outside once in 10,000 */
}

static void normal_draws_have_normal_moments(void **state) {
    (void)state;
    double m[5] = {0};
    int n = 200000;
    for (int i = 0; i < n; i++) {
        double x = rng_normal(5, STREAM_INIT, 0, (uint64_t)i), p = 1;
        for (int k = 0; k < 5; k++, p *= x) m[k] += p / n;
    }
    /* four standard errors of each moment: sqrt(var(x^k) / n) */
    assert_near(m[1], 0, 4 * sqrt(1. / n));
    assert_near(m[2], 1, 4 * sqrt(2. / n));
    assert_near(m[3], 0, 4 * sqrt(15. / n));
    assert_near(m[4], 3, 4 * sqrt(96. / n));
}

static double cdf(double x) {
    return erfc(-x / sqrt(2)) / 2;
}

static void truncated_draws_are_the_inverse_of_their_cdf(void **state) {
    (void)state;
    static const double stds[] = {0.02, 0.5, 1, 3};
    for (int s = 0; s < 4; s++)
        for (uint64_t i = 0; i < 20000; i++) {
            double u = rng_uniform(9, STREAM_INIT, 2, i);
            double x = rng_truncated_normal(9, STREAM_INIT, 2, i, stds[s]);
            double low = cdf(-2 / stds[s]), high = cdf(2 / stds[s]);
            assert_near(cdf(x / stds[s]), low + (high - low) * u, 4e-16);
            assert_true(x >= -2 && x <= 2);
        }
}

static void a_permutation_sorts_by_draws(void **state) {
    (void)state;
    enum { N = 1000 };
    int order[N], seen[N] = {0}, fixed = 0;
    rng_permutation(42, STREAM_SPLIT, 0, N, order);
    for (int i = 0; i < N; i++) {
        assert_in_range(order[i], 0, N - 1);
        assert_int_equal(seen[order[i]]++, 0);
        fixed += order[i] == i;
        if (i)
            assert_true(rng_u64(42, STREAM_SPLIT, 0, (uint64_t)order[i - 1]) <
                        rng_u64(42, STREAM_SPLIT, 0, (uint64_t)order[i]));
    }
    assert_true(fixed < 10);
    rng_permutation(42, STREAM_SPLIT, 0, 0, order);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(philox_gives_the_known_answers),
        TEST(seed_stream_epoch_and_index_have_their_places),
        TEST(uniform_draws_fill_the_unit_interval),
        TEST(normal_draws_have_normal_moments),
        TEST(truncated_draws_are_the_inverse_of_their_cdf),
        TEST(a_permutation_sorts_by_draws),
    };
    return test_run(tests);
}
