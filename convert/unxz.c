/* unxz.c - liblzma's decoder in a thread, and a ring of blocks between it and who reads.
 * The one file that sees liblzma. It looks at no byte itself. */
#include "convert/unxz.h"
#include "core/die.h"
#include <errno.h>
#include <lzma.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { BLOCKS = 4, BLOCK = 256 << 10, INPUT = 64 << 10, MEMORY = 256 << 20 };

struct unxz {
    int fd;
    const char *path;
    lzma_stream stream;
    lzma_action action; /* LZMA_FINISH once all is read */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t made, used;
    int blocks, taken; /* decoded, and given out so far; the newest given is in use */
    int stop, ended;   /* nobody reads any more; nothing comes any more */
    lzma_ret code;     /* what ended it */
    int reason;        /* errno, where reading failed */
    size_t n[BLOCKS];
    uint8_t block[BLOCKS][BLOCK], input[INPUT];
};

static const char *words(lzma_ret code) {
    switch (code) {
    case LZMA_BUF_ERROR:
        return "xz: the file ends too early";
    case LZMA_FORMAT_ERROR:
        return "xz: something else behind the stream";
    case LZMA_OPTIONS_ERROR:
        return "xz: a filter or an option that is not known";
    case LZMA_MEMLIMIT_ERROR:
        return "xz: a dictionary that wants more than 256 MiB";
    default:
        return "xz: damaged data, or a wrong check";
    }
}

/* Fills a block, whole but for the last; what stopped it, LZMA_OK if nothing did. */
static lzma_ret fill(struct unxz *u, uint8_t *block) {
    lzma_stream *s = &u->stream;
    lzma_ret code = LZMA_OK;
    s->next_out = block;
    s->avail_out = BLOCK;
    while (code == LZMA_OK && s->avail_out) {
        if (!s->avail_in && u->action == LZMA_RUN) {
            ssize_t n = fail_point() ? -1 : read(u->fd, u->input, INPUT);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) {
                u->reason = errno;
                return LZMA_PROG_ERROR;
            }
            s->next_in = u->input;
            s->avail_in = (size_t)n;
            if (!n) u->action = LZMA_FINISH;
        }
        code = lzma_code(s, u->action);
    }
    return code;
}

static void *decode(void *arg) {
    struct unxz *u = arg;
    lzma_ret code = LZMA_OK;
    pthread_mutex_lock(&u->lock);
    while (code == LZMA_OK) {
        while (!u->stop && u->blocks - u->taken == BLOCKS - 1)
            pthread_cond_wait(&u->used, &u->lock);
        if (u->stop) break;
        int at = u->blocks % BLOCKS;
        pthread_mutex_unlock(&u->lock);
        code = fill(u, u->block[at]);
        pthread_mutex_lock(&u->lock);
        u->n[at] = BLOCK - u->stream.avail_out;
        if (u->n[at]) u->blocks++;
        pthread_cond_signal(&u->made);
    }
    u->code = code;
    u->ended = 1;
    pthread_cond_signal(&u->made);
    pthread_mutex_unlock(&u->lock);
    return NULL;
}

struct unxz *unxz_open(int fd, const char *path) {
    struct unxz *u = xcalloc(1, sizeof *u);
    u->fd = fd;
    u->path = path;
    pthread_mutex_init(&u->lock, NULL);
    pthread_cond_init(&u->made, NULL);
    pthread_cond_init(&u->used, NULL);
    if (fail_point() || lzma_stream_decoder(&u->stream, MEMORY, LZMA_CONCATENATED))
        die_world("%s: no memory to decode xz, close other programs", quoted(path));
    if (fail_point() || pthread_create(&u->thread, NULL, decode, u)) {
        lzma_end(&u->stream);
        die_world("%s: a thread to decode xz could not be started; close other programs",
                  quoted(path));
    }
    return u;
}

size_t unxz_next(struct unxz *u, const void **bytes, const char **why) {
    size_t n = 0;
    pthread_mutex_lock(&u->lock);
    while (u->blocks == u->taken && !u->ended) pthread_cond_wait(&u->made, &u->lock);
    if (u->blocks > u->taken) {
        *bytes = u->block[u->taken % BLOCKS];
        n = u->n[u->taken++ % BLOCKS];
    }
    pthread_cond_signal(&u->used);
    pthread_mutex_unlock(&u->lock);
    *why = NULL;
    if (n || u->code == LZMA_STREAM_END) return n;
    if (u->reason)
        die_world("%s: cannot read: %s; wanted a readable file", quoted(u->path),
                  strerror(u->reason));
    if (u->code == LZMA_MEM_ERROR)
        die_world("%s: no memory to decode xz, close other programs", quoted(u->path));
    *why = words(u->code);
    return 0;
}

void unxz_close(struct unxz *u) {
    pthread_mutex_lock(&u->lock);
    u->stop = 1;
    pthread_cond_signal(&u->used);
    pthread_mutex_unlock(&u->lock);
    pthread_join(u->thread, NULL);
    lzma_end(&u->stream);
    pthread_mutex_destroy(&u->lock);
    pthread_cond_destroy(&u->made);
    pthread_cond_destroy(&u->used);
    xfree(u);
}
