/* map.c - reading: whole files and memory maps; refuses what is not a plain file of fit
 * size. */
#include "file.h"
#include "die.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static _Noreturn void fail(const char *path, const char *doing) {
    int reason = errno;
    const char *remedy = reason == ENOENT ? "wanted a file; check the name or make it first"
                                          : "wanted a readable file";
    die_world("%s: %s: %s; %s", quoted(path), doing, strerror(reason), remedy);
}

bool file_exists(const char *path) {
    struct stat st;
    if (stat(path, &st) == 0) return true;
    if (errno == EIO || errno == ENOMEM) fail(path, "cannot stat");
    return false;
}

/* `plain`: pipes and devices are refused too, not only folders. */
static int open_read(const char *path, bool plain, size_t *size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail(path, "cannot open");
    struct stat st;
    if (fstat(fd, &st)) {
        close(fd);
        fail(path, "cannot stat");
    }
    if (S_ISDIR(st.st_mode) || (plain && !S_ISREG(st.st_mode))) {
        close(fd);
        die_world("%s: %s, wanted a file; name another", quoted(path),
                  S_ISDIR(st.st_mode) ? "a directory" : "not a plain file");
    }
    *size = S_ISREG(st.st_mode) ? (size_t)st.st_size : 0;
    return fd;
}

size_t file_size(const char *path) {
    struct stat st;
    if (stat(path, &st)) fail(path, "cannot stat");
    if (!S_ISREG(st.st_mode))
        die_world("%s: %s, wanted a file; name another", quoted(path),
                  S_ISDIR(st.st_mode) ? "a directory" : "not a plain file");
    return (size_t)st.st_size;
}

/* A descriptor that is closed should the reading die. */
struct reader {
    const char *path;
    int fd;
};

static void reader_release(void *arg) {
    const struct reader *r = arg;
    if (r->fd >= 0) close(r->fd);
}

static void reader_open(struct reader *r, const char *path, size_t *size) {
    *r = (struct reader){path, -1};
    die_cleanup(reader_release, r);
    r->fd = open_read(path, false, size);
}

static void reader_close(struct reader *r) {
    die_cleanup_forget(reader_release, r);
    reader_release(r);
}

/* Fills up to n bytes; fewer only at the end of the file. */
static size_t read_up_to(const struct reader *r, char *to, size_t n) {
    size_t got = 0;
    while (got < n) {
        ssize_t k = fail_point() ? -1 : read(r->fd, to + got, n - got);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) fail(r->path, "cannot read");
        if (k == 0) break;
        got += (size_t)k;
    }
    return got;
}

char *file_read(const char *path, size_t limit, size_t *n) {
    size_t size;
    struct reader r;
    reader_open(&r, path, &size);
    size_t room = size, used = 0;
    char *text = NULL;
    do { /* a pipe has no size, and a file may grow: read until nothing comes */
        if (used > limit || room > limit)
            die_no("%s: %zu bytes or more, wanted at most %zu", quoted(path),
                   used > room ? used : room, limit);
        if (room <= used) room = used + 4096;
        text = xrealloc(text, size_add(room, 2, path), 1);
        used += read_up_to(&r, text + used, room + 1 - used);
    } while (used > room);
    if (used > limit)
        die_no("%s: more than %zu bytes, wanted at most that", quoted(path), limit);
    reader_close(&r);
    text[used] = 0;
    if (n) *n = used;
    return text;
}

/* What map_close and a death need; map->path points into it, so that struct map may be
 * moved. */
struct mapping {
    void *data;
    size_t size;
    char path[];
};

static void unmap(void *arg) {
    struct mapping *m = arg;
    if (m->data) munmap(m->data, m->size);
}

void map_open(struct map *map, const char *path) {
    size_t n = strlen(path) + 1;
    struct mapping *m = xcalloc(1, size_add(sizeof *m, n, path));
    memcpy(m->path, path, n);
    die_cleanup(unmap, m);
    int fd = open_read(path, true, &m->size);
    if (m->size) {
        void *data =
            fail_point() ? MAP_FAILED : mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            close(fd);
            fail(path, "cannot map");
        }
        m->data = data;
    }
    close(fd);
    *map = (struct map){m->data, m->size, m->path};
}

void map_close(struct map *map) {
    if (!map->path) return;
    struct mapping *m = (void *)(map->path - offsetof(struct mapping, path));
    die_cleanup_forget(unmap, m);
    unmap(m);
    xfree(m);
    *map = (struct map){NULL, 0, NULL};
}

void sha_file(const char *path, char hex[65]) {
    enum { BLOCK = 1 << 18 };
    size_t size, got;
    struct reader r;
    reader_open(&r, path, &size);
    struct sha *sha = sha_open();
    char *block = xmalloc(BLOCK);
    do {
        got = read_up_to(&r, block, BLOCK);
        sha_add(sha, block, got);
    } while (got == BLOCK);
    sha_close(sha, hex);
    xfree(block);
    reader_close(&r);
}
