/* pins.c - the pins file is read and rewritten under a lock on its folder. */
#include "fetch/pins.h"
#include "core/die.h"
#include "core/table.h"
#include "fetch/lock.h"
#include <string.h>

/* An empty table where there is no file. */
static void read_pins(struct table *t, const char *path) {
    *t = (struct table){0};
    if (file_exists(path)) table_read(t, path);
}

static void free_pins(struct table *t) {
    if (t->path) table_free(t);
}

/* -1: none */
static int row_of(const struct table *t, const struct source *s) {
    for (int row = 0; row < t->rows; row++)
        if (!strcmp(table_get(t, row, table_need(t, "name")), s->name)) return row;
    return -1;
}

static const char *sha256_of(const struct table *t, int row) {
    return table_get(t, row, table_need(t, "sha256"));
}

/* All rows with the new one in its place. */
static void rewrite(const char *path, const struct table *t, const struct source *s,
                    const struct seen *seen) {
    int name = t->cols ? table_need(t, "name") : 0, put = 0;
    struct out *out = out_open(path);
    out_printf(out, "name\tbytes\tsha256\n");
    for (int row = 0; row < t->rows || !put; row++) {
        int here = !put && (row == t->rows || strcmp(s->name, table_get(t, row, name)) < 0);
        if (here) {
            out_printf(out, "%s\t%lld\t%s\n", s->name, (long long)seen->bytes,
                       seen->sha256);
            put = 1;
        }
        if (row < t->rows)
            out_printf(out, "%s\t%s\t%s\n", table_get(t, row, name),
                       table_get(t, row, table_need(t, "bytes")), sha256_of(t, row));
    }
    out_commit(out);
}

int pins_find(const char *path, const struct source *s, char sha256[65]) {
    struct table t;
    read_pins(&t, path);
    int row = row_of(&t, s);
    int found = row >= 0 && strlen(sha256_of(&t, row)) == 64;
    if (found) memcpy(sha256, sha256_of(&t, row), 65);
    free_pins(&t);
    return found;
}

int pins_check(const char *path, const struct source *s, const struct seen *seen, char *why,
               size_t size) {
    size_t n = (size_t)(file_base(path) - path);
    char *folder = n ? xprintf("%.*s", (int)n, path) : xstrdup("./");
    struct lock lock;
    struct table t;
    file_mkdir(folder);
    lock_folder(&lock, folder);
    read_pins(&t, path);
    int row = row_of(&t, s);
    int differs = row >= 0 && strcmp(sha256_of(&t, row), seen->sha256);
    if (differs)
        snprintf(why, size,
                 "sha256 is %s, wanted %s as pinned at the first download (%s:%d); if the "
                 "publisher has changed the file, remove that line",
                 seen->sha256, quoted(sha256_of(&t, row)), quoted(path), t.line[row]);
    if (row < 0) {
        rewrite(path, &t, s, seen);
        warn("%s: no sha256 is published; pinned what came: %lld bytes, %s (%s)", s->name,
             (long long)seen->bytes, seen->sha256, path);
    }
    free_pins(&t);
    lock_close(&lock);
    xfree(folder);
    return differs ? EXIT_NO : 0;
}
