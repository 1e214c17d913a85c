/* seen.h - what a file holds, seen by reading it once; it judges nothing. */
#ifndef FETCH_SEEN_H
#define FETCH_SEEN_H
#include "core/file.h"
#include "core/source.h"

enum { SEEN_HEAD = 1 << 16 }; /* bytes */
struct seen {
    int64_t bytes;
    char sha256[65], md5[33]; /* md5: "" where the source states none */
    uint8_t *head;            /* the first SEEN_HEAD bytes, or all: caller frees */
    size_t head_bytes;
};
/* Reads the plain file at `path`, with a progress line of the source's name; die_world if
 * it cannot be read. */
void seen_file(struct seen *seen, const char *path, const struct source *source);
/* And writes it to `out`. */
void seen_copy(struct seen *seen, const char *path, const struct source *source,
               struct out *out);
#endif
