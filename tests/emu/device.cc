/* device.cc - model/gpu/device.h without a device: memory with guards, work done as it
 * comes or kept by a capture and done again at each launch of it.
 *
 * EMU_DEVICES, EMU_MEMORY (bytes), EMU_CAPABILITY say what is there (1, 16 GB, 90);
 * EMU_LOSE=n loses the device at the n-th kernel. It keeps no time: marks are of the host's
 * clock. */
#include "tests/emu/inside.h"
#include <sys/mman.h>
#include <time.h>

enum { CHUNK = EMU_CHUNK, PATTERN = 256, MARKS = 2 };
static const unsigned char pattern = 0xa5;

/* One piece of device memory: whole chunks of one reserved range, so that every address
 * tells. */
struct piece {
    struct device *owner;
    char *at;
    size_t bytes;
    const char *what;
    struct piece *next;
};
/* Something to do, and what it needs. */
struct work {
    void (*run)(struct device *d, const void *need);
    void *need;
    void *stream;
    struct work *next;
};
struct captured {
    struct work *first, **last;
};

static struct {
    size_t used, memory;
    struct piece *pieces;
    struct captured *capture;
    int forked, kernels, lose;
    double mark[MARKS];
} me;

static long long setting(const char *name, long long otherwise) {
    const char *value = getenv(name);
    return value && *value ? atoll(value) : otherwise;
}

/* ---- which devices ---- */

extern "C" int device_count(char *why, size_t size) {
    int n = (int)setting("EMU_DEVICES", 1);
    if (!n) snprintf(why, size, "no CUDA device");
    return n;
}

extern "C" void device_identity(int index, char name[64]) {
    snprintf(name, 64, "GPU-emulated-%d", index);
}

extern "C" size_t device_memory(int index) {
    (void)index;
    return (size_t)setting("EMU_MEMORY", EMU_MEMORY);
}

extern "C" struct device *device_open(int index, char *why, size_t size) {
    const int capability = (int)setting("EMU_CAPABILITY", 90), n = device_count(why, size);
    if (!n) return NULL;
    if (index >= n) {
        snprintf(why, size, "there is no device %d: %d found", index, n);
        return NULL;
    }
    if (capability < 75) {
        snprintf(why, size,
                 "emulated GPU has compute capability %d.%d, 7.5 or more is wanted",
                 capability / 10, capability % 10);
        return NULL;
    }
    struct device *d = (struct device *)xcalloc(1, sizeof *d);
    d->index = index;
    d->capability = capability;
    d->processors = 4;
    d->shared = capability >= 90 ? 227 << 10 : capability == 75 ? 64 << 10 : 99 << 10;
    d->memory = me.memory = (size_t)setting("EMU_MEMORY", EMU_MEMORY);
    d->memory_free = d->memory;
    snprintf(d->name, sizeof d->name, "emulated GPU");
    d->main = &me;
    d->side = &me.forked;
    d->stream = d->main;
    me.lose = (int)setting("EMU_LOSE", 0);
    me.kernels = me.forked = 0;
    me.capture = NULL;             /* of a test that died in one */
    if (!me.used) me.used = CHUNK; /* before the first piece too nothing is given out */
    if (!emu_memory) {
        emu_memory = (char *)mmap(NULL, EMU_MEMORY, PROT_NONE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (emu_memory == MAP_FAILED)
            die_world("emulator: no address space for %zu bytes", EMU_MEMORY);
    }
    return d;
}

extern "C" void device_close(struct device *d) {
    for (struct piece *p = me.pieces, *next; p; p = next) {
        next = p->next;
        if (p->owner == d) device_free(d, p->at);
    }
    if (!me.pieces) me.used = 0;
    xfree(d);
}

extern "C" const char *device_describe(const struct device *d) {
    (void)d;
    return "emulated GPU, no driver";
}

/* ---- memory ---- */

static size_t pages(size_t bytes) {
    return (bytes + PATTERN + 4095) / 4096 * 4096;
}

extern "C" void *device_alloc(struct device *d, size_t bytes, const char *what) {
    if (me.capture) die_no("emulator: device_alloc while capturing");
    size_t room = (pages(bytes) + 2 * CHUNK - 1) / CHUNK * CHUNK;
    if (bytes > d->memory_free || me.used + room > EMU_MEMORY)
        die_world("%s: %zu bytes of GPU memory wanted, %zu of %zu are free", what, bytes,
                  d->memory_free, d->memory);
    struct piece *p = (struct piece *)emu_need(malloc(sizeof *p));
    *p = {d, emu_memory + me.used, bytes, what, me.pieces};
    if (mprotect(p->at, pages(bytes), PROT_READ | PROT_WRITE))
        die_world("emulator: no memory");
    memset(p->at + bytes, pattern, PATTERN);
    me.used += room;
    d->memory_free -= bytes;
    me.pieces = p;
    emu_watch_piece(p->at, bytes);
    return p->at;
}

static void check_guard(const struct piece *p, const char *after) {
    for (size_t i = 0; i < PATTERN; i++)
        if ((unsigned char)p->at[p->bytes + i] != pattern)
            die_no("emulator: %s wrote past the end of \"%s\" (%zu bytes), at +%zu", after,
                   p->what, p->bytes, i);
}

static void check_guards(const char *after) {
    for (const struct piece *p = me.pieces; p; p = p->next) check_guard(p, after);
}

extern "C" void device_free(struct device *d, void *at) {
    if (!at) return;
    struct piece **link = &me.pieces;
    while (*link && (*link)->at != at) link = &(*link)->next;
    struct piece *p = *link;
    if (!p) die_no("emulator: device_free of what is no device memory");
    check_guard(p, "somebody");
    d->memory_free += p->bytes;
    emu_watch_piece(p->at, 0);
    madvise(p->at, pages(p->bytes), MADV_DONTNEED);
    mprotect(p->at, pages(p->bytes), PROT_NONE);
    *link = p->next;
    free(p);
}

void emu_piece_where(const void *p, char *text, size_t size) {
    const struct piece *near = NULL;
    for (const struct piece *q = me.pieces; q; q = q->next)
        if (q->at <= (const char *)p && (!near || q->at > near->at)) near = q;
    if (near)
        snprintf(text, size, "device memory \"%s\" +%td (of %zu bytes)", near->what,
                 (const char *)p - near->at, near->bytes);
    else
        snprintf(text, size, "%p", p);
}

/* ---- work ---- */

void emu_do(struct device *d, void (*run)(struct device *d, const void *need),
            const void *need, size_t bytes) {
    if (!me.capture) {
        run(d, need);
        return;
    }
    struct work *w = (struct work *)xcalloc(1, sizeof *w);
    w->run = run;
    w->need = xmalloc(bytes + 1);
    w->stream = d->stream;
    if (bytes) memcpy(w->need, need, bytes);
    *me.capture->last = w;
    me.capture->last = &w->next;
}

/* A launch and, after it, its closure. */
static void run_kernel(struct device *d, const void *need) {
    const struct emu_launch *l = (const struct emu_launch *)need;
    if (me.lose && ++me.kernels >= me.lose)
        die_world(
            "gpu: %s: the device was lost (Xid) at %s; see dmesg, then run again: it goes on "
            "from the last checkpoint",
            d->name, l->kernel);
    emu_run(d, l, l + 1);
    check_guards(l->kernel);
}

void emu_enqueue(struct device *d, const struct emu_launch *l, const void *closure) {
    const size_t bytes = l->closure;
    alignas(16) char both[sizeof *l + 4096]; /* what a launch may be given */
    if (bytes > sizeof both - sizeof *l)
        die_no("emulator: %s: arguments of %zu bytes", l->kernel, bytes);
    memcpy(both, l, sizeof *l);
    memcpy(both + sizeof *l, closure, bytes);
    emu_do(d, run_kernel, both, sizeof *l + bytes);
}

struct copy {
    void *to;
    const void *from;
    size_t bytes;
};

static void run_copy(struct device *d, const void *need) {
    const struct copy *c = (const struct copy *)need;
    emu_watch_launch(d->stream == d->side);
    emu_watch_copy(c->to, c->from, c->bytes);
    if (c->from)
        memcpy(c->to, c->from, c->bytes);
    else
        memset(c->to, 0, c->bytes);
    check_guards("a copy");
}

static void copy(struct device *d, void *to, const void *from, size_t bytes) {
    const struct copy c = {to, from, bytes};
    if (bytes) emu_do(d, run_copy, &c, sizeof c);
}

extern "C" void device_upload(struct device *d, void *to, const void *from, size_t bytes) {
    copy(d, to, from, bytes);
}

extern "C" void device_download(struct device *d, void *to, const void *from,
                                size_t bytes) {
    if (me.capture)
        die_no("emulator: a download waits for the device: not while capturing");
    copy(d, to, from, bytes);
}

extern "C" void device_clear(struct device *d, void *p, size_t bytes) {
    copy(d, p, NULL, bytes);
}

extern "C" void device_copy(struct device *d, void *to, const void *from, size_t bytes) {
    copy(d, to, from, bytes);
}

extern "C" void device_wait(struct device *d) {
    (void)d;
    if (me.capture) die_no("emulator: device_wait while capturing");
    check_guards("somebody");
}

extern "C" void device_pace(struct device *d) {
    (void)d;
}

/* ---- capture ---- */

extern "C" void device_capture_begin(struct device *d) {
    if (me.capture || me.forked) die_no("emulator: a capture within a capture or a fork");
    d->capturing = 1;
    me.capture = (struct captured *)xcalloc(1, sizeof *me.capture);
    me.capture->last = &me.capture->first;
}

extern "C" struct captured *device_capture_end(struct device *d) {
    struct captured *c = me.capture;
    if (!c || me.forked)
        die_no("emulator: a capture ends %s", c ? "before its fork is joined" : "twice");
    d->capturing = 0;
    me.capture = NULL;
    return c;
}

extern "C" void device_launch(struct device *d, struct captured *c) {
    void *stream = d->stream;
    if (me.capture) die_no("emulator: a captured graph launched while capturing");
    for (struct work *w = c->first; w; w = w->next) {
        d->stream = w->stream;
        w->run(d, w->need);
    }
    d->stream = stream;
}

extern "C" void captured_free(struct captured *c) {
    if (!c) return;
    for (struct work *w = c->first, *next; w; w = next) {
        next = w->next;
        xfree(w->need);
        xfree(w);
    }
    xfree(c);
}

/* ---- fork and join: in the order of the calls, which is one of those allowed ---- */

static void run_fork(struct device *d, const void *need) {
    (void)d;
    emu_watch_fork(*(const int *)need);
}

static void fork_or_join(struct device *d, int forked) {
    if (me.forked == forked)
        die_no("emulator: %s without its pair", forked ? "device_fork" : "device_join");
    me.forked = forked;
    emu_do(d, run_fork, &forked, sizeof forked);
    d->stream = forked ? d->side : d->main;
}

extern "C" void device_fork(struct device *d) {
    fork_or_join(d, 1);
}

extern "C" void device_main(struct device *d) {
    if (!me.forked) die_no("emulator: device_main without device_fork");
    d->stream = d->main;
}

extern "C" void device_join(struct device *d) {
    fork_or_join(d, 0);
}

/* ---- time ---- */

extern "C" void device_mark(struct device *d, int which) {
    struct timespec now;
    (void)d;
    clock_gettime(CLOCK_MONOTONIC, &now);
    me.mark[which] = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

extern "C" double device_between(struct device *d) {
    (void)d;
    return me.mark[1] - me.mark[0];
}
