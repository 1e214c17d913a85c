/* groups.h - which group (video sequence, case, patient) a picture belongs to. */
#ifndef CONVERT_GROUPS_H
#define CONVERT_GROUPS_H
#include "convert/conf.h"
#include "core/table.h"

struct groups {
    const struct conf *conf;
    struct table table;
    int name, first, last, group; /* columns; -1 if absent */
};
void groups_open(struct groups *groups, const struct conf *conf);
void groups_close(struct groups *groups);
/* `of_layout` (may be NULL) is what the layout says. Caller frees. die_no if none. */
char *groups_of(const struct groups *groups, const char *name, const char *of_layout);
#endif
