/* fetch_https_test.c - downloads that are cut, killed, changed, busy or gone, and go on. */
#include "tests/listener.h"
#include "tests/served.h"
#include "tests/test.h"

static void answer_whole(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    served_send(r, "\"v1\"", 0, BODY);
}
static void answer_in_pieces(struct reply *r, int number, const char *head) {
    (void)number;
    served_send(r, "\"v1\"", served_from(head), 100000);
}
static void answer_changed(struct reply *r, int number, const char *head) {
    (void)head;
    if (number == 1)
        served_body[BODY - 1] ^= 1; /* another file, and the server says so: 200 */
    served_send(r, number ? "\"v2\"" : "\"v1\"", 0, number ? BODY : 100000);
}
static void answer_weak(struct reply *r, int number, const char *head) {
    (void)head;
    served_send(r, "W/\"v1\"", 0, number ? BODY : 100000);
}
static void answer_busy_twice(struct reply *r, int number, const char *head) {
    (void)head;
    if (number < 2)
        served_status(r, "503 Busy", "");
    else
        served_send(r, "\"v1\"", 0, BODY);
}
static void answer_gone(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    served_status(r, "404 Gone", "");
}
static void answer_then_stop(struct reply *r, int number, const char *head) {
    (void)head;
    if (number)
        served_status(r, "403 Enough", "");
    else
        served_send(r, "\"v1\"", 0, 150000);
}
static void answer_then_page(struct reply *r, int number, const char *head) {
    (void)head;
    if (number)
        served_page(r, "200 OK", "Quota exceeded");
    else
        served_send(r, "\"v1\"", 0, 150000);
}

static void a_download_is_verified_and_whole(void **state) {
    (void)state;
    served_comes(answer_whole, 1);
}

static void a_cut_download_goes_on_where_it_stopped(void **state) {
    (void)state;
    served_comes(answer_in_pieces, 3);
    assert_true(served_asked("Range: bytes=100000-"));
    assert_true(served_asked("Range: bytes=200000-"));
    assert_true(served_asked("If-Range: \"v1\""));
}

static void a_changed_file_is_begun_again(void **state) {
    (void)state;
    struct https server;
    char hex[65], *text = served_start(&server, answer_changed, "");
    served_body[BODY - 1] ^= 1;
    sha_bytes(served_body, BODY, hex);
    memcpy(strstr(text, "sha256 ") + 7, hex, 64);
    served_one(text);
    https_stop(&server);
    assert_file("out/raw", served_body, BODY);
    xfree(text);
}

static void a_weak_tag_is_no_reason_to_go_on(void **state) {
    (void)state;
    served_comes(answer_weak, 2);
    assert_false(served_asked("Range:"));
}

/* The head of a first answer, cut after 100,000 bytes; then the rest, if it is asked for.
 */
static const char *dates;
static void answer_dated(struct reply *r, int number, const char *head) {
    size_t from = served_from(head);
    https_print(r, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n", from ? "206 Rest" : "200 OK",
                dates, BODY - from);
    if (from) https_print(r, "Content-Range: bytes %zu-%d/%d\r\n", from, BODY - 1, BODY);
    https_print(r, "\r\n");
    https_send(r, served_body + from, number ? BODY - from : 100000);
}

static void a_date_is_a_reason_if_the_clock_is_past_it(void **state) {
    (void)state;
    dates =
        "Last-Modified: Sat, 01 Nov 2025 10:00:00 GMT\r\nDate: Sat, 01 Nov 2025 10:00:01 "
        "GMT\r\n";
    served_comes(answer_dated, 2);
    assert_true(served_asked("If-Range: Sat, 01 Nov 2025 10:00:00 GMT"));
}

static void no_reason_to_go_on(const char *headers) {
    dates = headers;
    served_forget();
    remove("out/raw");
    served_comes(answer_dated, 2);
    assert_false(served_asked("Range:"));
}

static void what_proves_nothing_is_no_reason_to_go_on(void **state) {
    (void)state;
    no_reason_to_go_on("Last-Modified: Sat, 01 Nov 2025 10:00:00 GMT\r\n"
                       "Date: Sat, 01 Nov 2025 10:00:00 GMT\r\n");
    no_reason_to_go_on("Last-Modified: Sat, 01 Nov 2025 10:00:00 GMT\r\n");
    no_reason_to_go_on(
        "Last-Modified: yesterday\r\nDate: Sat, 01 Nov 2025 10:00:00 GMT\r\n");
    no_reason_to_go_on("ETag: v1\r\n");
    no_reason_to_go_on("ETag: \"v\x1b[2J\"\r\n");
    no_reason_to_go_on("");
}

static void a_busy_server_is_asked_again(void **state) {
    (void)state;
    served_comes(answer_busy_twice, 3);
}

static void answer_busy(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    served_page(r, "503 Busy", "Down for maintenance");
}

static void a_server_that_stays_busy_is_left(void **state) {
    (void)state;
    served_stops(answer_busy, EXIT_WORLD,
                 "the server says 503 by a page titled 'Down for maintenance'", 5, 0);
}

static void a_missing_file_is_asked_for_once(void **state) {
    (void)state;
    served_stops(answer_gone, EXIT_WORLD, "the server says 404", 1, 0);
}

/* Twelve pieces of over a megabyte. */
enum { LONG = 13 << 20, PIECE = 1200000 };
static uint8_t *long_body;
static void answer_many_pieces(struct reply *r, int number, const char *head) {
    (void)number;
    size_t from = served_from(head), n = LONG - from;
    if (from)
        https_print(r, "HTTP/1.1 206 Rest\r\nContent-Range: bytes %zu-%d/%d\r\n", from,
                    LONG - 1, LONG);
    else
        https_print(r, "HTTP/1.1 200 OK\r\n");
    https_print(r, "ETag: \"v1\"\r\nContent-Length: %zu\r\n\r\n", n);
    https_send(r, long_body + from, n < PIECE ? n : PIECE);
}

static void a_download_that_gets_on_may_be_cut_often(void **state) {
    (void)state;
    struct https server;
    long_body = xcalloc(LONG, 1);
    memcpy(long_body, "PK\3\4", 4);
    for (size_t i = 4; i < LONG; i++) long_body[i] = (uint8_t)(i >> 10);
    char *text = served_start(&server, answer_many_pieces, ""), hex[65];
    xfree(text);
    sha_bytes(long_body, LONG, hex);
    text = xprintf(
        "name x\nkind data\nfile a.zip\nurl https://localhost:%d/a.zip\nsha256 %s\n",
        server.port, hex);
    served_fetch.most = LONG;
    served_one(text);
    served_fetch.most = 1 << 20;
    https_stop(&server);
    assert_file("out/raw", long_body, LONG);
    assert_int_equal(served_requests(), 12);
    xfree(text);
    xfree(long_body);
}

static void the_rest_comes(https_answer *answer, int requests) {
    struct https server;
    served_forget();
    char *text = served_start(&server, answer, "");
    /* The same address as before: what a part is a part of. */
    char *tag = xprintf("url https://localhost:%d/a.zip\nif-range \"v1\"\ntotal %d\n",
                        server.port, BODY);
    file_write("out/.raw.tag", tag, strlen(tag));
    served_one(text);
    https_stop(&server);
    assert_file("out/raw", served_body, BODY);
    assert_int_equal(served_requests(), requests);
    xfree(tag);
    xfree(text);
}

static void what_came_waits_for_the_next_run(void **state) {
    (void)state;
    served_stops(answer_then_stop, EXIT_WORLD, "the server says 403", 2, 2);
    assert_int_equal(file_size("out/.raw.part"), 150000);
    the_rest_comes(answer_in_pieces, 2);
    assert_int_equal(served_files(), 1);
}

static void a_page_does_not_cost_what_came_before(void **state) {
    (void)state;
    served_stops(answer_then_page, EXIT_WORLD, "a web page titled 'Quota exceeded'", 3, 2);
    assert_int_equal(file_size("out/.raw.part"), 150000);
    the_rest_comes(answer_in_pieces, 2);
}

static void a_part_that_is_whole_needs_no_request(void **state) {
    (void)state;
    served_stops(answer_then_stop, EXIT_WORLD, "the server says 403", 2, 2);
    file_write("out/.raw.part", served_body, BODY);
    the_rest_comes(answer_gone, 0);
}

static void a_part_that_is_not_the_file_is_begun_again(void **state) {
    (void)state;
    served_stops(answer_then_stop, EXIT_WORLD, "the server says 403", 2, 2);
    served_body[7] ^= 1;
    file_write("out/.raw.part", served_body, BODY);
    the_rest_comes(answer_whole, 1);
    remove("out/raw");
    served_body[7] ^= 1;
    file_write("out/.raw.part", served_body, 150000);
    the_rest_comes(answer_in_pieces, 5); /* two to see it, three from the beginning */
}

static void a_part_that_is_too_long_is_begun_again(void **state) {
    (void)state;
    file_write("out/.raw.part", "PK\3\4", 4);
    assert_int_equal(truncate("out/.raw.part", BODY + 1), 0);
    served_comes(answer_whole, 1);
}

static void a_tag_that_cannot_be_read_is_no_tag(void **state) {
    (void)state;
    char *long_total = xprintf("total %0100d\n", 7), *many = xcalloc(9001, 1);
    memset(many, 'x', 9000);
    const char *const tags[] = {long_total,
                                many,
                                "",
                                "url https://loc",
                                "\"v1\"\n",
                                "url x\nif-range \"v1\"\n",
                                "url\nif-range\ntotal -1\n",
                                "total 300000000000000000000\n"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        served_forget();
        remove("out/raw");
        file_write("out/.raw.part", "PK\3\4 other bytes", 16);
        file_write("out/.raw.tag", tags[i], strlen(tags[i]));
        served_comes(answer_whole, 1);
        assert_false(served_asked("Range:"));
    }
    xfree(many);
    xfree(long_total);
}

static void a_download_with_a_wrong_sum_leaves_nothing(void **state) {
    (void)state;
    struct https server;
    char *text = served_start(&server, answer_whole, "");
    char *sum = strstr(text, "sha256 ") + 7;
    memset(sum, 'a', 64);
    assert_dies(EXIT_NO, "wanted aaaa", served_one, text);
    https_stop(&server);
    assert_nothing(0);
    xfree(text);
}

static void a_folder_in_the_downloads_place_is_told_before_it(void **state) {
    (void)state;
    struct https server;
    char *text = served_start(&server, answer_whole, "");
    file_mkdir("out/raw");
    assert_dies(EXIT_WORLD, "out/raw: a directory, wanted a file", served_one, text);
    https_stop(&server);
    assert_int_equal(served_requests(), 0);
    xfree(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_download_is_verified_and_whole),
        TEST(a_cut_download_goes_on_where_it_stopped),
        TEST(a_changed_file_is_begun_again),
        TEST(a_weak_tag_is_no_reason_to_go_on),
        TEST(a_date_is_a_reason_if_the_clock_is_past_it),
        TEST(what_proves_nothing_is_no_reason_to_go_on),
        TEST(a_busy_server_is_asked_again),
        TEST(a_server_that_stays_busy_is_left),
        TEST(a_missing_file_is_asked_for_once),
        TEST(a_download_that_gets_on_may_be_cut_often),
        TEST(what_came_waits_for_the_next_run),
        TEST(a_page_does_not_cost_what_came_before),
        TEST(a_part_that_is_whole_needs_no_request),
        TEST(a_part_that_is_not_the_file_is_begun_again),
        TEST(a_part_that_is_too_long_is_begun_again),
        TEST(a_tag_that_cannot_be_read_is_no_tag),
        TEST(a_download_with_a_wrong_sum_leaves_nothing),
        TEST(a_folder_in_the_downloads_place_is_told_before_it),
    };
    return test_run(tests);
}
