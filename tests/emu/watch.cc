/* watch.cc - sees every access that code of the GPU makes: gcc's -fsanitize=thread puts a
 * call before each, and what it calls stands here instead of its own runtime.
 *
 * For every two bytes of shared and device memory it keeps who wrote and who read last, and
 * so names: an access outside of what was given out, or not aligned; shared memory read
 * before it was written; two threads of a block at the same bytes with no barrier between;
 * two blocks of a launch, or two streams, likewise; a kernel in the host's memory, the host
 * in the device's. EMU_WATCH=0 turns it off.
 *
 * Of several threads' accesses to the same bytes the last is remembered, so a race among
 * three may be named by another pair; bytes that pass unnamed in one order are met in
 * another (EMU_SEED). */
#include "tests/emu/inside.h"
#include <sys/mman.h>

enum { GRAIN = 2, MANY = 0xffff, ATOMIC = 0x8000 };

/* A read or a write of two bytes, or of one of them. */
struct deed {
    uint32_t run;
    uint16_t thread, warp; /* thread may hold ATOMIC; a read's may be MANY */
    uint16_t barriers, warp_barriers, fences, bytes;
};
struct cell {
    struct deed write, read;
};
enum how { READ = EMU_READ, WRITE = EMU_WRITE, BOTH = EMU_CHANGE };
static const char *const how_name[] = {"reads", "writes", "changes"};

struct emu_block emu_block;
char *emu_memory;
static struct cell shared_cell[EMU_SHARED / GRAIN];
static struct cell *memory_cell;
static uint32_t valid[EMU_MEMORY / EMU_CHUNK]; /* bytes of each chunk that are given out */
static uint32_t runs;                          /* so far, of both streams */
static struct {
    int off, forked;
    uint32_t since; /* run at the fork */
} me;

/* ---- told by others ---- */

static void forget(void) {
    runs = 0;
    memset(shared_cell, 0, sizeof shared_cell);
    if (memory_cell)
        madvise(memory_cell, EMU_MEMORY / GRAIN * sizeof(struct cell), MADV_DONTNEED);
}

void emu_watch_launch(int side) {
    const char *watch = getenv("EMU_WATCH");
    me.off = watch && !strcmp(watch, "0");
    if (runs > 1u << 30) forget();
    runs++;
    emu_block.run = emu_block.first = 2 * runs + (side != 0);
    emu_order_launch();
}

void emu_watch_block(void) {
    emu_block.run = 2 * runs++ + emu_block.first % 2;
    emu_block.barriers = 0;
    memset(emu_block.warp_barriers, 0, sizeof emu_block.warp_barriers);
    emu_order_block();
}

void emu_watch_piece(void *at, size_t bytes) {
    if (!memory_cell) {
        memory_cell = (struct cell *)mmap(
            NULL, EMU_MEMORY / GRAIN * sizeof(struct cell), PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory_cell == MAP_FAILED)
            die_world("emulator: no address space to watch memory with");
    }
    size_t chunk = (size_t)((char *)at - emu_memory) / EMU_CHUNK;
    if (!bytes)
        while (valid[chunk]) valid[chunk++] = 0;
    for (; bytes; chunk++) {
        valid[chunk] = (uint32_t)(bytes < EMU_CHUNK ? bytes : (size_t)EMU_CHUNK);
        bytes -= valid[chunk];
    }
}

void emu_watch_fork(int forked) {
    me.forked = forked;
    me.since = 2 * ++runs;
}

/* ---- what may not be ---- */

[[noreturn]] static void race(const char *with, const void *p, size_t n, enum how how,
                              const struct deed *other, const char *did) {
    int t = other->thread == MANY ? -1 : other->thread & ~ATOMIC;
    char who[40];
    if (t < 0)
        snprintf(who, sizeof who, "several threads");
    else
        snprintf(who, sizeof who, "thread %d", t);
    emu_fail("%s %zu bytes of %s, which %s of %s %s", how_name[how], n, emu_where(p), who,
             with, did);
}

/* Whether the running thread comes after a deed of its own block. */
static inline int after(const struct deed *d) {
    const int t = emu_now.index;
    if ((d->thread & ~ATOMIC) == t && d->thread != MANY) return 1;
    if (d->barriers != (uint16_t)emu_block.barriers) return 1;
    return d->warp == t / EMU_WARP &&
           d->warp_barriers != (uint16_t)emu_block.warp_barriers[t / EMU_WARP];
}

/* Likewise of another block, or of the other stream. */
static inline void after_others(const void *p, size_t n, enum how how, const struct deed *d,
                                const char *did) {
    if ((size_t)((const char *)p - emu_shared_range) < EMU_SHARED)
        return; /* a block's own */
    if (d->run >= emu_block.first) {
        if (!emu_order_seen(d->run, d->thread & 1023, d->barriers, d->fences))
            race("another block", p, n, how, d, did);
    } else if (me.forked && d->run >= me.since && (d->run ^ emu_block.run) & 1) {
        race("the other stream", p, n, how, d, did);
    }
}

static void note_read(struct deed *d, unsigned bytes, unsigned fences) {
    const int t = emu_now.index, warp = t / EMU_WARP;
    const uint16_t barriers = (uint16_t)emu_block.barriers,
                   warp_barriers = (uint16_t)emu_block.warp_barriers[warp];
    if (d->run != emu_block.run || d->barriers != barriers) {
        *d = {emu_block.run, (uint16_t)t,      (uint16_t)warp, barriers,
              warp_barriers, (uint16_t)fences, (uint16_t)bytes};
        return;
    }
    d->bytes |= (uint16_t)bytes;
    d->fences = (uint16_t)fences;
    if (d->warp != warp)
        d->thread = d->warp = MANY;
    else if (d->warp_barriers != warp_barriers)
        d->thread = (uint16_t)t, d->warp_barriers = warp_barriers;
    else if (d->thread != t)
        d->thread = MANY;
}

static inline void visit(struct cell *c, const char *p, size_t n, enum how how,
                         unsigned bytes, unsigned fences) {
    const struct deed *w = &c->write, *r = &c->read;
    const int t = emu_now.index;
    if (w->bytes & bytes && !(how == BOTH && w->thread & ATOMIC)) {
        if (w->run != emu_block.run)
            after_others(p, n, how, w, "wrote");
        else if (!after(w))
            race("the block", p, n, how, w, "wrote with no barrier between");
    }
    if (how != READ && r->bytes & bytes) {
        if (r->run != emu_block.run)
            after_others(p, n, how, r, "read");
        else if (!after(r))
            race("the block", p, n, how, r, "read with no barrier between");
    }
    if (how == READ) {
        note_read(&c->read, bytes, fences);
        return;
    }
    const unsigned before = w->run == emu_block.run ? w->bytes : 0;
    const int own = before && w->thread == t && w->barriers == (uint16_t)emu_block.barriers;
    c->write = {
        emu_block.run,
        (uint16_t)(how == BOTH && !own ? t | ATOMIC : t), /* a plain one stays plain */
        (uint16_t)(t / EMU_WARP),
        (uint16_t)emu_block.barriers,
        (uint16_t)emu_block.warp_barriers[t / EMU_WARP],
        (uint16_t)fences,
        (uint16_t)(before | bytes)};
}

/* Bytes [at, at + n) as halves of cells. */
static inline void visit_all(struct cell *cells, size_t at, const char *p, size_t n,
                             enum how how) {
    const unsigned fences = emu_order_fences();
    for (size_t end = at + n, next; at < end; at = next) {
        next = (at / GRAIN + 1) * GRAIN;
        unsigned bytes = at % GRAIN ? 2 : next > end ? 1 : 3;
        visit(&cells[at / GRAIN], p, n, how, bytes, fences);
    }
}

static void in_shared(size_t at, const char *p, size_t n, enum how how) {
    if (!emu_shared_given(p, n))
        emu_fail("%s %zu bytes at %s", how_name[how], n, emu_where(p));
    if (how != WRITE)
        for (size_t i = at / GRAIN; i <= (at + n - 1) / GRAIN; i++)
            if (shared_cell[i].write.run != emu_block.run)
                emu_fail("%s %zu bytes of %s, which nobody has written", how_name[how], n,
                         emu_where(p));
    if (emu_copy_under_way(at, n))
        emu_fail("%s %zu bytes of %s, where a copy is still under way", how_name[how], n,
                 emu_where(p));
    visit_all(shared_cell, at, p, n, how);
}

static inline int given_out(size_t at, size_t n) {
    for (size_t end = at + n; at < end;) {
        size_t rest = EMU_CHUNK - at % EMU_CHUNK, now = end - at < rest ? end - at : rest;
        if (at % EMU_CHUNK + now > valid[at / EMU_CHUNK]) return 0;
        at += now;
    }
    return 1;
}

static void in_memory(size_t at, const char *p, size_t n, enum how how) {
    if (!emu_block.inside)
        die_no("emulator: the host %s device memory (%s)", how_name[how], emu_where(p));
    if (!given_out(at, n)) emu_fail("%s %zu bytes at %s", how_name[how], n, emu_where(p));
    visit_all(memory_cell, at, p, n, how);
}

extern "C" char __executable_start, _end;

static void access(const void *address, size_t n, size_t align, enum how how) {
    const char *p = (const char *)address;
    if (me.off) return;
    const size_t in_range = (size_t)(p - emu_memory),
                 shared = (size_t)(p - emu_shared_range);
    if (!emu_block.inside && in_range >= EMU_MEMORY) return;
    if (emu_block.inside && (uintptr_t)p % align)
        emu_fail("%s %zu bytes of %s, which is not a multiple of %zu", how_name[how], n,
                 emu_where(p), align);
    if (in_range < EMU_MEMORY && emu_memory)
        in_memory(in_range, p, n, how);
    else if (shared < EMU_SHARED)
        in_shared(shared, p, n, how);
    else if ((size_t)(p - emu_stacks) >= (size_t)EMU_THREADS * EMU_STACK &&
             !emu_closure_holds(p) && (p < &__executable_start || p >= &_end))
        emu_fail("%s %zu bytes of the host's memory", how_name[how], n);
}

void emu_watch_access(const void *p, size_t n, size_t align, enum emu_access how) {
    access(p, n, align, (enum how)how);
}

void emu_atomic_begin(void *p, size_t bytes) {
    emu_order_atomic();
    access(p, bytes, bytes, BOTH);
}

void emu_watch_copy(void *to, const void *from, size_t bytes) {
    const void *const end[2] = {from, to};
    for (int i = 0; i < 2; i++) {
        size_t at = (size_t)((const char *)end[i] - emu_memory);
        if (!emu_memory || at >= EMU_MEMORY || !bytes) continue;
        if (!given_out(at, bytes))
            die_no("emulator: a copy or a library's product of %zu bytes at %s", bytes,
                   emu_where(end[i]));
        if (me.off || !me.forked) continue;
        emu_block.inside = 1;
        visit_all(memory_cell, at, (const char *)end[i], bytes, i ? WRITE : READ);
        emu_block.inside = 0;
    }
}

/* ---- what gcc calls ---- */

#define ACCESS(n)                                                                          \
    extern "C" void __tsan_read##n(void *p) {                                              \
        access(p, n, n, READ);                                                             \
    }                                                                                      \
    extern "C" void __tsan_write##n(void *p) {                                             \
        access(p, n, n, WRITE);                                                            \
    }                                                                                      \
    extern "C" void __tsan_unaligned_read##n(void *p) {                                    \
        access(p, n, 1, READ);                                                             \
    }                                                                                      \
    extern "C" void __tsan_unaligned_write##n(void *p) {                                   \
        access(p, n, 1, WRITE);                                                            \
    }
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)
extern "C" void __tsan_read_range(void *p, size_t n) {
    access(p, n, 1, READ);
}
extern "C" void __tsan_write_range(void *p, size_t n) {
    access(p, n, 1, WRITE);
}
extern "C" void __tsan_func_entry(void *caller) {
    (void)caller;
}
extern "C" void __tsan_func_exit(void) {}
extern "C" void __tsan_init(void) {}
