/* split.c - reads who trains and who validates; refuses names the pack lacks, sets nobody
 * knows, an item told twice. */
#include "split.h"
#include "die.h"
#include "table.h"
#include <stdlib.h>
#include <string.h>

struct named {
    const char *name;
    int item;
};

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

/* One row: which list it belongs to, and its item there. */
static void take_row(struct split *s, const struct table *t, int row, int set_column,
                     const char *group, int item, const struct pack *pack) {
    const char *set = table_get(t, row, set_column);
    if (strcmp(group, pack->group[item]))
        die_no("%s:%d: group '%s', wanted '%s' as the pack has; make the split again",
               quoted(t->path), t->line[row], quoted(group), quoted(pack->group[item]));
    if (!strcmp(set, "train"))
        s->train_item[s->train++] = item;
    else if (!strcmp(set, "val"))
        s->val_item[s->val++] = item;
    else if (!strcmp(set, "pick"))
        s->pick_item[s->pick++] = item;
    else
        die_no("%s:%d: set '%s', wanted train, val or pick", quoted(t->path), t->line[row],
               quoted(set));
}

static void take_rows(struct split *s, const struct table *t, const struct pack *pack) {
    int name_column = table_need(t, "name"), group_column = table_need(t, "group");
    int set_column = table_need(t, "set");
    size_t n = (size_t)pack->count;
    struct named *named = xcalloc(n, sizeof *named);
    int *line = xcalloc(n, sizeof *line); /* where the item stood first */
    for (int i = 0; i < pack->count; i++) named[i] = (struct named){pack->name[i], i};
    qsort(named, n, sizeof *named, by_name);
    for (int row = 0; row < t->rows; row++) {
        struct named key = {table_get(t, row, name_column), 0};
        const struct named *found = bsearch(&key, named, n, sizeof key, by_name);
        if (!found)
            die_no(
                "%s:%d: name '%s' is not in the pack, wanted one that is; make the split "
                "again from this pack",
                quoted(t->path), t->line[row], quoted(key.name));
        if (line[found->item])
            die_no("%s:%d: name '%s' stands already in line %d, wanted it once",
                   quoted(t->path), t->line[row], quoted(key.name), line[found->item]);
        line[found->item] = t->line[row];
        take_row(s, t, row, set_column, table_get(t, row, group_column), found->item, pack);
    }
    xfree(named);
    xfree(line);
}

void split_open(struct split *split, const char *path, const struct pack *pack) {
    struct table t;
    size_t n = (size_t)pack->count;
    *split = (struct split){.train_item = xcalloc(n, sizeof(int)),
                            .val_item = xcalloc(n, sizeof(int)),
                            .pick_item = xcalloc(n, sizeof(int))};
    table_read(&t, path);
    take_rows(split, &t, pack);
    table_free(&t);
    sha_file(path, split->sha256);
}

void split_close(struct split *split) {
    xfree(split->train_item);
    xfree(split->val_item);
    xfree(split->pick_item);
    *split = (struct split){0};
}
