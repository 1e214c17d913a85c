/* fetch_offline_test.c - OFFLINE opens no socket (the kernel watches), and hosts are asked
 * by one process at a time, different ones side by side. */
#include "tests/served.h"
#include "tests/test.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static void answer_whole(struct reply *r, int number, const char *head) {
    (void)number;
    served_send(r, "\"v1\"", served_from(head), BODY);
}

/* From here on a socket kills the process: SIGSYS. */
static void forbid_sockets(void) {
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socketpair, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
    struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        _exit(99);
}

/* The exit code without sockets; -1: it opened one. What was said is in the file `said`. */
static int without_sockets(const char *text) {
    int status, code;
    fflush(NULL);
    pid_t child = fork();
    if (!child) {
        forbid_sockets();
        char *all = served_said(text, &code);
        file_write("all", all, strlen(all));
        served_exit(code);
    }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) return -1;
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 99) skip(); /* no seccomp here */
    return WEXITSTATUS(status);
}

static void offline_opens_no_socket(void **state) {
    (void)state;
    struct https server;
    char *text = served_start(&server, answer_whole, "manual ask the keeper\n");
    file_write("sources/x.src", "", 0);
    assert_int_equal(without_sockets(text), -1); /* or the watch is none */
    served_fetch.offline = 1;
    served_fetch.cache = "cache";
    assert_int_equal(without_sockets(text), EXIT_WORLD);
    char *said = file_read("all", 1 << 20, NULL);
    assert_non_null(strstr(said, "a.zip: not asked, for OFFLINE is set"));
    assert_non_null(strstr(said, "ask the keeper"));
    xfree(said);
    assert_nothing(0);
    served_fetch.offline = 0;
    served_one(text);
    remove("out/raw");
    served_fetch.offline = 1;
    assert_int_equal(without_sockets(text), 0); /* the cache has it */
    assert_file("out/raw", served_body, BODY);
    served_fetch.offline = 0;
    served_fetch.cache = NULL;
    https_stop(&server);
    xfree(text);
}

static void a_part_that_is_whole_needs_no_net(void **state) {
    (void)state;
    struct https server;
    char *text = served_start(&server, answer_whole, "");
    file_write("out/.raw.part", served_body, BODY);
    served_fetch.offline = 1;
    assert_int_equal(without_sockets(text), 0);
    served_fetch.offline = 0;
    assert_file("out/raw", served_body, BODY);
    https_stop(&server);
    xfree(text);
}

/* Two servers meet if they answer at the same time: each leaves its name and waits for the
 * other's, for a second. */
static void meet(const char *own, const char *other) {
    struct timespec rest = {0, 10000000};
    file_write(own, "", 0);
    for (int i = 0; i < 100 && !file_exists(other); i++) nanosleep(&rest, NULL);
    if (!file_exists(other)) file_write("alone", "", 0);
}
static void answer_a(struct reply *r, int number, const char *head) {
    meet("meets.a", "meets.b");
    answer_whole(r, number, head);
}
static void answer_b(struct reply *r, int number, const char *head) {
    meet("meets.b", "meets.a");
    answer_whole(r, number, head);
}

/* A child that fetches from host:port to `out`. */
static pid_t fetches(const char *host, const struct https *server, const char *out) {
    fflush(NULL);
    pid_t child = fork();
    if (child) return child;
    char *text =
        xprintf("name x\nkind data\nfile a.zip\nurl https://%s:%d/a.zip\nbytes %d\n", host,
                server->port, BODY);
    served_fetch.out = out;
    if (!freopen(out[4] == 'a' ? "said.a" : "said.b", "w", stderr)) _exit(99);
    served_one(text);
    fflush(stderr);
    served_exit(0);
}

static int both_come(pid_t a, pid_t b) {
    int one, two;
    waitpid(a, &one, 0);
    waitpid(b, &two, 0);
    return !one && !two;
}

static void start_two(struct https *a, struct https *b, char **text) {
    *text = served_start(a, answer_a, "");
    https_start_as(a + 1, answer_b, "DNS:localhost,IP:127.0.0.1", 1, "b.pem");
    *b = a[1];
    /* One file for both authorities. */
    size_t n, m;
    char *one = file_read("localhost.pem", 10000, &n), *two = file_read("b.pem", 10000, &m);
    char *all = xprintf("%s%s", one, two);
    file_write("all.pem", all, n + m);
    setenv("CURL_CA_BUNDLE", "all.pem", 1);
    xfree(all);
    xfree(one);
    xfree(two);
}

static void different_hosts_are_asked_side_by_side(void **state) {
    (void)state;
    for (int cache = 0; cache < 2; cache++) {
        struct https servers[2], b;
        char *text;
        served_fetch.cache = cache ? "cache" : NULL;
        remove("meets.a");
        remove("meets.b");
        start_two(servers, &b, &text);
        assert_true(both_come(fetches("localhost", servers, "out/a"),
                              fetches("127.0.0.1", &b, "out/b")));
        assert_false(file_exists("alone"));
        https_stop(servers);
        https_stop(&b);
        xfree(text);
    }
    served_fetch.cache = NULL;
}

static void a_host_is_asked_by_one_process_at_a_time(void **state) {
    (void)state;
    struct https servers[2], b;
    char *text;
    start_two(servers, &b, &text);
    assert_true(both_come(fetches("localhost", servers, "out/a"),
                          fetches("localhost", &b, "out/b")));
    assert_true(file_exists("alone"));
    char *said[] = {file_read("said.a", 10000, NULL), file_read("said.b", 10000, NULL)};
    int waited = 0;
    for (int i = 0; i < 2; i++) {
        waited +=
            strstr(said[i], "x: another process downloads from localhost; waiting") != NULL;
        xfree(said[i]);
    }
    assert_int_equal(waited, 1);
    https_stop(servers);
    https_stop(&b);
    xfree(text);
}

static void answer_slowly(struct reply *r, int number, const char *head) {
    https_sleep(r, .3);
    answer_whole(r, number, head);
}
static void who_waited_for_the_same_file_asks_no_more(void **state) {
    (void)state;
    struct https server;
    char *text = served_start(&server, answer_slowly, "");
    file_write("sources/x.src", "", 0);
    served_fetch.cache = "cache";
    assert_true(both_come(fetches("localhost", &server, "out/a"),
                          fetches("localhost", &server, "out/b")));
    assert_file("out/a", served_body, BODY);
    assert_file("out/b", served_body, BODY);
    assert_int_equal(served_requests(), 1);
    served_forget();
    served_fetch.cache = NULL; /* the same place, and no cache: it is there by then */
    remove("out/a");
    assert_true(both_come(fetches("localhost", &server, "out/a"),
                          fetches("localhost", &server, "out/a")));
    assert_file("out/a", served_body, BODY);
    https_stop(&server);
    xfree(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(offline_opens_no_socket),
        TEST(a_part_that_is_whole_needs_no_net),
        TEST(different_hosts_are_asked_side_by_side),
        TEST(a_host_is_asked_by_one_process_at_a_time),
        TEST(who_waited_for_the_same_file_asks_no_more),
    };
    return test_run(tests);
}
