/* transfer.c - what comes, taken byte by byte, and the judgement on how it ended.
 *
 * No callback may die: that would jump through libcurl. */
#include "fetch/transfer.h"
#include "core/die.h"
#include "fetch/address.h"
#include "fetch/handle.h"
#include "fetch/verify.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEADERS = 1 << 18 }; /* bytes of all headers of a transfer */

/* Why a callback stopped the transfer. REFUSAL: enough of the page that says no. */
enum stop {
    RUNNING,
    HEADERS_LONG,
    BODY_LONG,
    OTHER_SIZE,
    OTHER_BYTES,
    PAGE,
    REFUSAL,
    NO_ROOM,
    DISK
};

struct transfer {
    struct handle handle;
    const struct request *request;
    struct outcome *outcome;
    struct part *part;
    char etag[PART_VALIDATOR], modified[64], date[64], range[128], location[PART_URL];
    size_t header_bytes, head_bytes;
    uint8_t head[SEEN_HEAD]; /* of the file, or of the page that says why there is none */
    int began, resumed, started;
    long status;
    int64_t total; /* bytes of the whole file, as the server tells; -1: it does not */
    enum stop stop;
    int reason; /* errno, where the disk stopped it */
};

static void take_header(char *to, size_t size, const char *line, size_t n,
                        const char *name) {
    size_t length = strlen(name);
    if (n <= length || strncasecmp(line, name, length)) return;
    line += length, n -= length;
    while (n && strchr(" \t", *line)) line++, n--;
    while (n && strchr(" \t\r\n", line[n - 1])) n--;
    if (n >= size) n = 0;
    memcpy(to, line, n);
    to[n] = 0;
}

static size_t on_header(char *line, size_t size, size_t n, void *arg) {
    struct transfer *t = arg;
    n *= size;
    t->header_bytes += n;
    if (t->header_bytes > HEADERS) {
        t->stop = HEADERS_LONG;
        return 0;
    }
    if (n > 5 && !strncmp(line, "HTTP/", 5)) /* a further response */
        *t->etag = *t->modified = *t->date = *t->range = 0;
    take_header(t->etag, sizeof t->etag, line, n, "ETag:");
    take_header(t->modified, sizeof t->modified, line, n, "Last-Modified:");
    take_header(t->date, sizeof t->date, line, n, "Date:");
    take_header(t->range, sizeof t->range, line, n, "Content-Range:");
    take_header(t->location, sizeof t->location, line, n, "Location:");
    return n;
}

/* A weak ETag does not promise equal bytes (RFC 9110, section 8.8.1); a date does if the
 * server's clock was past it (section 8.8.2.2). */
static const char *validator(const struct transfer *t) {
    for (const char *at = t->etag; *at; at++)
        if (*at < 0x21 || *at > 0x7e) return "";
    if (*t->etag) return *t->etag == '"' ? t->etag : "";
    time_t modified = curl_getdate(t->modified, NULL), now = curl_getdate(t->date, NULL);
    return modified >= 0 && now > modified ? t->modified : "";
}

static int64_t told_total(const struct transfer *t) {
    curl_off_t length = -1;
    const char *slash = strchr(t->range, '/');
    if (t->status == 206) return slash ? strtoll(slash + 1, NULL, 10) : -1;
    curl_easy_getinfo(t->handle.curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return length;
}

static enum stop disk(struct transfer *t) {
    t->reason = errno;
    return DISK;
}

static int is_file(const struct transfer *t) {
    return t->status == 200 || (t->status == 206 && t->resumed);
}

/* Before the first byte of a body. A page is short, so a short file of another size is let
 * in for its title's sake. */
static enum stop begin(struct transfer *t) {
    int64_t wanted = t->request->source->bytes, room = part_room(t->part);
    curl_easy_getinfo(t->handle.curl, CURLINFO_RESPONSE_CODE, &t->status);
    if (!is_file(t)) return RUNNING;
    t->total = told_total(t);
    t->started = t->status == 206;
    if (wanted >= 0 && t->total > SEEN_HEAD && t->total != wanted) return OTHER_SIZE;
    if (room >= 0 && t->total - t->part->bytes > room) return NO_ROOM;
    if (t->total > 0) t->request->progress->total = (double)t->total / 1e6;
    return RUNNING;
}

static enum stop append(struct transfer *t, const void *bytes, size_t n) {
    const struct request *r = t->request;
    int64_t limit = r->source->bytes >= 0 ? r->source->bytes : r->most;
    if (t->part->bytes + (int64_t)n > limit) return BODY_LONG;
    if (part_write(t->part, bytes, n)) return disk(t);
    progress_step(r->progress, (double)t->part->bytes / 1e6, NULL);
    return RUNNING;
}

/* What came so far is the file, not a page in its place: only now is an older part gone. */
static enum stop start(struct transfer *t) {
    struct outcome *o = t->outcome;
    int bad =
        verify_head(t->request->source, t->head, t->head_bytes, o->why, sizeof o->why);
    t->started = 1;
    if (bad) return bad == EXIT_NO ? OTHER_BYTES : PAGE;
    if (part_empty(t->part)) return disk(t);
    if (part_note(t->part, t->request->url, validator(t), t->total)) return disk(t);
    return append(t, t->head, t->head_bytes);
}

static size_t keep_head(struct transfer *t, const char *bytes, size_t n) {
    if (n > SEEN_HEAD - t->head_bytes) n = SEEN_HEAD - t->head_bytes;
    memcpy(t->head + t->head_bytes, bytes, n);
    t->head_bytes += n;
    return n;
}

static enum stop take_body(struct transfer *t, const char *bytes, size_t n) {
    if (!t->started) {
        size_t first = keep_head(t, bytes, n);
        if (t->head_bytes < SEEN_HEAD) return RUNNING;
        enum stop stop = is_file(t) ? start(t) : REFUSAL;
        if (stop != RUNNING) return stop;
        bytes += first;
        n -= first;
    }
    return append(t, bytes, n);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg) {
    struct transfer *t = arg;
    if (!t->began++) t->stop = begin(t);
    if (t->stop == RUNNING) t->stop = take_body(t, bytes, n * size);
    return t->stop == RUNNING ? n * size : CURL_WRITEFUNC_ERROR;
}

static void say(struct transfer *t, enum answer answer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void say(struct transfer *t, enum answer answer, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(t->outcome->why, sizeof t->outcome->why, format, args);
    va_end(args);
    t->outcome->answer = answer;
}

static void judge_status(struct transfer *t) {
    int may_pass = t->status == 408 || t->status == 429 || t->status >= 500;
    const char *title = page_title(t->head, t->head_bytes);
    curl_off_t seconds = 0;
    t->outcome->status = t->status;
    if (t->status == 416 && t->resumed) {
        say(t, STALE, "the server has no such range");
        return;
    }
    say(t, may_pass ? AGAIN : GONE, "the server says %ld%s%s%s", t->status,
        title ? " by a page titled '" : "", title ? title : "", title ? "'" : "");
    curl_easy_getinfo(t->handle.curl, CURLINFO_RETRY_AFTER, &seconds);
    t->outcome->retry_after = (double)seconds;
}

static void say_other_size(struct transfer *t) {
    say(t, WRONG, "the file there has %lld bytes, wanted %lld", (long long)t->total,
        (long long)t->request->source->bytes);
}

static void judge_file(struct transfer *t) {
    int64_t wanted = t->request->source->bytes, came = t->part->bytes;
    int64_t whole = wanted >= 0 ? wanted : t->total;
    if (wanted >= 0 && t->total >= 0 && t->total != wanted) {
        say_other_size(t);
        part_restart(t->part);
    } else if (came < whole)
        say(t, AGAIN, "cut short: %lld of %lld bytes came", (long long)came,
            (long long)whole);
    else
        t->outcome->answer = CAME;
}

/* We stopped it. */
static void judge_stop(struct transfer *t) {
    int64_t wanted = t->request->source->bytes;
    switch (t->stop) {
    case HEADERS_LONG:
        say(t, GONE, "headers of more than %d bytes came, wanted fewer", (int)HEADERS);
        break;
    case BODY_LONG:
        say(t, WRONG, "more than %lld bytes came, wanted as many",
            (long long)(wanted >= 0 ? wanted : t->request->most));
        part_restart(t->part);
        break;
    case OTHER_SIZE:
        say_other_size(t);
        break;
    case OTHER_BYTES:
        t->outcome->answer = WRONG;
        break;
    case PAGE:
        t->outcome->answer = GONE;
        break;
    case NO_ROOM:
        die_world("%s: %lld bytes are still to come, %lld are free on its disk; free some "
                  "space, then run again",
                  quoted(t->part->path), (long long)(t->total - t->part->bytes),
                  (long long)part_room(t->part));
    case DISK:
        errno = t->reason;
        part_fail(t->part, "writing");
    case REFUSAL:
    case RUNNING:
        judge_status(t);
    }
}

static int code_may_pass(CURLcode code) {
    static const CURLcode codes[] = {CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT,
                                     CURLE_PARTIAL_FILE,         CURLE_OPERATION_TIMEDOUT,
                                     CURLE_SSL_CONNECT_ERROR,    CURLE_GOT_NOTHING,
                                     CURLE_SEND_ERROR,           CURLE_RECV_ERROR,
                                     CURLE_HTTP2_STREAM,         CURLE_HTTP2};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (code == codes[i]) return 1;
    return 0;
}

/* The transfer failed by itself. */
static void judge_code(struct transfer *t, CURLcode code) {
    const char *text =
        quoted(*t->handle.error ? t->handle.error : curl_easy_strerror(code));
    long proxy = 0;
    curl_easy_getinfo(t->handle.curl, CURLINFO_HTTP_CONNECTCODE, &proxy);
    if (handle_lacked_memory())
        die_world("libcurl: out of memory, wanted more; close other programs");
    if (code == CURLE_OUT_OF_MEMORY) text = "a header line that is too long came";
    if (code == CURLE_RANGE_ERROR)
        say(t, STALE, "the server has another file now, or takes no ranges");
    else if (code == CURLE_UNSUPPORTED_PROTOCOL && *t->location)
        say(t, GONE, "the server sends us on to '%.*s', wanted https alone",
            (int)strcspn(address_shown(t->location), "?"), address_shown(t->location));
    else if (code == CURLE_SSL_CACERT_BADFILE)
        say(t, GONE, "%s; wanted a file of certificates, see above who names it", text);
    else if (code == CURLE_PEER_FAILED_VERIFICATION)
        say(t, GONE,
            "%s; wanted a certificate for this host by a known authority; if yours "
            "is not known here, name its file in CURL_CA_BUNDLE",
            text);
    else if (proxy >= 400 && proxy < 500)
        say(t, GONE, "the proxy says %ld", proxy);
    else
        say(t, code_may_pass(code) ? AGAIN : GONE, "%s", text);
}

static void judge(struct transfer *t, CURLcode code) {
    int refused = code == CURLE_OK ? !is_file(t) : t->status == 416 && t->resumed;
    if (t->stop != RUNNING || refused)
        judge_stop(t);
    else if (code == CURLE_OK)
        judge_file(t);
    else
        judge_code(t, code);
}

void transfer(const struct request *r, struct outcome *outcome) {
    struct transfer *t = xcalloc(1, sizeof *t);
    struct part *p = r->part;
    *outcome = (struct outcome){0};
    t->request = r;
    t->outcome = outcome;
    t->part = p;
    t->total = -1;
    t->resumed = p->bytes && *p->validator && !strcmp(p->url, r->url);
    handle_open(&t->handle, r->url, &r->patience);
    handle_receive(&t->handle, on_header, on_body, t);
    if (t->resumed) handle_resume(&t->handle, p->bytes, p->validator);
    CURLcode code = curl_easy_perform(t->handle.curl);
    curl_easy_getinfo(t->handle.curl, CURLINFO_RESPONSE_CODE, &t->status);
    if (code == CURLE_OK && !t->began) t->stop = begin(t); /* a body of no bytes */
    if (code == CURLE_OK && t->stop == RUNNING && is_file(t) && !t->started)
        t->stop = start(t); /* a short one */
    judge(t, code);
    handle_close(&t->handle);
    xfree(t);
}
