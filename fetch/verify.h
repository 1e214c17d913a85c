/* verify.h - is this the file the source describes?
 *
 * Nothing here dies for what a file holds: the answer is 0 or the exit code the file
 * deserves, with `why` (size bytes) in words, so that another address may be tried. */
#ifndef FETCH_VERIFY_H
#define FETCH_VERIFY_H
#include "core/source.h"
#include "fetch/seen.h"

/* Whether a file may begin so: EXIT_NO, another kind of file; EXIT_WORLD, nothing, or a
 * page of the web in the file's place (the host is not ready), named by its title. */
int verify_head(const struct source *source, const uint8_t *head, size_t n, char *why,
                size_t size);
/* Whether it is the file: bytes, sha256, sha256_begins, md5, as far as the source has them.
 * `local`: a file of the user's, which may be another container where verify_by_content,
 * and of which a wrong one is always EXIT_NO. */
int verify(const struct source *source, const struct seen *seen, int local, char *why,
           size_t size);
/* Whether `pack` knows the files in any container by what is in them. */
int verify_by_content(const struct source *source);
/* Text between <title> and </title>, fit for a terminal; "no title"; NULL if this is no
 * page of the web. One of quoted()'s buffers. */
const char *page_title(const uint8_t *bytes, size_t n);
#endif
