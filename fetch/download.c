/* download.c - libcurl with every default that would surprise turned off.
 *
 * It never resumes by CURLOPT_RANGE (a server that ignores it has its whole body appended),
 * sends no header of its own but If-Range (custom headers follow redirects), accepts no
 * encoding, reads no .netrc, and judges no byte: see verify.h. */
#include "fetch/download.h"
#include "core/die.h"
#include "core/progress.h"
#include "core/rng.h"
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 5, LONGEST_WAIT = 120, TAG = 1024 };

struct transfer {
    CURL *curl;
    struct part *part;
    int64_t limit; /* bytes; -1: none known */
    char etag[TAG], date[TAG];
    int began, write_error, too_long;
    struct progress progress;
};

static void take_header(char *to, const char *line, size_t n, const char *name) {
    size_t length = strlen(name);
    if (n <= length || strncasecmp(line, name, length)) return;
    line += length, n -= length;
    while (n && strchr(" \t", *line)) line++, n--;
    while (n && strchr(" \t\r\n", line[n - 1])) n--;
    if (n < TAG) memcpy(to, line, n), to[n] = 0;
}

static size_t on_header(char *line, size_t size, size_t n, void *arg) {
    struct transfer *t = arg;
    n *= size;
    if (n > 5 && !strncmp(line, "HTTP/", 5))
        *t->etag = *t->date = 0; /* a further response */
    take_header(t->etag, line, n, "ETag:");
    take_header(t->date, line, n, "Last-Modified:");
    return n;
}

/* Before the first byte of a body: what it is a part of. A weak ETag does not promise equal
 * bytes (RFC 9110, section 8.8.1). */
static void begin(struct transfer *t) {
    long status = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    t->began = 1;
    if (status != 200) return;
    const char *tag = *t->etag && strncmp(t->etag, "W/", 2) ? t->etag : t->date;
    part_tag(t->part, *t->etag && !strncmp(t->etag, "W/", 2) ? NULL : tag);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg) {
    struct transfer *t = arg;
    n *= size;
    if (!t->began) begin(t);
    if (t->limit >= 0 && t->part->bytes + (int64_t)n > t->limit) {
        t->too_long = 1;
        return CURL_WRITEFUNC_ERROR;
    }
    if (part_write(t->part, bytes, n)) {
        t->write_error = errno;
        return CURL_WRITEFUNC_ERROR;
    }
    progress_step(&t->progress, (double)t->part->bytes / 1e6, NULL);
    return n;
}

static void set(CURLcode code) {
    if (code != CURLE_OK)
        die_world("libcurl: %s, wanted version 7.85 or newer; update it",
                  curl_easy_strerror(code));
}

static void configure(struct transfer *t, const char *url, struct curl_slist *headers) {
    CURL *c = t->curl;
    const char *bundle = getenv("CURL_CA_BUNDLE");
    set(curl_easy_setopt(c, CURLOPT_URL, url));
    set(curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https"));
    set(curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "https"));
    set(curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L));
    set(curl_easy_setopt(c, CURLOPT_MAXREDIRS, 10L));
    set(curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L));
    set(curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L));
    set(curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L));
    set(curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L));
    set(curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
    set(curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 30L));
    set(curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1024L));
    set(curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, 60L));
    set(curl_easy_setopt(c, CURLOPT_USERAGENT, "repolyp/0.1"));
    set(curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header));
    set(curl_easy_setopt(c, CURLOPT_HEADERDATA, t));
    set(curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body));
    set(curl_easy_setopt(c, CURLOPT_WRITEDATA, t));
    set(curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers));
    if (bundle && *bundle) set(curl_easy_setopt(c, CURLOPT_CAINFO, bundle));
    if (headers)
        set(curl_easy_setopt(c, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)t->part->bytes));
}

static struct curl_slist *if_range(const struct part *part) {
    if (!part->bytes || !part->tag) return NULL;
    char *line = xprintf("If-Range: %s", part->tag);
    struct curl_slist *list = curl_slist_append(NULL, line);
    xfree(line);
    if (!list) die_world("out of memory: wanted room for a header, close other programs");
    return list;
}

struct outcome {
    CURLcode code;
    long status;
    curl_off_t retry_after;
};

/* One request. Whatever a part holds that cannot be gone on with is thrown away. */
static struct outcome request(struct transfer *t, const char *url) {
    struct outcome o = {0};
    if (t->part->bytes && !t->part->tag) part_restart(t->part);
    struct curl_slist *headers = if_range(t->part);
    t->curl = curl_easy_init();
    if (!t->curl)
        die_world("libcurl: cannot be started, wanted memory; close other programs");
    t->began = 0;
    configure(t, url, headers);
    o.code = curl_easy_perform(t->curl);
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &o.status);
    curl_easy_getinfo(t->curl, CURLINFO_RETRY_AFTER, &o.retry_after);
    curl_easy_cleanup(t->curl);
    curl_slist_free_all(headers);
    if (t->write_error) {
        errno = t->write_error;
        part_fail(t->part, "writing");
    }
    return o;
}

static int may_pass(const struct outcome *o) {
    static const CURLcode codes[] = {
        CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT,   CURLE_PARTIAL_FILE,
        CURLE_OPERATION_TIMEDOUT,   CURLE_SSL_CONNECT_ERROR, CURLE_GOT_NOTHING,
        CURLE_SEND_ERROR,           CURLE_RECV_ERROR,        CURLE_HTTP2_STREAM};
    if (o->code == CURLE_HTTP_RETURNED_ERROR)
        return o->status == 408 || o->status == 429 || o->status >= 500;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (o->code == codes[i]) return 1;
    return 0;
}

/* Some chance in it, so that many clients do not come back together. */
static void wait_before(int try, double pause, const struct outcome *o) {
    double jitter = rng_uniform((uint64_t)getpid(), STREAM_ORDER, 0, (uint64_t)try);
    double seconds = pause * (double)(1 << try) * (1 + .25 * jitter);
    if (o->retry_after > 0) seconds = (double)o->retry_after;
    if (seconds > LONGEST_WAIT) seconds = LONGEST_WAIT;
    struct timespec rest = {(time_t)seconds,
                            (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&rest, &rest) && errno == EINTR) {
    }
}

static void explain(const struct outcome *o, const struct transfer *t, char *why,
                    size_t size) {
    if (t->too_long)
        snprintf(why, size, "more than %lld bytes came, wanted as many",
                 (long long)t->limit);
    else if (o->code == CURLE_HTTP_RETURNED_ERROR)
        snprintf(why, size, "the server says %ld", o->status);
    else
        snprintf(why, size, "%s", curl_easy_strerror(o->code));
}

static void tell_settings(void) {
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
                                        "CURL_CA_BUNDLE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        const char *secret = value ? strrchr(value, '@') : NULL; /* user:password@host */
        if (value && *value)
            warn("%s: used: %s", names[i], quoted(secret ? secret + 1 : value));
    }
}

int download(const struct source *s, const char *url, struct part *part, double pause,
             char *why, size_t size) {
    struct transfer t = {.part = part, .limit = s->bytes};
    struct outcome o = {0};
    int whole = s->bytes >= 0 && part->bytes == s->bytes;
    tell_settings();
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        die_world("libcurl: cannot be started, wanted a working installation");
    progress_start(&t.progress, s->name, "MB", s->bytes > 0 ? (double)s->bytes / 1e6 : 0,
                   (double)part->bytes / 1e6);
    for (int try = 0, restarts = 0; !whole;) {
        o = request(&t, url);
        whole = o.code == CURLE_OK;
        /* The server has another file now, takes no ranges, or ours was too long already. */
        int stale = o.code == CURLE_RANGE_ERROR || o.status == 416;
        if (whole || t.too_long) break;
        if (stale && !restarts++) {
            part_restart(part);
            continue;
        }
        if (!may_pass(&o) || ++try == TRIES) break;
        explain(&o, &t, why, size);
        warn("%s: %s; trying again (%d of %d)", quoted(url), why, try + 1, (int)TRIES);
        wait_before(try - 1, pause, &o);
    }
    progress_end(&t.progress);
    curl_global_cleanup();
    if (!whole) explain(&o, &t, why, size);
    if (t.too_long) part_restart(part);
    return whole;
}
