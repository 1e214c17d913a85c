/* test.h - what every test program shares: an empty directory a test, deaths, nearness.
 *
 *     static void a_sentence_about_the_thing(void **state) { (void)state; ... }
 *     int main(void) {
 *         const struct CMUnitTest tests[] = {TEST(a_sentence_about_the_thing)};
 *         return test_run(tests);
 *     }
 *
 * A test runs in a fresh empty directory, removed afterwards. Inside a function given to
 * assert_dies or die_catch use no assert: it would jump past die_catch. */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <ftw.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/die.h"
#include "core/file.h"

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, test_enter, test_leave)
#define test_run(tests) (test_begin(), cmocka_run_group_tests(tests, NULL, NULL))

/* Weak: one of each in a program of several files. */
__attribute__((weak)) char test_home[PATH_MAX]; /* where the program was started */
__attribute__((weak)) char test_dir[PATH_MAX];  /* the running test's directory */

static inline void test_begin(void) {
    if (!getcwd(test_home, sizeof test_home)) abort();
}

static inline int test_enter(void **state) {
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(test_dir, sizeof test_dir, "%s/repolyp-test-XXXXXX", base ? base : "/tmp");
    return mkdtemp(test_dir) ? chdir(test_dir) : -1;
}

static inline int test_unlink(const char *path, const struct stat *st, int kind,
                              struct FTW *f) {
    (void)st, (void)kind, (void)f;
    return remove(path);
}

static inline int test_leave(void **state) {
    (void)state;
    if (chdir(test_home)) return -1;
    return nftw(test_dir, test_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* Path of a golden: folder $GOLDEN, else tests/golden/data, seen from where the program was
 * started. One of four static buffers in turn. */
static inline const char *golden(const char *name) {
    static char buffer[4][2 * PATH_MAX];
    static int turn;
    const char *folder = getenv("GOLDEN");
    if (!folder || !*folder) folder = "tests/golden/data";
    char *out = buffer[turn++ % 4];
    snprintf(out, sizeof buffer[0], "%s%s%s/%s", *folder == '/' ? "" : test_home,
             *folder == '/' ? "" : "/", folder, name);
    return out;
}

/* Number of entries in a directory, hidden ones too. */
static inline int count_entries(const char *folder) {
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int n = 0;
    for (struct dirent *e; (e = readdir(dir));)
        n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    closedir(dir);
    return n;
}

/* fn(arg) must die with `code` and a message that holds `fragment`. */
#define assert_dies(code, fragment, fn, arg)                                               \
    test_dies(code, fragment, fn, arg, __FILE__, __LINE__)

static inline void test_dies(int code, const char *fragment, void (*fn)(void *), void *arg,
                             const char *file, int line) {
    char message[4096] = "";
    int got = die_catch(fn, arg, message, sizeof message);
    if (got == code && strstr(message, fragment)) return;
    print_error("died with %d \"%s\", wanted %d with \"%s\"\n", got, message, code,
                fragment);
    _fail(file, line);
}

/* |a - b| <= tolerance; NaN is never near. */
#define assert_near(a, b, tolerance) test_near(a, b, tolerance, #a, __FILE__, __LINE__)

static inline void test_near(double a, double b, double tolerance, const char *what,
                             const char *file, int line) {
    if (fabs(a - b) <= tolerance) return;
    print_error("%s is %.17g, wanted %.17g within %g\n", what, a, b, tolerance);
    _fail(file, line);
}

/* |a - b| / |b| in the 2-norm over n values; the plain |a - b| if b is zero; NaN if any is.
 */
static inline double relative_l2(const double *a, const double *b, size_t n) {
    double off = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        off += (a[i] - b[i]) * (a[i] - b[i]);
        norm += b[i] * b[i];
    }
    return norm > 0 ? sqrt(off / norm) : sqrt(off);
}

static inline double relative_l2_f32(const float *a, const float *b, size_t n) {
    double off = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)a[i] - (double)b[i];
        off += d * d;
        norm += (double)b[i] * (double)b[i];
    }
    return norm > 0 ? sqrt(off / norm) : sqrt(off);
}

/* Largest |a - b|; NaN if any is. */
static inline double largest_off(const double *a, const double *b, size_t n) {
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs(a[i] - b[i]);
        if (!(d <= most)) most = d;
        if (isnan(most)) return most;
    }
    return most;
}
#endif
