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

static enum need parse_need(const struct table *t, int row, const char *name) {
    static const char counter[] = ".num_batches_tracked";
    size_t n = strlen(name), end = sizeof counter - 1;
    int need = table_column(t, "need");
    if (need < 0)
        return n > end && !strcmp(name + n - end, counter) ? NEED_COUNTER : NEED_YES;
    const char *word = table_get(t, row, need);
    if (!strcmp(word, "yes")) return NEED_YES;
    if (!strcmp(word, "counter")) return NEED_COUNTER;
    if (!strcmp(word, "extra")) return NEED_EXTRA;
    die_no("%s:%d: need '%s', wanted yes, counter or extra", t->path, t->line[row],
           quoted(word));
}

/* "-" is the whole; "2/3" the second of three. */
static void parse_part(const struct table *t, int row, const char *text, struct rename *r) {
    r->part = 0;
    r->parts = 1;
    if (!strcmp(text, "-")) return;
    if (strlen(text) == 3 && text[1] == '/' && text[0] >= '1' && text[0] <= text[2] &&
        text[2] >= '2' && text[2] <= '0' + NAMES_PARTS) {
        r->part = text[0] - '1';
        r->parts = text[2] - '0';
        return;
    }
    die_no("%s:%d: part '%s', wanted - or one like 2/3 (of at most %d)", t->path,
           t->line[row], quoted(text), (int)NAMES_PARTS);
}

static void read_map(struct names *names, const char *folder, const char *map) {
    read_list(&names->map, folder, map);
    const struct table *t = &names->map;
    int from = table_need(t, "from"), to = table_need(t, "to");
    int turn = table_column(t, "turn"), part = table_column(t, "part");
    names->renames = t->rows;
    names->rename = xcalloc((size_t)t->rows + 1, sizeof *names->rename);
    for (int i = 0; i < t->rows; i++) {
        struct rename *r = &names->rename[i];
        r->from = table_get(t, i, from);
        r->to = table_get(t, i, to);
        r->turn = turn_parse(turn < 0 ? "-" : table_get(t, i, turn));
        if (r->turn == TURN_COUNT)
            die_no("%s:%d: turn '%s', wanted -, hwio, first_last or last_first", t->path,
                   t->line[i], quoted(table_get(t, i, turn)));
        parse_part(t, i, part < 0 ? "-" : table_get(t, i, part), r);
        const char *star = strchr(r->from, '*');
        if (!*r->from || !*r->to || (star && strchr(star + 1, '*')) ||
            (!star && strchr(r->to, '*')))
            die_no("%s:%d: '%s' to '%s', wanted two names with at most one * in the first",
                   t->path, t->line[i], quoted(r->from), quoted(r->to));
    }
}

static void read_conf(struct names *names, const char *folder, const char *map) {
    static const char *const keys[] = {"stride", "bn_eps", NULL}, *const none[] = {NULL};
    char *file = xprintf("%s.conf", map), *path = file_join(folder, file);
    double eps;
    if (file_exists(path)) {
        pairs_read(&names->conf, path);
        pairs_check(&names->conf, keys, none);
        names->stride = pairs_get(&names->conf, "stride");
        names->bn_eps = pairs_get(&names->conf, "bn_eps");
        if (names->stride && strcmp(names->stride, "v1") && strcmp(names->stride, "v15"))
            die_no("%s: stride '%s', wanted v1 or v15", path, quoted(names->stride));
        if (names->bn_eps && (!number_parse(names->bn_eps, &eps) || eps <= 0))
            die_no("%s: bn_eps '%s', wanted a number above 0", path, quoted(names->bn_eps));
    }
    xfree(path);
    xfree(file);
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
        w->need = parse_need(t, i, w->name);
        parse_shape(t, i, table_get(t, i, shape), w);
        if (i && strcmp(names->wanted[i - 1].name, w->name) >= 0)
            die_no("%s:%d: '%s' after '%s', wanted names sorted, each once", t->path,
                   t->line[i], quoted(w->name), quoted(names->wanted[i - 1].name));
    }
    if (!map) return;
    read_map(names, folder, map);
    read_conf(names, folder, map);
}

void names_close(struct names *names) {
    table_free(&names->list);
    if (names->rename) table_free(&names->map);
    if (names->conf.path) pairs_free(&names->conf);
    xfree(names->rename);
    xfree(names->wanted);
    memset(names, 0, sizeof *names);
}

/* How much of the name the pattern takes, from its first byte; 0 if it does not match.
 * The digits behind '*' come back. */
static size_t match_here(const char *pattern, const char *name, const char **digits,
                         int *count) {
    const char *at = name;
    for (; *pattern; pattern++) {
        if (*pattern != '*') {
            if (*at++ != *pattern) return 0;
            continue;
        }
        *digits = at;
        *count = (int)strspn(at, "0123456789");
        if (!*count) return 0;
        at += *count;
    }
    return (size_t)(at - name);
}

struct match {
    const struct rename *row;
    size_t length;
    const char *rest, *digits;
    int count; /* of digits */
};

static void try_row(const struct rename *row, const char *name, struct match *best) {
    struct match m = {.row = row};
    int path = strchr(row->from, '/') != NULL;
    const char *from = row->from + (*row->from == '/');
    for (const char *at = name; at; at = path ? strchr(at, '/') : NULL) {
        if (at > name) at++;
        m.length = match_here(from, at, &m.digits, &m.count);
        m.rest = at + m.length;
        if (m.length && (!*m.rest || (!path && *m.rest == '.'))) break;
        m.length = 0;
    }
    if (m.length > best->length) *best = m;
}

void names_map(const struct names *names, const char *name, struct renamed *out) {
    struct match m = {.length = 0};
    for (int i = 0; i < names->renames; i++) try_row(&names->rename[i], name, &m);
    *out = (struct renamed){.parts = 1};
    if (!m.length) {
        out->name = xstrdup(name);
        return;
    }
    const struct rename *row = m.row;
    const char *star = strchr(row->to, '*');
    out->turn = row->turn;
    out->part = row->part;
    out->parts = row->parts;
    out->merges = row->turn != TURN_NONE || row->parts > 1;
    if (!strcmp(row->to, "-")) /* a bare prefix stays */
        out->name = xstrdup(*m.rest ? m.rest + 1 : name);
    else if (star)
        out->name = xprintf("%.*s%.*s%s%s", (int)(star - row->to), row->to, m.count,
                            m.digits, star + 1, m.rest);
    else
        out->name = xprintf("%s%s", row->to, m.rest);
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
