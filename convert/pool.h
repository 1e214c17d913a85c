/* pool.h - pictures worked on by several threads, where order cannot matter.
 *
 * A job is bytes to work on and a number. The bytes stay the pool's owner's: work may only
 * read them, and what it makes must not depend on when it runs. If a job dies, the pool
 * dies in pool_add or pool_end with the message of the failed job of the lowest number, at
 * any thread count. */
#ifndef CONVERT_POOL_H
#define CONVERT_POOL_H
#include <stddef.h>
#include <stdint.h>

struct job {
    uint8_t *data;
    size_t size;
    void *item; /* the owner's: where the result goes */
    int number; /* set by pool_add: 0, 1, 2 ... */
};
struct pool;
/* threads 1: every job is done inside pool_add. */
struct pool *pool_open(int threads, void (*work)(void *arg, const struct job *job),
                       void *arg);
/* Takes `data` over (xfree'd when done); waits while many bytes are waiting. */
void pool_add(struct pool *pool, uint8_t *data, size_t size, void *item);
void pool_end(struct pool *pool); /* all jobs done; frees pool */
#endif
