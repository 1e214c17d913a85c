/* bombs.h - archives that are small until they are read. */
#ifndef TESTS_HOSTILE_BOMBS_H
#define TESTS_HOSTILE_BOMBS_H
#include "tests/hostile/hostile.h"

/* Raw deflate of n zeros (a multiple of 2^20), and their CRC-32. */
void deflated_zeros(struct bytes *b, size_t n, uint32_t *crc);
/* Makers of rows; they take no argument. */
void zip_bomb(struct stage *s, const char *arg);
void gzip_bomb(struct stage *s, const char *arg);
/* D. Fifield, "A better zip bomb" (WOOT 2019): each member's data is a stored block that
 * quotes the next one's header, and all end in the same few bytes. */
void zip_overlap(struct stage *s, const char *arg);
#endif
