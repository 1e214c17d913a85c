/* pins.h - what came in the first time, where the publisher tells no sha256.
 *
 * A table `name bytes sha256`, a row a source, sorted by name. Nothing is invented: a pin
 * is what was seen, and a later download that differs is refused. */
#ifndef FETCH_PINS_H
#define FETCH_PINS_H
#include "fetch/verify.h"

/* die_no if the pins file knows `source` otherwise; else writes it down, unless it is
 * there. Several processes may pin at once. */
void pins_check(const char *path, const struct source *source, const struct seen *seen,
                const char *from);
#endif
