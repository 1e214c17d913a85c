/* verify.c - size, first bytes and sha256 against the source. It changes no file. */
#include "fetch/verify.h"
#include "core/die.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Where `word` begins within the first n bytes, letters alike; n if nowhere. */
static size_t find(const uint8_t *bytes, size_t n, const char *word) {
    size_t length = strlen(word);
    for (size_t i = 0; i + length <= n; i++)
        if (!strncasecmp((const char *)bytes + i, word, length)) return i;
    return n;
}

const char *page_title(const uint8_t *bytes, size_t n) {
    size_t start = 0;
    if (n >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3)) start = 3;
    while (start < n && strchr(" \t\r\n", bytes[start])) start++;
    if (start == n || bytes[start] != '<') return NULL;
    if (find(bytes, n, "<html") == n && find(bytes, n, "<!doctype html") == n) return NULL;
    size_t at = find(bytes, n, "<title"), end = n;
    if (at == n) return "no title";
    while (at < n && bytes[at] != '>') at++;
    at += at < n;
    end = at + find(bytes + at, n - at, "</title");
    while (at < end && strchr(" \t\r\n", bytes[at])) at++;
    while (end > at && strchr(" \t\r\n", bytes[end - 1])) end--;
    return at < end ? quoted_bytes(bytes + at, end - at) : "no title";
}

int verify_head(const struct source *s, const uint8_t *head, size_t n, char *why,
                size_t size) {
    const char *wanted = s->magic ? s->magic : s->file[0];
    const char *title = page_title(head, n);
    if (!n) {
        snprintf(why, size, "empty file, wanted %s", quoted(wanted));
        return EXIT_WORLD;
    }
    if (title && (!s->magic || !source_magic(s->magic, head, n))) {
        snprintf(why, size, "a web page titled '%s', wanted %s", title, quoted(wanted));
        return EXIT_WORLD;
    }
    if (source_magic(s->magic, head, n)) return 0;
    snprintf(why, size, "begins with '%s', wanted %s", quoted_bytes(head, n < 8 ? n : 8),
             quoted(wanted));
    return EXIT_NO;
}

static int verify_bytes(const struct source *s, const struct seen *seen, char *why,
                        size_t size) {
    if (s->bytes >= 0 && seen->bytes != s->bytes)
        snprintf(why, size, "%lld bytes, wanted %lld%s", (long long)seen->bytes,
                 (long long)s->bytes, seen->bytes < s->bytes ? ": cut short" : "");
    else if (s->sha256 && strcmp(seen->sha256, s->sha256))
        snprintf(why, size, "sha256 is %s, wanted %s", seen->sha256, s->sha256);
    else if (s->sha256_begins &&
             strncmp(seen->sha256, s->sha256_begins, strlen(s->sha256_begins)))
        snprintf(why, size, "sha256 is %s, wanted one that begins %s", seen->sha256,
                 s->sha256_begins);
    else if (s->md5 && strcmp(seen->md5, s->md5))
        snprintf(why, size, "md5 is %s, wanted %s", seen->md5, s->md5);
    else
        return 0;
    return EXIT_NO;
}

int verify_by_content(const struct source *s) {
    return s->content || s->pictures;
}

int verify(const struct source *s, const struct seen *seen, int local, char *why,
           size_t size) {
    int code = verify_head(s, seen->head, seen->head_bytes, why, size);
    if (!code && !(local && verify_by_content(s))) code = verify_bytes(s, seen, why, size);
    if (code && local && seen->bytes) code = EXIT_NO;
    return code;
}
