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
    EMU_THREADS = 1024,            /* of a block, at most */
    EMU_SHARED = 512 << 10,        /* the most a block has, with room for guards */
    EMU_SHARED_PLAIN = 48 << 10,   /* without asking */
};

/* The running block. */
struct emu_block {
    uint64_t run; /* its number among all that were ever run */
    int threads, barrier_first;
    unsigned barriers; /* passed so far */
    unsigned warp_barriers[EMU_THREADS / EMU_WARP];
    unsigned fences[EMU_THREADS]; /* a thread's, so far */
    size_t shared_static, shared_end;
};
extern struct emu_block emu_block;

static constexpr size_t EMU_MEMORY = (size_t)16 << 30, EMU_CHUNK = 64 << 10;

/* Puts work into the device's order: done now, or kept by a capture with a copy of what it needs. */
void emu_do(struct device *d, void (*run)(struct device *d, const void *need), const void *need,
            size_t bytes);

/* What watch.cc is told: a block begins; memory given out (bytes 0: taken back); a copy or, from NULL,
 * zeros; work goes to two streams at once, or no longer. */
void emu_block_begin(void);
void emu_watch_piece(void *at, size_t bytes, const char *what);
void emu_watch_copy(void *to, const void *from, size_t bytes);
void emu_watch_fork(int forked);
/* What a GPU leaves undefined: ends the launch with kernel, block and thread before it. */
[[noreturn]] void emu_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#endif
