/* names.c - a look-up in names.tsv. */
#include "report/names.h"
#include <string.h>

void names_read(struct names *names, const char *path) {
    *names = (struct names){0};
    if (!path) return;
    table_read(&names->table, path);
    table_need(&names->table, "name");
    table_need(&names->table, "text");
    names->open = 1;
}

void names_free(struct names *names) {
    if (names->open) table_free(&names->table);
    names->open = 0;
}

const char *names_get(const struct names *names, const char *name) {
    if (!names->open) return name;
    int from = table_column(&names->table, "name"),
        to = table_column(&names->table, "text");
    for (int i = 0; i < names->table.rows; i++)
        if (strcmp(table_get(&names->table, i, from), name) == 0)
            return table_get(&names->table, i, to);
    return name;
}
