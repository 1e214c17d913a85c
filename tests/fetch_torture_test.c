/* fetch_torture_test.c - every allocation (libcurl's too), read, write, sync, lock and
 * rename of fetch made to fail in turn (FAIL_AT), through a download, its resumption, the
 * cache, a mirror. Each failure is exit 3 with a message, or was overcome (libcurl tries
 * again); no file has a final name without being whole, nothing stays open, and under the
 * sanitizers nothing leaks. */
#include "tests/served.h"
#include "tests/test.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

static void answer(struct reply *r, int number, const char *head) {
    (void)number;
    served_send(r, "\"v1\"", served_from(head), BODY);
}

/* Whether FAIL_AT lies beyond what has been called since it was set. */
static int was_not_reached(int n) {
    for (int i = 0; i < n; i++)
        if (fail_point()) return 1;
    return 0;
}

/* Files under names that begin like a temporary. */
static int temporaries(const char *folder) {
    int n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));)
        n += e->d_name[0] == '.' && strstr(e->d_name, ".tmp") != NULL;
    if (dir) closedir(dir);
    return n;
}

static void remove_tree(const char *path) {
    if (file_exists(path)) nftw(path, test_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static void check_final_names(void) {
    char hex[65], *entry;
    if (file_exists("out/raw")) assert_file("out/raw", served_body, BODY);
    sha_bytes(served_body, BODY, hex);
    entry = xprintf("cache/sha256/%s", hex);
    if (file_exists(entry)) assert_file(entry, served_body, BODY);
    xfree(entry);
    assert_int_equal(temporaries("out") + temporaries("cache/sha256") +
                         temporaries("cache/url") + temporaries("cache"),
                     0);
}

/* The n-th call fails; 0 when there is none so far out. */
static int fails_well(const char *text, int n, int *died) {
    char number[16];
    int code, before = count_entries("/proc/self/fd");
    snprintf(number, sizeof number, "%d", n);
    setenv("FAIL_AT", number, 1);
    char *copy = xstrdup(text), message[4096] = "";
    code = die_catch(served_one, copy, message, sizeof message);
    int beyond = was_not_reached(n);
    unsetenv("FAIL_AT");
    xfree(copy);
    if (code && (code != EXIT_WORLD || !*message))
        fail_msg("FAIL_AT=%d: exit %d \"%s\"", n, code, message);
    if (!code && !file_exists("out/raw")) fail_msg("FAIL_AT=%d: exit 0 without a file", n);
    check_final_names();
    if (count_entries("/proc/self/fd") != before) fail_msg("FAIL_AT=%d: left open", n);
    *died += code != 0;
    return !beyond;
}

/* prepare() each time, then one failure. */
static void torture(const char *text, void (*prepare)(void), const char *what) {
    int n = 0, died = 0, more;
    int kept = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
    fflush(stderr);
    do {
        remove_tree("out");
        prepare();
        dup2(null, STDERR_FILENO);
        more = fails_well(text, ++n, &died);
        dup2(kept, STDERR_FILENO);
    } while (more);
    close(kept);
    close(null);
    print_message("# %s: %d failures, %d told\n", what, n - 1, died);
    assert_true(died >= 20);
}

static void nothing_there(void) {
    remove_tree("cache");
}
static void half_a_part(void) {
    remove_tree("cache");
    file_write("out/.raw.part", served_body, BODY / 2);
    char *tag = file_read("tag", 10000, NULL);
    file_write("out/.raw.tag", tag, strlen(tag));
    xfree(tag);
}
static void nothing_here(void) {}

static void a_download_fails_well(void **state) {
    (void)state;
    struct https server;
    char *text = served_start(&server, answer, "");
    file_write("sources/x.src", "", 0);
    served_fetch.cache = "cache";
    torture(text, nothing_there, "a download");
    served_fetch.cache = NULL;
    https_stop(&server);
    xfree(text);
}

static void a_resumed_download_fails_well(void **state) {
    (void)state;
    struct https server;
    char *text = served_start(&server, answer, "");
    char *tag = xprintf("url https://localhost:%d/a.zip\nif-range \"v1\"\n", server.port);
    file_write("sources/x.src", "", 0);
    file_write("tag", tag, strlen(tag));
    served_fetch.cache = "cache";
    torture(text, half_a_part, "a resumed download");
    served_fetch.cache = NULL;
    https_stop(&server);
    assert_true(served_asked("Range: bytes=150000-"));
    xfree(tag);
    xfree(text);
}

static void the_cache_fails_well(void **state) {
    (void)state;
    struct https server;
    char *text = served_start(&server, answer, "");
    served_drop(text, "sha256 ");
    served_fetch.cache = "cache";
    served_fetch.pins = "out/pins.tsv";
    file_write("sources/x.src", "", 0);
    struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};
    assert_int_equal(utimensat(AT_FDCWD, "sources/x.src", old, 0), 0);
    served_one(text);
    https_stop(&server); /* what the cache cannot give nobody can */
    torture(text, nothing_here, "the cache, linked");
    struct timespec young[2] = {{time(NULL) + 1000, 0}, {time(NULL) + 1000, 0}};
    assert_int_equal(utimensat(AT_FDCWD, "sources/x.src", young, 0), 0);
    torture(text, nothing_here, "the cache, copied");
    served_fetch.pins = NULL;
    served_fetch.cache = NULL;
    xfree(text);
}

static void a_mirror_fails_well(void **state) {
    (void)state;
    struct https server;
    char *text = served_start(&server, answer, "passphrase_file pass.txt\n");
    https_stop(&server);
    const char *mirror[] = {"m"};
    file_write("m/a.zip", served_body, BODY);
    file_write("m/pass.txt", "secret\n", 7);
    served_fetch.mirror = mirror;
    served_fetch.mirrors = 1;
    torture(text, nothing_here, "a mirror");
    served_fetch.mirrors = 0;
    xfree(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_download_fails_well),
        TEST(a_resumed_download_fails_well),
        TEST(the_cache_fails_well),
        TEST(a_mirror_fails_well),
    };
    return test_run(tests);
}
