/* fetch_pages_test.c - where the file is not: pages in its place, Google Drive, redirects,
 * certificates, proxies, and the address after. */
#include "tests/listener.h"
#include "tests/served.h"
#include "tests/test.h"

static void answer_whole(struct reply *r, int number, const char *head) {
    (void)number;
    served_send(r, "\"v1\"", served_from(head), BODY);
}

static const char *location;
static void answer_elsewhere(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    char *line = xprintf("Location: %s\r\n", location);
    served_status(r, "302 There", line);
    xfree(line);
}

static void a_redirect_away_from_https_is_refused(void **state) {
    (void)state;
    static const char *const places[] = {"http://localhost:1/a.zip",
                                         "ftp://localhost/a.zip", "file:///etc/passwd",
                                         "HTTP://user:secret@localhost/"};
    static const char *const told[] = {
        "sends us on to 'http://localhost:1/a.zip', wanted https alone",
        "sends us on to 'ftp://localhost/a.zip', wanted https alone",
        "sends us on to 'file:///etc/passwd', wanted https alone",
        "sends us on to 'HTTP://localhost/', wanted https alone"};
    for (int i = 0; i < 4; i++) {
        served_forget();
        location = places[i];
        served_stops(answer_elsewhere, EXIT_WORLD, told[i], 1, 0);
    }
}

static void answer_loop(struct reply *r, int number, const char *head) {
    (void)head;
    char *line = xprintf("Location: /%d.zip\r\n", number);
    served_status(r, "302 There", line);
    xfree(line);
}
static void a_circle_of_redirects_ends(void **state) {
    (void)state;
    served_stops(answer_loop, EXIT_WORLD, "Maximum (10) redirects followed", 11, 0);
}

static void answer_once_elsewhere(struct reply *r, int number, const char *head) {
    if (number % 2 == 0)
        served_status(r, "302 There", "ETag: \"no\"\r\nLocation: /there.zip\r\n");
    else
        served_send(r, "\"v1\"", served_from(head), 100000);
}
static void a_redirect_within_https_is_followed_and_resumed(void **state) {
    (void)state;
    served_comes(answer_once_elsewhere, 6);
    assert_true(served_asked("If-Range: \"v1\""));
    assert_false(served_asked("\"no\""));
}

static void a_certificate_is_refused(const char *names, int days, int known,
                                     const char *message) {
    struct https server;
    int code;
    char *text = served_start(&server, answer_whole, "");
    https_stop(&server);
    xfree(text);
    https_start_as(&server, answer_whole, names, days, "other.pem");
    text = xprintf("name x\nkind data\nfile a.zip\nurl https://localhost:%d/a.zip\n",
                   server.port);
    setenv("CURL_CA_BUNDLE", known ? "other.pem" : "localhost.pem", 1);
    char *said = served_said(text, &code);
    https_stop(&server);
    if (code != EXIT_WORLD || !strstr(said, message))
        fail_msg("%d: \"%s\", wanted \"%s\"", code, said, message);
    assert_non_null(strstr(said, "CURL_CA_BUNDLE"));
    assert_int_equal(served_requests(), 0);
    assert_nothing(0);
    xfree(said);
    xfree(text);
}
static void a_wrong_certificate_is_refused(void **state) {
    (void)state;
    a_certificate_is_refused("DNS:localhost", 1, 0, "self-signed certificate");
    a_certificate_is_refused("DNS:elsewhere.test", 1, 1,
                             "no alternative certificate subject");
    a_certificate_is_refused("DNS:localhost", -1, 1, "certificate has expired");
    setenv("CURL_CA_BUNDLE", "nowhere.pem", 1);
    struct https server;
    int code;
    https_start(&server, answer_whole);
    char *text = xprintf("name x\nkind data\nfile a.zip\nurl https://localhost:%d/a.zip\n",
                         server.port);
    char *said = served_said(text, &code);
    https_stop(&server);
    assert_int_equal(code, EXIT_WORLD);
    assert_non_null(strstr(said, "nowhere.pem"));
    xfree(said);
    xfree(text);
}

static const char *title;
static void answer_page(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    served_page(r, "200 OK", title);
}
static void a_web_page_is_told_by_its_title(void **state) {
    (void)state;
    title = "Too many\x1b[2J users";
    served_stops(answer_page, EXIT_WORLD,
                 "a web page titled 'Too many\\x1b[2J users', wanted zip", 1, 0);
    title = "Sign in";
    served_unknown_stops(answer_page, EXIT_WORLD,
                         "a web page titled 'Sign in', wanted zip");
}
static void answer_long_page(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    https_print(r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    https_print(r, "2d\r\n<!doctype html><html><title>Endless</title>\n\r\n");
    for (int i = 0; i < 500; i++) https_print(r, "400\r\n%01024d\r\n", i);
    https_print(r, "0\r\n\r\n");
}
static void a_web_page_longer_than_the_file_is_still_a_page(void **state) {
    (void)state;
    served_stops(answer_long_page, EXIT_WORLD, "a web page titled 'Endless'", 1, 0);
}
static void a_web_page_is_no_file_even_where_anything_may_come(void **state) {
    (void)state;
    struct https server;
    int code;
    title = "Welcome";
    char *text = served_start(&server, answer_page, "");
    served_drop(text, "bytes ");
    served_drop(text, "sha256 ");
    served_drop(text, "magic ");
    char *said = served_said(text, &code);
    https_stop(&server);
    assert_int_equal(code, EXIT_WORLD);
    assert_non_null(strstr(said, "a web page titled 'Welcome', wanted a.zip"));
    assert_nothing(0);
    xfree(said);
    xfree(text);
}

/* Google Drive by its own names: a proxy leads there to our server. */
static const char direct[] =
    "https://drive.usercontent.google.com/download?id=AbC_d-1&export=download&confirm=t";

static char *drive(https_answer *answer, const char *url, const char *more, int *code) {
    struct https server;
    int port;
    char *text = served_start(&server, answer, "");
    pid_t proxy = proxy_start(&port, server.port, NULL);
    served_drop(text, "url ");
    char *source = xprintf("%surl %s\n%s", text, url, more);
    char *address = xprintf("http://user:se%%40cret@localhost:%d", port);
    setenv("https_proxy", address, 1);
    char *said = served_said(source, code);
    unsetenv("https_proxy");
    listener_stop(proxy);
    https_stop(&server);
    xfree(address);
    xfree(source);
    xfree(text);
    return said;
}

static void google_drives_pages_are_asked_for_the_file(void **state) {
    (void)state;
    static const char *const urls[] = {
        "https://drive.google.com/file/d/AbC_d-1/view?usp=sharing",
        "https://drive.google.com/uc?export=download&id=AbC_d-1",
        "https://drive.google.com/open?id=AbC_d-1", direct};
    for (int i = 0; i < 4; i++) {
        int code;
        served_forget();
        char *said = drive(answer_whole, urls[i], "", &code);
        assert_int_equal(code, 0);
        assert_file("out/raw", served_body, BODY);
        assert_true(
            served_asked("GET /download?id=AbC_d-1&export=download&confirm=t HTTP"));
        assert_true(served_asked("Host: drive.usercontent.google.com"));
        remove("out/raw");
        xfree(said);
    }
}

static void a_proxy_is_used_and_told_without_its_password(void **state) {
    (void)state;
    int code;
    setenv("no_proxy", "elsewhere.test", 1);
    char *said = drive(answer_whole, direct, "", &code);
    unsetenv("no_proxy");
    assert_int_equal(code, 0);
    char *asked = file_read("proxy.log", 1 << 20, NULL);
    assert_non_null(strstr(asked, "CONNECT drive.usercontent.google.com:443"));
    assert_non_null(strstr(asked, "Proxy-Authorization: Basic"));
    assert_non_null(strstr(said, "https_proxy: used: http://localhost:"));
    assert_non_null(strstr(said, "no_proxy: used: elsewhere.test"));
    assert_non_null(strstr(said, "CURL_CA_BUNDLE: used: localhost.pem"));
    assert_null(strstr(said, "cret"));
    assert_null(strstr(said, "user"));
    xfree(asked);
    xfree(said);
}

static void a_proxy_that_refuses_is_asked_once(void **state) {
    (void)state;
    static const char *const refusals[] = {"407 Who are you", "502 Not now"};
    static const char *const told[] = {"the proxy says 407", "response 502"};
    for (int i = 0; i < 2; i++) {
        int port, code;
        pid_t proxy = proxy_start(&port, 1, refusals[i]);
        char *address = xprintf("http://user:secret@localhost:%d", port);
        setenv("https_proxy", address, 1);
        char *text = xprintf("name x\nkind data\nfile a.zip\nurl %s\n", direct);
        char *said = served_said(text, &code);
        unsetenv("https_proxy");
        listener_stop(proxy);
        assert_int_equal(code, EXIT_WORLD);
        assert_non_null(strstr(said, told[i]));
        assert_null(strstr(said, "secret"));
        assert_int_equal(strstr(said, "trying again") != NULL, i);
        xfree(said);
        xfree(text);
        xfree(address);
    }
}

static const char *status;
static void answer_with_page(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    served_page(r, status, title);
}

static void what_google_drive_refuses_is_explained(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"200 OK", "Google Drive - Virus scan warning"},
        {"200 OK", "Google Drive - Quota exceeded"},
        {"403 Forbidden", "Google Drive - Quota exceeded"},
        {"429 Too Many Requests", "Sorry..."},
        {"500 Oops", "Error 500 (Server Error)!!1"}};
    const char *folders[] = {"https://localhost:1", "downloads"};
    char hex[65];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code;
        served_forget();
        status = cases[i][0];
        title = cases[i][1];
        served_fetch.mirror = folders + 1;
        served_fetch.mirrors = 1;
        char *said =
            drive(answer_with_page, direct, "manual Look at the publisher's page\n", &code);
        served_fetch.mirrors = 0;
        assert_int_equal(code, EXIT_WORLD);
        assert_int_equal(served_requests(), 1);
        sha_bytes(served_body, BODY, hex);
        const char *wanted[] = {
            title,
            hex,
            "a.zip, 300000 bytes",
            "Look at the publisher's page",
            "Open https://drive.google.com/file/d/AbC_d-1/view in a browser",
            "save it as downloads/a.zip and run make again."};
        for (size_t j = 0; j < sizeof wanted / sizeof *wanted; j++)
            if (!strstr(said, wanted[j]))
                fail_msg("\"%s\", wanted \"%s\"", said, wanted[j]);
        assert_int_equal(strstr(said, "wait a day") != NULL, i == 1 || i == 2);
        assert_nothing(0);
        xfree(said);
    }
}

/* Two addresses: paths /first and /second of one server. */
static https_answer *first, *second;
static void answer_both(struct reply *r, int number, const char *head) {
    (strstr(head, "GET /first") ? first : second)(r, number, head);
}
static char *both(https_answer *one, https_answer *other, int *code) {
    struct https server;
    first = one;
    second = other;
    served_forget();
    char *text = served_start(&server, answer_both, "");
    served_drop(text, "url ");
    char *source =
        xprintf("%surl https://localhost:%d/first\nurl https://localhost:%d/second\n", text,
                server.port, server.port);
    char *said = served_said(source, code);
    https_stop(&server);
    xfree(source);
    xfree(text);
    return said;
}

static void answer_gone(struct reply *r, int number, const char *head) {
    (void)number, (void)head;
    served_status(r, "404 Gone", "");
}
static void answer_other_bytes(struct reply *r, int number, const char *head) {
    served_body[BODY / 2] ^= 1;
    answer_whole(r, number, head);
    served_body[BODY / 2] ^= 1;
}
static void answer_half(struct reply *r, int number, const char *head) {
    (void)head;
    if (number)
        served_status(r, "404 Gone", "");
    else
        served_send(r, "\"v1\"", 0, 100000);
}

static void the_next_address_is_tried_whatever_the_first_gave(void **state) {
    (void)state;
    https_answer *const bad[] = {answer_gone, answer_page, answer_other_bytes, answer_half};
    static const char *const told[] = {"/first: the server says 404; trying the next",
                                       "/first: a web page titled 'Sign in'",
                                       "/first: sha256 is", "/first: the server says 404"};
    for (int i = 0; i < 4; i++) {
        int code;
        title = "Sign in";
        char *said = both(bad[i], answer_whole, &code);
        assert_int_equal(code, 0);
        if (!strstr(said, told[i])) fail_msg("\"%s\", wanted \"%s\"", said, told[i]);
        assert_file("out/raw", served_body, BODY);
        assert_int_equal(served_files(), 1);
        assert_false(served_asked("GET /second HTTP/1.1\r\nHost: localhost\r\nRange"));
        remove("out/raw");
        xfree(said);
    }
}

static void the_last_failure_is_the_tools(void **state) {
    (void)state;
    int code;
    char *said = both(answer_gone, answer_other_bytes, &code);
    assert_int_equal(code, EXIT_NO);
    assert_non_null(strstr(said, "/second: sha256 is"));
    xfree(said);
    said = both(answer_other_bytes, answer_gone, &code);
    assert_int_equal(code, EXIT_WORLD);
    assert_non_null(strstr(said, "/second: the server says 404"));
    xfree(said);
    assert_nothing(0);
}

static void a_mirror_may_be_an_address(void **state) {
    (void)state;
    struct https server;
    char *text = served_start(&server, answer_whole, "");
    char *folder = xprintf("https://user:secret@localhost:%d/raw/", server.port);
    const char *mirror[] = {"nowhere", folder};
    served_fetch.mirror = mirror;
    served_fetch.mirrors = 2;
    served_one(text);
    served_fetch.mirrors = 0;
    https_stop(&server);
    assert_file("out/raw", served_body, BODY);
    assert_true(served_asked("GET /raw/a.zip"));
    xfree(folder);
    xfree(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_redirect_away_from_https_is_refused),
        TEST(a_circle_of_redirects_ends),
        TEST(a_redirect_within_https_is_followed_and_resumed),
        TEST(a_wrong_certificate_is_refused),
        TEST(a_web_page_is_told_by_its_title),
        TEST(a_web_page_longer_than_the_file_is_still_a_page),
        TEST(a_web_page_is_no_file_even_where_anything_may_come),
        TEST(google_drives_pages_are_asked_for_the_file),
        TEST(a_proxy_is_used_and_told_without_its_password),
        TEST(a_proxy_that_refuses_is_asked_once),
        TEST(what_google_drive_refuses_is_explained),
        TEST(the_next_address_is_tried_whatever_the_first_gave),
        TEST(the_last_failure_is_the_tools),
        TEST(a_mirror_may_be_an_address),
    };
    return test_run(tests);
}
