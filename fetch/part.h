/* part.h - a download in progress: ".NAME.part" beside the final file, and of what.
 *
 * It outlives a kill, so that the next run goes on where this one stopped. ".NAME.tag" says
 * of what it is a part, in lines `url`, `if-range` (the server's strong ETag, or its
 * Last-Modified) and `total` (bytes); a tag that cannot be read is no tag. A lock on the
 * part keeps two processes from writing it at once. Where there are no locks, both write
 * the same bytes to the same places. */
#ifndef FETCH_PART_H
#define FETCH_PART_H
#include "fetch/lock.h"
#include <stddef.h>
#include <stdint.h>

enum { PART_URL = 4096, PART_VALIDATOR = 1024 };

struct part {
    char *path, *tag_path, *out;
    char url[PART_URL], validator[PART_VALIDATOR]; /* "": not known, so no resume */
    int64_t total;                                 /* bytes of the whole; -1: not known */
    int64_t bytes;                                 /* so many are here */
    int fd;
    int taken; /* another process had it first */
};
void part_open(struct part *part, const char *out);
void part_commit(struct part *part); /* gives it its final name, durably */
void part_close(struct part *part);  /* leaves the part where it is */
void part_discard(struct part *part);
void part_sync(struct part *part);    /* what came is on the disk */
void part_restart(struct part *part); /* throws away what came so far */
/* die_world with errno */
_Noreturn void part_fail(const struct part *part, const char *doing);

/* These never die, so that they may be called from inside a library: 0; or -1, errno. */
int part_write(struct part *part, const void *bytes, size_t n); /* at its end */
int part_empty(struct part *part);
/* Writes down of what it is a part; too long a url or validator is as good as none. */
int part_note(struct part *part, const char *url, const char *validator, int64_t total);
/* Bytes that its disk has left for us; -1: not known. */
int64_t part_room(const struct part *part);
#endif
