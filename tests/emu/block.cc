/* block.cc - runs a kernel's blocks one after another, each block's threads as fibers.
 *
 * A fiber runs a thread until it must wait for others; a thread that ends hands its fiber
 * to the next one, so a kernel without barriers is a plain loop on one stack. With EMU_SEED
 * not 0 the blocks come in another order and who goes on next is drawn. It does not watch
 * memory: watch.cc does. */
#include "tests/emu/inside.h"
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { GUARD = 4096 };

struct fiber {
    jmp_buf here;
    char *stack;
    int entered, thread;
};
static const char *const wait_name[] = {
    "", "BARRIER", "WARP_BARRIER", "a shuffle", "a vote", "a matrix instruction", ""};

struct thread {
    struct fiber *fiber; /* NULL: not begun */
    enum emu_wait wait;
    struct emu_site site;
};
struct warp {
    int arrived, first, parity;
    /* In turn: late readers of one meeting, early writers of the next. */
    struct emu_pack pack[2][EMU_WARP];
};

struct emu_place emu_now;
char *emu_stacks;
static struct {
    const struct emu_launch *launch;
    const void *closure;
    int arrived, first_arrived, ended;
    struct thread thread[EMU_THREADS];
    struct warp warp[EMU_THREADS / EMU_WARP];
    int ready[EMU_THREADS], head, readies; /* a ring */
    struct fiber fiber[EMU_THREADS], *idle[EMU_THREADS];
    int fibers, idles;
    jmp_buf outside;
    char failure[1024];
    uint64_t seed, draws;
} me;

/* ---- failure ---- */

static void fibers_forget(void) {
    for (int i = 0; i < me.fibers; i++) {
        me.fiber[i].entered = 0;
        me.idle[i] = &me.fiber[i];
    }
    me.idles = me.fibers;
}

void emu_fail(const char *format, ...) {
    char what[700];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    snprintf(me.failure, sizeof me.failure, "%s, block (%u,%u,%u), thread (%u,%u,%u): %s",
             me.launch->kernel, emu_now.block.x, emu_now.block.y, emu_now.block.z,
             emu_now.thread.x, emu_now.thread.y, emu_now.thread.z, what);
    if (emu_block.inside) _longjmp(me.outside, 2);
    die_no("emulator: %s", me.failure);
}

int emu_closure_holds(const char *p) {
    return (size_t)(p - (const char *)me.closure) < me.launch->closure;
}

/* ---- fibers ---- */

/* splitmix64, drawn in the order of the run: one processor thread, so the same each time.
 * */
static uint64_t draw(void) {
    uint64_t z = me.seed * 0x9e3779b97f4a7c15u + ++me.draws * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void become(int t) {
    const dim3 &n = emu_now.threads;
    emu_now.index = t;
    emu_now.thread.x = (unsigned)t % n.x;
    emu_now.thread.y = (unsigned)t / n.x % n.y;
    emu_now.thread.z = (unsigned)t / n.x / n.y;
}

static void make_ready(int t) {
    me.thread[t].wait = READY;
    me.ready[(me.head + me.readies++) % EMU_THREADS] = t;
}

/* The thread that goes on now, -1: nobody can. */
static int pick(void) {
    if (!me.readies) return -1;
    int *first = &me.ready[me.head % EMU_THREADS], t = *first;
    if (me.seed) {
        int *drawn =
            &me.ready[(me.head + (int)(draw() % (unsigned)me.readies)) % EMU_THREADS];
        t = *drawn;
        *drawn = *first;
    }
    me.head = (me.head + 1) % EMU_THREADS;
    me.readies--;
    become(t);
    return t;
}

static void fiber_main(void);

static struct fiber *fiber_take(void) {
    if (me.idles) return me.idle[--me.idles];
    struct fiber *f = &me.fiber[me.fibers++];
    if (!emu_stacks)
        emu_stacks =
            (char *)mmap(NULL, (size_t)EMU_THREADS * EMU_STACK, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    f->stack = emu_stacks + (f - me.fiber) * EMU_STACK;
    if (emu_stacks == MAP_FAILED || mprotect(f->stack, GUARD, PROT_NONE))
        die_world("emulator: no memory for a stack");
    return f;
}

/* Leaves this stack for that of thread t, or for the outside. */
static void leave_for(int t) {
    if (t < 0) _longjmp(me.outside, 1);
    struct fiber *f = me.thread[t].fiber;
    if (!f) f = me.thread[t].fiber = fiber_take();
    f->thread = t;
    if (f->entered) _longjmp(f->here, 1);
    f->entered = 1;
    static ucontext_t start;
    getcontext(&start);
    start.uc_stack.ss_sp = f->stack + GUARD;
    /* Stacks' tops lie apart in the processor's caches too. */
    start.uc_stack.ss_size = EMU_STACK - GUARD - (size_t)(f - me.fiber) * 320 % 16384;
    start.uc_link = NULL;
    makecontext(&start, fiber_main, 0);
    setcontext(&start);
}

static void fiber_main(void) {
    for (;;) {
        me.launch->run(me.closure);
        emu_copy_ended();
        struct fiber *f = me.thread[emu_now.index].fiber;
        me.thread[emu_now.index].wait = ENDED;
        me.ended++;
        int t = pick();
        if (t >= 0 && !me.thread[t].fiber) {
            me.thread[t].fiber = f;
            continue;
        }
        me.idle[me.idles++] = f;
        if (!_setjmp(f->here)) leave_for(t);
    }
}

/* The running thread waits; others go on. */
static void wait_for(enum emu_wait wait, struct emu_site site) {
    struct thread *t = &me.thread[emu_now.index];
    t->wait = wait;
    t->site = site;
    if (!_setjmp(t->fiber->here)) leave_for(pick());
}

/* ---- what kernels call ---- */

static void same_place(const struct thread *other, enum emu_wait wait,
                       struct emu_site site) {
    if (other->wait != wait || other->site.line != site.line ||
        (other->site.file != site.file && strcmp(other->site.file, site.file)))
        emu_fail("at %s (%s:%d), while thread %d of the block waits at %s (%s:%d)",
                 wait_name[wait], site.file, site.line, (int)(other - me.thread),
                 wait_name[other->wait], other->site.file, other->site.line);
}

void emu_barrier(struct emu_site site) {
    const int n = emu_block.threads;
    if (me.ended)
        emu_fail("BARRIER at %s:%d, but %d threads have ended", site.file, site.line,
                 me.ended);
    if (!me.arrived)
        me.first_arrived = emu_now.index;
    else
        same_place(&me.thread[me.first_arrived], AT_BARRIER, site);
    if (++me.arrived == n) {
        me.arrived = 0;
        emu_order_barrier();
        emu_block.barriers++;
        for (int i = 0; i < n; i++)
            if (i != emu_now.index) make_ready(i);
        make_ready(emu_now.index);
        me.thread[emu_now.index].wait = READY;
        if (!_setjmp(me.thread[emu_now.index].fiber->here)) leave_for(pick());
        return;
    }
    wait_for(AT_BARRIER, site);
}

const struct emu_pack *emu_meet(enum emu_wait wait, struct emu_site site, const void *mine,
                                size_t bytes) {
    const int lane = EMU_LANE, first = emu_now.index - lane;
    struct warp *w = &me.warp[first / EMU_WARP];
    if (first + EMU_WARP > emu_block.threads)
        emu_fail("%s at %s:%d in a warp of %d threads", wait_name[wait], site.file,
                 site.line, emu_block.threads - first);
    const struct emu_pack *all = w->pack[w->parity];
    if (bytes) memcpy(w->pack[w->parity][lane].bytes, mine, bytes);
    if (w->arrived)
        same_place(&me.thread[w->first], wait, site);
    else
        w->first = emu_now.index;
    if (++w->arrived < EMU_WARP) {
        wait_for(wait, site);
        return all;
    }
    w->arrived = 0;
    w->parity = !w->parity;
    if (wait == AT_WARP_BARRIER) emu_block.warp_barriers[first / EMU_WARP]++;
    for (int i = first; i < first + EMU_WARP; i++) make_ready(i);
    if (!_setjmp(me.thread[emu_now.index].fiber->here)) leave_for(pick());
    return all;
}

void emu_warp_barrier(struct emu_site site) {
    emu_meet(AT_WARP_BARRIER, site, NULL, 0);
}

uint64_t emu_exchange(uint64_t bits, int from, struct emu_site site) {
    const struct emu_pack *all = emu_meet(AT_SHUFFLE, site, &bits, sizeof bits);
    if (from >= 0 && from < EMU_WARP) memcpy(&bits, all[from].bytes, sizeof bits);
    return bits;
}

unsigned emu_ballot(int p, struct emu_site site) {
    const struct emu_pack *pack = emu_meet(AT_BALLOT, site, &p, sizeof p);
    unsigned all = 0;
    for (int i = 0; i < EMU_WARP; i++) {
        memcpy(&p, pack[i].bytes, sizeof p);
        all |= (unsigned)p << i;
    }
    return all;
}

int emu_arch(void) {
    return emu_block.capability;
}

void emu_fence(void) {
    emu_order_fence();
}

/* ---- a launch ---- */

static void stuck(void) {
    for (int i = 0; i < emu_block.threads; i++) {
        const struct thread *t = &me.thread[i];
        if (t->wait == READY || t->wait == ENDED) continue;
        become(i);
        emu_fail(
            "waits at %s (%s:%d) for threads that do not come; %d of the block's %d have ended",
            wait_name[t->wait], t->site.file, t->site.line, me.ended, emu_block.threads);
    }
}

static void run_block(void) {
    const int n = emu_block.threads;
    me.arrived = me.ended = me.head = me.readies = 0;
    for (int i = 0; i < EMU_THREADS / EMU_WARP; i++) me.warp[i].arrived = 0;
    emu_watch_block();
    emu_copy_block();
    emu_shared_begin(me.launch->shared);
    for (int i = 0; i < n; i++) {
        me.thread[i].fiber = NULL;
        make_ready(i);
    }
    emu_block.inside = 1;
    int how = _setjmp(me.outside);
    if (!how) leave_for(pick());
    if (how == 1 && me.ended < n) {
        how = 2;
        emu_block.inside = 0;
        fibers_forget();
        stuck();
    }
    emu_block.inside = 0;
    if (how == 2) {
        fibers_forget();
        die_no("emulator: %s", me.failure);
    }
}

static uint64_t common(uint64_t a, uint64_t b) {
    return b ? common(b, a % b) : a;
}

void emu_run(const struct device *d, const struct emu_launch *l, const void *closure) {
    const dim3 &b = l->blocks, &t = l->threads;
    const uint64_t count = (uint64_t)b.x * b.y * b.z, threads = (uint64_t)t.x * t.y * t.z;
    const char *seed = getenv("EMU_SEED");
    if (!count || b.x > 0x7fffffff || b.y > 65535 || b.z > 65535)
        die_no("emulator: %s: a grid of (%u,%u,%u)", l->kernel, b.x, b.y, b.z);
    if (!threads || threads > EMU_THREADS || t.z > 64)
        die_no("emulator: %s: blocks of (%u,%u,%u)", l->kernel, t.x, t.y, t.z);
    if (l->shared > d->shared)
        die_no("emulator: %s: %zu bytes of shared memory, the device has %zu", l->kernel,
               l->shared, d->shared);
    me.launch = l;
    me.closure = closure;
    me.seed = seed ? strtoull(seed, NULL, 10) : 0;
    me.draws = 0;
    emu_now.blocks = b;
    emu_now.threads = t;
    emu_block.threads = (int)threads;
    emu_block.capability = d->capability;
    emu_watch_launch(d->stream == d->side);
    emu_tally(l, count, me.seed);
    uint64_t first = 0, stride = 1;
    if (me.seed) {
        first = draw() % count;
        do stride = 1 + draw() % count;
        while (common(stride, count) != 1);
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = (first + i * stride) % count;
        emu_now.block.x = (unsigned)(at % b.x);
        emu_now.block.y = (unsigned)(at / b.x % b.y);
        emu_now.block.z = (unsigned)(at / b.x / b.y);
        run_block();
    }
}
