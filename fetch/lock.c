/* lock.c - flock and nothing else. */
#include "fetch/lock.h"
#include "core/die.h"
#include "core/file.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static _Noreturn void fail(const char *path) {
    int reason = errno;
    die_world("%s: cannot be locked: %s; wanted a place where files may be written",
              quoted(path), strerror(reason));
}

/* As over some networks. */
static int has_no_locks(int reason) {
    return reason == ENOLCK || reason == ENOSYS || reason == EOPNOTSUPP;
}

static int take(int fd, int how) {
    int bad;
    do bad = fail_point() ? -1 : flock(fd, how);
    while (bad && errno == EINTR);
    return bad;
}

int lock_fd(int fd, const char *path, const char *waiting) {
    int waited = 0, bad = take(fd, LOCK_EX | LOCK_NB);
    if (bad && errno == EWOULDBLOCK) {
        waited = 1;
        if (waiting) warn("%s", waiting);
        bad = take(fd, LOCK_EX);
    }
    if (bad && !has_no_locks(errno)) fail(path);
    if (bad) warn("%s: no locks on this file system, going on without", quoted(path));
    return waited;
}

static void release(void *arg) {
    struct lock *lock = arg;
    if (lock->fd >= 0) close(lock->fd);
    lock->fd = -1;
}

static int lock_path(struct lock *lock, const char *path, int flags, const char *waiting) {
    *lock = (struct lock){-1};
    die_cleanup(release, lock);
    lock->fd = fail_point() ? -1 : open(path, flags | O_RDONLY | O_CLOEXEC, 0666);
    if (lock->fd < 0) fail(path);
    return lock_fd(lock->fd, path, waiting);
}

int lock_file(struct lock *lock, const char *path, const char *waiting) {
    char *folder = xprintf("%.*s", (int)(file_base(path) - path), path);
    if (*folder && !file_exists(folder)) file_mkdir(folder);
    xfree(folder);
    return lock_path(lock, path, O_CREAT, waiting);
}

int lock_folder(struct lock *lock, const char *path) {
    return lock_path(lock, path, O_DIRECTORY, NULL);
}

void lock_close(struct lock *lock) {
    die_cleanup_forget(release, lock);
    release(lock);
}
