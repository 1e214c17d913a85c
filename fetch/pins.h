/* pins.h - what came in the first time, where the publisher tells no sha256.
 *
 * A table `name bytes sha256`, a row a source, sorted by name. Nothing is invented: a pin
 * is what was seen, and a later download that differs is refused. */
#ifndef FETCH_PINS_H
#define FETCH_PINS_H
#include "fetch/verify.h"

/* The sha256 that the pins file has for `source`: 1; or 0 if it has none. */
int pins_find(const char *path, const struct source *source, char sha256[65]);
/* EXIT_NO and `why` if the pins file knows `source` otherwise; else 0, and it is written
 * down, unless it is there. Several processes may pin at once. */
int pins_check(const char *path, const struct source *source, const struct seen *seen,
               char *why, size_t size);
#endif
