/* fetch_corners_test.c - addresses and titles of every form, words for people, and a
 * machine that interrupts, has no locks, or is asked for odd places. */
#include "fetch/address.h"
#include "fetch/by_hand.h"
#include "fetch/verify.h"
#include "tests/served.h"
#include "tests/test.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

static void hosts_are_fit_for_file_names(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"https://Example.ORG/a", "example.org"},
        {"https://user:pa:ss@example.org:8443/a", "example.org"},
        {"https://[::1]:8443/a", "___1"},
        {"https://ex_am~ple.org?x", "ex_am_ple.org"},
        {"https://example.org", "example.org"},
        {"example.org:1/a", "example.org"},
        {"https:///a", ""},
        {"https://a-very-long-name-of-a-host.example.org/", "a-very-long-nam"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char host[16];
        address_host(cases[i][0], host, sizeof host);
        assert_string_equal(host, cases[i][1]);
    }
}

static void no_password_is_shown(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        /* text, as an address, as a proxy */
        {"https://u:p@host/a@b?c@d", "https://host/a@b?c@d", "https://d"},
        {"u:p@host:3128", "host:3128", "host:3128"},
        {"http://u:p/w@host:3128", "http://u:p/w@host:3128", "http://host:3128"},
        {"http://u:p@w@host", "http://host", "http://host"},
        {"socks5h://host\x1b", "socks5h://host\\x1b", "socks5h://host\\x1b"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(address_shown(cases[i][0]), cases[i][1]);
        assert_string_equal(address_proxy_shown(cases[i][0]), cases[i][2]);
    }
}

static void what_is_not_google_drives_is_left_alone(void **state) {
    (void)state;
    static const char *const urls[] = {"https://example.org/file/d/AbC/view",
                                       "https://drive.google.com.evil.test/open?id=AbC",
                                       "http://drive.google.com/open?id=AbC",
                                       "https://drive.google.com/drive/folders/AbC",
                                       "https://drive.google.com/open?resource=1&x=2",
                                       "https://drive.google.com/file/d//view",
                                       "https://drive.google.com/open?id=",
                                       "https://drive.google.com/"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        assert_null(address_drive_direct(urls[i]));
        assert_null(address_drive_page(urls[i]));
    }
    char *page =
        address_drive_page("https://drive.google.com/uc?export=download&id=A-b_1&x=1");
    assert_string_equal(page, "https://drive.google.com/file/d/A-b_1/view");
    xfree(page);
}

static void pages_are_known_by_their_form(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"<html><title>A</title>", "A"},
        {"\xef\xbb\xbf \t\r\n<!DOCTYPE HTML>\n<TITLE lang=en> A  b \n</TITLE>", "A  b"},
        {"<html><head>", "no title"},
        {"<html><title>", "no title"},
        {"<html><title", "no title"},
        {"<html><title> \n </title>", "no title"},
        {"<html><title>cut sho", "cut sho"},
        {"<?xml version='1.0'?><rss/>", NULL},
        {"<htm", NULL},
        {"#mtree <html>", NULL},
        {" ", NULL},
        {"", NULL},
        {"\xef\xbb", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *title = page_title((const uint8_t *)cases[i][0], strlen(cases[i][0]));
        if (!title != !cases[i][1] || (title && strcmp(title, cases[i][1])))
            fail_msg("\"%s\": %s, wanted %s", cases[i][0], title, cases[i][1]);
    }
}

/* What a person is told; caller frees. */
static char *told(const char *more, const char *const *mirror, int mirrors,
                  const char *why) {
    struct source s;
    struct fetch f = {.mirror = mirror, .mirrors = mirrors};
    char *text = xprintf("name x\nkind data\nfile a.zip\n%s", more);
    source_parse(&s, text, strlen(text), "x.src");
    char *said = by_hand(&f, &s, why);
    source_free(&s);
    xfree(text);
    return said;
}
#define DRIVE "url https://drive.google.com/open?id=AbC\n"
#define PAGE "https://drive.google.com/file/d/AbC/view"
static void a_person_is_told_what_where_and_how(void **state) {
    (void)state;
    const char *mirror[] = {"https://example.org/", "/data"};
    static const struct {
        const char *more;
        int mirrors;
        const char *why, *wanted;
    } cases[] = {
        {"manual ask\nmanual again\n", 0, "why",
         "x: why\n  wanted: the file a.zip\n    ask\n    again\n  Then put a.zip into a mirror "
         "folder (MIRROR=FOLDER or --mirror FOLDER) and run make again."},
        {"manual ask\nbytes 7\nmd5 0123456789abcdef0123456789abcdef\n", 2, "why",
         "x: why\n  wanted: the file a.zip, 7 bytes, md5 0123456789abcdef0123456789abcdef\n"
         "    ask\n  Then save it as /data/a.zip and run make again."},
        {"url https://example.org/a\npassphrase_file p.txt\n", 2, "Too many users",
         "x: Too many users\n  wanted: the file a.zip\n  Google gives a file away so many times a "
         "day: wait a day, or be signed in.\n  Try again, or save it as /data/a.zip with p.txt "
         "beside it and run make again."},
        {DRIVE, 1, "why",
         "x: why\n  wanted: the file a.zip\n  Open " PAGE
         " in a browser and download it there.\n"
         "  Then put a.zip into a mirror folder (MIRROR=FOLDER or --mirror FOLDER) and run make "
         "again."},
        {"manual Look at " PAGE " and click\n" DRIVE, 2, "why",
         "x: why\n  wanted: the file a.zip\n    Look at " PAGE
         " and click\n  Then save it as "
         "/data/a.zip and run make again."}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *said = told(cases[i].more, mirror, cases[i].mirrors, cases[i].why);
        assert_string_equal(said, cases[i].wanted);
        xfree(said);
    }
}

static void answer(struct reply *r, int number, const char *head) {
    https_sleep(r, .05);
    served_send(r, "\"v1\"", served_from(head), number < 2 ? 100000 : BODY);
}

static void on_alarm(int signal) {
    (void)signal;
}
static void signals_do_not_disturb_a_download(void **state) {
    (void)state;
    struct https server;
    struct sigaction action = {.sa_handler = on_alarm}, old;
    struct itimerval often = {{0, 3000}, {0, 3000}}, never = {{0, 0}, {0, 0}};
    char *text = served_start(&server, answer, "");
    served_fetch.patience.pause = .05;
    sigaction(SIGALRM, &action, &old);
    setitimer(ITIMER_REAL, &often, NULL);
    served_one(text);
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &old, NULL);
    served_fetch.patience.pause = .001;
    https_stop(&server);
    assert_file("out/raw", served_body, BODY);
    assert_int_equal(served_requests(), 3);
    xfree(text);
}

/* In a child for whom a system call fails with `reason`: its exit code; what it says in the
 * file `all`. */
static int without(int call, int reason, const char *text) {
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)reason),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
    int status, code;
    fflush(NULL);
    pid_t child = fork();
    if (!child) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
            _exit(99);
        char *all = served_said(text, &code);
        FILE *f = fopen("all", "w");
        if (f) fputs(all, f), fclose(f);
        xfree(all);
        served_exit(code);
    }
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 99) skip(); /* no seccomp here */
    return WEXITSTATUS(status);
}

static void a_call_fails(const char *cache, int call, int reason, int code,
                         const char *message) {
    struct https server;
    char *text = served_start(&server, answer, "");
    remove("out/raw");
    served_fetch.cache = cache;
    assert_int_equal(without(call, reason, text), code);
    served_fetch.cache = NULL;
    https_stop(&server);
    char *all = file_read("all", 1 << 20, NULL);
    if (!strstr(all, message)) fail_msg("\"%s\", wanted \"%s\"", all, message);
    if (!code) assert_file("out/raw", served_body, BODY);
    if (cache) nftw(cache, test_unlink, 16, FTW_DEPTH | FTW_PHYS);
    xfree(all);
    xfree(text);
}

static void a_disk_without_locks_is_gone_on_with(void **state) {
    (void)state;
    a_call_fails("cache", SYS_flock, ENOLCK, 0,
                 "no locks on this file system, going on without");
    a_call_fails("cache", SYS_flock, ENOSYS, 0,
                 "no locks on this file system, going on without");
    a_call_fails("cache", SYS_flock, EOPNOTSUPP, 0,
                 "no locks on this file system, going on without");
    a_call_fails("cache", SYS_flock, EIO, EXIT_WORLD,
                 "cannot be locked: Input/output error");
}

static void a_disk_that_fails_is_told(void **state) {
    (void)state;
    a_call_fails("cache", SYS_pwrite64, EIO, EXIT_WORLD,
                 "writing failed: Input/output error");
    a_call_fails("cache", SYS_pwrite64, EDQUOT, EXIT_WORLD,
                 "free some space, then run again");
    a_call_fails("cache", SYS_ftruncate, EIO, EXIT_WORLD,
                 "writing failed: Input/output error");
    a_call_fails("cache", SYS_fsync, EIO, EXIT_WORLD, "syncing failed: Input/output error");
    a_call_fails("cache", SYS_fstatfs, EIO, 0, "");
    a_call_fails("cache", SYS_link, EMLINK, 0, ""); /* a copy */
    a_call_fails("cache", SYS_chmod, EIO, EXIT_WORLD, "cannot be made read-only: Input");
    a_call_fails(NULL, SYS_rename, EIO, EXIT_WORLD,
                 "out/.raw.part: renaming failed: Input");
    a_call_fails(NULL, SYS_unlink, EIO, EXIT_WORLD, " failed: Input");
    file_write("out/.raw.part", "PK\3\4", 4); /* longer than the file can be */
    assert_int_equal(truncate("out/.raw.part", BODY + 1), 0);
    a_call_fails(NULL, SYS_ftruncate, EIO, EXIT_WORLD, "emptying failed: Input");
}

static void the_place_may_be_the_working_folder(void **state) {
    (void)state;
    struct https server;
    char *text = served_start(&server, answer, "");
    served_drop(text, "sha256 ");
    served_fetch.out = "raw";
    served_fetch.pins = "pins.tsv";
    served_one(text);
    served_fetch.out = "out/raw";
    served_fetch.pins = NULL;
    https_stop(&server);
    assert_file("raw", served_body, BODY);
    assert_true(file_exists("pins.tsv"));
    xfree(text);
}

static void a_validator_too_long_to_keep_is_none(void **state) {
    (void)state;
    struct https server;
    char *text = served_start(&server, answer, ""), *longer;
    char *dots = xcalloc(5000, 1);
    memset(dots, 'x', 4999);
    served_drop(text, "url ");
    longer = xprintf("%surl https://localhost:%d/a.zip?%s\n", text, server.port, dots);
    served_one(longer);
    https_stop(&server);
    assert_file("out/raw", served_body, BODY);
    assert_false(served_asked("Range:")); /* too long to say of what it is a part */
    xfree(dots);
    xfree(longer);
    xfree(text);
}

static void a_source_without_a_file_is_wrong_use(void **state) {
    (void)state;
    assert_dies(
        EXIT_USAGE, "names no file, nothing to fetch", served_one,
        "name random-vits\nkind weights\narm random\nencoder vits\nmean 0 0 0\nstd 1 1 "
        "1\norder rgb\nrange 1\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(hosts_are_fit_for_file_names),
        TEST(no_password_is_shown),
        TEST(what_is_not_google_drives_is_left_alone),
        TEST(pages_are_known_by_their_form),
        TEST(a_person_is_told_what_where_and_how),
        TEST(signals_do_not_disturb_a_download),
        TEST(a_disk_without_locks_is_gone_on_with),
        TEST(a_disk_that_fails_is_told),
        TEST(the_place_may_be_the_working_folder),
        TEST(a_validator_too_long_to_keep_is_none),
        TEST(a_source_without_a_file_is_wrong_use),
    };
    return test_run(tests);
}
