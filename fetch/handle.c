/* handle.c - libcurl's options.
 *
 * It never resumes by CURLOPT_RANGE (a server that ignores it has its whole body appended),
 * sends no header of its own but If-Range (custom headers follow redirects), accepts no
 * encoding, reads no .netrc. FAILONERROR is off, for it throws away the page that says what
 * is wrong: the caller refuses every status but 200 and 206 itself. */
#include "fetch/handle.h"
#include "core/die.h"
#include "fetch/address.h"
#include "fetch/part.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libcurl's memory, so that FAIL_AT reaches it, and because libcurl says "out of memory"
 * of a long header too. Its callbacks know no handle. */
static atomic_int lacked;

static void *checked(void *memory) {
    if (!memory) atomic_store(&lacked, 1);
    return memory;
}
static void *take(size_t n) {
    return checked(fail_point() ? NULL : malloc(n));
}
static void *take_again(void *old, size_t n) {
    return checked(fail_point() ? NULL : realloc(old, n));
}
static void *take_zeros(size_t n, size_t size) {
    return checked(fail_point() ? NULL : calloc(n, size));
}
static char *take_copy(const char *text) {
    return checked(fail_point() ? NULL : strdup(text));
}
int handle_lacked_memory(void) {
    return atomic_load(&lacked);
}

static void release(void *arg) {
    struct handle *h = arg;
    curl_easy_cleanup(h->curl);
    curl_slist_free_all(h->headers);
    curl_global_cleanup();
}

static void set(CURLcode code) {
    if (code == CURLE_OUT_OF_MEMORY)
        die_world("libcurl: out of memory, wanted more; close other programs");
    if (code != CURLE_OK)
        die_world("libcurl: %s, wanted version 7.85 or newer; update it",
                  curl_easy_strerror(code));
}

/* The value of the first that is set and not empty, its name in *name; or NULL. */
static const char *setting(const char *const *names, const char **name) {
    for (; *names; names++) {
        const char *value = getenv(*names);
        *name = *names;
        if (value && *value) return value;
    }
    return NULL;
}

static const char *const proxies[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
                                      "ALL_PROXY", NULL};
static const char *const direct[] = {"no_proxy", "NO_PROXY", NULL};
static const char *const bundle_files[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE", NULL};
static const char *const bundle_folders[] = {"SSL_CERT_DIR", NULL};

/* The file and the folder of authorities, and their variables; NULL if not set. */
struct authorities {
    const char *file, *file_name, *folder, *folder_name;
};
static struct authorities authorities(void) {
    struct authorities a = {0};
    a.file = setting(bundle_files, &a.file_name);
    if (!a.file || strcmp(a.file_name, "CURL_CA_BUNDLE")) /* which is the last word */
        a.folder = setting(bundle_folders, &a.folder_name);
    return a;
}

void handle_tell_settings(void) {
    const char *name, *value = setting(proxies, &name);
    struct authorities a = authorities();
    if (value) {
        warn("%s: used: %s", name, address_proxy_shown(value));
        if ((value = setting(direct, &name))) warn("%s: used: %s", name, quoted(value));
    }
    if (a.file) warn("%s: used: %s", a.file_name, quoted(a.file));
    if (a.folder) warn("%s: used: %s", a.folder_name, quoted(a.folder));
}

static void set_authorities(CURL *c) {
    struct authorities a = authorities();
    if (a.file) {
        set(curl_easy_setopt(c, CURLOPT_CAINFO, a.file));
        set(curl_easy_setopt(c, CURLOPT_PROXY_CAINFO, a.file));
    }
    if (a.folder) {
        set(curl_easy_setopt(c, CURLOPT_CAPATH, a.folder));
        set(curl_easy_setopt(c, CURLOPT_PROXY_CAPATH, a.folder));
    }
}

void handle_open(struct handle *h, const char *url, const struct patience *patience) {
    *h = (struct handle){0};
    atomic_store(&lacked, 0);
    die_cleanup(release, h);
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, take, free, take_again, take_copy,
                             take_zeros) != CURLE_OK)
        set(CURLE_OUT_OF_MEMORY);
    CURL *c = h->curl = curl_easy_init();
    if (!c) set(CURLE_OUT_OF_MEMORY);
    set(curl_easy_setopt(c, CURLOPT_URL, url));
    set(curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->error));
    set(curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https"));
    set(curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "https"));
    set(curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L));
    set(curl_easy_setopt(c, CURLOPT_MAXREDIRS, 10L));
    set(curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L));
    set(curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L));
    set(curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L));
    /* One connection needs no cache of sessions; 7.88's frees twice where memory ends. */
    set(curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L));
    set(curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
    set(curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(patience->connect * 1e3)));
    set(curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1024L));
    set(curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)patience->stall));
    set(curl_easy_setopt(c, CURLOPT_USERAGENT, "repolyp/0.1"));
    set(curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L));
    set_authorities(c);
}

void handle_receive(struct handle *h, handle_callback *header, handle_callback *body,
                    void *arg) {
    set(curl_easy_setopt(h->curl, CURLOPT_HEADERFUNCTION, header));
    set(curl_easy_setopt(h->curl, CURLOPT_HEADERDATA, arg));
    set(curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, body));
    set(curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, arg));
}

void handle_resume(struct handle *h, int64_t from, const char *validator) {
    char line[PART_VALIDATOR + 16];
    snprintf(line, sizeof line, "If-Range: %s", validator);
    h->headers = curl_slist_append(NULL, line);
    if (!h->headers) set(CURLE_OUT_OF_MEMORY);
    set(curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, h->headers));
    set(curl_easy_setopt(h->curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)from));
}

void handle_close(struct handle *h) {
    die_cleanup_forget(release, h);
    release(h);
}
