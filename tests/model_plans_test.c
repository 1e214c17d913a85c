/* model_plans_test.c - the plan file: what was chosen is found again, by this device and
 * these libraries alone; several processes choose once. */
#include "tests/test.h"
#include "core/bag.h"
#include "model/gpu/plans.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static const char FILE_NAME[] = "folder/plans.bag";
static const char H100[] = "H100 (compute capability 9.0), cuDNN 9.19.0";

static void add(struct plan_file *f, const char *name, const char *text) {
    plan_file_add(f, name, text, strlen(text));
}

/* What the file holds under a name, "" for nothing. Borrowed until `f` is closed. */
static const char *found(struct plan_file *f, const char *name) {
    size_t n;
    const char *text = plan_file_find(f, name, &n);
    if (text) assert_int_equal(n, strlen(text));
    return text ? text : "";
}

static void write_two(const char *made_for) {
    struct plan_file *f = plan_file_open(FILE_NAME, made_for);
    add(f, "conv y", "engine 62");
    add(f, "conv dx", "engine 67");
    plan_file_save(f);
    plan_file_close(f);
}

/* Runs fn with stderr in a file; returns the number of lines it said. */
static int lines_said(void (*fn)(void)) {
    int kept = dup(2), file = open("said", O_RDWR | O_CREAT | O_TRUNC, 0600), lines = 0;
    dup2(file, 2);
    fn();
    dup2(kept, 2);
    close(kept);
    lseek(file, 0, SEEK_SET);
    for (char c; read(file, &c, 1) == 1;) lines += c == '\n';
    close(file);
    return lines;
}

static void read_back(void) {
    struct plan_file *f = plan_file_open(FILE_NAME, H100);
    assert_string_equal(found(f, "conv y"), "engine 62");
    assert_string_equal(found(f, "conv dx"), "engine 67");
    plan_file_close(f);
}

static void what_was_chosen_is_found_by_the_next_start(void **state) {
    (void)state;
    write_two(H100);
    assert_int_equal(lines_said(read_back), 0);
    assert_int_equal(count_entries("folder"), 1);
}

static void without_a_path_choices_live_as_long_as_the_process(void **state) {
    (void)state;
    struct plan_file *f = plan_file_open(NULL, H100);
    assert_string_equal(found(f, "conv y"), "");
    add(f, "conv y", "engine 62");
    plan_file_save(f);
    assert_string_equal(found(f, "conv y"), "engine 62");
    plan_file_close(f);
    assert_int_equal(count_entries("."), 0);
}

static void make_anew(void) {
    struct plan_file *f = plan_file_open(FILE_NAME, H100);
    assert_string_equal(found(f, "conv y"), "");
    add(f, "conv y", "engine 22");
    plan_file_save(f);
    plan_file_close(f);
    f = plan_file_open(FILE_NAME, H100);
    assert_string_equal(found(f, "conv y"), "engine 22");
    assert_string_equal(found(f, "conv dx"), "");
    plan_file_close(f);
}

static void another_devices_file_is_said_once_and_made_anew(void **state) {
    (void)state;
    write_two("TITAN RTX (compute capability 7.5), cuDNN 9.19.0");
    assert_int_equal(lines_said(make_anew), 1);
}

static void another_cudnns_file_is_said_once_and_made_anew(void **state) {
    (void)state;
    write_two("H100 (compute capability 9.0), cuDNN 9.20.0");
    assert_int_equal(lines_said(make_anew), 1);
}

static void a_file_cut_short_is_said_once_and_made_anew(void **state) {
    (void)state;
    write_two(H100);
    assert_int_equal(truncate(FILE_NAME, (off_t)file_size(FILE_NAME) - 5), 0);
    assert_int_equal(lines_said(make_anew), 1);
}

static void a_file_that_is_something_else_is_said_once_and_made_anew(void **state) {
    (void)state;
    file_mkdir("folder");
    file_write(FILE_NAME, "no bag at all", 13);
    assert_int_equal(lines_said(make_anew), 1);
}

static void the_digest_is_that_of_the_choices_in_use_alone(void **state) {
    (void)state;
    char one[65], both[65];
    struct plan_file *f = plan_file_open(NULL, H100);
    assert_string_equal(plan_file_sha256(f), "none");
    add(f, "b", "2");
    snprintf(one, sizeof one, "%s", plan_file_sha256(f));
    add(f, "a", "1");
    snprintf(both, sizeof both, "%s", plan_file_sha256(f));
    assert_string_not_equal(one, both);
    plan_file_close(f);

    f = plan_file_open(FILE_NAME, H100);
    add(f, "a", "1");
    add(f, "b", "2");
    add(f, "c", "3");
    plan_file_save(f);
    plan_file_close(f);
    f = plan_file_open(FILE_NAME, H100);
    assert_string_equal(plan_file_sha256(f), "none");
    found(f, "b");
    assert_string_equal(plan_file_sha256(f), one);
    found(f, "a");
    assert_string_equal(plan_file_sha256(f), both);
    plan_file_close(f);
}

/* In a child: misses "shared", says so by a byte, waits for one, chooses, saves. */
static _Noreturn void choose_slowly(int say, int wait_for, int save) {
    char c = 'x';
    struct plan_file *f = plan_file_open(FILE_NAME, H100);
    size_t n;
    int missed = !plan_file_find(f, "shared", &n);
    if (write(say, &c, 1) != 1 || read(wait_for, &c, 1) != 1) _exit(9);
    plan_file_add(f, "shared", "the child's", 11);
    if (save) plan_file_save(f);
    _exit(missed ? 0 : 8);
}

static pid_t start_child(int down[2], int up[2], int save) {
    char c;
    assert_int_equal(pipe(down) | pipe(up), 0);
    pid_t pid = fork();
    if (pid == 0) choose_slowly(up[1], down[0], save);
    assert_int_equal(read(up[0], &c, 1), 1); /* the child holds the file now */
    return pid;
}

static int tell_child; /* the pipe on which the child waits */

static void read_shared(void) {
    struct plan_file *f = plan_file_open(FILE_NAME, H100);
    assert_int_equal(write(tell_child, "x", 1), 1);
    assert_string_equal(found(f, "shared"), "the child's");
    add(f, "mine", "the parent's");
    plan_file_save(f);
    plan_file_close(f);
}

static void who_misses_while_another_chooses_waits_and_takes_that_choice(void **state) {
    (void)state;
    int down[2], up[2], status;
    file_mkdir("folder");
    pid_t pid = start_child(down, up, 1);
    tell_child = down[1];
    lines_said(read_shared);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    struct plan_file *f = plan_file_open(FILE_NAME, H100);
    assert_string_equal(found(f, "shared"), "the child's");
    assert_string_equal(found(f, "mine"), "the parent's");
    plan_file_close(f);
}

static void who_is_killed_while_choosing_leaves_the_file_as_it_was(void **state) {
    (void)state;
    int down[2], up[2], status;
    write_two(H100);
    pid_t pid = start_child(down, up, 0);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    struct plan_file *f = plan_file_open(FILE_NAME, H100);
    assert_string_equal(found(f, "shared"), "");
    assert_string_equal(found(f, "conv dx"), "engine 67");
    add(f, "shared", "mine");
    plan_file_save(f);
    plan_file_close(f);
    read_back();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_chosen_is_found_by_the_next_start),
        TEST(without_a_path_choices_live_as_long_as_the_process),
        TEST(another_devices_file_is_said_once_and_made_anew),
        TEST(another_cudnns_file_is_said_once_and_made_anew),
        TEST(a_file_cut_short_is_said_once_and_made_anew),
        TEST(a_file_that_is_something_else_is_said_once_and_made_anew),
        TEST(the_digest_is_that_of_the_choices_in_use_alone),
        TEST(who_misses_while_another_chooses_waits_and_takes_that_choice),
        TEST(who_is_killed_while_choosing_leaves_the_file_as_it_was),
    };
    return test_run(tests);
}
