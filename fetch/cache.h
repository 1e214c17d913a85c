/* cache.h - files that came over the net once, shared by all checkouts of a person.
 *
 * sha256/HEX holds a file by what is in it; url/HEX (the sha256 of an address) says what
 * came from there last, for files whose sha256 nobody publishes; lock/ is for locks. A
 * file is verified whenever it is used; one that is damaged is told and thrown away. All
 * of it may be removed at any time. It never holds what came from a mirror folder or a
 * file: address. */
#ifndef FETCH_CACHE_H
#define FETCH_CACHE_H
#include "fetch/seen.h"

/* $REPOLYP_CACHE, else $XDG_CACHE_HOME/repolyp, else ~/.cache/repolyp; NULL if the first is
 * set and empty, or if there is no home. It is not looked for. Caller frees. */
char *cache_folder(void);
/* Makes it, unless it is there. 0 if we may not write there: told; it may still be read. */
int cache_ready(const char *folder);

/* 1 if the file of this sha256 is there, whatever it holds; its path is caller's to free.
 */
int cache_has(const char *folder, const char *sha256, char **path);
/* What came from `url` last: 1; or 0 if that is not known. */
int cache_of_url(const char *folder, const char *url, char sha256[65]);
/* The file of this sha256 as a file that is to be called `to`: *out, which the caller
 * commits or drops, and what it holds; or 0. If the cache's file is not older than the
 * source's .src it is the same file by a hard link, else another with the same bytes and
 * a new date: make compares dates, and giving the shared file a new one would make every
 * checkout work again. */
int cache_take(const char *folder, const char *sha256, const char *to,
               const struct source *source, struct out **out, struct seen *seen);
/* Puts in the file at `path`, which is verified and synced and came from `url`: by a hard
 * link where that is possible, so it becomes read-only. */
void cache_put(const char *folder, const char *path, const struct source *source,
               const struct seen *seen, const char *url);
#endif
