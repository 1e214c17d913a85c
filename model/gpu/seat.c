/* seat.c - see seat.h. */
#include "model/gpu/seat.h"
#include "core/die.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { DEVICES = 31, SEATS = 64 }; /* a bit a device */
/* What the largest network takes in fp32 at the paper's batch, with its plans' scratch and
 * a data set of a thousand pictures, is about 10 GB by count; nobody has measured it
 * yet. */
static const size_t SHARE = (size_t)12 << 30;

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
    if (*at != 'x') do {
            if (w->devices == DEVICES || !number(&at, 9999, &w->device[w->devices++]))
                return 0;
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
        die_usage(
            "device gpu%s: wanted gpu, gpu:1, gpu:0,1x1 (whichever of 0 and 1 has no other "
            "process of ours) or gpu:x2 (whichever has fewer than 2)",
            quoted(text));
    return w;
}

/* A file of another user's can be locked, not written. */
static int open_lock(const char *path) {
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        fd = open(path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        die_world(
            "%s: %s; wanted a file to lock: the place of a process on a GPU; set TMPDIR",
            path, strerror(errno));
    return fd;
}

/* A lock's descriptor; -1: taken. */
static int lock_file(const char *device, const char *place, int how) {
    const char *folder = getenv("TMPDIR");
    char *path =
        xprintf("%s/repolyp-%s%s", folder && *folder ? folder : "/tmp", device, place);
    int fd = open_lock(path);
    xfree(path);
    if (flock(fd, how | LOCK_NB) == 0) return fd;
    close(fd);
    return -1;
}

void seat_leave(struct seat *seat) {
    if (seat->place >= 0) close(seat->place);
    if (seat->device >= 0) close(seat->device);
    *seat = (struct seat){-1, -1};
}

/* How many of `wanted` processes a device has memory for. */
static int places_on(int device, int wanted) {
    const size_t fit = device_memory(device) / SHARE;
    return fit < 1 ? 1 : fit < (size_t)wanted ? (int)fit : wanted;
}

/* Place k of the device, 1 if it is ours now. */
static int take_place(struct seat *seat, int device, int k, int seats) {
    char name[64], place[16];
    if (k >= places_on(device, seats)) return 0;
    device_identity(device, name);
    seat->device = lock_file(name, "", seats == 1 ? LOCK_EX : LOCK_SH);
    if (seat->device < 0 || seats == 1) return seat->device >= 0;
    snprintf(place, sizeof place, ".%d", k);
    seat->place = lock_file(name, place, LOCK_EX);
    if (seat->place < 0) seat_leave(seat);
    return seat->place >= 0;
}

/* First all first places, then all second ones: processes spread. `why` keeps the last
 * refusal. */
static struct device *try_all(const struct wish *w, int devices, struct seat *seat,
                              int *refused, char *why, size_t size) {
    const int n = w->devices ? w->devices : devices;
    for (int k = 0; k < w->seats; k++)
        for (int i = 0; i < n; i++) {
            const int index = w->devices ? w->device[i] : i;
            if (*refused >> i & 1) continue;
            if (index < devices && !take_place(seat, index, k, w->seats)) continue;
            struct device *d = device_open(index, why, size);
            if (d) return d;
            seat_leave(seat);
            *refused |= 1 << i;
        }
    return NULL;
}

/* Signals are let in here alone, so that none comes unseen between two waits. */
static void wait_a_little(const sigset_t *usual) {
    const struct timespec third = {0, 300000000};
    if (ppoll(NULL, 0, &third, usual) < 0 && errno == EINTR)
        die_world("interrupted while waiting for a free GPU; run the same command again");
}

static struct device *wait_for_one(const struct wish *w, int devices, struct seat *seat,
                                   const sigset_t *usual, char *why, size_t size) {
    const int n = w->devices ? w->devices : devices;
    for (int refused = 0, said = 0;;) {
        struct device *d = try_all(w, devices, seat, &refused, why, size);
        int left = n;
        for (int i = 0; i < n; i++) left -= refused >> i & 1;
        if (d || !left) return d;
        if (!said++)
            warn("waiting for a free GPU (%d, %d at a time on each)", left, w->seats);
        wait_a_little(usual);
    }
}

struct device *seat_take(const char *wish, struct seat *seat, char *why, size_t size) {
    const struct wish w = read_wish(wish);
    const int devices = device_count(why, size);
    sigset_t all, usual;
    *seat = (struct seat){-1, -1};
    if (!devices) return NULL;
    if (!w.seats) return device_open(w.devices ? w.device[0] : 0, why, size);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &usual);
    struct device *d =
        wait_for_one(&w, devices < DEVICES ? devices : DEVICES, seat, &usual, why, size);
    sigprocmask(SIG_SETMASK, &usual, NULL);
    return d;
}
