/* layout.c - matches members' paths. It opens nothing, and guesses nothing from pixels. */
#include "convert/layout.h"
#include "convert/layout_sun.h"
#include "core/die.h"
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

/* As the shell's star: no ._1.tif. */
static int is_hidden(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash[1] == '.' : *path == '.';
}

static int match_name(const char *pattern, const char *path, struct place *place) {
    struct span star[LAYOUT_STARS];
    const char *end = last_parts(path, pattern);
    if (is_hidden(path) || !end || !match(pattern, end, star)) return 0;
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

/* The folder's name alone, "-" if there is none. */
static char *folder_of(const char *path) {
    const char *end = strrchr(path, '/'), *at = end;
    if (!end) return xstrdup("-");
    while (at > path && at[-1] != '/') at--;
    return xprintf("%.*s", (int)(end - at), at);
}

struct wish {
    const char *format, *path;
};

static _Noreturn void refuse(const struct wish *w, const char *wanted) {
    die_no("%s: format is '%s', wanted %s", quoted(w->path),
           quoted(w->format ? w->format : ""), wanted);
}

static char *trimmed(const char *from, const char *end) {
    while (from < end && *from == ' ') from++;
    while (end > from && end[-1] == ' ') end--;
    return xprintf("%.*s", (int)(end - from), from);
}

/* Writes the patterns that `text` stands for, its first braces opened, then theirs. */
static void open_braces(struct layout *layout, enum role role, const char *text,
                        const struct wish *wish) {
    const char *open = strchr(text, '{'), *close = open ? strchr(open, '}') : NULL;
    if (!open && strchr(text, '}')) refuse(wish, "a '{' before each '}'");
    if (open && (!close || memchr(open + 1, '{', (size_t)(close - open - 1))))
        refuse(wish, "a '}' after each '{', and no braces in braces");
    if (!open) {
        if (layout->ways[role] == LAYOUT_WAYS)
            refuse(wish, "braces that stand for 16 patterns at most");
        layout->pattern[role][layout->ways[role]++] = xstrdup(text);
        return;
    }
    for (const char *at = open + 1; at <= close; at += strcspn(at, ",}") + 1) {
        char *one = xprintf("%.*s%.*s%s", (int)(open - text), text, (int)strcspn(at, ",}"),
                            at, close + 1);
        open_braces(layout, role, one, wish);
        xfree(one);
    }
}

static void take_pattern(struct layout *layout, enum role role, const char *from,
                         const char *end, const struct wish *wish) {
    char *text = trimmed(from, end);
    open_braces(layout, role, text, wish);
    xfree(text);
    int n = stars(layout->pattern[role][0]);
    for (int i = 0; i < layout->ways[role]; i++)
        if (stars(layout->pattern[role][i]) != n)
            refuse(wish, "no star in braces, or one in each of the words");
    if (n < 1 || n > LAYOUT_STARS) refuse(wish, "1 to 8 stars in each pattern");
}

static void take_pairs(struct layout *layout, const struct wish *wish) {
    const char *format = wish->format, *bar = strchr(format, '|');
    if (!bar) refuse(wish, "`pairs IMAGE | MASK`");
    take_pattern(layout, ROLE_IMAGE, format + 6, bar, wish);
    take_pattern(layout, ROLE_MASK, bar + 1, format + strlen(format), wish);
    if (stars(layout->pattern[ROLE_IMAGE][0]) != stars(layout->pattern[ROLE_MASK][0]))
        refuse(wish, "two patterns with as many stars, as images/*.jpg | masks/*.png");
    for (int i = 0; i < layout->ways[ROLE_IMAGE]; i++)
        for (int k = 0; k < layout->ways[ROLE_MASK]; k++)
            if (!strcmp(layout->pattern[ROLE_IMAGE][i], layout->pattern[ROLE_MASK][k]))
                refuse(wish, "two patterns that differ");
}

void layout_open(struct layout *layout, const char *format, const char *path) {
    struct wish wish = {format, path};
    *layout = (struct layout){0};
    if (format && !strncmp(format, "pairs ", 6)) {
        layout->kind = LAYOUT_PAIRS;
        take_pairs(layout, &wish);
    } else if (format && !strcmp(format, "sun")) {
        layout->kind = LAYOUT_SUN;
    } else if (format && !strncmp(format, "folders ", 8)) {
        layout->kind = LAYOUT_FOLDERS;
        take_pattern(layout, ROLE_IMAGE, format + 8, format + strlen(format), &wish);
    } else {
        refuse(&wish, "`pairs IMAGE | MASK`, `sun` or `folders IMAGE`");
    }
}

void layout_close(struct layout *layout) {
    for (int role = 0; role < ROLES; role++)
        for (int i = 0; i < layout->ways[role]; i++) xfree(layout->pattern[role][i]);
    *layout = (struct layout){0};
}

enum role layout_place(const struct layout *layout, const char *path, struct place *place) {
    *place = (struct place){0};
    if (layout->kind == LAYOUT_SUN) return layout_sun_place(path, place);
    for (enum role role = ROLE_MASK; role >= ROLE_IMAGE; role--)
        for (int i = 0; i < layout->ways[role]; i++) {
            if (!match_name(layout->pattern[role][i], path, place)) continue;
            if (layout->kind == LAYOUT_FOLDERS) place->group = folder_of(path);
            return role;
        }
    return ROLE_NONE;
}

void place_free(struct place *place) {
    xfree(place->pair);
    xfree(place->name);
    xfree(place->group);
    xfree(place->part);
    *place = (struct place){0};
}
