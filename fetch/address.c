/* address.c - addresses are cut apart by hand here; libcurl reads them for itself. */
#include "fetch/address.h"
#include "core/die.h"
#include <ctype.h>
#include <string.h>

int address_is_https(const char *url) {
    return !strncmp(url, "https://", 8);
}

/* "user:password@host:port" of an address, its length in *n. */
static const char *authority(const char *url, size_t *n) {
    const char *start = strstr(url, "://");
    start = start ? start + 3 : url;
    *n = strcspn(start, "/?#");
    return start;
}

static const char *after_last(const char *text, size_t n, char c) {
    const char *at = memrchr(text, c, n);
    return at ? at + 1 : text;
}

static const char *shown(const char *url, const char *secret, const char *host) {
    char *text = xprintf("%.*s%s", (int)(secret - url), url, host);
    const char *out = quoted(text);
    xfree(text);
    return out;
}

const char *address_shown(const char *url) {
    size_t n;
    const char *start = authority(url, &n);
    return shown(url, start, after_last(start, n, '@'));
}

const char *address_proxy_shown(const char *proxy) {
    size_t n;
    const char *start = authority(proxy, &n);
    return shown(proxy, start, after_last(start, strlen(start), '@'));
}

void address_host(const char *url, char *host, size_t size) {
    size_t n, used = 0;
    const char *start = authority(url, &n), *name = after_last(start, n, '@');
    n -= (size_t)(name - start);
    if (*name == '[')
        n = strcspn(name, "]");
    else if (memchr(name, ':', n))
        n = strcspn(name, ":");
    for (size_t i = 0; i < n && used + 1 < size; i++) {
        int plain = isalnum((unsigned char)name[i]) || strchr(".-", name[i]);
        host[used++] = plain ? (char)tolower((unsigned char)name[i]) : '_';
    }
    host[used] = 0;
}

/* The id in https://drive.google.com/file/d/ID/..., /open?id=ID, /uc?id=ID and
 * https://drive.usercontent.google.com/download?id=ID; *n is 0 if there is none. */
static const char *drive_id(const char *url, size_t *n) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char host[64];
    *n = 0;
    address_host(url, host, sizeof host);
    if (!address_is_https(url) ||
        (strcmp(host, "drive.google.com") && strcmp(host, "drive.usercontent.google.com")))
        return url;
    const char *id = strstr(url, "/file/d/");
    if (id) id += strlen("/file/d/");
    if (!id && (id = strpbrk(url, "?&")))
        while (id && strncmp(id + 1, "id=", 3)) id = strpbrk(id + 1, "?&");
    if (!id) return url;
    if (*id == '?' || *id == '&') id += strlen("?id=");
    *n = strspn(id, letters);
    return id;
}

char *address_drive_direct(const char *url) {
    size_t n;
    const char *id = drive_id(url, &n);
    const char *direct =
        "https://drive.usercontent.google.com/download?id=%.*s&export=download&confirm=t";
    if (n && strstr(url, "usercontent")) return xstrdup(url);
    return n ? xprintf(direct, (int)n, id) : NULL;
}

char *address_drive_page(const char *url) {
    size_t n;
    const char *id = drive_id(url, &n);
    return n ? xprintf("https://drive.google.com/file/d/%.*s/view", (int)n, id) : NULL;
}
