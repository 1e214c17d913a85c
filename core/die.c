/* die.c - stopping with one message, and memory that is given back when a tool goes on.
 *
 * Every block taken here carries a small head, so that die_catch can free what a failed
 * call left behind. It refuses to return NULL, to nest, and to print foreign bytes as they
 * are. */
#include "die.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE = 4096, QUOTE = 200, QUOTES = 8 };
static const size_t most = (size_t)1 << 39; /* bytes of a block: more is a wrong size */

/* In front of every block: its neighbours while a die_catch of this thread owns it, and
 * where malloc's own block begins. 32 bytes, so a block is aligned as malloc's are. */
struct head {
    struct head *prev, *next;
    void *base;
    size_t bytes;
};

struct cleanup {
    struct cleanup *below;
    void (*fn)(void *);
    void *arg;
};

struct catch {
    jmp_buf back;
    struct head blocks;       /* ring: all that was taken inside */
    struct cleanup *cleanups; /* registered inside: another thread's death is not theirs */
    int code;
    char message[MESSAGE];
};

/* What a dying process must find whichever function it is in: the only state of core/. */
static const char *tool = "repolyp";
static struct cleanup *cleanups; /* registered outside any die_catch */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_flag ending = ATOMIC_FLAG_INIT;
static atomic_long fail_at = -1; /* -1: FAIL_AT to be read; 0: never */
static atomic_long fail_last, fail_calls;
static _Thread_local struct catch *catching;
static _Thread_local int in_cleanup, first_code;

/* At the end: what was printed must have arrived, or 0 would be a lie. */
static void check_stdout(void) {
    if (!fflush(stdout) && !ferror(stdout)) return;
    fprintf(stderr, "%s: standard output: cannot be written, wanted room for it\n", tool);
    _exit(EXIT_WORLD);
}

void die_name(const char *name) {
    tool = name;
    atexit(check_stdout);
}

static void print(const char *message) {
    /* On a terminal a progress line may stand there: write over it. */
    const char *wipe = isatty(STDERR_FILENO) ? "\r\033[K" : "";
    fprintf(stderr, "%s%s: %s\n", wipe, tool, message);
}

/* Takes the newest clean-up off a list. */
static struct cleanup *pop(struct cleanup **list) {
    pthread_mutex_lock(&lock);
    struct cleanup *c = *list;
    if (c) *list = c->below;
    pthread_mutex_unlock(&lock);
    return c;
}

static void run_cleanups(struct cleanup **list) {
    in_cleanup++;
    for (struct cleanup *c; (c = pop(list));) {
        c->fn(c->arg);
        free(c);
    }
    in_cleanup--;
}

static _Noreturn void die(int code, const char *format, va_list args) {
    char message[MESSAGE];
    vsnprintf(message, sizeof message, format, args);
    if (in_cleanup) { /* a clean-up failed while we were dying: the first code stands */
        print(message);
        _exit(first_code);
    }
    first_code = code;
    if (catching) {
        memcpy(catching->message, message, sizeof message);
        catching->code = code;
        run_cleanups(&catching->cleanups);
        longjmp(catching->back, 1);
    }
    if (atomic_flag_test_and_set(&ending))
        for (;;) pause(); /* another thread is ending the process */
    print(message);
    run_cleanups(&cleanups);
    exit(code);
}

#define DIE(code)                                                                          \
    va_list args;                                                                          \
    va_start(args, format);                                                                \
    die(code, format, args)

void die_no(const char *format, ...) {
    DIE(EXIT_NO);
}
void die_usage(const char *format, ...) {
    DIE(EXIT_USAGE);
}
void die_world(const char *format, ...) {
    DIE(EXIT_WORLD);
}

void warn(const char *format, ...) {
    char message[MESSAGE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    print(message);
}

const char *quoted(const char *text) {
    return quoted_bytes(text, strlen(text));
}

const char *quoted_bytes(const void *bytes, size_t n) {
    static _Thread_local char buffer[QUOTES][QUOTE + 4];
    static _Thread_local int turn;
    char *out = buffer[turn++ % QUOTES];
    const unsigned char *b = bytes;
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        bool plain = b[i] >= 0x20 && b[i] < 0x7f;
        if (used + (plain ? 1 : 4) > QUOTE) {
            memcpy(out + used, "...", 4);
            return out;
        }
        if (plain)
            out[used++] = (char)b[i];
        else
            used += (size_t)snprintf(out + used, 5, "\\x%02x", b[i]);
    }
    out[used] = 0;
    return out;
}

static void unlink_block(struct head *h) {
    if (!h->next) return;
    h->prev->next = h->next;
    h->next->prev = h->prev;
    h->prev = h->next = NULL;
}

static void link_block(struct head *h) {
    h->prev = &catching->blocks;
    h->next = catching->blocks.next;
    h->prev->next = h->next->prev = h;
}

/* What was taken inside stays with the caller. */
static void keep_blocks(struct catch *c) {
    while (c->blocks.next != &c->blocks) unlink_block(c->blocks.next);
}

/* So do the clean-ups still registered. */
static void keep_cleanups(struct catch *c) {
    struct cleanup **last = &c->cleanups;
    while (*last) last = &(*last)->below;
    pthread_mutex_lock(&lock);
    *last = cleanups;
    cleanups = c->cleanups;
    pthread_mutex_unlock(&lock);
}

static void free_blocks(struct catch *c) {
    while (c->blocks.next != &c->blocks) xfree(c->blocks.next + 1);
}

int die_catch(void (*fn)(void *), void *arg, char *message, size_t size) {
    /* On the heap: it must outlive the jump unchanged (C11 7.13.2.1). */
    struct catch *c = calloc(1, sizeof *c);
    if (catching) abort();
    if (!c) die_world("out of memory: wanted %zu bytes, close other programs", sizeof *c);
    c->blocks.prev = c->blocks.next = &c->blocks;
    atomic_store(&fail_at, -1);
    catching = c;
    if (setjmp(c->back) == 0) fn(arg);
    catching = NULL;
    atomic_store(&fail_at, -1);
    int code = c->code;
    if (code) {
        free_blocks(c);
    } else {
        keep_blocks(c);
        keep_cleanups(c);
    }
    if (size) snprintf(message, size, "%s", c->message);
    free(c);
    return code;
}

void die_cleanup(void (*fn)(void *), void *arg) {
    struct cleanup *c = fail_point() ? NULL : malloc(sizeof *c);
    if (!c) die_world("out of memory: wanted %zu bytes, close other programs", sizeof *c);
    struct cleanup **list = catching ? &catching->cleanups : &cleanups;
    pthread_mutex_lock(&lock);
    *c = (struct cleanup){*list, fn, arg};
    *list = c;
    pthread_mutex_unlock(&lock);
}

static struct cleanup *take(struct cleanup **list, void (*fn)(void *), void *arg) {
    while (*list && ((*list)->fn != fn || (*list)->arg != arg)) list = &(*list)->below;
    struct cleanup *c = *list;
    if (c) *list = c->below;
    return c;
}

void die_cleanup_forget(void (*fn)(void *), void *arg) {
    pthread_mutex_lock(&lock);
    struct cleanup *c = catching ? take(&catching->cleanups, fn, arg) : NULL;
    if (!c) c = take(&cleanups, fn, arg);
    pthread_mutex_unlock(&lock);
    free(c);
}

static _Noreturn void no_memory(size_t bytes) {
    die_world(
        "out of memory: wanted %zu bytes, close other programs or use a smaller batch",
        bytes);
}

/* `before` bytes of room in front of the block; base is malloc's answer. */
static void *adopt(void *base, size_t before, size_t bytes) {
    struct head *h = (struct head *)((char *)base + before) - 1;
    *h = (struct head){NULL, NULL, base, bytes};
    if (catching) link_block(h);
    return h + 1;
}

void *xmalloc(size_t bytes) {
    size_t all;
    bool over = __builtin_add_overflow(bytes, sizeof(struct head), &all) || all > most;
    void *base = over || fail_point() ? NULL : malloc(all);
    if (!base) no_memory(bytes);
    return adopt(base, sizeof(struct head), bytes);
}

void *xcalloc(size_t n, size_t size) {
    size_t bytes, all;
    bool over = __builtin_mul_overflow(n, size, &bytes);
    over |= __builtin_add_overflow(bytes, sizeof(struct head), &all) || all > most;
    void *base = over || fail_point() ? NULL : calloc(1, all);
    if (!base) no_memory(over ? SIZE_MAX : bytes);
    return adopt(base, sizeof(struct head), bytes);
}

void *xaligned(size_t bytes) {
    size_t all;
    bool over = __builtin_add_overflow(bytes, (size_t)128, &all) || all > most;
    void *base = over || fail_point() ? NULL : aligned_alloc(64, all & ~(size_t)63);
    if (!base) no_memory(bytes);
    return adopt(base, 64, bytes);
}

void *xrealloc(void *old, size_t n, size_t size) {
    size_t bytes, all;
    bool over = __builtin_mul_overflow(n, size, &bytes);
    over |= __builtin_add_overflow(bytes, sizeof(struct head), &all) || all > most;
    if (over) no_memory(SIZE_MAX);
    if (!old) return xmalloc(bytes);
    struct head *h = (struct head *)old - 1;
    if (h->base != h) { /* an aligned block: realloc would keep the wrong start */
        void *fresh = xmalloc(bytes);
        memcpy(fresh, old, bytes < h->bytes ? bytes : h->bytes);
        xfree(old);
        return fresh;
    }
    if (fail_point()) no_memory(bytes);
    bool linked = h->next != NULL;
    unlink_block(h);
    void *base = realloc(h, all);
    if (!base) {
        if (linked) link_block(h);
        no_memory(bytes);
    }
    h = base;
    *h = (struct head){NULL, NULL, base, bytes};
    if (linked) link_block(h);
    return h + 1;
}

char *xstrdup(const char *text) {
    size_t n = strlen(text) + 1;
    return memcpy(xmalloc(n), text, n);
}

char *xprintf(const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) die_world("a text of more than 2 GiB: wanted less");
    char *text = xmalloc((size_t)n + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}

void xfree(void *memory) {
    if (!memory) return;
    struct head *h = (struct head *)memory - 1;
    unlink_block(h);
    free(h->base);
}

size_t size_mul(size_t a, size_t b, const char *what) {
    size_t r;
    if (__builtin_mul_overflow(a, b, &r))
        die_no("%s: %zu times %zu overflows, wanted a size that fits in memory",
               quoted(what), a, b);
    return r;
}

size_t size_add(size_t a, size_t b, const char *what) {
    size_t r;
    if (__builtin_add_overflow(a, b, &r))
        die_no("%s: %zu plus %zu overflows, wanted a size that fits in memory",
               quoted(what), a, b);
    return r;
}

bool fail_point(void) {
    long at = atomic_load(&fail_at);
    if (at < 0) {
        const char *text = getenv("FAIL_AT");
        at = text ? strtol(text, NULL, 10) : 0;
        if (at < 0) at = 0;
        if (atomic_exchange(&fail_last, at) != at) atomic_store(&fail_calls, 0);
        atomic_store(&fail_at, at);
    }
    if (!at || atomic_fetch_add(&fail_calls, 1) + 1 != at) return false;
    errno = ENOSPC;
    return true;
}
