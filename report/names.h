/* names.h - how the words that cells are made of are written for readers: names.tsv, `name
 * text`. */
#ifndef REPORT_NAMES_H
#define REPORT_NAMES_H
#include "core/table.h"
struct names {
    struct table table;
    int open;
};
/* `path` may be NULL: then every name stands for itself. */
void names_read(struct names *names, const char *path);
void names_free(struct names *names);
/* The text, else `name` itself: borrowed from either. */
const char *names_get(const struct names *names, const char *name);
#endif
