/* shortage.c - a machine that runs short: preloaded into a tool, it lets one call fail, the
 * tool's own or that of any library it uses (libarchive, libhdf5, libcurl, codecs).
 *
 *   LACK=memory   malloc, calloc, realloc, aligned_alloc, posix_memalign
 *   LACK=disk     open, openat, fopen, fdopen, read, pread, fread, write, pwrite, fwrite, stat,
 *                 fstat, lseek, fseeko, mmap of a file, ftruncate, fsync, mkdir, rename,
 *                 fclose
 *   LACK_AT=n     the n-th of them, counted from the first getopt_long: that is where main
 *                 begins its work, and what starts a process before is not the tool's
 *
 * What the C library calls inside itself (fgets reading on, opendir's open) is beyond its
 * reach, and so is what a library asks of the kernel without the C library.
 *
 * It is no part of any program: tests/torture.sh compiles it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t n);
void *__libc_memalign(size_t align, size_t n);

struct option;
struct evp_md_ctx_st;
struct evp_md_st;
struct engine_st;
enum lack { MEMORY = 'm', DISK = 'd' };
static atomic_long left; /* calls up to the one that fails; 0: none does */
static int lack;

static _Thread_local int quiet;

/* The real function behind the one that is called; looking for it may take memory. */
static void *find(const char *name) {
    quiet++;
    void *found = dlsym(RTLD_NEXT, name);
    quiet--;
    if (!found) abort();
    return found;
}
#define BEHIND(name)                                                                       \
    static __typeof__(name) *real;                                                         \
    if (!real) *(void **)&real = find(#name)

static int fails(int kind, int reason) {
    if (kind != lack || quiet || !atomic_load(&left)) return 0;
    if (atomic_fetch_sub(&left, 1) != 1) return 0;
    errno = reason;
    return 1;
}

/* What comes after the work is not the tool's either: gcov writing its counts. */
static void stop(void) {
    atomic_store(&left, 0);
}

int getopt_long(int argc, char *const *argv, const char *letters,
                const struct option *options, int *index) {
    BEHIND(getopt_long);
    const char *at = getenv("LACK_AT"), *what = getenv("LACK");
    if (!lack && at && what) {
        atexit(stop);
        atomic_store(&left, strtol(at, NULL, 10));
        lack = *what;
    }
    return real(argc, argv, letters, options, index);
}

/* libcrypto sets itself up at the first digest, by thousands of allocations, and where some
 * of them fail ends in a null pointer (3.0). That is not to be mended here: nothing fails
 * inside. */
int EVP_DigestInit_ex(struct evp_md_ctx_st *context, const struct evp_md_st *kind,
                      struct engine_st *engine) {
    BEHIND(EVP_DigestInit_ex);
    quiet++;
    int done = real(context, kind, engine);
    quiet--;
    return done;
}

/* ---- memory ---- */

void *malloc(size_t n) {
    return fails(MEMORY, ENOMEM) ? NULL : __libc_malloc(n);
}
void *calloc(size_t n, size_t size) {
    return fails(MEMORY, ENOMEM) ? NULL : __libc_calloc(n, size);
}
void *realloc(void *old, size_t n) {
    return fails(MEMORY, ENOMEM) ? NULL : __libc_realloc(old, n);
}
void *aligned_alloc(size_t align, size_t n) {
    return fails(MEMORY, ENOMEM) ? NULL : __libc_memalign(align, n);
}
int posix_memalign(void **to, size_t align, size_t n) {
    void *got = fails(MEMORY, ENOMEM) ? NULL : __libc_memalign(align, n);
    if (got) *to = got;
    return got ? 0 : ENOMEM;
}

/* ---- files ---- */

static mode_t mode_of(int flags, va_list args) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

#define OPEN(name)                                                                         \
    int name(const char *path, int flags, ...) {                                           \
        BEHIND(name);                                                                      \
        va_list args;                                                                      \
        va_start(args, flags);                                                             \
        mode_t mode = mode_of(flags, args);                                                \
        va_end(args);                                                                      \
        return fails(DISK, EIO) ? -1 : real(path, flags, mode);                            \
    }
OPEN(open)
OPEN(open64)

/* A function whose failure is `bad` and nothing else. */
#define FAILS(type, name, bad, reason, formal, actual)                                     \
    type name formal {                                                                     \
        BEHIND(name);                                                                      \
        return fails(DISK, reason) ? bad : real actual;                                    \
    }
FAILS(FILE *, fopen, NULL, EIO, (const char *path, const char *mode), (path, mode))
FAILS(FILE *, fopen64, NULL, EIO, (const char *path, const char *mode), (path, mode))
FAILS(FILE *, fdopen, NULL, EIO, (int fd, const char *mode), (fd, mode))
FAILS(ssize_t, read, -1, EIO, (int fd, void *to, size_t n), (fd, to, n))
FAILS(ssize_t, pread, -1, EIO, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
FAILS(ssize_t, pread64, -1, EIO, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
FAILS(size_t, fread, 0, EIO, (void *to, size_t size, size_t n, FILE *f), (to, size, n, f))
FAILS(ssize_t, write, -1, ENOSPC, (int fd, const void *from, size_t n), (fd, from, n))
FAILS(ssize_t, pwrite, -1, ENOSPC, (int fd, const void *from, size_t n, off_t at),
      (fd, from, n, at))
FAILS(ssize_t, pwrite64, -1, ENOSPC, (int fd, const void *from, size_t n, off_t at),
      (fd, from, n, at))
FAILS(size_t, fwrite, 0, ENOSPC, (const void *from, size_t size, size_t n, FILE *f),
      (from, size, n, f))
FAILS(int, stat, -1, EIO, (const char *path, struct stat *st), (path, st))
FAILS(int, fstat, -1, EIO, (int fd, struct stat *st), (fd, st))
FAILS(off_t, lseek, -1, EIO, (int fd, off_t at, int whence), (fd, at, whence))
FAILS(off_t, lseek64, -1, EIO, (int fd, off_t at, int whence), (fd, at, whence))
FAILS(int, fseeko, -1, EIO, (FILE * f, off_t at, int whence), (f, at, whence))
FAILS(int, fseeko64, -1, EIO, (FILE * f, off_t at, int whence), (f, at, whence))
FAILS(int, ftruncate, -1, ENOSPC, (int fd, off_t n), (fd, n))
FAILS(int, fsync, -1, EIO, (int fd), (fd))
FAILS(int, mkdir, -1, EIO, (const char *path, mode_t mode), (path, mode))
FAILS(int, rename, -1, EIO, (const char *from, const char *to), (from, to))

int fclose(FILE *f) { /* closed, but what was written is lost */
    BEHIND(fclose);
    int bad = fails(DISK, ENOSPC), code = real(f);
    if (bad) errno = ENOSPC;
    return bad ? EOF : code;
}

void *mmap(void *at, size_t n, int protect, int flags, int fd, off_t offset) {
    BEHIND(mmap);
    if (fd >= 0 && fails(DISK, ENOMEM)) return MAP_FAILED;
    return real(at, n, protect, flags, fd, offset);
}
