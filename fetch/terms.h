/* terms.h - under which terms a file is had, and what to cite: told once.
 *
 * A table `name licence terms cite`, a row a source, sorted by name, is what was told so
 * far; "na" where the source says nothing, several works to cite divided by "; ". */
#ifndef FETCH_TERMS_H
#define FETCH_TERMS_H
#include "core/source.h"

/* Warns with licence, terms and works to cite, and writes them down at `path` (NULL: not).
 * Silent if they stand there already as they are now, or if the source asks for nothing. */
void terms_tell(const char *path, const struct source *source);
#endif
