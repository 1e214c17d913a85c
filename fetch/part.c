/* part.c - the file a download grows in. It never has the final name before it is whole. */
#include "fetch/part.h"
#include "core/die.h"
#include "core/file.h"
#include "core/table.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { TAG_FILE = PART_URL + PART_VALIDATOR + 256 };

_Noreturn void part_fail(const struct part *p, const char *doing) {
    int reason = errno;
    die_world("%s: %s failed: %s; %s", quoted(p->path), doing, strerror(reason),
              reason == ENOSPC || reason == EDQUOT ? "free some space, then run again"
                                                   : "then run again");
}

static char *beside(const char *out, const char *end) {
    const char *base = file_base(out);
    return xprintf("%.*s.%s%s", (int)(base - out), out, base, end);
}

static void unlock(void *arg) {
    struct part *p = arg;
    if (p->fd >= 0) close(p->fd);
    p->fd = -1;
}

static void forget(struct part *p) {
    *p->url = *p->validator = 0;
    p->total = -1;
}

/* The value of a line `key value\n`, if it fits. */
static void take(const char *tag, const char *key, char *value, size_t size) {
    size_t n = strlen(key);
    for (const char *line = tag; line && *line;) {
        const char *end = strchr(line, '\n');
        if (!end) return; /* cut short */
        if (!strncmp(line, key, n) && line[n] == ' ') {
            size_t length = (size_t)(end - line) - n - 1;
            if (length >= size) return;
            memcpy(value, line + n + 1, length);
            value[length] = 0;
        }
        line = end + 1;
    }
}

static void read_tag(struct part *p) {
    char tag[TAG_FILE + 1], total[24] = "";
    long number;
    forget(p);
    int fd = open(p->tag_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t n = read(fd, tag, TAG_FILE);
    close(fd);
    if (n <= 0) return;
    tag[n] = 0;
    take(tag, "url", p->url, sizeof p->url);
    take(tag, "if-range", p->validator, sizeof p->validator);
    take(tag, "total", total, sizeof total);
    if (integer_parse(total, &number) && number >= 0) p->total = number;
}

/* Better known before a day's download than after it. */
static void check_name(const char *out) {
    struct stat st;
    if (stat(out, &st) == 0 && !S_ISREG(st.st_mode))
        die_world("%s: %s, wanted a file to write; name another or remove it", quoted(out),
                  S_ISDIR(st.st_mode) ? "a directory" : "not a plain file");
}

/* A part that has come whole may stand in the cache already: that is not written to. */
static void leave_shared(const struct part *p) {
    struct stat st;
    if (stat(p->path, &st) == 0 && st.st_nlink > 1) file_remove(p->path);
}

void part_open(struct part *p, const char *out) {
    struct stat st, named;
    *p = (struct part){.fd = -1, .total = -1};
    check_name(out);
    p->out = xstrdup(out);
    p->path = beside(out, ".part");
    p->tag_path = beside(out, ".tag");
    char *folder = xprintf("%.*s", (int)(file_base(out) - out), out);
    if (*folder && !file_exists(folder)) file_mkdir(folder);
    xfree(folder);
    char *waiting = xprintf("%s: another process downloads it; waiting", quoted(out));
    die_cleanup(unlock, p);
    do { /* another process may have renamed it while we waited for its lock */
        if (p->fd >= 0) close(p->fd);
        leave_shared(p);
        p->fd = fail_point() ? -1 : open(p->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (p->fd < 0) part_fail(p, "opening");
        p->taken |= lock_fd(p->fd, p->path, waiting);
        if (fail_point() || fstat(p->fd, &st)) part_fail(p, "opening");
    } while (stat(p->path, &named) || named.st_ino != st.st_ino);
    xfree(waiting);
    p->bytes = st.st_size;
    read_tag(p);
}

int part_write(struct part *p, const void *bytes, size_t n) {
    const char *at = bytes;
    while (n) {
        ssize_t put = fail_point() ? -1 : pwrite(p->fd, at, n, p->bytes);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return -1;
        at += put;
        n -= (size_t)put;
        p->bytes += put;
    }
    return 0;
}

int part_note(struct part *p, const char *url, const char *validator, int64_t total) {
    char tag[TAG_FILE];
    forget(p);
    if (strlen(url) >= sizeof p->url) return 0;
    if (strlen(validator) >= sizeof p->validator) validator = "";
    strcpy(p->url, url);
    strcpy(p->validator, validator);
    p->total = total;
    int n = snprintf(tag, sizeof tag, "url %s\n", url);
    if (*validator)
        n += snprintf(tag + n, sizeof tag - (size_t)n, "if-range %s\n", validator);
    if (total >= 0)
        n += snprintf(tag + n, sizeof tag - (size_t)n, "total %lld\n", (long long)total);
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
    int fd = fail_point() ? -1 : open(p->tag_path, flags, 0666);
    if (fd < 0) return -1;
    int bad = fail_point() || write(fd, tag, (size_t)n) != n;
    int reason = errno;
    bad |= close(fd) != 0;
    if (bad) errno = reason;
    return bad ? -1 : 0;
}

int part_empty(struct part *p) {
    forget(p);
    if (unlink(p->tag_path) && errno != ENOENT) return -1;
    if (fail_point() || ftruncate(p->fd, 0)) return -1;
    p->bytes = 0;
    return 0;
}

void part_restart(struct part *p) {
    if (part_empty(p)) part_fail(p, "emptying");
}

int64_t part_room(const struct part *p) {
    struct statvfs fs;
    if (fstatvfs(p->fd, &fs)) return -1;
    return (int64_t)(fs.f_bavail * fs.f_frsize);
}

static void sync_folder(const struct part *p) {
    char *folder = beside(p->out, "");
    folder[file_base(p->out) - p->out] = 0;
    int fd = open(*folder ? folder : "./", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int bad = fd < 0 || fail_point() || (fsync(fd) && errno != EINVAL);
    if (fd >= 0) close(fd);
    if (bad) part_fail(p, "syncing its folder");
    xfree(folder);
}

void part_sync(struct part *p) {
    if (fail_point() || fsync(p->fd)) part_fail(p, "syncing");
}

void part_commit(struct part *p) {
    part_sync(p);
    if (fail_point() || rename(p->path, p->out)) part_fail(p, "renaming");
    file_remove(p->tag_path);
    sync_folder(p);
    part_close(p);
}

void part_discard(struct part *p) {
    file_remove(p->tag_path);
    file_remove(p->path);
    part_close(p);
}

void part_close(struct part *p) {
    unlock(p);
    die_cleanup_forget(unlock, p);
    xfree(p->path);
    xfree(p->tag_path);
    xfree(p->out);
    *p = (struct part){.fd = -1};
}
