/* terms.c - what was told is read and rewritten under a lock on its folder. */
#include "fetch/terms.h"
#include "core/die.h"
#include "core/file.h"
#include "fetch/lock.h"
#include <string.h>

enum { NAME, LICENCE, TERMS, CITE, COLUMNS };
static const char *const column[COLUMNS] = {"name", "licence", "terms", "cite"};

/* Fit for a cell: without tabs. Caller frees. */
static char *cell(const char *text) {
    char *copy = xstrdup(text ? text : "na");
    for (char *at = copy; (at = strchr(at, '\t'));) *at = ' ';
    return copy;
}

static void row_of(const struct source *s, char *row[COLUMNS]) {
    char *cite = xstrdup(s->cite_count ? s->cite[0] : "na");
    for (int i = 1; i < s->cite_count; i++) {
        char *longer = xprintf("%s; %s", cite, s->cite[i]);
        xfree(cite);
        cite = longer;
    }
    row[NAME] = xstrdup(s->name);
    row[LICENCE] = cell(s->licence);
    row[TERMS] = cell(s->terms);
    row[CITE] = cell(cite);
    xfree(cite);
}

/* Row of the source in the table: its index, or where it is to go, -1 - index. */
static int find(const struct table *t, const char *name) {
    int row = 0, order = -1;
    while (row < t->rows) {
        order = strcmp(table_get(t, row, table_need(t, "name")), name);
        if (order >= 0) break;
        row++;
    }
    return row < t->rows && !order ? row : -1 - row;
}

static int is_known(const struct table *t, int at, char *const row[COLUMNS]) {
    for (int c = 0; at >= 0 && c < COLUMNS; c++)
        if (strcmp(table_get(t, at, table_need(t, column[c])), row[c])) return 0;
    return at >= 0;
}

static void write_row(struct out *out, char *const row[COLUMNS]) {
    out_printf(out, "%s\t%s\t%s\t%s\n", row[NAME], row[LICENCE], row[TERMS], row[CITE]);
}

/* All rows, with the new one at its place or in its place. */
static void rewrite(const char *path, const struct table *t, int at,
                    char *const row[COLUMNS]) {
    struct out *out = out_open(path);
    int place = at < 0 ? -1 - at : at;
    out_printf(out, "name\tlicence\tterms\tcite\n");
    for (int i = 0; i < t->rows; i++) {
        char *old[COLUMNS];
        if (i == place) write_row(out, row);
        if (i == at) continue;
        for (int c = 0; c < COLUMNS; c++)
            old[c] = (char *)table_get(t, i, table_need(t, column[c]));
        write_row(out, old);
    }
    if (place == t->rows) write_row(out, row);
    out_commit(out);
}

/* 1 if it was new, and is now written down. */
static int write_down(const char *path, const struct source *s) {
    size_t n = (size_t)(file_base(path) - path);
    char *folder = n ? xprintf("%.*s", (int)n, path) : xstrdup("./"), *row[COLUMNS];
    struct lock lock;
    struct table t = {0};
    file_mkdir(folder);
    lock_folder(&lock, folder);
    if (file_exists(path)) table_read(&t, path);
    row_of(s, row);
    int at = find(&t, s->name), known = is_known(&t, at, row);
    if (!known) rewrite(path, &t, at, row);
    if (t.path) table_free(&t);
    lock_close(&lock);
    for (int c = 0; c < COLUMNS; c++) xfree(row[c]);
    xfree(folder);
    return !known;
}

void terms_tell(const char *path, const struct source *s) {
    if (!s->terms && !s->cite_count) return;
    if (path && !write_down(path, s)) return;
    if (s->licence) warn("%s: licence: %s", s->name, s->licence);
    if (s->terms) warn("%s: terms: %s", s->name, s->terms);
    for (int i = 0; i < s->cite_count; i++) warn("%s: to cite: %s", s->name, s->cite[i]);
}
