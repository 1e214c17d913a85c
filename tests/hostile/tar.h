/* tar.h - ustar headers that may say anything (POSIX.1-2017, pax, "ustar Interchange
 * Format"). */
#ifndef TESTS_HOSTILE_TAR_H
#define TESTS_HOSTILE_TAR_H
#include "tests/torch_save.h"

struct tarred {
    const char *name;
    char type;     /* '0' file, '1' hard link, '2' symlink, '3' '4' device, '6' fifo ... */
    unsigned mode; /* 0: 0644 */
    const char *link; /* NULL: none */
    const void *data;
    size_t n;
    const char *size; /* text of the size field; NULL: n */
};
void tar_put(struct bytes *b, const struct tarred *t);
void tar_end(struct bytes *b); /* two blocks of zeros */
/* A pax record before the next member: "LENGTH key=value\n". */
void tar_pax(struct bytes *b, const char *key, const char *value);
#endif
