/* fetch_https_test.c - downloads that are cut, changed, busy, gone, endless, or not the file. */
#include "fetch/fetch.h"
#include "tests/https.h"
#include "tests/test.h"

enum { BODY = 300000 };

/* arg: the source's text. */
static void fetch_one(void *arg) {
    struct source s;
    struct fetch f = {.out = "out/raw", .pause = .001};
    source_parse(&s, arg, strlen(arg), "sources/x.src");
    fetch_run(&f, &s);
    source_free(&s);
}

static void assert_same(const char *path, const void *bytes, size_t n) {
    size_t got;
    char *text = file_read(path, 1 << 24, &got);
    assert_int_equal(got, n);
    assert_memory_equal(text, bytes, n);
    xfree(text);
}

/* Nothing but `entries` files in out/, and no raw file. */
static void assert_nothing(int entries) {
    assert_false(file_exists("out/raw"));
    if (file_exists("out")) assert_int_equal(count_entries("out"), entries);
}

static uint8_t body[BODY];

static void fill_body(void) {
    for (size_t i = 0; i < BODY; i++) body[i] = (uint8_t)(i * 2654435761u >> 13);
    memcpy(body, "PK\3\4", 4);
}

static size_t range_of(const char *head) {
    const char *range = strcasestr(head, "Range: bytes=");
    return range ? strtoul(range + 13, NULL, 10) : 0;
}

/* The body from `from`, `n` bytes of it sent, whatever the length says. */
static void send_body(struct reply *r, const char *etag, size_t from, size_t n) {
    if (from)
        https_print(r, "HTTP/1.1 206 Partial\r\nContent-Range: bytes %zu-%d/%d\r\n", from,
                    BODY - 1, BODY);
    else
        https_print(r, "HTTP/1.1 200 OK\r\n");
    https_print(r, "ETag: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", etag,
                BODY - from);
    if (from + n > BODY) n = BODY - from;
    for (size_t at = 0; at < n; at += 10000)
        https_send(r, body + from + at, n - at < 10000 ? n - at : 10000);
}

static void send_status(struct reply *r, const char *status, const char *more) {
    https_print(r, "HTTP/1.1 %s\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n",
                status, more);
}

static void answer_whole(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    send_body(r, "\"v1\"", 0, BODY);
}
static void answer_in_pieces(struct reply *r, int number, const char *head) {
    (void)number;
    send_body(r, "\"v1\"", range_of(head), 100000);
}
static void answer_changed(struct reply *r, int number, const char *head) {
    (void)head;
    if (number == 1) body[BODY - 1] ^= 1; /* another file, and the server says so: 200 */
    send_body(r, number ? "\"v2\"" : "\"v1\"", 0, number ? BODY : 100000);
}
static void answer_weak(struct reply *r, int number, const char *head) {
    (void)head;
    send_body(r, "W/\"v1\"", 0, number ? BODY : 100000);
}
static void answer_busy_twice(struct reply *r, int number, const char *head) {
    (void)head;
    if (number < 2)
        send_status(r, "503 Busy", "");
    else
        send_body(r, "\"v1\"", 0, BODY);
}
static void answer_gone(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    send_status(r, "404 Gone", "");
}
static void answer_page(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    const char page[] = "<!doctype html><html><title>Too many users</title></html>";
    https_print(r, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", sizeof page - 1,
                page);
}
static void answer_elsewhere(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    send_status(r, "302 There", "Location: http://localhost:1/a.zip\r\n");
}
static void answer_endless(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    https_print(r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 100; i++) {
        https_print(r, "2710\r\n");
        https_send(r, body, 10000);
        https_print(r, "\r\n");
    }
}
static void answer_then_stop(struct reply *r, int number, const char *head) {
    (void)head;
    if (number)
        send_status(r, "403 Enough", "");
    else
        send_body(r, "\"v1\"", 0, 150000);
}

/* Serves, and fills in the source's text; caller frees it. */
static char *serve(struct https *server, https_answer *answer, const char *more) {
    char hex[65];
    fill_body();
    sha_bytes(body, BODY, hex);
    https_start(server, answer);
    setenv("CURL_CA_BUNDLE", server->certificate, 1);
    return xprintf(
        "name x\nkind data\nfile a.zip\nurl https://localhost:%d/a.zip\nmagic zip\n"
        "bytes %d\nsha256 %s\n%s",
        server->port, BODY, hex, more);
}

static int requests(void) {
    size_t n;
    int count = 0;
    char *log = file_read("requests.log", 1 << 20, &n);
    for (const char *at = log; (at = strstr(at, "GET ")); at++) count++;
    xfree(log);
    return count;
}

static void gets_the_body(https_answer *answer, int wanted_requests) {
    struct https server;
    char *text = serve(&server, answer, "");
    fetch_one(text);
    https_stop(&server);
    assert_same("out/raw", body, BODY);
    assert_int_equal(count_entries("out"), 1);
    assert_int_equal(requests(), wanted_requests);
    xfree(text);
}

static void gets_nothing(https_answer *answer, int code, const char *message,
                         int wanted_requests, int entries) {
    struct https server;
    char *text = serve(&server, answer, "manual look in a browser\n");
    char got[4096];
    int died = die_catch(fetch_one, text, got, sizeof got);
    https_stop(&server);
    assert_int_equal(died, code);
    if (!strstr(got, message)) fail_msg("\"%s\", wanted \"%s\"", got, message);
    assert_nothing(entries);
    assert_int_equal(requests(), wanted_requests);
    xfree(text);
}

static void a_download_is_verified_and_whole(void **state) {
    (void)state;
    gets_the_body(answer_whole, 1);
}

static void a_cut_download_goes_on_where_it_stopped(void **state) {
    (void)state;
    gets_the_body(answer_in_pieces, 3);
    size_t n;
    char *log = file_read("requests.log", 1 << 20, &n);
    assert_non_null(strstr(log, "Range: bytes=100000-"));
    assert_non_null(strstr(log, "Range: bytes=200000-"));
    assert_non_null(strstr(log, "If-Range: \"v1\""));
    xfree(log);
}

static void a_changed_file_is_begun_again(void **state) {
    (void)state;
    struct https server;
    char hex[65], *text = serve(&server, answer_changed, "");
    fill_body();
    body[BODY - 1] ^= 1;
    sha_bytes(body, BODY, hex);
    memcpy(strstr(text, "sha256 ") + 7, hex, 64);
    fetch_one(text);
    https_stop(&server);
    assert_same("out/raw", body, BODY);
    xfree(text);
}

static void a_weak_tag_is_no_reason_to_go_on(void **state) {
    (void)state;
    gets_the_body(answer_weak, 2);
    size_t n;
    char *log = file_read("requests.log", 1 << 20, &n);
    assert_null(strstr(log, "Range:"));
    xfree(log);
}

static void a_busy_server_is_asked_again(void **state) {
    (void)state;
    gets_the_body(answer_busy_twice, 3);
}

static void a_missing_file_is_asked_for_once(void **state) {
    (void)state;
    gets_nothing(answer_gone, EXIT_WORLD, "the server says 404", 1, 0);
}

static void a_web_page_is_told_by_its_title(void **state) {
    (void)state;
    gets_nothing(answer_page, EXIT_WORLD, "a web page titled 'Too many users' came", 1, 0);
}

static void a_redirect_away_from_https_is_refused(void **state) {
    (void)state;
    gets_nothing(answer_elsewhere, EXIT_WORLD, "nsupported protocol", 1, 0);
}

static void no_more_than_the_known_size_is_taken(void **state) {
    (void)state;
    gets_nothing(answer_endless, EXIT_WORLD, "more than 300000 bytes came", 1, 0);
}

static void what_came_waits_for_the_next_run(void **state) {
    (void)state;
    gets_nothing(answer_then_stop, EXIT_WORLD, "the server says 403", 2, 2);
    assert_int_equal(file_size("out/.raw.part"), 150000);
    remove("requests.log");
    struct https server;
    char *text = serve(&server, answer_in_pieces, "");
    fetch_one(text);
    https_stop(&server);
    assert_same("out/raw", body, BODY);
    assert_int_equal(count_entries("out"), 1);
    xfree(text);
}

static void a_download_with_a_wrong_sum_leaves_nothing(void **state) {
    (void)state;
    struct https server;
    char *text = serve(&server, answer_whole, "");
    char *sum = strstr(text, "sha256 ") + 7;
    memset(sum, 'a', 64);
    assert_dies(EXIT_NO, "wanted aaaa", fetch_one, text);
    https_stop(&server);
    assert_nothing(0);
    xfree(text);
}

static void an_unknown_certificate_is_refused(void **state) {
    (void)state;
    struct https server;
    char *text = serve(&server, answer_whole, "");
    unsetenv("CURL_CA_BUNDLE");
    assert_dies(EXIT_WORLD, "certificate", fetch_one, text);
    https_stop(&server);
    assert_nothing(0);
    xfree(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_download_is_verified_and_whole),
        TEST(a_cut_download_goes_on_where_it_stopped),
        TEST(a_changed_file_is_begun_again),
        TEST(a_weak_tag_is_no_reason_to_go_on),
        TEST(a_busy_server_is_asked_again),
        TEST(a_missing_file_is_asked_for_once),
        TEST(a_web_page_is_told_by_its_title),
        TEST(a_redirect_away_from_https_is_refused),
        TEST(no_more_than_the_known_size_is_taken),
        TEST(what_came_waits_for_the_next_run),
        TEST(a_download_with_a_wrong_sum_leaves_nothing),
        TEST(an_unknown_certificate_is_refused),
    };
    return test_run(tests);
}
