/* verify.c - size, first bytes and sha256 against the source. It changes no file. */
#include "fetch/verify.h"
#include "core/die.h"
#include <string.h>
#include <strings.h>

void seen_file(struct seen *seen, const char *path) {
    struct map map;
    map_open(&map, path);
    *seen = (struct seen){.bytes = (int64_t)map.size, .head_bytes = map.size};
    if (seen->head_bytes > SEEN_HEAD) seen->head_bytes = SEEN_HEAD;
    seen->head = xmalloc(SEEN_HEAD);
    if (seen->head_bytes) memcpy(seen->head, map.data, seen->head_bytes);
    map_close(&map);
    sha_file(path, seen->sha256);
}

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

static const char *remedy(int local) {
    return local ? "remove it from the mirror, or put the right file there"
                 : "try again, or put the file into a mirror folder";
}

static void check_head(const struct source *s, const struct seen *seen, const char *from,
                       int local) {
    if (source_magic(s->magic, seen->head, seen->head_bytes)) return;
    const char *title = page_title(seen->head, seen->head_bytes);
    if (!title)
        die_no("%s: begins with '%s', wanted %s; %s", quoted(from),
               quoted_bytes(seen->head, seen->head_bytes < 8 ? seen->head_bytes : 8),
               quoted(s->magic), remedy(local));
    if (local)
        die_no("%s: a web page titled '%s', wanted %s; %s", quoted(from), title,
               quoted(s->magic), remedy(local));
    die_world(
        "%s: a web page titled '%s' came, wanted %s; open the address in a browser, save the "
        "file as %s in a folder and name the folder as mirror",
        quoted(from), title, quoted(s->magic), s->file[0]);
}

static void check_bytes(const struct source *s, const struct seen *seen, const char *from,
                        int local) {
    if (s->bytes >= 0 && seen->bytes != s->bytes)
        die_no("%s: %lld bytes, wanted %lld%s; %s", quoted(from), (long long)seen->bytes,
               (long long)s->bytes, seen->bytes < s->bytes ? ": cut short" : "",
               remedy(local));
    if (s->sha256 && strcmp(seen->sha256, s->sha256))
        die_no("%s: sha256 is %s, wanted %s; %s", quoted(from), seen->sha256, s->sha256,
               remedy(local));
}

void verify(const struct source *s, const struct seen *seen, const char *from, int local) {
    if (!seen->bytes)
        die_world("%s: empty file, wanted %s; %s", quoted(from), s->file[0], remedy(local));
    check_head(s, seen, from, local);
    if (!(local && s->content)) check_bytes(s, seen, from, local);
}
