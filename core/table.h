/* table.h - the two text formats: TSV with a header line, and `key value` lines.
 *
 * TSV: first line names the columns; cells are separated by one tab; no quoting; no tab,
 * newline or carriage return in a cell; every line has as many cells as the header; '#'
 * first: comment. key value: one pair a line, the key ends at the first blank, '#' starts a
 * comment (at the start of a line or after a blank). CR LF, a byte order mark, control
 * bytes, invalid UTF-8: refused. All refusals are die_no "path:line: found, wanted". */
#ifndef CORE_TABLE_H
#define CORE_TABLE_H
#include <stdbool.h>
#include <stddef.h>

struct table {
    char *path;
    int cols, rows;
    char **head; /* [cols] borrowed until table_free */
    char **cell; /* [rows*cols] */
    int *line;   /* [rows] line number in the file */
    char *text;  /* owns the bytes */
};
void table_read(struct table *t, const char *path);
void table_parse(struct table *t, const char *text, size_t n, const char *path);
void table_free(struct table *t);
int table_column(const struct table *t, const char *name); /* -1 if absent */
int table_need(const struct table *t, const char *name);   /* die_no if absent */
const char *table_get(const struct table *t, int row, int column);
/* Whole cell as a finite decimal number (no hex, no inf, no comma); die_no naming file and
 * line. */
double table_number(const struct table *t, int row, int column);
long table_integer(const struct table *t, int row, int column);

struct pair {
    char *key, *value;
    int line;
};
struct pairs {
    char *path;
    int count;
    struct pair *pair; /* in file order; duplicates kept: the caller decides */
    char *text;
};
void pairs_read(struct pairs *p, const char *path);
void pairs_parse(struct pairs *p, const char *text, size_t n, const char *path);
void pairs_free(struct pairs *p);
/* last one wins; NULL if absent */
const char *pairs_get(const struct pairs *p, const char *key);
const char *pairs_need(const struct pairs *p, const char *key); /* die_no if absent */
/* Refuses duplicate keys except those in `many` (NULL-ended), and keys not in `allowed`. */
void pairs_check(const struct pairs *p, const char *const *allowed,
                 const char *const *many);

/* Strict numbers from text; false if the whole text is not one. */
bool number_parse(const char *text, double *out);
bool integer_parse(const char *text, long *out);
/* An option's value, --NAME: a whole number from `low` to `high`, or die_usage. */
long integer_option(const char *name, const char *text, long low, long high);
/* The shortest decimal text that reads back to the same double: one of eight static
 * buffers. */
const char *number_text(double x);
#endif
