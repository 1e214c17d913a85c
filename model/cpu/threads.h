/* threads.h - a pool that shares out numbered tasks.
 *
 * What a task does must depend on its number alone, and how many tasks there are on shapes
 * alone: then results are the same bytes at any thread count. Tasks are taken in order by
 * whoever is free. Calls do not nest. */
#ifndef MODEL_CPU_THREADS_H
#define MODEL_CPU_THREADS_H

/* Makes the pool, or makes it anew with another number; 0: all cores. The caller is worker
 * 0. */
void threads_start(int threads);
int threads_count(void);
/* fn(arg, task, worker) for task = 0 .. tasks-1; worker < threads_count() tells scratch
 * apart. */
void parallel(int tasks, void (*fn)(void *arg, int task, int worker), void *arg);
#endif
