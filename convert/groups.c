/* groups.c - groups from a table, a folder, or the layout. A picture the table does not
 * know is an error, never a group of its own. */
#include "convert/groups.h"
#include "core/die.h"
#include <string.h>

void groups_open(struct groups *groups, const struct conf *conf) {
    *groups = (struct groups){.conf = conf};
    if (!conf->group_table) return;
    struct table *t = &groups->table;
    table_read(t, conf->groups);
    groups->group = table_need(t, "group");
    groups->name = table_column(t, "name");
    groups->first = table_column(t, "first");
    groups->last = table_column(t, "last");
    if (groups->name < 0 && (groups->first < 0 || groups->last < 0))
        die_no("%s: columns without name, wanted `name group` or `first last group`",
               quoted(conf->groups));
}

void groups_close(struct groups *groups) {
    if (groups->conf->group_table) table_free(&groups->table);
    *groups = (struct groups){0};
}

static int row_is(const struct groups *g, int row, const char *name) {
    const struct table *t = &g->table;
    long number;
    if (g->name >= 0) return !strcmp(table_get(t, row, g->name), name);
    return integer_parse(name, &number) && number >= table_integer(t, row, g->first) &&
           number <= table_integer(t, row, g->last);
}

static char *from_table(const struct groups *g, const char *name) {
    int found = -1;
    for (int row = 0; row < g->table.rows; row++) {
        if (!row_is(g, row, name)) continue;
        if (found >= 0)
            die_no("%s:%d: '%s' has a group in line %d already, wanted one",
                   quoted(g->table.path), g->table.line[row], quoted(name),
                   g->table.line[found]);
        found = row;
    }
    if (found < 0)
        die_no("%s: no group for '%s', wanted one for every picture; add a line",
               quoted(g->table.path), quoted(name));
    return xstrdup(table_get(&g->table, found, g->group));
}

char *groups_of(const struct groups *g, const char *name, const char *of_layout) {
    if (g->conf->group_table) return from_table(g, name);
    if (!strcmp(g->conf->groups, "none")) return xstrdup(name);
    if (!strcmp(g->conf->groups, "case")) {
        if (!of_layout)
            die_no("'%s': groups is case, wanted a layout with cases (format sun)",
                   quoted(name));
        return xstrdup(of_layout);
    }
    const char *slash = strrchr(name, '/');
    if (!slash)
        die_no("'%s': groups is folder, wanted names with a folder: a pattern of two stars "
               "or more",
               quoted(name));
    return xprintf("%.*s", (int)(slash - name), name);
}
