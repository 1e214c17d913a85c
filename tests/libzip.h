/* libzip.h - is what we read of a zip what libzip reads? */
#ifndef TESTS_LIBZIP_H
#define TESTS_LIBZIP_H
#include "convert/zip.h"

/* NULL if libzip's consistency check lets the bytes pass and it has these very members with
 * these bytes (of a deflated one its sizes and its CRC-32); else what differs. */
const char *libzip_differs(const uint8_t *bytes, size_t n, const struct members *zip);
/* The same of an archive that is known to have so many members, without that check:
 * pictures come from many hands. */
const char *libzip_counts_other(const uint8_t *bytes, size_t n, size_t members);
#endif
