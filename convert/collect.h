/* collect.h - every picture and mask of some archives: decoded, paired, in order. */
#ifndef CONVERT_COLLECT_H
#define CONVERT_COLLECT_H
#include "convert/groups.h"
#include "convert/layout.h"
#include "convert/picture.h"

/* A member that is a picture or a mask. */
struct found {
    enum role role;
    char *what; /* "archive: member" for messages */
    struct place place;
    struct picture picture;
};
struct item {
    struct found *image, *mask;
    const char *name; /* borrowed */
    char *group;
};
struct collection {
    const struct conf *conf;
    struct spool *spool;
    struct found **found; /* [count] in the archives' order */
    int count, room;
    struct item *item; /* [items] in the pack's order */
    int items;
    char *contents; /* "name content\n" a source */
};
void collect(struct collection *c, const struct conf *conf, const struct source *source,
             const char *const *raw, int sources, const char *out, int threads);
void collect_free(struct collection *c);
#endif
