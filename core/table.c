/* table.c - the TSV format. It refuses quoting, ragged lines, and every byte that could
 * hide something: control bytes, CR, a byte order mark, invalid UTF-8, a last line without
 * its end. */
#include "table.h"
#include "die.h"
#include "file.h"
#include "text.h"
#include <limits.h>
#include <string.h>

enum { TABLE_COLS = 1000 };

/* Cells of one line (ended by a zero byte) cut in place; returns their number. */
static int cut_line(const struct table *t, int line, char *text, char **cell, int room) {
    int n = 0;
    for (char *at = text;;) {
        if (n < room) cell[n] = at;
        n++;
        char *tab = strchr(at, '\t');
        if (!tab) return n;
        if (n >= room)
            die_no("%s:%d: more than %d cells, wanted %s", quoted(t->path), line, room,
                   t->head ? "as many as the first line has" : "fewer columns");
        *tab = 0;
        at = tab + 1;
    }
}

static void take_head(struct table *t, int line, char *text) {
    int cols = 1;
    for (const char *at = text; (at = strchr(at, '\t')); at++) cols++;
    if (cols > TABLE_COLS)
        die_no("%s:%d: %d columns, wanted at most %d", quoted(t->path), line, cols,
               TABLE_COLS);
    char **head = xcalloc((size_t)cols, sizeof *head);
    cut_line(t, line, text, head, cols);
    t->head = head;
    t->cols = cols;
    for (int i = 0; i < cols; i++) {
        if (!*head[i])
            die_no("%s:%d: column %d has no name, wanted one", quoted(t->path), line,
                   i + 1);
        for (int j = 0; j < i; j++)
            if (!strcmp(head[i], head[j]))
                die_no("%s:%d: column %s stands twice, wanted each once", quoted(t->path),
                       line, quoted(head[i]));
    }
}

static void take_row(struct table *t, int line, char *text, int *room) {
    if (t->rows == *room) {
        if (*room > INT_MAX / 2 / t->cols)
            die_no("%s:%d: too many rows, wanted at most %d", quoted(t->path), line, *room);
        *room = *room ? *room * 2 : 64;
        t->cell = xrealloc(t->cell, (size_t)*room * (size_t)t->cols, sizeof *t->cell);
        t->line = xrealloc(t->line, (size_t)*room, sizeof *t->line);
    }
    int n = cut_line(t, line, text, t->cell + (size_t)t->rows * (size_t)t->cols, t->cols);
    if (n != t->cols)
        die_no("%s:%d: %d cells, wanted %d as the first line has", quoted(t->path), line, n,
               t->cols);
    t->line[t->rows++] = line;
}

void table_parse(struct table *t, const char *text, size_t n, const char *path) {
    *t = (struct table){.path = xstrdup(path)};
    t->text = text_copy(text, n, path);
    int line = 1, room = 0;
    for (char *at = t->text, *end; *at; at = end + 1, line++) {
        end = strchr(at, '\n');
        *end = 0;
        if (*at == '#') continue;
        if (!t->head)
            take_head(t, line, at);
        else
            take_row(t, line, at, &room);
    }
    if (!t->head)
        die_no("%s: no header line, wanted the columns' names separated by tabs",
               quoted(path));
}

void table_read(struct table *t, const char *path) {
    size_t n;
    char *text = file_read(path, TEXT_LIMIT, &n);
    table_parse(t, text, n, path);
    xfree(text);
}

void table_free(struct table *t) {
    xfree(t->path);
    xfree(t->head);
    xfree(t->cell);
    xfree(t->line);
    xfree(t->text);
    *t = (struct table){0};
}

int table_column(const struct table *t, const char *name) {
    for (int i = 0; i < t->cols; i++)
        if (!strcmp(t->head[i], name)) return i;
    return -1;
}

int table_need(const struct table *t, const char *name) {
    int i = table_column(t, name);
    if (i < 0)
        die_no("%s: no column %s, wanted it in the first line", quoted(t->path),
               quoted(name));
    return i;
}

const char *table_get(const struct table *t, int row, int column) {
    return t->cell[(size_t)row * (size_t)t->cols + (size_t)column];
}

double table_number(const struct table *t, int row, int column) {
    double x;
    const char *text = table_get(t, row, column);
    if (!number_parse(text, &x))
        die_no("%s:%d: %s is '%s', wanted a decimal number as 0.25", quoted(t->path),
               t->line[row], quoted(t->head[column]), quoted(text));
    return x;
}

long table_integer(const struct table *t, int row, int column) {
    long x;
    const char *text = table_get(t, row, column);
    if (!integer_parse(text, &x))
        die_no("%s:%d: %s is '%s', wanted a whole number", quoted(t->path), t->line[row],
               quoted(t->head[column]), quoted(text));
    return x;
}
