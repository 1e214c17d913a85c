/* pairs.c - the `key value` format, as table.h says; refuses what text.c refuses. */
#include "table.h"
#include "die.h"
#include "file.h"
#include "text.h"
#include <string.h>

enum { PAIRS = 10000 }; /* lines with a key; pairs_check compares them all */

static bool blank(char c) {
    return c == ' ' || c == '\t';
}

/* Cuts a comment and the blanks at both ends, in place; returns where the text begins. */
static char *trim(char *line) {
    while (blank(*line)) line++;
    char *end = line;
    while (*end && !(*end == '#' && (end == line || blank(end[-1])))) end++;
    while (end > line && blank(end[-1])) end--;
    *end = 0;
    return line;
}

void pairs_parse(struct pairs *p, const char *text, size_t n, const char *path) {
    *p = (struct pairs){.path = xstrdup(path)};
    p->text = text_copy(text, n, path);
    int line = 1, room = 0;
    for (char *at = p->text, *end; *at; at = end + 1, line++) {
        end = strchr(at, '\n');
        *end = 0;
        char *key = trim(at);
        if (!*key) continue;
        if (p->count == PAIRS)
            die_no("%s:%d: more than %d lines, wanted fewer", quoted(path), line,
                   (int)PAIRS);
        if (p->count == room) {
            room = room ? room * 2 : 32;
            p->pair = xrealloc(p->pair, (size_t)room, sizeof *p->pair);
        }
        char *value = key + strcspn(key, " \t");
        if (*value) *value++ = 0;
        while (blank(*value)) value++;
        p->pair[p->count++] = (struct pair){key, value, line};
    }
}

void pairs_read(struct pairs *p, const char *path) {
    size_t n;
    char *text = file_read(path, TEXT_LIMIT, &n);
    pairs_parse(p, text, n, path);
    xfree(text);
}

void pairs_free(struct pairs *p) {
    xfree(p->path);
    xfree(p->pair);
    xfree(p->text);
    *p = (struct pairs){0};
}

const char *pairs_get(const struct pairs *p, const char *key) {
    for (int i = p->count - 1; i >= 0; i--)
        if (!strcmp(p->pair[i].key, key)) return p->pair[i].value;
    return NULL;
}

const char *pairs_need(const struct pairs *p, const char *key) {
    const char *value = pairs_get(p, key);
    if (!value)
        die_no("%s: no key %s, wanted a line '%s VALUE'", quoted(p->path), key, key);
    return value;
}

static bool listed(const char *const *list, const char *key) {
    for (; list && *list; list++)
        if (!strcmp(*list, key)) return true;
    return false;
}

void pairs_check(const struct pairs *p, const char *const *allowed,
                 const char *const *many) {
    for (int i = 0; i < p->count; i++) {
        const struct pair *a = &p->pair[i];
        if (!listed(allowed, a->key) && !listed(many, a->key))
            die_no("%s:%d: unknown key %s, wanted a known one; check its spelling",
                   quoted(p->path), a->line, quoted(a->key));
        for (int j = 0; j < i && !listed(many, a->key); j++)
            if (!strcmp(a->key, p->pair[j].key))
                die_no("%s:%d: key %s stands already in line %d, wanted it once",
                       quoted(p->path), a->line, quoted(a->key), p->pair[j].line);
    }
}
