/* inside.h - what the emulator's files share; no kernel sees it. */
#ifndef TESTS_EMU_INSIDE_H
#define TESTS_EMU_INSIDE_H
#include "tests/emu/block.h"
#define _Noreturn [[noreturn]] /* die.h is C */
extern "C" {
#include "core/die.h"
}
#undef _Noreturn
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    EMU_THREADS = 1024,     /* of a block, at most */
    EMU_SHARED = 512 << 10, /* shared memory's range: the most a block has, and guards */
    EMU_SHARED_PLAIN = 48 << 10, /* what a kernel has without asking */
    EMU_STACK = 128 << 10,       /* of a fiber */
    EMU_CHUNK = 64 << 10,        /* device memory is given out in whole ones */
};
static constexpr size_t EMU_MEMORY = (size_t)16 << 30; /* device memory's range */

/* The running block. */
struct emu_block {
    int inside;     /* a kernel is running */
    uint32_t run;   /* number of this run of a block, twice; odd on the side stream */
    uint32_t first; /* that of the launch's first block */
    int threads, capability;
    unsigned barriers;                              /* passed so far */
    unsigned warp_barriers[EMU_THREADS / EMU_WARP]; /* likewise */
};
extern struct emu_block emu_block;
/* What a thread waits for. */
enum emu_wait {
    READY,
    AT_BARRIER,
    AT_WARP_BARRIER,
    AT_SHUFFLE,
    AT_BALLOT,
    AT_MATRIX,
    ENDED
};
extern char emu_shared_range[EMU_SHARED];
extern char *emu_stacks,
    *emu_memory; /* ranges of [EMU_THREADS * EMU_STACK], [EMU_MEMORY]; NULL before use */

/* What a GPU leaves undefined: ends the program with exit 1, kernel, block and thread
 * before it. */
[[noreturn]] void emu_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* For what outlives a caught death (die_catch frees what xmalloc gave). */
static inline void *emu_need(void *p) {
    if (!p) die_world("emulator: no memory");
    return p;
}
/* All lanes of the running thread's warp meet, each with some bytes; what all have brought,
 * to be read until this thread's next meeting. */
enum { EMU_PACK = 32 };
struct emu_pack {
    alignas(8) unsigned char bytes[EMU_PACK];
};
const struct emu_pack *emu_meet(enum emu_wait wait, struct emu_site site, const void *mine,
                                size_t bytes); /* [EMU_WARP] */

/* "shared tile +8"; borrowed until the next call. */
const char *emu_where(const void *p);

/* Puts work into the device's order: done now, or kept by a capture with a copy of what it
 * needs. */
void emu_do(struct device *d, void (*run)(struct device *d, const void *need),
            const void *need, size_t bytes);

int emu_shared_given(
    const char *p,
    size_t n); /* whether the running block has these bytes of shared memory */
int emu_closure_holds(const char *p); /* whether p is an argument of the running launch */
void emu_piece_where(const void *p, char *text,
                     size_t size);     /* emu_where of device memory */
void emu_shared_begin(size_t dynamic); /* of a block */

/* ---- watch.cc is told ---- */

void emu_watch_launch(
    int side); /* before the blocks of a launch, a copy, a library's product */
void emu_watch_block(void);
void emu_watch_piece(void *at, size_t bytes); /* memory given out; bytes 0: taken back */
void emu_watch_fork(int forked);              /* work goes to two streams, or no longer */
/* Not by a kernel: bytes are read from `from` and written to `to`; NULL: no device memory.
 * */
void emu_watch_copy(void *to, const void *from, size_t bytes);

/* A kernel's access that gcc did not see, align 1 or more. */
enum emu_access { EMU_READ, EMU_WRITE, EMU_CHANGE };
void emu_watch_access(const void *p, size_t n, size_t align, enum emu_access how);

void emu_tally(const struct emu_launch *l, uint64_t blocks, uint64_t seed); /* tally.cc */

/* ---- copy.cc: copies that arrive later ---- */

void emu_copy_block(void);
void emu_copy_ended(void);                   /* the running thread has ended */
int emu_copy_under_way(size_t at, size_t n); /* in the shared range */

/* ---- order.cc: what one block wrote and another reads ---- */

void emu_order_launch(void);
void emu_order_block(void);
void emu_order_barrier(void);
void emu_order_fence(void);
void emu_order_atomic(void);
unsigned emu_order_fences(void); /* of the running thread in this block so far */
/* What a thread of block `run` of this launch did after so many barriers and fences of its
 * own is seen by the running thread. */
int emu_order_seen(uint32_t run, int thread, unsigned barriers, unsigned fences);
#endif
