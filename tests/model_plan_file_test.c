/* model_plan_file_test.c - the file of a GPU's plans: what is chosen is found again, by
 * several processes too; a file that is not ours, or not as we wrote it, is told and
 * replaced; the quickest of those that run. */
#include "tests/test.h"
#include "model/gpu/choose.h"
#include "model/gpu/plans.h"
#include "core/bag.h"
#include <sys/wait.h>

static const char DEVICE[] = "H100, cuDNN 9", PATH[] = "out/plans.bag";

static void add(struct plan_file *f, const char *name, const char *text) {
    plan_file_add(f, name, text, strlen(text));
}

/* What the file on disk says of a name; NULL: nothing. Borrowed until the next call. */
static const char *stored(const char *name) {
    static char text[64];
    size_t n;
    struct plan_file *f = plan_file_open(PATH, DEVICE);
    const char *found = plan_file_find(f, name, &n);
    if (found) snprintf(text, sizeof text, "%s", found);
    plan_file_close(f);
    return found ? text : NULL;
}

static void write_two(void) {
    struct plan_file *f = plan_file_open(PATH, DEVICE);
    add(f, "conv y", "engine 1");
    add(f, "a product", "engine 2");
    plan_file_save(f);
    plan_file_close(f);
}

static void what_was_chosen_is_found_again(void **state) {
    (void)state;
    write_two();
    assert_string_equal(stored("conv y"), "engine 1");
    assert_string_equal(stored("a product"), "engine 2");
    assert_null(stored("conv dx"));
}

static void the_same_choices_have_the_same_sum_in_any_order(void **state) {
    (void)state;
    char first[65];
    struct plan_file *f = plan_file_open(NULL, DEVICE);
    assert_string_equal(plan_file_sha256(f), "none");
    add(f, "a", "1"), add(f, "b", "2");
    snprintf(first, sizeof first, "%s", plan_file_sha256(f));
    plan_file_close(f);
    f = plan_file_open(NULL, "another device");
    add(f, "b", "2"), add(f, "a", "1");
    assert_string_equal(plan_file_sha256(f), first);
    add(f, "a", "3");
    assert_string_not_equal(plan_file_sha256(f), first);
    plan_file_close(f);
}

static void what_others_keep_there_is_not_in_the_sum(void **state) {
    (void)state;
    char alone[65];
    size_t n;
    struct plan_file *f = plan_file_open(NULL, DEVICE);
    add(f, "conv y", "engine 1");
    snprintf(alone, sizeof alone, "%s", plan_file_sha256(f));
    plan_file_close(f);
    write_two();
    f = plan_file_open(PATH, DEVICE);
    assert_non_null(plan_file_find(f, "conv y", &n));
    assert_string_equal(plan_file_sha256(f), alone);
    plan_file_close(f);
}

/* ---- files that are not ours ---- */

static void is_replaced(void) {
    assert_null(stored("conv y"));
    struct plan_file *f = plan_file_open(PATH, DEVICE);
    add(f, "conv y", "engine 3");
    plan_file_save(f);
    plan_file_close(f);
    assert_string_equal(stored("conv y"), "engine 3");
    assert_null(stored("a product"));
}

static void plans_of_another_device_are_left_out(void **state) {
    (void)state;
    struct plan_file *f = plan_file_open(PATH, "H100, cuDNN 8");
    add(f, "conv y", "engine 1");
    plan_file_save(f);
    plan_file_close(f);
    is_replaced();
}

static void so_are_those_that_are_no_longer_as_written(void **state) {
    (void)state;
    size_t n;
    write_two();
    char *bytes = file_read(PATH, 1 << 20, &n);
    bytes[n - 1] ^= 1; /* engine 1 is engine 0 */
    file_write(PATH, bytes, n);
    xfree(bytes);
    is_replaced();
}

static void so_is_what_is_no_bag(void **state) {
    (void)state;
    file_mkdir("out");
    file_write(PATH, "nothing of the kind", 19);
    is_replaced();
}

static void so_is_a_bag_of_something_else(void **state) {
    (void)state;
    file_mkdir("out");
    struct bag_writer *w = bag_create(PATH);
    bag_add(w, &(struct tensor){"conv y", T_U8, 1, {1}, "x"});
    bag_commit(w);
    is_replaced();
}

/* ---- several processes ---- */

static void two_who_choose_leave_both_choices(void **state) {
    (void)state;
    struct plan_file *a = plan_file_open(PATH, DEVICE), *b = plan_file_open(PATH, DEVICE);
    add(a, "conv y", "engine 1");
    plan_file_save(a);
    add(b, "conv dx", "engine 2");
    plan_file_save(b);
    plan_file_close(a), plan_file_close(b);
    assert_string_equal(stored("conv y"), "engine 1");
    assert_string_equal(stored("conv dx"), "engine 2");
}

/* The child says when it holds the file, and lets go a while later. */
static void hold(int said) {
    struct plan_file *f = plan_file_open(PATH, DEVICE);
    add(f, "conv y", "engine 1");
    if (write(said, "h", 1) != 1) _exit(1);
    usleep(200000);
    plan_file_save(f);
    _exit(0);
}

static void who_misses_a_choice_waits_for_who_makes_it(void **state) {
    (void)state;
    int pipes[2], status;
    char c;
    size_t n;
    assert_int_equal(pipe(pipes), 0);
    struct plan_file *f = plan_file_open(PATH, DEVICE);
    int pid = fork();
    if (pid == 0) hold(pipes[1]);
    assert_int_equal(read(pipes[0], &c, 1), 1);
    const char *text = plan_file_find(f, "conv y", &n);
    assert_non_null(text);
    assert_string_equal(text, "engine 1");
    plan_file_close(f);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(pipes[0]), close(pipes[1]);
}

/* ---- the quickest ---- */

static double of_list(void *arg, int i) {
    return ((const double *)arg)[i];
}

static void what_cannot_be_run_is_left_out(void **state) {
    (void)state;
    double some[] = {-1, 3, 2, -1, 2}, none[] = {-1, -1};
    assert_int_equal(choose_quickest(5, of_list, some), 2);
    assert_int_equal(choose_quickest(2, of_list, none), -1);
    assert_int_equal(choose_quickest(0, of_list, none), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_chosen_is_found_again),
        TEST(the_same_choices_have_the_same_sum_in_any_order),
        TEST(what_others_keep_there_is_not_in_the_sum),
        TEST(plans_of_another_device_are_left_out),
        TEST(so_are_those_that_are_no_longer_as_written),
        TEST(so_is_what_is_no_bag),
        TEST(so_is_a_bag_of_something_else),
        TEST(two_who_choose_leave_both_choices),
        TEST(who_misses_a_choice_waits_for_who_makes_it),
        TEST(what_cannot_be_run_is_left_out),
    };
    return test_run(tests);
}
