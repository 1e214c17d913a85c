/* names.c - the lists of wanted tensors and the maps of names, from their TSV files.
 *
 * It knows no architecture. */
#include "convert/names.h"
#include "core/die.h"
#include "core/file.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void read_list(struct table *t, const char *folder, const char *name) {
    char *file = xprintf("%s.tsv", name);
    if (strchr(name, '/') || name[0] == '.')
        die_no("'%s': not a name of a list in %s, wanted one like resnet50", quoted(name),
               folder);
    char *path = file_join(folder, file);
    if (!file_exists(path))
        die_world(
            "%s: absent, wanted a list of tensor names; say --names DIR, or run where "
            "convert/names is",
            path);
    table_read(t, path);
    xfree(path);
    xfree(file);
}

/* "[64,3,7,7]" or "[]". */
static void parse_shape(const struct table *t, int row, const char *text,
                        struct wanted *w) {
    const char *p = text;
    int good = *p++ == '[';
    while (good && *p != ']') {
        char *end;
        long n = *p >= '1' && *p <= '9' ? strtol(p, &end, 10) : 0;
        good = n > 0 && n <= INT_MAX && w->ndim < TENSOR_DIMS &&
               (*end == ',' || *end == ']') && !(*end == ',' && end[1] == ']');
        if (!good) break;
        w->dim[w->ndim++] = (int)n;
        p = *end == ',' ? end + 1 : end;
    }
    if (!good || p[0] != ']' || p[1])
        die_no("%s:%d: shape '%s', wanted one like [64,3,7,7]", t->path, t->line[row],
               quoted(text));
}

static int ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

void names_open(struct names *names, const char *folder, const char *encoder,
                const char *map) {
    memset(names, 0, sizeof *names);
    read_list(&names->list, folder, encoder);
    const struct table *t = &names->list;
    int name = table_need(t, "name"), shape = table_need(t, "shape");
    names->count = t->rows;
    names->wanted = xcalloc((size_t)t->rows + 1, sizeof *names->wanted);
    for (int i = 0; i < t->rows; i++) {
        struct wanted *w = &names->wanted[i];
        w->name = table_get(t, i, name);
        w->optional = ends_with(w->name, ".num_batches_tracked");
        parse_shape(t, i, table_get(t, i, shape), w);
        if (i && strcmp(names->wanted[i - 1].name, w->name) >= 0)
            die_no("%s:%d: '%s' after '%s', wanted names sorted, each once", t->path,
                   t->line[i], quoted(w->name), quoted(names->wanted[i - 1].name));
    }
    if (!map) return;
    read_list(&names->map, folder, map);
    table_need(&names->map, "from");
    table_need(&names->map, "to");
    names->has_map = 1;
}

void names_close(struct names *names) {
    table_free(&names->list);
    if (names->has_map) table_free(&names->map);
    xfree(names->wanted);
    memset(names, 0, sizeof *names);
}

char *names_map(const struct names *names, const char *name) {
    const char *to = NULL;
    size_t longest = 0;
    for (int i = 0; names->has_map && i < names->map.rows; i++) {
        const char *from = table_get(&names->map, i, table_need(&names->map, "from"));
        size_t n = strlen(from);
        if (n <= longest || strncmp(name, from, n) || (name[n] && name[n] != '.')) continue;
        longest = n;
        to = table_get(&names->map, i, table_need(&names->map, "to"));
    }
    if (!to) return xstrdup(name);
    if (strcmp(to, "-")) return xprintf("%s%s", to, name + longest);
    return xstrdup(name[longest] ? name + longest + 1 : name); /* a bare prefix stays */
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct wanted *)a)->name, ((const struct wanted *)b)->name);
}

int names_find(const struct names *names, const char *name) {
    struct wanted key = {.name = name}, *found = NULL;
    if (names->count)
        found = bsearch(&key, names->wanted, (size_t)names->count, sizeof key, by_name);
    return found ? (int)(found - names->wanted) : -1;
}

int names_head(const char *name) {
    return !strncmp(name, "fc.", 3) || !strncmp(name, "head.", 5);
}
