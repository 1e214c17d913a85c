/* part.h - a download in progress: ".NAME.part" beside the final file, and of what.
 *
 * It outlives a kill, so that the next run goes on where this one stopped: ".NAME.tag"
 * holds the server's strong ETag or its Last-Modified, for If-Range. A lock on the part
 * (flock, dies with the process) keeps two processes from writing it at once. */
#ifndef FETCH_PART_H
#define FETCH_PART_H
#include <stddef.h>
#include <stdint.h>

struct part {
    char *path, *tag_path, *out;
    char *tag; /* NULL: no resume */
    int fd;
    int64_t bytes;
};
void part_open(struct part *part, const char *out);
int part_write(struct part *part, const void *bytes, size_t n); /* 0; or -1, errno */
_Noreturn void part_fail(const struct part *part,
                         const char *doing); /* die_world with errno */
void part_restart(struct part *part);        /* throws away what came so far */
/* Writes down what the part is a part of; NULL or "": nothing to hold on to. */
void part_tag(struct part *part, const char *tag);
void part_commit(struct part *part); /* gives it its final name, durably */
void part_close(struct part *part);  /* leaves the part where it is */
void part_discard(struct part *part);
#endif
