/* fetch_hostile_test.c - servers that stall, flood, lie about ranges, or have another
 * file. */
#include "tests/served.h"
#include "tests/listener.h"
#include "tests/test.h"
#include <time.h>
#include <zlib.h>

static void answer_stalled(struct reply *r, int number, const char *head) {
    served_send(r, "\"v1\"", served_from(head), number ? BODY : 100000);
    if (!number) https_sleep(r, 60);
}
static void answer_late(struct reply *r, int number, const char *head) {
    if (!number) https_sleep(r, 60);
    answer_stalled(r, 1, head);
}
static void a_server_that_stalls_is_left(https_answer *answer) {
    struct https server;
    int code;
    char *text = served_start(&server, answer, "");
    time_t start = time(NULL);
    served_fetch.patience.stall = 1;
    served_fetch.patience.connect = .5; /* the server sleeps, and takes no second one */
    char *said = served_said(text, &code);
    served_fetch.patience.stall = 20;
    served_fetch.patience.connect = 10;
    https_stop(&server);
    assert_int_equal(code, EXIT_WORLD);
    assert_non_null(strstr(said, "Operation too slow"));
    assert_true(time(NULL) - start < 30);
    xfree(said);
    xfree(text);
}
static void a_body_that_stalls_is_left_and_kept(void **state) {
    (void)state;
    a_server_that_stalls_is_left(answer_stalled);
    assert_int_equal(file_size("out/.raw.part"), 100000);
}
static void a_head_that_never_comes_is_left(void **state) {
    (void)state;
    a_server_that_stalls_is_left(answer_late);
    assert_nothing(0);
}

static void a_port_that_says_nothing_is_left(void **state) {
    (void)state;
    int port, code;
    pid_t mute = mute_start(&port);
    unsetenv("CURL_CA_BUNDLE");
    char *text =
        xprintf("name x\nkind data\nfile a.zip\nurl https://localhost:%d/a.zip\n", port);
    served_fetch.patience.connect = .3;
    char *said = served_said(text, &code);
    served_fetch.patience.connect = 10;
    listener_stop(mute);
    assert_int_equal(code, EXIT_WORLD);
    assert_non_null(strstr(said, "onnection timeout"));
    assert_non_null(strstr(said, "(5 of 5)"));
    assert_nothing(0);
    xfree(said);
    xfree(text);
}

static void answer_endless(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    https_print(r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 200; i++) {
        https_print(r, "2710\r\n");
        https_send(r, served_body, 10000);
        https_print(r, "\r\n");
    }
}
static void no_more_than_the_known_size_is_taken(void **state) {
    (void)state;
    served_stops(answer_endless, EXIT_NO, "more than 300000 bytes came", 1, 0);
}

static void an_endless_body_of_unknown_size_ends(void **state) {
    (void)state;
    served_unknown_stops(answer_endless, EXIT_NO, "more than 1048576 bytes came");
}

static void answer_huge(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    https_print(r, "HTTP/1.1 200 OK\r\nContent-Length: 1125899906842624\r\n\r\n");
    https_send(r, served_body, BODY);
}
static void what_the_disk_cannot_hold_is_not_begun(void **state) {
    (void)state;
    served_fetch.most = INT64_MAX;
    served_unknown_stops(answer_huge, EXIT_WORLD,
                         "1125899906842624 bytes are still to come, ");
    served_fetch.most = 1 << 20;
    assert_false(file_exists("out/raw"));
    served_stops(answer_huge, EXIT_NO,
                 "the file there has 1125899906842624 bytes, wanted 300000", 2, 0);
}

static void answer_bomb(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    enum { ZEROS = 50 << 20 };
    uLongf n = compressBound(ZEROS);
    uint8_t *zeros = calloc(ZEROS, 1), *packed = malloc(n);
    z_stream z = {
        .next_in = zeros, .avail_in = ZEROS, .next_out = packed, .avail_out = (uInt)n};
    deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY);
    deflate(&z, Z_FINISH);
    https_print(r,
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %lu\r\n\r\n",
                z.total_out);
    https_send(r, packed, z.total_out);
    deflateEnd(&z);
    free(zeros);
    free(packed);
}
static void a_compressed_body_is_not_unpacked(void **state) {
    (void)state;
    served_stops(answer_bomb, EXIT_NO, "begins with '\\x1f\\x8b\\x08", 1, 0);
    assert_false(served_asked("Accept-Encoding"));
}

static void answer_cut_then_416(struct reply *r, int number, const char *head) {
    (void)head;
    if (number == 1)
        served_page(r, "416 No", "416 Range Not Satisfiable");
    else
        served_send(r, "\"v1\"", 0, number ? BODY : 100000);
}
static void no_such_range_begins_again(void **state) {
    (void)state;
    served_comes(answer_cut_then_416, 3);
}
static void answer_416(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    served_page(r, "416 No", "Range");
}
static void no_range_where_none_was_asked_is_a_refusal(void **state) {
    (void)state;
    served_stops(answer_416, EXIT_WORLD, "the server says 416", 1, 0);
}

static void answer_whole_again(struct reply *r, int number, const char *head) {
    (void)head;
    served_send(r, "\"v1\"", 0, number ? BODY : 100000);
}
static void the_whole_file_where_a_range_was_asked_begins_again(void **state) {
    (void)state;
    served_comes(answer_whole_again, 3);
}

static void answer_other_range(struct reply *r, int number, const char *head) {
    (void)head;
    if (number == 1) {
        https_print(r, "HTTP/1.1 206 Part\r\nETag: \"v1\"\r\nContent-Length: 200000\r\n"
                       "Content-Range: bytes 50000-249999/300000\r\n\r\n");
        https_send(r, served_body + 50000, 200000);
    } else {
        served_send(r, "\"v1\"", 0, number ? BODY : 100000);
    }
}
static void another_range_than_asked_is_not_appended(void **state) {
    (void)state;
    served_comes(answer_other_range, 3);
}

static void answer_other_total(struct reply *r, int number, const char *head) {
    size_t from = served_from(head);
    if (!number) {
        served_send(r, "\"v1\"", 0, 100000);
        return;
    }
    https_print(r,
                "HTTP/1.1 206 Part\r\nETag: \"v1\"\r\nContent-Length: %zu\r\n"
                "Content-Range: bytes %zu-%d/%d\r\n\r\n",
                BODY - from, from, BODY - 1, BODY + 100);
    https_send(r, served_body + from, BODY - from);
}
static void a_range_of_a_file_of_another_size_is_refused(void **state) {
    (void)state;
    served_stops(answer_other_total, EXIT_NO,
                 "the file there has 300100 bytes, wanted 300000", 2, 2);
}

static void answer_part_unasked(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    https_print(r, "HTTP/1.1 206 Part\r\nContent-Length: 1000\r\n"
                   "Content-Range: bytes 0-999/300000\r\n\r\n");
    https_send(r, served_body, 1000);
}
static void a_part_where_all_was_asked_is_a_refusal(void **state) {
    (void)state;
    served_stops(answer_part_unasked, EXIT_WORLD, "the server says 206", 1, 0);
}

static void answer_cut_silently(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    https_print(r, "HTTP/1.0 200 OK\r\nETag: \"v1\"\r\n\r\n");
    https_send(r, served_body, 200000);
}
static void a_body_without_length_that_is_cut_is_seen_by_the_size(void **state) {
    (void)state;
    served_stops(answer_cut_silently, EXIT_WORLD, "cut short: 200000 of 300000 bytes came",
                 9, 2);
}

static void answer_hung_up(struct reply *r, int number, const char *head) {
    served_send(r, "\"v1\"", served_from(head), number < 2 ? 100000 : BODY);
    https_hang_up(r);
}
static void a_connection_that_breaks_is_gone_on_with(void **state) {
    (void)state;
    served_comes(answer_hung_up, 3);
}

static void answer_long_header(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    char *kilobyte = xcalloc(1025, 1);
    memset(kilobyte, 'x', 1024);
    https_print(r, "HTTP/1.1 200 OK\r\nX-Long: ");
    for (int i = 0; i < 1024; i++) https_send(r, kilobyte, 1024);
    https_print(r, "\r\n\r\n");
    xfree(kilobyte);
}
static void a_header_of_a_megabyte_is_refused(void **state) {
    (void)state;
    served_unknown_stops(answer_long_header, EXIT_WORLD,
                         "a header line that is too long came");
    assert_nothing(0);
}
static void answer_many_headers(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    https_print(r, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 20000; i++)
        https_print(r, "X-Header-%d: some text of no use at all\r\n", i);
    https_print(r, "\r\n");
}
static void a_megabyte_of_headers_is_refused(void **state) {
    (void)state;
    served_stops(answer_many_headers, EXIT_WORLD, "headers of more than 262144 bytes came",
                 1, 0);
}

static const char *later;
static void answer_later(struct reply *r, int number, const char *head) {
    (void)head;
    if (number)
        served_send(r, "\"v1\"", 0, BODY);
    else
        served_status(r, "429 Slowly", later);
}
static void retry_after_is_waited_for(void **state) {
    (void)state;
    double start = (double)time(NULL);
    later = "Retry-After: 2\r\n";
    served_fetch.patience.longest = 2;
    served_comes(answer_later, 2);
    served_fetch.patience.longest = .5;
    assert_true((double)time(NULL) - start >= 1);
}
static void too_long_a_retry_after_is_told_and_not_waited_for(void **state) {
    (void)state;
    later = "Retry-After: 3600\r\n";
    served_stops(answer_later, EXIT_WORLD, "the server says 429 and to come back in 3600 s",
                 1, 0);
    served_forget();
    later = "Retry-After: Fri, 31 Dec 2999 23:59:59 GMT\r\n";
    served_stops(answer_later, EXIT_WORLD, "the server says 429 and to come back in ", 1,
                 0);
    served_forget();
    remove("out/raw");
    later = "Retry-After: soon\r\n";
    served_comes(answer_later, 2);
}

static void answer_other_kind(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    https_print(r, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BODY);
    https_send(r, "Rar!\x1a\7", 6);
    https_send(r, served_body, BODY - 6);
}
static void another_kind_of_file_is_seen_by_its_first_bytes(void **state) {
    (void)state;
    served_stops(answer_other_kind, EXIT_NO, "begins with 'Rar!\\x1a\\x07", 1, 0);
}

static void answer_short(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    https_print(r, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    https_send(r, served_body, 1000);
}
static void a_shorter_file_is_another_file(void **state) {
    (void)state;
    served_stops(answer_short, EXIT_NO, "the file there has 1000 bytes, wanted 300000", 1,
                 0);
}

static void answer_nothing(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    served_status(r, "200 OK", "");
}
static void no_bytes_are_no_file(void **state) {
    (void)state;
    served_stops(answer_nothing, EXIT_WORLD, "empty file, wanted zip", 1, 0);
}
static void answer_204(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    https_print(r, "HTTP/1.1 204 No Content\r\n\r\n");
}
static void a_status_without_a_file_is_a_refusal(void **state) {
    (void)state;
    served_stops(answer_204, EXIT_WORLD, "the server says 204", 1, 0);
}
static void answer_noise(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    https_send(r, served_body, BODY);
}
static void what_is_no_http_is_refused(void **state) {
    (void)state;
    served_stops(answer_noise, EXIT_WORLD, "HTTP/0.9", 1, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_body_that_stalls_is_left_and_kept),
        TEST(a_head_that_never_comes_is_left),
        TEST(a_port_that_says_nothing_is_left),
        TEST(no_more_than_the_known_size_is_taken),
        TEST(an_endless_body_of_unknown_size_ends),
        TEST(what_the_disk_cannot_hold_is_not_begun),
        TEST(a_compressed_body_is_not_unpacked),
        TEST(no_such_range_begins_again),
        TEST(no_range_where_none_was_asked_is_a_refusal),
        TEST(the_whole_file_where_a_range_was_asked_begins_again),
        TEST(another_range_than_asked_is_not_appended),
        TEST(a_range_of_a_file_of_another_size_is_refused),
        TEST(a_part_where_all_was_asked_is_a_refusal),
        TEST(a_body_without_length_that_is_cut_is_seen_by_the_size),
        TEST(a_connection_that_breaks_is_gone_on_with),
        TEST(a_header_of_a_megabyte_is_refused),
        TEST(a_megabyte_of_headers_is_refused),
        TEST(retry_after_is_waited_for),
        TEST(too_long_a_retry_after_is_told_and_not_waited_for),
        TEST(another_kind_of_file_is_seen_by_its_first_bytes),
        TEST(a_shorter_file_is_another_file),
        TEST(no_bytes_are_no_file),
        TEST(a_status_without_a_file_is_a_refusal),
        TEST(what_is_no_http_is_refused),
    };
    return test_run(tests);
}
