/* pool.c - a ring of jobs, a few threads, one lock.
 *
 * It makes no promise about the order of work, only about the error that is told. */
#include "convert/pool.h"
#include "core/die.h"
#include <pthread.h>
#include <stdio.h>

enum { WAITING = 64, THREADS = 64, WAITING_BYTES = 128 << 20 };
enum state { EMPTY, READY, WORKING, DONE };

struct slot {
    struct job job;
    enum state state;
};

struct pool {
    void (*work)(void *, const struct job *);
    void *arg;
    int threads, started;
    pthread_t thread[THREADS];
    pthread_mutex_t lock;
    pthread_cond_t come, gone; /* a job, or the end; a job's end */
    struct slot slot[WAITING]; /* job n lies in slot n % WAITING */
    int added, taken, freed;
    size_t waiting;         /* bytes of jobs that are not done */
    int stop, code, failed; /* failed: lowest number of a job that died */
    char message[4096];
};

/* With the lock held: the next job to do, NULL if the pool ends. */
static struct slot *take(struct pool *p) {
    while (!p->stop && p->taken == p->added) pthread_cond_wait(&p->come, &p->lock);
    if (p->taken == p->added || p->stop > 1) return NULL;
    struct slot *s = &p->slot[p->taken++ % WAITING];
    s->state = WORKING;
    return s;
}

struct hand {
    struct pool *pool;
    int number;
};

static void work_on(void *arg) {
    struct hand *hand = arg;
    struct pool *p = hand->pool;
    for (;;) {
        pthread_mutex_lock(&p->lock);
        struct slot *s = take(p);
        pthread_mutex_unlock(&p->lock);
        if (!s) return;
        hand->number = s->job.number;
        p->work(p->arg, &s->job);
        pthread_mutex_lock(&p->lock);
        s->state = DONE;
        p->waiting -= s->job.size;
        pthread_cond_signal(&p->gone);
        pthread_mutex_unlock(&p->lock);
    }
}

/* A thread: works until told to end, or until a job dies; jobs before that one were taken
 * before it and go on in the other threads. */
static void *run(void *arg) {
    struct hand hand = {arg, -1};
    struct pool *p = arg;
    char message[sizeof p->message];
    int code = die_catch(work_on, &hand, message, sizeof message);
    if (!code) return NULL;
    pthread_mutex_lock(&p->lock);
    if (!p->code || hand.number < p->failed) {
        p->code = code;
        p->failed = hand.number;
        snprintf(p->message, sizeof p->message, "%s", message);
    }
    p->stop = 2;
    pthread_cond_broadcast(&p->come);
    pthread_cond_signal(&p->gone);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Ends the threads; `stop` 1: when nothing is left to do, 2: at once. */
static void join(struct pool *p, int stop) {
    pthread_mutex_lock(&p->lock);
    if (p->stop < stop) p->stop = stop;
    pthread_cond_broadcast(&p->come);
    pthread_mutex_unlock(&p->lock);
    for (; p->started; p->started--) pthread_join(p->thread[p->started - 1], NULL);
}

static void abandon(void *arg) {
    join(arg, 2);
}

static void release(struct pool *p) {
    die_cleanup_forget(abandon, p);
    for (int i = 0; i < WAITING; i++) xfree(p->slot[i].job.data);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->come);
    pthread_cond_destroy(&p->gone);
    xfree(p);
}

static _Noreturn void fail(struct pool *p) {
    join(p, 2);
    int code = p->code;
    char message[sizeof p->message];
    snprintf(message, sizeof message, "%s", p->message);
    release(p);
    if (code == EXIT_NO) die_no("%s", message);
    die_world("%s", message);
}

struct pool *pool_open(int threads, void (*work)(void *, const struct job *), void *arg) {
    struct pool *p = xcalloc(1, sizeof *p);
    *p = (struct pool){
        .work = work, .arg = arg, .threads = threads < THREADS ? threads : THREADS};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->come, NULL);
    pthread_cond_init(&p->gone, NULL);
    die_cleanup(abandon, p);
    while (p->threads > 1 && p->started < p->threads) {
        if (pthread_create(&p->thread[p->started], NULL, run, p))
            die_world("a thread could not be started, wanted %d; run with --threads 1",
                      p->threads);
        p->started++;
    }
    return p;
}

/* With the lock held: whether there is room for a job; what is done is freed, for its
 * memory, still in the cache, to hold the next one. */
static int has_room(struct pool *p, size_t size) {
    struct slot *s = &p->slot[p->freed % WAITING];
    for (; p->freed < p->taken && s->state == DONE; s = &p->slot[++p->freed % WAITING]) {
        xfree(s->job.data);
        *s = (struct slot){.state = EMPTY};
    }
    return p->added - p->freed < WAITING &&
           (!p->waiting || p->waiting + size <= WAITING_BYTES);
}

void pool_add(struct pool *p, uint8_t *data, size_t size, void *item) {
    struct job job = {data, size, item, p->added};
    if (p->threads <= 1) {
        p->added++;
        p->work(p->arg, &job);
        xfree(data);
        return;
    }
    pthread_mutex_lock(&p->lock);
    while (!p->code && !has_room(p, size)) pthread_cond_wait(&p->gone, &p->lock);
    int bad = p->code;
    if (!bad) {
        p->slot[p->added++ % WAITING] = (struct slot){job, READY};
        p->waiting += size;
        pthread_cond_signal(&p->come);
    }
    pthread_mutex_unlock(&p->lock);
    if (bad) {
        xfree(data);
        fail(p);
    }
}

void pool_end(struct pool *p) {
    join(p, 1);
    if (p->code) fail(p);
    release(p);
}
