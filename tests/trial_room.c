/* trial_room.c - see trial_room.h. */
#include "tests/trial_room.h"
#include "core/bag.h"
#include "core/die.h"
#include "tests/test.h"

enum { GUARD = 256 }; /* bytes before and after a buffer: keeps a device's alignment */

static size_t number_size(enum number n) {
    return n == NUMBER_F64 ? 8 : n == NUMBER_F32 ? 4 : 2;
}

struct form form_plain(enum number number, size_t count) {
    return (struct form){.number = number, .count = count, .all = count};
}

size_t form_bytes(const struct form *f) {
    return f->all * number_size(f->number);
}

static size_t place(const struct ground *g, const struct form *f, size_t i) {
    if (f->layout) return g->place(f, i);
    if (!f->C) return i;
    size_t n = i / f->plane / f->C, c = i / f->plane % f->C, at = i % f->plane;
    return (n * f->plane + at) * f->padded + c;
}

static void put(enum number number, void *to, size_t i, double x) {
    switch (number) {
    case NUMBER_F64:
        ((double *)to)[i] = x;
        break;
    case NUMBER_F32:
        ((float *)to)[i] = (float)x;
        break;
    case NUMBER_FP16:
        ((uint16_t *)to)[i] = half_from_f32((float)x);
        break;
    case NUMBER_BF16:
        ((uint16_t *)to)[i] = bfloat_from_f32((float)x);
        break;
    }
}

static double get(enum number number, const void *from, size_t i) {
    switch (number) {
    case NUMBER_F64:
        return ((const double *)from)[i];
    case NUMBER_F32:
        return ((const float *)from)[i];
    case NUMBER_FP16:
        return half_to_f32(((const uint16_t *)from)[i]);
    case NUMBER_BF16:
        return bfloat_to_f32(((const uint16_t *)from)[i]);
    }
    return NAN;
}

void form_round(const struct form *f, double *x) {
    uint8_t one[8];
    for (size_t i = 0; i < f->count; i++) {
        put(f->number, one, 0, x[i]);
        x[i] = get(f->number, one, 0);
    }
}

static void copy_in(const struct room *room, void *to, const void *from, size_t n) {
    if (room->ground)
        room->ground->upload(room->ground, to, from, n);
    else
        memcpy(to, from, n);
}

static void copy_out(const struct room *room, void *to, const void *from, size_t n) {
    if (room->ground)
        room->ground->download(room->ground, to, from, n);
    else
        memcpy(to, from, n);
}

static size_t behind_of(const struct room *room) {
    return room->ground && room->ground->watched ? 0 : GUARD;
}

void *room_take(struct room *room, size_t n) {
    assert_true(room->count < 64);
    size_t bytes = GUARD + n + behind_of(room);
    uint8_t *picture = xaligned(bytes);
    memset(picture, 0xff, bytes);
    memset(picture, 0xa5, GUARD);
    memset(picture + GUARD + n, 0x5a, behind_of(room));
    uint8_t *all = picture;
    if (room->ground) {
        all = room->ground->alloc(room->ground, bytes);
        copy_in(room, all, picture, bytes);
        xfree(picture);
    }
    room->buffer[room->count].all = all;
    room->buffer[room->count++].bytes = n;
    return all + GUARD;
}

void room_spoil(const struct room *room, void *p, size_t n) {
    uint8_t *nan = xmalloc(n + 1);
    memset(nan, 0xff, n);
    copy_in(room, p, nan, n);
    xfree(nan);
}

void room_leave(struct room *room) {
    for (int i = 0; i < room->count; i++) {
        size_t n = room->buffer[i].bytes;
        const size_t after = behind_of(room);
        uint8_t before[GUARD], behind[GUARD], *all = room->buffer[i].all;
        copy_out(room, before, all, GUARD);
        copy_out(room, behind, all + GUARD + n, after);
        for (size_t k = 0; k < GUARD; k++)
            if (before[k] != 0xa5 || (k < after && behind[k] != 0x5a))
                fail_msg("buffer %d of %zu bytes: written %s it", i, n,
                         before[k] != 0xa5 ? "before" : "behind");
        if (room->ground)
            room->ground->free(room->ground, all);
        else
            xfree(all);
    }
    room->count = 0;
}

void *room_hold(struct room *room, const struct form *f, const double *from) {
    void *to = room_take(room, form_bytes(f)), *bytes = xcalloc(form_bytes(f) + 1, 1);
    for (size_t i = 0; i < f->count; i++)
        put(f->number, bytes, place(room->ground, f, i), from[i]);
    copy_in(room, to, bytes, form_bytes(f));
    xfree(bytes);
    return to;
}

double *room_back(const struct room *room, const struct form *f, const void *from) {
    void *bytes = xmalloc(form_bytes(f) + 1);
    double *to = xmalloc(f->count * sizeof *to + 1);
    copy_out(room, bytes, from, form_bytes(f));
    for (size_t i = 0; i < f->count; i++)
        to[i] = get(f->number, bytes, place(room->ground, f, i));
    xfree(bytes);
    return to;
}
