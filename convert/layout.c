/* layout.c - matches members' paths. It opens nothing, and guesses nothing from pixels. */
#include "convert/layout.h"
#include "core/die.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct span {
    const char *at;
    size_t n;
};

static int stars(const char *pattern) {
    int n = 0;
    for (; *pattern; pattern++) n += *pattern == '*';
    return n;
}

/* Whole text against whole pattern; a star takes as little as it can. */
static int match(const char *pattern, const char *text, struct span *star) {
    for (; *pattern && *pattern != '*'; pattern++, text++)
        if (*pattern != *text) return 0;
    if (!*pattern) return !*text;
    for (size_t n = 0;; n++) {
        if (n && match(pattern + 1, text + n, star + 1)) {
            *star = (struct span){text, n};
            return 1;
        }
        if (!text[n] || text[n] == '/') return 0;
    }
}

/* The end of `path` that has as many parts as the pattern, NULL if it has fewer. */
static const char *last_parts(const char *path, const char *pattern) {
    int parts = 1;
    for (const char *p = pattern; *p; p++) parts += *p == '/';
    const char *at = path + strlen(path);
    while (at > path) {
        if (at[-1] == '/' && --parts == 0) return at;
        at--;
    }
    return parts == 1 ? path : NULL;
}

static int match_pairs(const char *pattern, const char *path, struct place *place) {
    struct span star[LAYOUT_STARS];
    const char *end = last_parts(path, pattern), *slash = strrchr(path, '/');
    if (slash ? slash[1] == '.' : *path == '.')
        return 0; /* as the shell's star: no ._1.tif */
    if (!end || !match(pattern, end, star)) return 0;
    char *name = xstrdup("");
    for (int i = 0; i < stars(pattern); i++) {
        char *longer = xprintf("%s%s%.*s", name, i ? "/" : "", (int)star[i].n, star[i].at);
        xfree(name);
        name = longer;
    }
    place->name = name;
    place->pair = xstrdup(name);
    return 1;
}

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

static enum role place_sun(const char *path, struct place *place) {
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

static _Noreturn void refuse(const struct source *s, const char *wanted) {
    die_no("%s: format is '%s', wanted %s", quoted(s->path),
           quoted(s->format ? s->format : ""), wanted);
}

static char *trimmed(const char *from, const char *end) {
    while (from < end && *from == ' ') from++;
    while (end > from && end[-1] == ' ') end--;
    return xprintf("%.*s", (int)(end - from), from);
}

void layout_open(struct layout *layout, const struct source *source) {
    *layout = (struct layout){0};
    const char *format = source->format, *bar;
    if (!format) refuse(source, "`pairs IMAGE | MASK` or `sun`");
    layout->sun = !strcmp(format, "sun");
    if (layout->sun) return;
    bar = strchr(format, '|');
    if (strncmp(format, "pairs ", 6) || !bar)
        refuse(source, "`pairs IMAGE | MASK` or `sun`");
    layout->pattern[ROLE_IMAGE] = trimmed(format + 6, bar);
    layout->pattern[ROLE_MASK] = trimmed(bar + 1, format + strlen(format));
    int n = stars(layout->pattern[ROLE_IMAGE]);
    if (n < 1 || n > LAYOUT_STARS || n != stars(layout->pattern[ROLE_MASK]))
        refuse(source,
               "two patterns with as many stars, 1 to 8, as images/*.jpg | masks/*.png");
    if (!strcmp(layout->pattern[ROLE_IMAGE], layout->pattern[ROLE_MASK]))
        refuse(source, "two patterns that differ");
}

void layout_close(struct layout *layout) {
    xfree(layout->pattern[ROLE_IMAGE]);
    xfree(layout->pattern[ROLE_MASK]);
    *layout = (struct layout){0};
}

enum role layout_place(const struct layout *layout, const char *path, struct place *place) {
    *place = (struct place){0};
    if (layout->sun) return place_sun(path, place);
    for (enum role role = ROLE_MASK; role >= ROLE_IMAGE; role--)
        if (match_pairs(layout->pattern[role], path, place)) return role;
    return ROLE_NONE;
}

void place_free(struct place *place) {
    xfree(place->pair);
    xfree(place->name);
    xfree(place->group);
    xfree(place->part);
    *place = (struct place){0};
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
