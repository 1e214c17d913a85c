/* core_file_test.c - files are complete or absent; what is no file is said to be none. */
#include "tests/test.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_file_has_its_name_only_once_complete(void **state) {
    (void)state;
    struct out *out = out_open("result.tsv");
    out_write(out, "half", 4);
    assert_false(file_exists("result.tsv"));
    assert_int_equal(count_entries("."), 1);
    out_printf(out, " and %d", 2);
    assert_int_equal(out_tell(out), 10);
    out_patch(out, 1, "ILE", 3);
    char back[4] = "";
    out_read_back(out, 0, back, 3);
    assert_string_equal(back, "hIL");
    out_write(out, "!", 1);
    out_commit(out);
    size_t n;
    char *text = file_read("result.tsv", 100, &n);
    assert_string_equal(text, "hILE and 2!");
    assert_int_equal(n, 11);
    assert_int_equal(count_entries("."), 1);
    xfree(text);
}

static void a_dropped_file_leaves_the_old_one_alone(void **state) {
    (void)state;
    file_write("a", "old", 3);
    struct out *out = out_open("a");
    out_write(out, "new", 3);
    out_drop(out);
    char *text = file_read("a", 100, NULL);
    assert_string_equal(text, "old");
    assert_int_equal(count_entries("."), 1);
    xfree(text);
}

static void dies_while_writing(void *arg) {
    (void)arg;
    struct out *out = out_open("a");
    out_write(out, "x", 1);
    die_no("something else");
}

static void dying_while_writing_leaves_nothing(void **state) {
    (void)state;
    assert_dies(EXIT_NO, "something else", dies_while_writing, NULL);
    assert_int_equal(count_entries("."), 0);
}

static void opens(void *arg) {
    out_drop(out_open(arg));
}
static void opens_elsewhere(const char *path) {
    pid_t child = fork();
    if (child == 0) {
        opens((void *)(uintptr_t)path);
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
}
static void writes(void *arg) {
    file_write(arg, "new", 3);
}

static void temporaries_that_nobody_holds_are_swept(void **state) {
    (void)state;
    file_write(".a.999999999.tmp", "", 0); /* above the kernel's largest number */
    file_write(".a.1.tmp", "", 0);         /* a process of that number lives */
    file_write(".ab.999999999.tmp", "", 0);
    file_write(".a.x.tmp", "", 0);
    opens("a");
    assert_int_equal(count_entries("."), 2);
    assert_true(file_exists(".ab.999999999.tmp"));
    assert_true(file_exists(".a.x.tmp"));
}

static void one_that_is_held_stays(void **state) {
    (void)state;
    struct out *out = out_open("a");
    opens_elsewhere("a");
    out_commit(out);
    assert_true(file_exists("a"));
    assert_int_equal(count_entries("."), 1);
}

static void one_that_is_another_files_name_stays_while_its_process_lives(void **state) {
    (void)state;
    file_write("kept", "kept", 4);
    file_write("dead", "dead", 4);
    assert_int_equal(link("dead", ".a.999999999.tmp"), 0);
    struct out *out = out_open("a");
    assert_false(file_exists(".a.999999999.tmp"));
    assert_int_equal(unlink(out->temporary), 0);
    assert_int_equal(link("kept", out->temporary), 0);
    opens_elsewhere("a");
    out_commit(out);
    assert_int_equal(file_size("a"), 4);
    assert_int_equal(count_entries("."), 3);
}

static void one_of_a_process_that_nobody_has_waited_for_is_swept(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        out_open("a");
        kill(getpid(), SIGKILL);
    }
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(count_entries("."), 1);
    assert_int_equal(kill(child, 0), 0);
    opens("a");
    assert_int_equal(count_entries("."), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void the_folder_of_a_file_is_made(void **state) {
    (void)state;
    file_write("a/b/c", "x", 1);
    assert_int_equal(file_size("a/b/c"), 1);
}

static void what_is_no_file_is_not_replaced(void **state) {
    (void)state;
    file_mkdir("folder/in/folder");
    file_mkdir("folder/in");
    file_mkdir("./folder//");
    assert_dies(EXIT_WORLD, "folder: a directory, wanted a file", opens, "folder");
    assert_dies(EXIT_WORLD, "/dev/null: not a plain file", opens, "/dev/null");
    assert_dies(EXIT_WORLD, "no file name", opens, "absent/");
    file_write("file", "", 0);
    assert_dies(EXIT_WORLD, "making the folder", opens, "file/a");
}

static void makes_folder(void *arg) {
    file_mkdir(arg);
}

static void a_folder_is_not_made_over_a_file(void **state) {
    (void)state;
    file_write("a", "", 0);
    assert_dies(EXIT_WORLD, "a: a file, wanted a folder", makes_folder, "a");
    assert_dies(EXIT_WORLD, "making the folder", makes_folder, "a/b");
}

static void every_failing_step_leaves_the_old_file_or_the_new_one(void **state) {
    (void)state;
    int code = -1;
    for (int n = 1; code != 0; n++) {
        char text[16], message[200];
        unsetenv("FAIL_AT");
        file_write("a", "old", 3);
        snprintf(text, sizeof text, "%d", n);
        setenv("FAIL_AT", text, 1);
        code = die_catch(writes, "a", message, sizeof message);
        unsetenv("FAIL_AT");
        assert_true(code == 0 || code == EXIT_WORLD);
        assert_true(code == 0 || *message);
        char *found = file_read("a", 10, NULL);
        assert_true(!strcmp(found, "old") || !strcmp(found, "new"));
        assert_int_equal(count_entries("."), 1);
        assert_true(code || !strcmp(found, "new"));
        assert_true(n < 100);
        xfree(found);
    }
}

static void reads_ten(void *arg) {
    xfree(file_read(arg, 10, NULL));
}
static void maps(void *arg) {
    struct map map;
    map_open(&map, arg);
    map_close(&map);
}
static void sizes(void *arg) {
    file_size(arg);
}
static void hashes(void *arg) {
    char hex[65];
    sha_file(arg, hex);
}

static void reading_says_what_is_wrong(void **state) {
    (void)state;
    file_write("ten", "0123456789", 10);
    file_write("eleven", "0123456789a", 11);
    reads_ten("ten");
    assert_dies(EXIT_NO, "eleven: 11 bytes or more, wanted at most 10", reads_ten,
                "eleven");
    assert_dies(EXIT_NO, "/dev/zero", reads_ten, "/dev/zero");
    void (*all[])(void *) = {reads_ten, maps, sizes, hashes};
    for (int i = 0; i < 4; i++) {
        assert_dies(EXIT_WORLD, "absent", all[i], "absent");
        assert_dies(EXIT_WORLD, ".: a directory, wanted a file", all[i], ".");
    }
    assert_dies(EXIT_WORLD, "not a plain file", maps, "/dev/null");
    assert_int_equal(file_size("ten"), 10);
    reads_ten("/dev/null");
}

static void a_map_holds_the_bytes_and_may_be_moved(void **state) {
    (void)state;
    struct map map, moved;
    file_write("empty", "", 0);
    map_open(&map, "empty");
    assert_null(map.data);
    assert_int_equal(map.size, 0);
    map_close(&map);
    file_write("a", "bytes", 5);
    map_open(&map, "a");
    moved = map;
    assert_memory_equal(moved.data, "bytes", 5);
    assert_string_equal(moved.path, "a");
    map_close(&moved);
    map_close(&moved);
}

static void sha256_is_that_of_the_standard(void **state) {
    (void)state;
    char hex[65];
    /* FIPS 180-2, appendix B.1 and B.3 */
    sha_bytes("abc", 3, hex);
    assert_string_equal(hex,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    char *million = xmalloc(1000000);
    memset(million, 'a', 1000000);
    file_write("million", million, 1000000);
    xfree(million);
    sha_file("million", hex);
    assert_string_equal(hex,
                        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void paths_are_joined_and_cut(void **state) {
    (void)state;
    char *joined[] = {file_join("a", "b"), file_join("a/", "b"), file_join("", "b")};
    assert_string_equal(joined[0], "a/b");
    assert_string_equal(joined[1], "a/b");
    assert_string_equal(joined[2], "b");
    for (int i = 0; i < 3; i++) xfree(joined[i]);
    assert_string_equal(file_base("a/b/c.d"), "c.d");
    assert_string_equal(file_base("c"), "c");
    file_remove("absent");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_file_has_its_name_only_once_complete),
        TEST(a_dropped_file_leaves_the_old_one_alone),
        TEST(dying_while_writing_leaves_nothing),
        TEST(temporaries_that_nobody_holds_are_swept),
        TEST(one_that_is_held_stays),
        TEST(one_that_is_another_files_name_stays_while_its_process_lives),
        TEST(one_of_a_process_that_nobody_has_waited_for_is_swept),
        TEST(the_folder_of_a_file_is_made),
        TEST(what_is_no_file_is_not_replaced),
        TEST(a_folder_is_not_made_over_a_file),
        TEST(every_failing_step_leaves_the_old_file_or_the_new_one),
        TEST(reading_says_what_is_wrong),
        TEST(a_map_holds_the_bytes_and_may_be_moved),
        TEST(sha256_is_that_of_the_standard),
        TEST(paths_are_joined_and_cut),
    };
    return test_run(tests);
}
