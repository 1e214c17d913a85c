/* block.h - what a kernel compiled for the processor calls: where it is, shared memory,
 * barriers, warp operations, atomics. A block's threads are fibers of one processor thread:
 * they change places only in these calls, in an order drawn from EMU_SEED (0: in turn).
 * What a GPU leaves undefined ends the program with exit 1, naming kernel, block and
 * thread. */
#ifndef TESTS_EMU_BLOCK_H
#define TESTS_EMU_BLOCK_H
#include "model/gpu/device.h"
#include "tests/emu/number.h"

enum { EMU_WARP = 32 };

/* Where the running thread is; meaningless outside kernels. */
struct emu_place {
    struct {
        unsigned x, y, z;
    } thread, block;
    dim3 threads, blocks;
    int index; /* of the thread in its block */
};
extern struct emu_place emu_now;

/* A call's place in the source: all threads of a block must meet at the same. */
struct emu_site {
    const char *file;
    int line;
};
#define EMU_HERE (emu_site{__FILE__, __LINE__})
#define EMU_LANE (emu_now.index % EMU_WARP)

/* A shared variable: its place in the running block's shared memory, given out at first
 * use. */
struct emu_room {
    uint32_t run; /* which block's run it was given in */
    void *at;
};
void *emu_shared(struct emu_room *room, size_t bytes, const char *name);
void *emu_shared_dynamic(void);

void emu_barrier(struct emu_site site);
void emu_warp_barrier(struct emu_site site);
void emu_fence(void);
int emu_arch(void); /* capability of the device that runs the kernel */
unsigned emu_ballot(int p, struct emu_site site);
/* The bits of every lane; lane i wants those of lane `from`, or its own where that is past
 * 31. */
uint64_t emu_exchange(uint64_t bits, int from, struct emu_site site);

template <typename T> static inline T emu_shuffle(T v, int from, struct emu_site site) {
    static_assert(sizeof(T) <= 8, "a shuffle moves 4 or 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &v, sizeof v);
    bits = emu_exchange(bits, from, site);
    memcpy(&v, &bits, sizeof v);
    return v;
}

enum emu_how { emu_add, emu_max, emu_or };
void emu_atomic_begin(void *p, size_t bytes);
template <typename T, typename V>
__attribute__((no_sanitize("thread"))) static inline T emu_atomic(T *p, V v,
                                                                  enum emu_how how) {
    static_assert((T)0.5 == (T)0 && sizeof(T) >= 4,
                  "whole numbers: their sum has no order");
    emu_atomic_begin(p, sizeof *p);
    T old, now;
    __builtin_memcpy(&old, p, sizeof old);
    now = how == emu_add  ? old + (T)v
          : how == emu_or ? (T)(old | (T)v)
          : old < (T)v    ? (T)v
                          : old;
    __builtin_memcpy(p, &now, sizeof now);
    return old;
}

/* ---- launches ---- */

struct emu_launch {
    const char *kernel;
    dim3 blocks, threads;
    size_t shared;                    /* dynamic, bytes */
    void (*run)(const void *closure); /* one thread of it */
    size_t closure;                   /* its bytes */
};
/* Puts a launch into the device's order: run at once, or kept by a capture; copies closure.
 * */
void emu_enqueue(struct device *d, const struct emu_launch *l, const void *closure);
/* Over 48 KB of shared memory a kernel must have been allowed to. */
void emu_allow(void (*kernel)(void), size_t shared);
void emu_check_allowed(void (*kernel)(void), const char *name, size_t shared);
/* All blocks, now. */
void emu_run(const struct device *d, const struct emu_launch *l, const void *closure);

template <typename C> static void emu_closure(const void *closure) {
    (*(const C *)closure)();
}
template <typename T> struct emu_same { typedef T type; };

template <typename... P>
static inline void emu_start(struct device *d, const char *name, dim3 blocks, dim3 threads,
                             size_t shared, void (*kernel)(P...),
                             typename emu_same<P>::type... arguments) {
    auto body = [=] { kernel(arguments...); };
    emu_check_allowed((void (*)(void))kernel, name, shared);
    const struct emu_launch l = {
        name, blocks, threads, shared, emu_closure<decltype(body)>, sizeof body};
    emu_enqueue(d, &l, &body);
}
#endif
