/* core_progress_test.c - the line that says how far, where no terminal is and
 * where one is. */
#include "core/progress.h"
#include "tests/test.h"
#include <fcntl.h>

/* What fn(p) says on stderr. Caller frees. */
static char *said_by(void (*fn)(struct progress *), struct progress *p) {
    int kept = dup(STDERR_FILENO), file = open("said", O_RDWR | O_CREAT | O_TRUNC, 0600);
    fflush(stderr);
    dup2(file, STDERR_FILENO);
    fn(p);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(file);
    return file_read("said", 10000, NULL);
}

static void steps_to_half(struct progress *p) {
    progress_step(p, 50, "loss 0.2");
}
static void ends(struct progress *p) {
    progress_end(p);
}

static void short_work_says_nothing(void **state) {
    (void)state;
    struct progress p;
    progress_start(&p, "packing cvc", "pictures", 100, 0);
    char *said[] = {said_by(steps_to_half, &p), said_by(ends, &p)};
    for (int i = 0; i < 2; i++) {
        assert_string_equal(said[i], "");
        xfree(said[i]);
    }
}

static void long_work_says_done_rate_and_time_left(void **state) {
    (void)state;
    struct progress p;
    progress_start(&p, "packing cvc", "pictures", 100, 10);
    p.start -= 200; /* as if begun then: 40 pictures in 200 s */
    p.last -= 200;
    char *said = said_by(steps_to_half, &p);
    assert_string_equal(said,
                        "packing cvc: 50 of 100 pictures, 0.20/s, 4m10s left, loss 0.2\n");
    xfree(said);
    said = said_by(steps_to_half, &p); /* within the minute */
    assert_string_equal(said, "");
    xfree(said);
    said = said_by(ends, &p);
    assert_string_equal(said, "packing cvc: 50 of 100 pictures, 0.20/s, 3m20s\n");
    xfree(said);
}

static void work_of_unknown_size_says_done_and_rate(void **state) {
    (void)state;
    struct progress p;
    progress_start(&p, "kvasir", "MB", 0, 0);
    p.start -= 100;
    p.last -= 100;
    char *said = said_by(steps_to_half, &p);
    assert_string_equal(said, "kvasir: 50 MB, 0.50/s, loss 0.2\n");
    xfree(said);
    said = said_by(ends, &p);
    assert_string_equal(said, "kvasir: 50 MB, 0.50/s, 1m40s\n");
    xfree(said);
}

/* What fn(p) says where stderr is a terminal. Caller frees. */
static char *said_on_a_terminal(void (*fn)(struct progress *), struct progress *p) {
    int keeper = posix_openpt(O_RDWR | O_NOCTTY), kept = dup(STDERR_FILENO);
    assert_true(keeper >= 0 && grantpt(keeper) == 0 && unlockpt(keeper) == 0);
    int terminal = open(ptsname(keeper), O_RDWR | O_NOCTTY);
    assert_true(terminal >= 0 && isatty(terminal));
    dup2(terminal, STDERR_FILENO);
    fn(p);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(
        terminal); /* nobody writes there any more: what was written comes, then an error */
    char *said = xcalloc(1000, 1);
    size_t used = 0;
    for (ssize_t n; (n = read(keeper, said + used, 999 - used)) > 0;) used += (size_t)n;
    close(keeper);
    return said;
}

static void on_a_terminal_the_line_is_drawn_over(void **state) {
    (void)state;
    struct progress p;
    progress_start(&p, "packing cvc", "pictures", 100000, 0);
    p.start -= 4;
    char *said = said_on_a_terminal(steps_to_half, &p); /* within a tenth of a second */
    assert_string_equal(said, "");
    xfree(said);
    p.last -= 1;
    said = said_on_a_terminal(steps_to_half, &p);
    assert_string_equal(said, "\rpacking cvc: 50 of 100000 pictures, 12/s, 2h13m left, "
                              "loss 0.2\033[K");
    xfree(said);
    said = said_on_a_terminal(ends, &p);
    assert_string_equal(said, "\rpacking cvc: 50 of 100000 pictures, 12/s, 4s\033[K\r\n");
    xfree(said);
}

static void warns(struct progress *p) {
    (void)p;
    warn("%s", "careful");
}

static void a_message_is_written_over_the_line(void **state) {
    (void)state;
    char *said = said_on_a_terminal(warns, NULL);
    assert_string_equal(said, "\r\033[Krepolyp: careful\r\n");
    xfree(said);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(short_work_says_nothing),
        TEST(long_work_says_done_rate_and_time_left),
        TEST(work_of_unknown_size_says_done_and_rate),
        TEST(on_a_terminal_the_line_is_drawn_over),
        TEST(a_message_is_written_over_the_line),
    };
    return test_run(tests);
}
