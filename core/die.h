/* die.h - how a tool stops, and where its memory comes from.
 *
 * Every tool ends with one of four exit codes and, unless it is 0, one message on stderr:
 *     tool: thing: what was found, what was wanted, what to do
 * No tool returns any other value; a crash by signal is a bug. */
#ifndef CORE_DIE_H
#define CORE_DIE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EXIT_NO = 1,    /* the answer is no: checksum, malformed input, false claim */
    EXIT_USAGE = 2, /* wrong use */
    /* the world is not ready: file absent, disk full, no GPU, interrupted */
    EXIT_WORLD = 3,
};

/* Names the tool in every later message; call it first in main. `name` is borrowed. What is
 * printed on stdout is looked after at the end: where it could not be written, the tool
 * says so and exits 3. */
void die_name(const char *name);

_Noreturn void die_no(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die_world(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same message on stderr, and the tool goes on. */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Foreign bytes made fit for a terminal: everything outside printable ASCII becomes \xNN,
 * at most 200 characters. Returns one of eight static buffers in turn: borrowed until eight
 * later calls in the same thread. */
const char *quoted(const char *text);
const char *quoted_bytes(const void *bytes, size_t n);

/* Runs fn(arg); if it dies, returns the exit code, stores the message (without the tool's
 * name) in `message`, frees all that was taken by xmalloc and its kin inside, and runs the
 * clean-ups registered inside (die_cleanup). Returns 0 if fn came back. For tests, fuzzers
 * and tools that go on to the next picture. Does not nest; each thread catches its own
 * deaths, and blocks and clean-ups taken inside are that thread's until fn comes back. */
int die_catch(void (*fn)(void *), void *arg, char *message, size_t size);

/* Registers fn(arg) to be run when the process dies (or inside die_catch): last first. Used
 * to unlink temporaries and to release a library's handle. die_cleanup_forget undoes the
 * newest registration of that (fn, arg). */
void die_cleanup(void (*fn)(void *), void *arg);
void die_cleanup_forget(void (*fn)(void *), void *arg);

/* Memory. None returns NULL: failure is die_world. n * size is overflow-checked. Free with
 * xfree (free(NULL) rules). xcalloc's memory is zero; xaligned's start is a multiple of
 * 64. */
void *xmalloc(size_t bytes);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *old, size_t n, size_t size);
void *xaligned(size_t bytes);
char *xstrdup(const char *text);
char *xprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void xfree(void *memory);

/* a*b and a+b for sizes taken from foreign bytes: die_no naming `what` on overflow. */
size_t size_mul(size_t a, size_t b, const char *what);
size_t size_add(size_t a, size_t b, const char *what);

/* Torture: with FAIL_AT=n in the environment the n-th call of fail_point() returns true.
 * xmalloc and its kin and every write, sync, close and rename of file.h count as one each.
 * The variable is looked at anew in and after each die_catch; another value begins a new
 * count. */
bool fail_point(void);
#endif
