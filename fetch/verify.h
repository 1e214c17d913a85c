/* verify.h - is this the file the source describes? */
#ifndef FETCH_VERIFY_H
#define FETCH_VERIFY_H
#include "core/file.h"
#include "core/source.h"

/* What came, gathered while it came. */
struct seen {
    int64_t bytes;
    char sha256[65];
    uint8_t *head; /* the first SEEN_HEAD bytes: caller frees */
    size_t head_bytes;
};
enum { SEEN_HEAD = 1 << 16 };
/* Reads the file at `path`. */
void seen_file(struct seen *seen, const char *path);

/* Dies unless `seen` is what `source` wants; `from` is where it came from. `local`: `from`
 * is a file of the user's, which may be another container where content is known. A page of
 * the web in the file's place is named by its title; from far away that is die_world (the
 * host is not ready), from a local file die_no. */
void verify(const struct source *source, const struct seen *seen, const char *from,
            int local);
/* Text between <title> and </title>, fit for a terminal; NULL if this is no page of the
 * web. One of quoted()'s buffers. */
const char *page_title(const uint8_t *bytes, size_t n);
#endif
