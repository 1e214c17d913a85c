/* file.c - writing: a file with its final name is complete, always.
 *
 * Written aside, flushed, synced, closed, renamed, the folder synced. It refuses to replace
 * anything that is not a plain file, and leaves no temporary behind a failure. */
#include "file.h"
#include "die.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITE_BACK = 8 << 20 };

static _Noreturn void fail(const char *path, const char *doing) {
    int reason = errno;
    const char *remedy = "then run again";
    if (reason == ENOSPC || reason == EDQUOT) remedy = "free some space, then run again";
    if (reason == EACCES || reason == EROFS) remedy = "wanted permission to write there";
    if (reason == ENOENT) remedy = "wanted a folder that is there";
    die_world("%s: %s failed: %s; %s", quoted(path), doing, strerror(reason), remedy);
}

/* "folder/" with its slash, or "./". Caller frees. */
static char *folder_of(const char *path) {
    size_t n = (size_t)(file_base(path) - path);
    return n ? xprintf("%.*s", (int)n, path) : xstrdup("./");
}

/* Does nobody hold this temporary? Whether a process of its number lives says less: it may
 * be another's by now, or one that was killed and that nobody has waited for. It is asked
 * where the temporary is another name of a file, which its process cannot hold
 * (fetch/cache.c); one with our own number, before we have one, is from an earlier process
 * that had it too. */
static int is_left(int fd, long pid, bool ours) {
    struct stat st;
    if (flock(fd, LOCK_EX | LOCK_NB) || fstat(fd, &st)) return 0;
    if (st.st_nlink == 1) return 1;
    return pid == getpid() ? ours : kill((pid_t)pid, 0) && errno == ESRCH;
}

/* Removes ".base.PID.tmp" that nobody holds. */
static void sweep(const char *path, bool ours) {
    const char *base = file_base(path);
    char *folder = folder_of(path);
    DIR *dir = opendir(folder);
    xfree(folder);
    if (!dir) return; /* opening the temporary will say why */
    size_t n = strlen(base);
    for (struct dirent *e; (e = readdir(dir));) {
        const char *name = e->d_name;
        if (name[0] != '.' || strncmp(name + 1, base, n) || name[n + 1] != '.') continue;
        char *end;
        long pid = strtol(name + n + 2, &end, 10);
        if (pid <= 0 || strcmp(end, ".tmp")) continue;
        int fd = openat(dirfd(dir), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0) continue;
        if (is_left(fd, pid, ours)) unlinkat(dirfd(dir), name, 0);
        close(fd);
    }
    closedir(dir);
}

/* Makes the temporary and holds it. The wait is for a sweep that has just looked at it; if
 * that has removed it, another is made. */
static int hold(const char *temporary) {
    for (;;) {
        struct stat st;
        int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 || flock(fd, LOCK_EX) || fstat(fd, &st) || st.st_nlink) return fd;
        close(fd);
    }
}

static void release(struct out *out) {
    xfree(out->path);
    xfree(out->temporary);
    xfree(out);
}

static void abandon(void *arg) {
    struct out *out = arg;
    if (out->stream) fclose(out->stream);
    out->stream = NULL;
    if (out->held < 0) return;
    unlink(out->temporary);
    close(out->held);
    out->held = -1;
}

struct out *out_open(const char *path) {
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        die_world("%s: %s, wanted a file to write; name another or remove it", quoted(path),
                  S_ISDIR(st.st_mode) ? "a directory" : "not a plain file");
    const char *base = file_base(path);
    if (!*base) die_world("%s: no file name, wanted a file to write", quoted(path));
    char *folder = folder_of(path);
    if (access(folder, F_OK)) file_mkdir(folder);
    sweep(path, true);
    struct out *out = xcalloc(1, sizeof *out);
    out->path = xstrdup(path);
    out->temporary = xprintf("%s.%s.%ld.tmp", folder, base, (long)getpid());
    xfree(folder);
    out->held = -1;
    die_cleanup(abandon, out);
    if (!fail_point()) out->held = hold(out->temporary);
    int fd = out->held < 0 ? -1 : fcntl(out->held, F_DUPFD_CLOEXEC, 0);
    out->stream = fd < 0 ? NULL : fdopen(fd, "w+b");
    if (!out->stream) fail(path, "opening a temporary beside it");
    return out;
}

/* The disk may begin with what a long file has so far: the sync at its end waits for less.
 * Where it cannot, that wait is longer, and nothing else. */
static void begin_writing_back(struct out *out, size_t n) {
    out->unwritten += n;
    if (out->unwritten < WRITE_BACK) return;
    sync_file_range(out->held, 0, 0, SYNC_FILE_RANGE_WRITE);
    out->unwritten = 0;
}

void out_write(struct out *out, const void *bytes, size_t n) {
    if (n && (fail_point() || fwrite(bytes, 1, n, out->stream) != n))
        fail(out->path, "writing");
    begin_writing_back(out, n);
}

void out_printf(struct out *out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = fail_point() ? -1 : vfprintf(out->stream, format, args);
    va_end(args);
    if (n < 0) fail(out->path, "writing");
}

void out_patch(struct out *out, size_t offset, const void *bytes, size_t n) {
    if (fail_point() || fseeko(out->stream, (off_t)offset, SEEK_SET))
        fail(out->path, "seeking");
    out_write(out, bytes, n);
    if (fseeko(out->stream, 0, SEEK_END)) fail(out->path, "seeking");
}

void out_read_back(struct out *out, size_t offset, void *bytes, size_t n) {
    if (fail_point() || fseeko(out->stream, (off_t)offset, SEEK_SET) ||
        fread(bytes, 1, n, out->stream) != n || fseeko(out->stream, 0, SEEK_END))
        fail(out->path, "reading back");
}

size_t out_tell(struct out *out) {
    off_t at = ftello(out->stream);
    if (at < 0) fail(out->path, "asking the position");
    return (size_t)at;
}

/* All that can fail for want of memory or rights happens before the rename. */
static int open_folder(const char *path) {
    char *folder = folder_of(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    xfree(folder);
    if (fd < 0) fail(path, "opening its folder");
    return fd;
}

/* The rename is durable once the folder is synced; file systems that cannot sync a folder
 * (EINVAL) have nothing to sync. */
static void sync_folder(int fd, const char *path) {
    bool bad = fail_point() || (fsync(fd) && errno != EINVAL);
    close(fd);
    if (bad) fail(path, "syncing its folder");
}

void out_commit(struct out *out) {
    if (ferror(out->stream) || fail_point() || fflush(out->stream))
        fail(out->path, "writing");
    if (fail_point() || fsync(fileno(out->stream))) fail(out->path, "syncing");
    FILE *stream = out->stream;
    bool torture = fail_point();
    out->stream = NULL;
    if (fclose(stream) || torture) fail(out->path, "closing");
    sweep(out->path, false); /* a killed process may have taken its time to be gone */
    int folder = open_folder(out->path);
    if (fail_point() || rename(out->temporary, out->path)) {
        close(folder);
        fail(out->path, "renaming");
    }
    die_cleanup_forget(abandon, out);
    close(out->held);
    char *path = out->path;
    out->path = NULL;
    release(out);
    sync_folder(folder, path);
    xfree(path);
}

void out_drop(struct out *out) {
    die_cleanup_forget(abandon, out);
    abandon(out);
    release(out);
}

void file_write(const char *path, const void *bytes, size_t n) {
    struct out *out = out_open(path);
    out_write(out, bytes, n);
    out_commit(out);
}

void file_mkdir(const char *path) {
    char *copy = xstrdup(path);
    for (char *at = copy + 1;; at++) {
        if (*at && *at != '/') continue;
        char stop = *at;
        *at = 0;
        if (fail_point() || (mkdir(copy, 0777) && errno != EEXIST))
            fail(copy, "making the folder");
        *at = stop;
        if (!stop) break;
    }
    xfree(copy);
    struct stat st;
    if (stat(path, &st)) fail(path, "making the folder");
    if (!S_ISDIR(st.st_mode))
        die_world("%s: a file, wanted a folder; name another", quoted(path));
}

void file_remove(const char *path) {
    if (fail_point() || (unlink(path) && errno != ENOENT)) fail(path, "removing");
}

char *file_join(const char *folder, const char *name) {
    size_t n = strlen(folder);
    bool slash = n && folder[n - 1] == '/';
    return xprintf("%s%s%s", folder, n && !slash ? "/" : "", name);
}

const char *file_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
