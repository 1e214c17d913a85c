/* text.h - what both text formats refuse, in one place. */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H
#include <stddef.h>

enum { TEXT_LIMIT = 64 << 20 }; /* bytes of one text file */

/* A checked copy with a zero byte after the end; every line ends in '\n'. die_no
 * "path:line: found, wanted" on a byte order mark, CR, control bytes but tab, invalid
 * UTF-8, a last line without its end, or more than TEXT_LIMIT bytes. Caller frees. */
char *text_copy(const char *text, size_t n, const char *path);

/* Length of the well-formed UTF-8 sequence that begins the n > 0 bytes at p; 0 if none
 * does. */
size_t utf8_length(const unsigned char *p, size_t n);
#endif
