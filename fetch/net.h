/* net.h - a file behind an https address: out of the cache, else over the net. */
#ifndef FETCH_NET_H
#define FETCH_NET_H
#include "fetch/attempt.h"

/* 1: it stands where it is wanted. 0: attempt_fail was called. One process at a time asks a
 * host; another that waited for it finds the file in the cache. */
int net_fetch(struct attempt *attempt, const char *url);
/* Whether the cache has what `url` would give; its path is caller's to free. */
int net_is_cached(const struct fetch *fetch, const struct source *source, const char *url,
                  char **path);
#endif
