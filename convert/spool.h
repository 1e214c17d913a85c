/* spool.h - results that must wait for their turn: an unnamed file beside the output.
 *
 * A tar's members come in any order and SUN-SEG's pictures fill 7 GB, so they are set down
 * here and read back in the pack's order. The file is unlinked as soon as it is open:
 * nothing can be left behind. Failures are die_world. Threads may write at once. */
#ifndef CONVERT_SPOOL_H
#define CONVERT_SPOOL_H
#include <stddef.h>
#include <stdint.h>

struct spool;
struct spool *spool_open(const char *out); /* in the folder of `out` */
uint64_t spool_write(struct spool *s, const void *bytes, size_t n); /* where it lies */
void spool_read(struct spool *s, uint64_t at, void *bytes, size_t n);
void spool_close(struct spool *s);
#endif
