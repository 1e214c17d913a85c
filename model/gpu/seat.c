/* seat.c - see seat.h. */
#include "model/gpu/seat.h"
#include "core/die.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { DEVICES = 31, SEATS = 64 }; /* a bit a device */

struct wish {
    int device[DEVICES], devices; /* 0: all there are */
    int seats;                    /* a device; 0: no lock */
};

static int number(const char **text, int most, int *value) {
    char *end;
    const long x = strtol(*text, &end, 10);
    if (end == *text || **text < '0' || **text > '9' || x > most) return 0;
    *value = (int)x;
    *text = end;
    return 1;
}

/* ":0,1x2" */
static int parse(const char *at, struct wish *w) {
    if (*at == 0) return 1;
    if (*at++ != ':') return 0;
    if (*at != 'x')
        do {
            if (w->devices == DEVICES || !number(&at, 9999, &w->device[w->devices++])) return 0;
        } while (*at == ',' && at++);
    if (*at == 'x') {
        at++;
        if (!number(&at, SEATS, &w->seats) || !w->seats) return 0;
    }
    return *at == 0 && (w->devices <= 1 || w->seats);
}

static struct wish read_wish(const char *text) {
    struct wish w = {.devices = 0};
    if (!parse(text, &w))
        die_usage("device gpu%s: wanted gpu, gpu:1, gpu:0,1x1 (whichever of 0 and 1 has no other process "
                  "of ours) or gpu:x2 (whichever has fewer than 2)",
                  quoted(text));
    return w;
}

/* The lock's descriptor; -1: taken. A file of another user's can be locked, not written. */
static int lock_seat(int device, int seat) {
    char name[64];
    const char *folder = getenv("TMPDIR");
    device_identity(device, name);
    char *path = xprintf("%s/repolyp-%s.%d", folder && *folder ? folder : "/tmp", name, seat);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        fd = open(path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        die_world("%s: %s; wanted a file to lock: the place of a process on a GPU; set TMPDIR", path,
                  strerror(errno));
    xfree(path);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    close(fd);
    return -1;
}

/* First all first seats, then all second ones: processes spread. `why` keeps the last refusal. */
static struct device *try_all(const struct wish *w, int devices, int *lock, int *refused, char *why,
                              size_t size) {
    const int n = w->devices ? w->devices : devices;
    for (int seat = 0; seat < w->seats; seat++)
        for (int i = 0; i < n; i++) {
            const int index = w->devices ? w->device[i] : i;
            if (*refused >> i & 1) continue;
            *lock = lock_seat(index, seat);
            if (*lock < 0) continue;
            struct device *d = device_open(index, why, size);
            if (d) return d;
            close(*lock);
            *refused |= 1 << i;
        }
    return NULL;
}

static void wait_a_little(void) {
    const struct timespec third = {0, 300000000};
    if (nanosleep(&third, NULL) && errno == EINTR)
        die_world("interrupted while waiting for a free GPU; run the same command again");
}

struct device *seat_take(const char *wish, int *lock, char *why, size_t size) {
    const struct wish w = read_wish(wish);
    int devices = device_count(why, size), refused = 0, said = 0;
    *lock = -1;
    if (!devices) return NULL;
    if (!w.seats) return device_open(w.devices ? w.device[0] : 0, why, size);
    if (devices > DEVICES) devices = DEVICES;
    const int n = w.devices ? w.devices : devices;
    for (;;) {
        struct device *d = try_all(&w, devices, lock, &refused, why, size);
        if (d) return d;
        *lock = -1;
        int left = 0;
        for (int i = 0; i < n; i++) left += !(refused >> i & 1);
        if (!left) return NULL;
        if (!said++) warn("waiting for a free GPU (%d, %d at a time on each)", left, w.seats);
        wait_a_little();
    }
}
