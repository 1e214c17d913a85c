/* core_progress_test.c - the line that says how far, where no terminal is. */
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

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(short_work_says_nothing),
        TEST(long_work_says_done_rate_and_time_left),
        TEST(work_of_unknown_size_says_done_and_rate),
    };
    return test_run(tests);
}
