/* layout_sun.c - SUN-SEG's two trees, its names of cases and clips, and its order of
 * frames. */
#include "convert/layout_sun.h"
#include "convert/layout.h"
#include "core/die.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct span {
    const char *at;
    size_t n;
};

/* `case7` or `case7_2`; the length of `case7`, 0 if neither. */
static size_t case_length(const char *text, size_t n) {
    size_t at = 4, end;
    if (n < 5 || strncmp(text, "case", 4)) return 0;
    while (at < n && isdigit((unsigned char)text[at])) at++;
    end = at;
    if (at == 4) return 0;
    if (at < n && text[at] == '_') {
        size_t first = ++at;
        while (at < n && isdigit((unsigned char)text[at])) at++;
        if (at == first) return 0;
    }
    return at == n ? end : 0;
}

/* Parts of a path, the last first. */
static int split_parts(const char *path, struct span *part, int room) {
    int n = 0;
    const char *end = path + strlen(path);
    while (n < room && end > path) {
        const char *at = end;
        while (at > path && at[-1] != '/') at--;
        part[n++] = (struct span){at, (size_t)(end - at)};
        end = at > path ? at - 1 : at;
    }
    return n;
}

static int span_is(struct span s, const char *text) {
    return s.n == strlen(text) && !memcmp(s.at, text, s.n);
}

static int ends_in(struct span s, const char *end) {
    size_t n = strlen(end);
    return s.n > n && !memcmp(s.at + s.n - n, end, n);
}

static char *part_of(const struct span *part, int n) {
    if (n > 4 && (span_is(part[3], "Seen") || span_is(part[3], "Unseen")))
        return xprintf("%.*s/%.*s", (int)part[4].n, part[4].at, (int)part[3].n, part[3].at);
    return n > 3 ? xprintf("%.*s", (int)part[3].n, part[3].at) : xstrdup("-");
}

enum role layout_sun_place(const char *path, struct place *place) {
    struct span part[5];
    int n = split_parts(path, part, 5);
    size_t length = n > 1 ? case_length(part[1].at, part[1].n) : 0;
    if (!length || part[0].at[0] == '.') return ROLE_NONE;
    int frame = ends_in(part[0], ".jpg"), mask = ends_in(part[0], ".png");
    if (!frame && !(mask && n > 2 && span_is(part[2], "GT"))) return ROLE_NONE;
    int stem = (int)part[0].n - 4;
    place->pair = xprintf("%.*s/%.*s", (int)length, part[1].at, stem, part[0].at);
    if (frame) return ROLE_IMAGE;
    place->name = xprintf("%.*s/%.*s", (int)part[1].n, part[1].at, stem, part[0].at);
    place->group = xprintf("%.*s", (int)length, part[1].at);
    place->part = part_of(part, n);
    return ROLE_MASK;
}

/* The number at `at`, -1 if there is none. */
static long number(const char *at) {
    return at && isdigit((unsigned char)*at) ? strtol(at, NULL, 10) : -1;
}

static const char *after(const char *text, const char *mark) {
    const char *at = text ? strstr(text, mark) : NULL;
    return at ? at + strlen(mark) : NULL;
}

/* Case, clip, and the key of VPS's loader: the number between the last '_' before the first
 * '-' and that '-', the one after "_a", the one after "_image". */
static void sun_key(const char *name, long key[5]) {
    const char *stem = strchr(name, '/');
    stem = stem ? stem + 1 : name;
    const char *dash = strchr(stem, '-'), *low = dash;
    while (low && low > stem && low[-1] != '_') low--;
    const char *clip = strchr(name, '_');
    key[0] = number(after(name, "case"));
    key[1] = clip && clip < stem ? number(clip + 1) : -1;
    key[2] = number(low);
    key[3] = number(after(stem, "_a"));
    key[4] = number(after(stem, "_image"));
}

int layout_sun_compare(const char *a, const char *b) {
    long x[5], y[5];
    sun_key(a, x);
    sun_key(b, y);
    for (int i = 0; i < 5; i++)
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    return strcmp(a, b);
}
