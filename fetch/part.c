/* part.c - the file a download grows in. It never has the final name before it is whole. */
#include "fetch/part.h"
#include "core/die.h"
#include "core/file.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

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

void part_open(struct part *p, const char *out) {
    struct stat st, named;
    *p = (struct part){.fd = -1, .out = xstrdup(out)};
    p->path = beside(out, ".part");
    char *folder = xprintf("%.*s", (int)(file_base(out) - out), out);
    if (*folder && !file_exists(folder)) file_mkdir(folder);
    xfree(folder);
    p->tag_path = beside(out, ".tag");
    die_cleanup(unlock, p);
    do { /* another process may have renamed it while we waited for its lock */
        if (p->fd >= 0) close(p->fd);
        p->fd = fail_point() ? -1 : open(p->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (p->fd < 0 || flock(p->fd, LOCK_EX) || fstat(p->fd, &st))
            part_fail(p, "opening");
    } while (stat(p->path, &named) || named.st_ino != st.st_ino);
    p->bytes = st.st_size;
    if (lseek(p->fd, 0, SEEK_END) < 0) part_fail(p, "seeking");
    if (p->bytes && file_exists(p->tag_path)) p->tag = file_read(p->tag_path, 4096, NULL);
    if (p->tag) p->tag[strcspn(p->tag, "\r\n")] = 0;
}

int part_write(struct part *p, const void *bytes, size_t n) {
    const char *at = bytes;
    while (n) {
        ssize_t put = fail_point() ? -1 : write(p->fd, at, n);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return -1;
        at += put;
        n -= (size_t)put;
        p->bytes += put;
    }
    return 0;
}

void part_tag(struct part *p, const char *tag) {
    char *copy = tag && *tag ? xstrdup(tag) : NULL;
    xfree(p->tag);
    p->tag = copy;
    file_remove(p->tag_path);
    if (!copy) return;
    char *line = xprintf("%s\n", copy);
    file_write(p->tag_path, line, strlen(line));
    xfree(line);
}

void part_restart(struct part *p) {
    part_tag(p, NULL);
    if (ftruncate(p->fd, 0) || lseek(p->fd, 0, SEEK_SET)) part_fail(p, "emptying");
    p->bytes = 0;
}

static void sync_folder(const struct part *p) {
    char *folder = beside(p->out, "");
    folder[file_base(p->out) - p->out] = 0;
    int fd = open(*folder ? folder : "./", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int bad = fd < 0 || (fsync(fd) && errno != EINVAL);
    if (fd >= 0) close(fd);
    if (bad) part_fail(p, "syncing its folder");
    xfree(folder);
}

void part_commit(struct part *p) {
    if (fail_point() || fsync(p->fd)) part_fail(p, "syncing");
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
    xfree(p->tag);
    *p = (struct part){.fd = -1};
}
