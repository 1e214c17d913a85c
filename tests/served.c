/* served.c - nothing is tested here. */
#include "tests/served.h"
#include "tests/test.h"
#include <fcntl.h>

uint8_t served_body[BODY];
struct fetch served_fetch = {
    .out = "out/raw", .most = 1 << 20, .patience = {10, 20, .001, .5}};

void assert_file(const char *path, const void *bytes, size_t n) {
    size_t got;
    char *text = file_read(path, 1 << 26, &got);
    assert_int_equal(got, n);
    assert_memory_equal(text, bytes, n);
    xfree(text);
}

int served_files(void) {
    remove("out/.host-localhost.lock");
    remove("out/.host-drive.usercontent.google.com.lock");
    return count_entries("out");
}

void assert_nothing(int files) {
    assert_false(file_exists("out/raw"));
    if (file_exists("out")) assert_int_equal(served_files(), files);
}

char *served_start(struct https *server, https_answer *answer, const char *more) {
    char hex[65];
    for (size_t i = 0; i < BODY; i++) served_body[i] = (uint8_t)(i * 2654435761u >> 13);
    memcpy(served_body, "PK\3\4", 4);
    sha_bytes(served_body, BODY, hex);
    https_start(server, answer);
    setenv("CURL_CA_BUNDLE", server->certificate, 1);
    return xprintf(
        "name x\nkind data\nfile a.zip\nurl https://localhost:%d/a.zip\nmagic zip\n"
        "bytes %d\nsha256 %s\n%s",
        server->port, BODY, hex, more);
}

void served_one(void *arg) {
    struct source s;
    source_parse(&s, arg, strlen(arg), "sources/x.src");
    fetch_run(&served_fetch, &s);
    source_free(&s);
}

size_t served_from(const char *head) {
    const char *range = strcasestr(head, "Range: bytes=");
    return range ? strtoul(range + 13, NULL, 10) : 0;
}

void served_send(struct reply *r, const char *etag, size_t from, size_t n) {
    if (from)
        https_print(r, "HTTP/1.1 206 Partial\r\nContent-Range: bytes %zu-%d/%d\r\n", from,
                    BODY - 1, BODY);
    else
        https_print(r, "HTTP/1.1 200 OK\r\n");
    https_print(r, "ETag: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", etag,
                BODY - from);
    https_send(r, served_body + from, from + n > BODY ? BODY - from : n);
}

void served_status(struct reply *r, const char *status, const char *more) {
    https_print(r, "HTTP/1.1 %s\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n",
                status, more);
}

void served_page(struct reply *r, const char *status, const char *title) {
    char *page =
        xprintf("<!doctype html><html><head><title>%s</title></head>\n</html>\n", title);
    https_print(r,
                "HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %zu\r\n"
                "Connection: close\r\n\r\n%s",
                status, strlen(page), page);
    xfree(page);
}

static char *requests_log(void) {
    return file_exists("requests.log") ? file_read("requests.log", 1 << 24, NULL)
                                       : xstrdup("");
}

int served_requests(void) {
    int count = 0;
    char *log = requests_log();
    for (const char *at = log; (at = strstr(at, "GET ")); at++) count++;
    xfree(log);
    return count;
}

int served_asked(const char *words) {
    char *log = requests_log();
    int asked = strstr(log, words) != NULL;
    xfree(log);
    return asked;
}

void served_forget(void) {
    remove("requests.log");
}

extern void __gcov_init(void *) __attribute__((weak)); /* there in MODE=cov */
void served_exit(int code) {
    if (__gcov_init) exit(code);
    _exit(code);
}

char *served_said(const char *text, int *code) {
    char message[4096], *copy = xstrdup(text);
    int kept = dup(STDERR_FILENO), said = open("said", O_RDWR | O_CREAT | O_TRUNC, 0600);
    fflush(stderr);
    dup2(said, STDERR_FILENO);
    *code = die_catch(served_one, copy, message, sizeof message);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(said);
    xfree(copy);
    char *warned = file_read("said", 1 << 20, NULL),
         *all = xprintf("%s%s", warned, message);
    xfree(warned);
    return all;
}

void served_comes(https_answer *answer, int requests) {
    struct https server;
    char *text = served_start(&server, answer, "");
    served_one(text);
    https_stop(&server);
    assert_file("out/raw", served_body, BODY);
    assert_int_equal(served_files(), 1);
    assert_int_equal(served_requests(), requests);
    xfree(text);
}

void served_stops(https_answer *answer, int code, const char *message, int requests,
                  int files) {
    struct https server;
    int got;
    char *text = served_start(&server, answer, "manual look in a browser\n");
    char *said = served_said(text, &got);
    https_stop(&server);
    if (got != code || !strstr(said, message))
        fail_msg("%d: \"%s\", wanted %d: \"%s\"", got, said, code, message);
    assert_nothing(files);
    assert_int_equal(served_requests(), requests);
    xfree(said);
    xfree(text);
}

void served_drop(char *text, const char *key) {
    char *at = strstr(text, key), *end = strchr(at, '\n') + 1;
    memmove(at, end, strlen(end) + 1);
}

void served_unknown_stops(https_answer *answer, int code, const char *message) {
    struct https server;
    int got;
    char *text = served_start(&server, answer, "");
    served_drop(text, "bytes ");
    served_drop(text, "sha256 ");
    char *said = served_said(text, &got);
    https_stop(&server);
    if (got != code || !strstr(said, message))
        fail_msg("%d: \"%s\", wanted %d: \"%s\"", got, said, code, message);
    xfree(said);
    xfree(text);
}
