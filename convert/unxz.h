/* unxz.h - what an .xz file holds, decoded by a thread of its own a little ahead of who
 * reads.
 *
 * Decoding is one thread's work and the dearest there is: whoever takes the bytes apart,
 * copies and hashes them should not keep it waiting. One block at a time: the decoder of
 * several at once can be broken by a file before liblzma 5.8.1 (CVE-2025-31115). At most
 * 256 MiB for the dictionary (xz -9 wants 65); checks are checked; several streams are
 * one. */
#ifndef CONVERT_UNXZ_H
#define CONVERT_UNXZ_H
#include <stddef.h>

struct unxz;
/* `fd` and `path`, for messages, are borrowed until unxz_close. */
struct unxz *unxz_open(int fd, const char *path);
/* The number of the next bytes, borrowed until the next call. 0: no more, for the end, or
 * for *why, words that say what is wrong with the file. A disk or memory that fails is
 * die_world. */
size_t unxz_next(struct unxz *u, const void **bytes, const char **why);
void unxz_close(struct unxz *u);
#endif
