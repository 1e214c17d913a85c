/* threads.c - the pool; see threads.h. A worker that finds nothing looks again for some 50
 * us, since the next layer usually comes at once, and then sleeps.
 *
 * One word holds the job's number and the next task, so that a task is claimed by
 * compare-and-swap only while its job is the current one; a late worker finds nothing to
 * claim. */
#include "model/cpu/threads.h"
#include "core/die.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

enum { SPINS = 2000, MAX_THREADS = 256 };
static const uint64_t CLOSED = 0xffffffff; /* next task of a job that is over */

typedef void task_function(void *arg, int task, int worker);
static struct {
    int threads;
    pthread_t id[MAX_THREADS];
    _Atomic uint64_t ticket; /* job << 32 | next task */
    _Atomic int tasks, done, sleepers, waiting, quit;
    task_function *_Atomic fn;
    void *_Atomic arg;
    pthread_mutex_t mutex;
    pthread_cond_t work, finished;
} pool = {.threads = 1,
          .ticket = 0xffffffff,
          .mutex = PTHREAD_MUTEX_INITIALIZER,
          .work = PTHREAD_COND_INITIALIZER,
          .finished = PTHREAD_COND_INITIALIZER};

static int open_job(void) {
    uint64_t ticket = atomic_load(&pool.ticket);
    return (ticket & CLOSED) < (uint64_t)atomic_load(&pool.tasks);
}

/* Runs one task if there is one. */
static int work_once(int worker) {
    uint64_t ticket = atomic_load(&pool.ticket);
    int tasks = atomic_load(&pool.tasks);
    task_function *fn = atomic_load(&pool.fn);
    void *arg = atomic_load(&pool.arg);
    int task = (int)(ticket & CLOSED);
    if ((ticket & CLOSED) >= (uint64_t)tasks) return 0;
    if (!atomic_compare_exchange_strong(&pool.ticket, &ticket, ticket + 1)) return 1;
    fn(arg, task, worker);
    if (atomic_fetch_add(&pool.done, 1) + 1 == tasks && atomic_load(&pool.waiting)) {
        pthread_mutex_lock(&pool.mutex);
        pthread_cond_signal(&pool.finished);
        pthread_mutex_unlock(&pool.mutex);
    }
    return 1;
}

static void *worker_main(void *number) {
    int worker = (int)(intptr_t)number;
    while (!atomic_load(&pool.quit)) {
        for (int spin = 0; spin < SPINS; spin++) {
            if (work_once(worker)) spin = 0;
            __builtin_ia32_pause();
        }
        pthread_mutex_lock(&pool.mutex);
        atomic_fetch_add(&pool.sleepers, 1);
        while (!open_job() && !atomic_load(&pool.quit))
            pthread_cond_wait(&pool.work, &pool.mutex);
        atomic_fetch_sub(&pool.sleepers, 1);
        pthread_mutex_unlock(&pool.mutex);
    }
    return NULL;
}

static void wake(void) {
    pthread_mutex_lock(&pool.mutex);
    pthread_cond_broadcast(&pool.work);
    pthread_mutex_unlock(&pool.mutex);
}

static void threads_stop(void) {
    atomic_store(&pool.quit, 1);
    wake();
    for (int i = 1; i < pool.threads; i++) pthread_join(pool.id[i], NULL);
    atomic_store(&pool.quit, 0);
    pool.threads = 1;
}

void threads_start(int threads) {
    if (threads <= 0) threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (threads < 1) threads = 1;
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    if (threads == pool.threads) return;
    threads_stop();
    for (int i = 1; i < threads; i++) {
        if (pthread_create(&pool.id[i], NULL, worker_main, (void *)(intptr_t)i))
            die_world("thread %d of %d cannot be started; use fewer with --threads", i + 1,
                      threads);
        pool.threads = i + 1;
    }
}

int threads_count(void) {
    return pool.threads;
}

static void wait_for(int tasks) {
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load(&pool.done) == tasks) return;
        __builtin_ia32_pause();
    }
    pthread_mutex_lock(&pool.mutex);
    atomic_store(&pool.waiting, 1);
    while (atomic_load(&pool.done) != tasks) pthread_cond_wait(&pool.finished, &pool.mutex);
    atomic_store(&pool.waiting, 0);
    pthread_mutex_unlock(&pool.mutex);
}

void parallel(int tasks, task_function *fn, void *arg) {
    if (tasks <= 1 || pool.threads == 1) {
        for (int task = 0; task < tasks; task++) fn(arg, task, 0);
        return;
    }
    uint64_t job = (atomic_load(&pool.ticket) >> 32) + 1;
    atomic_store(&pool.done, 0);
    atomic_store(&pool.tasks, tasks);
    atomic_store(&pool.fn, fn);
    atomic_store(&pool.arg, arg);
    atomic_store(&pool.ticket, job << 32);
    if (atomic_load(&pool.sleepers)) wake();
    while (work_once(0)) continue;
    wait_for(tasks);
    atomic_store(&pool.ticket, job << 32 | CLOSED);
}
