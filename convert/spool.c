/* spool.c - one file, appended by any thread, read by offset. It keeps no order. */
#include "convert/spool.h"
#include "core/die.h"
#include "core/file.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct spool {
    int fd;
    uint64_t end;
    pthread_mutex_t lock;
    char *folder;
};

static void close_file(void *arg) {
    struct spool *s = arg;
    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
}

static _Noreturn void fail(const struct spool *s, const char *doing) {
    int reason = errno;
    die_world("%s: %s a temporary file: %s; %s", quoted(s->folder), doing, strerror(reason),
              reason == ENOSPC || reason == EDQUOT ? "free some space, then run again"
                                                   : "wanted room to work in this folder");
}

struct spool *spool_open(const char *out) {
    struct spool *s = xcalloc(1, sizeof *s);
    size_t n = (size_t)(file_base(out) - out);
    s->fd = -1;
    s->folder = n ? xprintf("%.*s", (int)n, out) : xstrdup("./");
    pthread_mutex_init(&s->lock, NULL);
    if (access(s->folder, F_OK)) file_mkdir(s->folder);
    die_cleanup(close_file, s);
    char *name = xprintf("%s.%s.%ld.spool", s->folder, file_base(out), (long)getpid());
    if (!fail_point()) s->fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s->fd < 0) fail(s, "opening");
    if (unlink(name)) fail(s, "unlinking");
    xfree(name);
    return s;
}

uint64_t spool_write(struct spool *s, const void *bytes, size_t n) {
    pthread_mutex_lock(&s->lock);
    uint64_t at = s->end;
    s->end += n;
    pthread_mutex_unlock(&s->lock);
    const char *from = bytes;
    for (size_t done = 0; done < n;) {
        ssize_t put =
            fail_point() ? -1 : pwrite(s->fd, from + done, n - done, (off_t)(at + done));
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) fail(s, "writing");
        done += (size_t)put;
    }
    return at;
}

void spool_read(struct spool *s, uint64_t at, void *bytes, size_t n) {
    char *to = bytes;
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(s->fd, to + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) fail(s, "reading");
        done += (size_t)got;
    }
}

void spool_close(struct spool *s) {
    close_file(s);
    die_cleanup_forget(close_file, s);
    pthread_mutex_destroy(&s->lock);
    xfree(s->folder);
    xfree(s);
}
