/* trial_room.h - where a trial's arrays stand: between sentinels, in the host's memory or,
 * through a struct ground, in a device's, in that machine's order and types. */
#ifndef TESTS_TRIAL_ROOM_H
#define TESTS_TRIAL_ROOM_H
#include "tests/trial.h"

enum number { NUMBER_F64, NUMBER_F32, NUMBER_FP16, NUMBER_BF16 };

/* How an array lies. Its elements in the order of the shapes ([N][C][H][W], [N][T][D],
 * PyTorch's for parameters) stand at place(form, i) of `all`. */
struct form {
    enum number number;
    size_t count, all;
    size_t C, plane, padded; /* C > 0: a map, channels last, padded to so many with zeros */
    struct gpu_layout *layout; /* a parameter's, if not NULL; the ground's own */
};
struct form form_plain(enum number number, size_t count);
size_t form_bytes(const struct form *f);

/* Memory that is not the host's. Each function gets the ground. */
struct ground {
    void *(*alloc)(struct ground *g, size_t bytes);
    void (*free)(struct ground *g, void *p);
    void (*upload)(struct ground *g, void *to, const void *from, size_t bytes);
    void (*download)(struct ground *g, void *to, const void *from, size_t bytes);
    struct form (*node)(struct ground *g, const struct trial *t, int node);
    struct form (*param)(struct ground *g, const struct trial *t, int param);
    size_t (*place)(const struct form *f, size_t i); /* of a parameter with a layout */
    /* pictures, flips, loss scale ... */
    void (*batch)(struct ground *g, const struct trial *t);
    void *machine; /* for calls */
    /* 1: it sees itself what goes past an array's end, reads too: no guard there */
    int watched;
};

struct room {              /* everything allocated in one run */
    struct ground *ground; /* NULL: the host */
    int count;
    struct {
        uint8_t *all;
        size_t bytes;
    } buffer[64];
};
/* n bytes between guards, all NaN. */
void *room_take(struct room *room, size_t n);
/* The same holding numbers, and numbers back (caller frees). */
void *room_hold(struct room *room, const struct form *f, const double *from);
double *room_back(const struct room *room, const struct form *f, const void *from);
/* Refills what room_take gave with NaN. */
void room_spoil(const struct room *room, void *p, size_t n);
/* Fails where a guard was written on; frees all. */
void room_leave(struct room *room);
/* x[0..count) as the form would give it back. */
void form_round(const struct form *f, double *x);
#endif
