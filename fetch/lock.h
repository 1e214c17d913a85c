/* lock.h - one process at a time, by flock(2).
 *
 * A lock dies with its holder, and a lock's file says nothing by being there: it is left.
 * A file system that has no locks is told once and gone on without; what is written under a
 * lock here is therefore right without it too, and only made twice. */
#ifndef FETCH_LOCK_H
#define FETCH_LOCK_H

struct lock {
    int fd;
};
/* Opens the file at `path`, made if not there with the folders above it, and waits for its
 * lock; if another has it, says `waiting` (NULL: nothing) first. 1 if it had to wait. */
int lock_file(struct lock *lock, const char *path, const char *waiting);
/* The same on a folder that is there. */
int lock_folder(struct lock *lock, const char *path);
void lock_close(struct lock *lock);

/* The same on an open file, which stays the caller's. */
int lock_fd(int fd, const char *path, const char *waiting);
#endif
