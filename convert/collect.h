/* collect.h - every picture and mask of some archives: decoded, paired, in order. */
#ifndef CONVERT_COLLECT_H
#define CONVERT_COLLECT_H
#include "convert/groups.h"
#include "convert/layout.h"
#include "convert/picture.h"
#include "convert/tally.h"

/* A member that is a picture or a mask. */
struct found {
    enum role role;
    char *what;   /* "archive: member" for messages */
    char *sha256; /* the reader's (convert/archive.h), until the archive is read */
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
struct collect_job {
    const struct conf *conf;
    const struct source *source; /* [sources] */
    const char *const *raw;      /* [sources] */
    int sources;
    const char *names; /* folder of the lists that sources name as counts */
    const char *out;   /* the spool lies beside it */
    int threads;
};
void collect(struct collection *c, const struct collect_job *job);
void collect_free(struct collection *c);
/* The layout of a source: the conf's format, else the source's own. conf may be NULL. */
void collect_layout(struct layout *layout, const struct conf *conf,
                    const struct source *source);
/* Adds a member to what source.h calls `pictures`: "sha256 image|mask name\n", name being
 * the place's, else its pair; sha256 has 64 digits. */
void collect_tally(struct tally *pictures, enum role role, const struct place *place,
                   const char *sha256);
#endif
