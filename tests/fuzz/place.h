/* place.h - a file in memory, for what opens by name; and its neighbours. */
#ifndef TESTS_FUZZ_PLACE_H
#define TESTS_FUZZ_PLACE_H
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char place_folder[] = "/dev/shm/fuzz-XXXXXX";
static pid_t place_owner;

/* No child of the process that made the folder. */
static inline int place_is_mine(void) {
    return !place_owner || place_owner == getpid();
}

static inline void place_remove(void) {
    if (!place_is_mine()) return;
    DIR *dir = opendir(place_folder);
    for (struct dirent *e; dir && (e = readdir(dir));) unlinkat(dirfd(dir), e->d_name, 0);
    if (dir) closedir(dir);
    rmdir(place_folder);
}

/* Path of a name in a folder of this process alone, made at the first call and removed at
 * the end. Borrowed until the next call. */
static inline const char *place(const char *name) {
    static char path[64];
    static int made;
    if (!made++) {
        place_owner = getpid();
        if (!mkdtemp(place_folder) || atexit(place_remove)) abort();
    }
    snprintf(path, sizeof path, "%s/%s", place_folder, name);
    return path;
}

static inline void place_put(const char *name, const void *bytes, size_t n) {
    int fd = open(place(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n || close(fd)) abort();
}
#endif
