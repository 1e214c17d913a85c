/* core_die_test.c - stopping, memory given back, foreign bytes on a terminal, torture. */
#include "tests/test.h"
#include <sys/wait.h>

static void dies_no(void *arg) {
    die_no("%s: found, wanted", (const char *)arg);
}
static void dies_usage(void *arg) {
    die_usage("%s", (const char *)arg);
}
static void dies_world(void *arg) {
    die_world("%s", (const char *)arg);
}

static void each_death_has_its_code_and_message(void **state) {
    (void)state;
    char message[8];
    assert_dies(EXIT_NO, "thing: found, wanted", dies_no, "thing");
    assert_dies(EXIT_USAGE, "x", dies_usage, "x");
    assert_dies(EXIT_WORLD, "y", dies_world, "y");
    assert_int_equal(die_catch(dies_no, "too long for eight", message, sizeof message),
                     EXIT_NO);
    assert_string_equal(message, "too lon");
}

static void takes_memory(void *arg) {
    char **kept = arg;
    *kept = xstrdup("kept");
    char *freed = xmalloc(100);
    xfree(freed);
    *kept = xrealloc(*kept, 10, 1000);
}

static void memory_outlives_a_call_that_came_back(void **state) {
    (void)state;
    char *kept;
    assert_int_equal(die_catch(takes_memory, &kept, NULL, 0), 0);
    assert_string_equal(kept, "kept");
    xfree(kept);
}

/* Under the address sanitizer a block not given back is a failure of this program. */
static void leaves_memory(void *arg) {
    char *blocks[5] = {xmalloc(10), xcalloc(3, 7), xaligned(100), xstrdup("a"),
                       xprintf("%d", 7)};
    blocks[0] = xrealloc(blocks[0], 5000, 1);
    blocks[2] = xrealloc(blocks[2], 500, 1);
    *(char **)arg = xrealloc(*(char **)arg, 300, 1); /* not from inside: stays */
    xfree(blocks[3]);
    die_no("left behind");
}

static void memory_of_a_dead_call_is_freed(void **state) {
    (void)state;
    char *outside = xstrdup("outside");
    assert_dies(EXIT_NO, "left behind", leaves_memory, &outside);
    assert_string_equal(outside, "outside");
    xfree(outside);
}

static void blocks_are_zeroed_aligned_and_keep_their_bytes(void **state) {
    (void)state;
    unsigned char *zero = xcalloc(1000, 3);
    for (int i = 0; i < 3000; i++) assert_int_equal(zero[i], 0);
    char *aligned = xaligned(10);
    assert_int_equal((uintptr_t)aligned % 64, 0);
    memcpy(aligned, "123456789", 10);
    aligned = xrealloc(aligned, 1000, 2);
    assert_string_equal(aligned, "123456789");
    char *grown = xrealloc(NULL, 4, 1);
    memcpy(grown, "abc", 4);
    grown = xrealloc(grown, 1 << 20, 1);
    assert_string_equal(grown, "abc");
    xfree(NULL);
    xfree(zero);
    xfree(aligned);
    xfree(grown);
}

static void wants_too_much(void *arg) {
    xcalloc(SIZE_MAX / 2, *(size_t *)arg);
}
static void wants_a_block(void *arg) {
    xmalloc(*(size_t *)arg);
}
static void wants_an_aligned_block(void *arg) {
    xaligned(*(size_t *)arg);
}
static void wants_a_larger_block(void *arg) {
    xrealloc(xmalloc(8), *(size_t *)arg, 1);
}
static void wants_many_more(void *arg) {
    xrealloc(NULL, *(size_t *)arg, 16);
}
static void multiplies(void *arg) {
    size_mul(SIZE_MAX / 2, 3, arg);
}
static void adds(void *arg) {
    size_add(SIZE_MAX, 1, arg);
}

static void sizes_that_overflow_are_refused(void **state) {
    (void)state;
    assert_dies(EXIT_WORLD, "out of memory", wants_too_much, &(size_t){4});
    assert_dies(EXIT_WORLD, "out of memory", wants_too_much, &(size_t){1});
    void (*const all[])(void *) = {wants_a_block, wants_an_aligned_block,
                                   wants_a_larger_block, wants_many_more};
    size_t sizes[] = {SIZE_MAX, SIZE_MAX - 40, (size_t)1 << 40};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 3; k++)
            assert_dies(EXIT_WORLD, "out of memory: wanted ", all[i], &sizes[k]);
    assert_dies(EXIT_NO, "pixels\\x1b: ", multiplies, "pixels\x1b");
    assert_dies(EXIT_NO, "bytes: ", adds, "bytes");
    assert_int_equal(size_mul(6, 7, ""), 42);
    assert_int_equal(size_add(6, 7, ""), 13);
}

static void foreign_bytes_are_escaped_and_cut(void **state) {
    (void)state;
    char longest[1000];
    memset(longest, 'a', sizeof longest);
    assert_string_equal(quoted("a b~"), "a b~");
    assert_string_equal(quoted("\x1b[31m\n\x7f\xc3\xa9"), "\\x1b[31m\\x0a\\x7f\\xc3\\xa9");
    assert_string_equal(quoted_bytes("a\0b", 3), "a\\x00b");
    assert_int_equal(strlen(quoted_bytes(longest, sizeof longest)), 203);
    memset(longest, 0xff, sizeof longest);
    assert_int_equal(strlen(quoted_bytes(longest, sizeof longest)), 203);
    const char *first = quoted("first");
    for (int i = 0; i < 7; i++) quoted("later");
    assert_string_equal(first, "first");
}

static void note(void *arg) {
    char **at = arg;
    **at = (char)('0' + (*at)[5]++);
    ++*at;
}

static char order[8], *order_at;
static void append_a(void *arg) {
    (void)arg, *order_at++ = 'a';
}
static void append_b(void *arg) {
    (void)arg, *order_at++ = 'b';
}

static void registers_and_dies(void *arg) {
    die_cleanup(append_a, arg);
    die_cleanup(append_b, arg);
    die_cleanup(append_a, arg);
    die_cleanup(append_b, arg);
    die_cleanup_forget(append_b, arg); /* the newest */
    die_no("now");
}

static void clean_ups_run_last_first_and_only_those_from_inside(void **state) {
    (void)state;
    char *unused = order;
    order_at = order;
    die_cleanup(note, &unused);
    assert_dies(EXIT_NO, "now", registers_and_dies, NULL);
    die_cleanup_forget(note, &unused);
    *order_at = 0;
    assert_string_equal(order, "aba");
}

static void says(void *arg) {
    (void)arg, fprintf(stderr, "cleaned up\n");
}

/* Runs fn in a child process; returns its exit code, and what it said in `said`. */
static int child(void (*fn)(void), char *said, size_t size) {
    int pipe_ends[2];
    assert_int_equal(pipe(pipe_ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pipe_ends[1], STDERR_FILENO);
        fn();
        _exit(0);
    }
    close(pipe_ends[1]);
    size_t used = 0;
    for (ssize_t n; (n = read(pipe_ends[0], said + used, size - 1 - used)) > 0;)
        used += (size_t)n;
    said[used] = 0;
    close(pipe_ends[0]);
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void dying_child(void) {
    die_name("polyp");
    die_cleanup(says, NULL);
    warn("%s", "careful");
    die_world("disk: %s", "full");
}

static void a_process_dies_with_one_message_and_cleans_up(void **state) {
    (void)state;
    char said[500];
    assert_int_equal(child(dying_child, said, sizeof said), EXIT_WORLD);
    assert_string_equal(said, "polyp: careful\npolyp: disk: full\ncleaned up\n");
}

static void dies_again(void *arg) {
    die_no("%s", (const char *)arg);
}

static void child_that_dies_twice(void) {
    die_name("polyp");
    die_cleanup(says, NULL);
    die_cleanup(dies_again, "again");
    die_world("first");
}

static void a_clean_up_that_dies_ends_the_process_with_the_first_code(void **state) {
    (void)state;
    char said[500];
    assert_int_equal(child(child_that_dies_twice, said, sizeof said), EXIT_WORLD);
    assert_string_equal(said, "polyp: first\npolyp: again\n");
}

static void takes_three(void *arg) {
    (void)arg;
    for (int i = 0; i < 3; i++) xfree(xmalloc(1));
}

static void the_nth_allocation_can_be_made_to_fail(void **state) {
    (void)state;
    for (int n = 1; n <= 4; n++) {
        char text[16];
        snprintf(text, sizeof text, "%d", n);
        setenv("FAIL_AT", text, 1);
        assert_int_equal(die_catch(takes_three, NULL, NULL, 0), n <= 3 ? EXIT_WORLD : 0);
        unsetenv("FAIL_AT");
        takes_three(NULL);
    }
    assert_int_equal(die_catch(takes_three, NULL, NULL, 0), 0);
    setenv("FAIL_AT", "-2", 1);
    assert_int_equal(die_catch(takes_three, NULL, NULL, 0), 0);
    unsetenv("FAIL_AT");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_death_has_its_code_and_message),
        TEST(memory_outlives_a_call_that_came_back),
        TEST(memory_of_a_dead_call_is_freed),
        TEST(blocks_are_zeroed_aligned_and_keep_their_bytes),
        TEST(sizes_that_overflow_are_refused),
        TEST(foreign_bytes_are_escaped_and_cut),
        TEST(clean_ups_run_last_first_and_only_those_from_inside),
        TEST(a_process_dies_with_one_message_and_cleans_up),
        TEST(a_clean_up_that_dies_ends_the_process_with_the_first_code),
        TEST(the_nth_allocation_can_be_made_to_fail),
    };
    return test_run(tests);
}
