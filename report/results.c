/* results.c - reads, finds, prints and writes the rows of results.tsv. It computes nothing.
 */
#include "report/results.h"
#include "core/die.h"
#include "core/file.h"
#include "core/table.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const columns[] = {"key",   "status",    "value",  "n",      "sd_seed",
                                      "lo",    "hi",        "method", "p",      "p_holm",
                                      "min_p", "published", "reason", "sources"};
enum { COLUMNS = sizeof columns / sizeof *columns };
enum { KEY, STATUS, VALUE, N, SD_SEED, LO, HI, METHOD, PUBLISHED = 11, REASON, SOURCES };

struct result *results_add(struct results *r, char *key) {
    if (r->count == r->room) {
        r->room = r->room ? 2 * r->room : 64;
        r->row = xrealloc(r->row, (size_t)r->room, sizeof *r->row);
    }
    struct result *row = &r->row[r->count++];
    *row = (struct result){.key = key,
                           .ok = true,
                           .value = NAN,
                           .n = -1,
                           .sd_seed = NAN,
                           .lo = NAN,
                           .hi = NAN};
    return row;
}

const struct result *results_find(const struct results *r, const char *key) {
    for (int i = 0; i < r->count; i++)
        if (strcmp(r->row[i].key, key) == 0) return &r->row[i];
    return NULL;
}

void results_free(struct results *r) {
    for (int i = 0; i < r->count; i++) {
        struct result *row = &r->row[i];
        char *all[] = {row->key,    row->method,  row->published,
                       row->reason, row->sources, row->text};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) xfree(all[k]);
    }
    xfree(r->row);
    *r = (struct results){0};
}

char *key_part(const char *key, int i) {
    const char *start = key, *end;
    int part = 0;
    char *found = NULL;
    for (;; part++, start = end + 1) {
        end = strchrnul(start, '/');
        if (part == i) found = xprintf("%.*s", (int)(end - start), start);
        if (!*end) break;
    }
    if (part == 3 && found) return found;
    xfree(found);
    return NULL;
}

bool cell_parts(const char *cell, char **encoder, char **arm, char **data) {
    const char *first = strchr(cell, '-'), *last = strrchr(cell, '-');
    if (!first || first == last || first == cell || !last[1] || last == first + 1)
        return false;
    *encoder = xprintf("%.*s", (int)(first - cell), cell);
    *arm = xprintf("%.*s", (int)(last - first - 1), first + 1);
    *data = xstrdup(last + 1);
    return true;
}

static char *text_or_null(const char *cell) {
    return strcmp(cell, RESULTS_NA) == 0 ? NULL : xstrdup(cell);
}

static double number_or_nan(const struct table *t, int row, int column) {
    return strcmp(table_get(t, row, column), RESULTS_NA) == 0
               ? NAN
               : table_number(t, row, column);
}

static void read_row(struct results *r, const struct table *t, int i) {
    const char *key = table_get(t, i, KEY), *status = table_get(t, i, STATUS);
    char *part = key_part(key, 0);
    if (!part)
        die_no("%s:%d: key '%s', wanted variant/cell/split/metric", t->path, t->line[i],
               quoted(key));
    xfree(part);
    if (results_find(r, key))
        die_no("%s:%d: key '%s' stands twice", t->path, t->line[i], quoted(key));
    bool ok = strcmp(status, "ok") == 0;
    if (!ok && strcmp(status, "not-run") != 0)
        die_no("%s:%d: status '%s', wanted ok or not-run", t->path, t->line[i],
               quoted(status));
    struct result *row = results_add(r, xstrdup(key));
    row->ok = ok;
    row->value = number_or_nan(t, i, VALUE);
    row->text = xstrdup(table_get(t, i, VALUE));
    if (ok == (bool)isnan(row->value))
        die_no(
            "%s:%d: status %s with value %s; wanted a number just where the status is ok",
            t->path, t->line[i], status, row->text);
    row->n = strcmp(table_get(t, i, N), RESULTS_NA) == 0 ? -1 : table_integer(t, i, N);
    row->sd_seed = number_or_nan(t, i, SD_SEED);
    row->lo = number_or_nan(t, i, LO);
    row->hi = number_or_nan(t, i, HI);
    if ((bool)isnan(row->lo) != (bool)isnan(row->hi) || row->lo > row->hi)
        die_no("%s:%d: interval from %s to %s, wanted two numbers in order, or na twice",
               t->path, t->line[i], table_get(t, i, LO), table_get(t, i, HI));
    row->method = text_or_null(table_get(t, i, METHOD));
    row->published = text_or_null(table_get(t, i, PUBLISHED));
    double printed;
    if (row->published && !number_parse(row->published, &printed))
        die_no("%s:%d: published is '%s', wanted a decimal number or na", t->path,
               t->line[i], quoted(row->published));
    row->reason = text_or_null(table_get(t, i, REASON));
    row->sources = text_or_null(table_get(t, i, SOURCES));
    if (!ok && !row->reason)
        die_no("%s:%d: '%s' is not run and says no reason", t->path, t->line[i],
               quoted(key));
}

void results_read(struct results *r, const char *path) {
    struct table t;
    *r = (struct results){0};
    table_read(&t, path);
    for (int c = 0; c < COLUMNS; c++)
        if (c >= t.cols || strcmp(t.head[c], columns[c]) != 0)
            die_no("%s: column %d is '%s', wanted '%s'; delete it and run make again", path,
                   c + 1, c < t.cols ? quoted(t.head[c]) : "absent", columns[c]);
    for (int i = 0; i < t.rows; i++) read_row(r, &t, i);
    table_free(&t);
}

static const char *na_number(double x) {
    return isnan(x) ? RESULTS_NA : number_text(x);
}
static const char *na_text(const char *text) {
    return text && *text ? text : RESULTS_NA;
}

void results_write(const struct results *r, const char *path) {
    struct out *out = out_open(path);
    for (int c = 0; c < COLUMNS; c++)
        out_printf(out, "%s%c", columns[c], c + 1 < COLUMNS ? '\t' : '\n');
    for (int i = 0; i < r->count; i++) {
        const struct result *row = &r->row[i];
        char n[32];
        snprintf(n, sizeof n, "%ld", row->n);
        out_printf(out, "%s\t%s\t%s\t%s\t%s\t", row->key, row->ok ? "ok" : "not-run",
                   row->text ? row->text : na_number(row->value),
                   row->n < 0 ? RESULTS_NA : n, na_number(row->sd_seed));
        out_printf(out, "%s\t%s\t%s\tna\tna\tna\t%s\t%s\t%s\n", na_number(row->lo),
                   na_number(row->hi), na_text(row->method), na_text(row->published),
                   na_text(row->reason), na_text(row->sources));
    }
    out_commit(out);
}

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* 39308 -> 39,308 */
static void whole_text(double value, char *out, size_t size) {
    char digits[32];
    snprintf(digits, sizeof digits, "%.0f", fabs(value));
    size_t n = strlen(digits), k = 0;
    if (value < 0 && k + 1 < size) out[k++] = '-';
    for (size_t i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0 && k + 1 < size) out[k++] = ',';
        if (k + 1 < size) out[k++] = digits[i];
    }
    out[k] = 0;
}

void result_text(const struct result *row, char *out, size_t size) {
    const char *metric = strrchr(row->key, '/') + 1;
    bool unsigned_ = begins(metric, "half_width") || begins(metric, "correlation");
    bool difference = !unsigned_ && (strstr(row->key, "-vs-") || strstr(metric, "minus") ||
                                     strstr(metric, "above"));
    if (row->method && strcmp(row->method, "printed") == 0 && row->text &&
        strchr(row->text, '.'))
        snprintf(out, size, "%s", row->text);
    else if (difference)
        snprintf(out, size, "%+.4f", row->value);
    else if (begins(metric, "correlation"))
        snprintf(out, size, "%.2f", row->value);
    else if (begins(metric, "sd_"))
        snprintf(out, size, "%.3f", row->value);
    else if (row->value == floor(row->value) && fabs(row->value) < 1e15 &&
             !begins(metric, "dice") && !begins(metric, "iou"))
        whole_text(row->value, out, size);
    else
        snprintf(out, size, "%.4f", row->value);
}
