/* pins.c - the pins file is read and rewritten under a lock on its folder, which dies with
 * the process. */
#include "fetch/pins.h"
#include "core/die.h"
#include "core/table.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int lock_folder(const char *path) {
    size_t n = (size_t)(file_base(path) - path);
    char *folder = n ? xprintf("%.*s", (int)n, path) : xstrdup("./");
    file_mkdir(folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX))
        die_world("%s: cannot be locked: %s; wanted a folder for the pins file",
                  quoted(folder), strerror(errno));
    xfree(folder);
    return fd;
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
                       table_get(t, row, table_need(t, "bytes")),
                       table_get(t, row, table_need(t, "sha256")));
    }
    out_commit(out);
}

static int is_pinned(const char *path, const struct table *t, const struct source *s,
                     const struct seen *seen, const char *from) {
    for (int row = 0; row < t->rows; row++) {
        if (strcmp(table_get(t, row, table_need(t, "name")), s->name)) continue;
        const char *sha256 = table_get(t, row, table_need(t, "sha256"));
        if (!strcmp(sha256, seen->sha256)) return 1;
        die_no(
            "%s: sha256 is %s, wanted %s as pinned at the first download (%s:%d); if the publisher "
            "has changed the file, remove that line",
            quoted(from), seen->sha256, quoted(sha256), quoted(path), t->line[row]);
    }
    return 0;
}

void pins_check(const char *path, const struct source *s, const struct seen *seen,
                const char *from) {
    int lock = lock_folder(path);
    struct table t = {0};
    if (file_exists(path)) table_read(&t, path);
    if (!is_pinned(path, &t, s, seen, from)) {
        rewrite(path, &t, s, seen);
        warn("%s: no sha256 is published; pinned what came: %lld bytes, %s (%s)", s->name,
             (long long)seen->bytes, seen->sha256, path);
    }
    if (t.path) table_free(&t);
    close(lock);
}
