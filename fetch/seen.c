/* seen.c - by read(2) and no map: a file that is cut while it is read must not end us. */
#include "fetch/seen.h"
#include "core/die.h"
#include "core/progress.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 20 };

static void release(void *arg) {
    const int *fd = arg;
    if (*fd >= 0) close(*fd);
}

static size_t read_block(int fd, const char *path, uint8_t *block) {
    size_t n = 0;
    while (n < BLOCK) {
        ssize_t got = fail_point() ? -1 : read(fd, block + n, BLOCK - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            die_world("%s: cannot read: %s; then run again", quoted(path), strerror(errno));
        if (!got) break;
        n += (size_t)got;
    }
    return n;
}

void seen_copy(struct seen *seen, const char *path, const struct source *source,
               struct out *out) {
    struct progress progress;
    double megabytes = (double)file_size(path) / 1e6;
    int fd = -1;
    size_t n;
    *seen = (struct seen){.head = xmalloc(SEEN_HEAD)};
    uint8_t *block = xmalloc(BLOCK);
    die_cleanup(release, &fd);
    fd = fail_point() ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die_world("%s: cannot open: %s; wanted a readable file", quoted(path),
                  strerror(errno));
    struct sha *sha = sha_open(), *md5 = source->md5 ? md5_open() : NULL;
    progress_start(&progress, source->name, "MB", megabytes, 0);
    while ((n = read_block(fd, path, block))) {
        size_t head = SEEN_HEAD - seen->head_bytes;
        if (head > n) head = n;
        memcpy(seen->head + seen->head_bytes, block, head);
        seen->head_bytes += head;
        seen->bytes += (int64_t)n;
        sha_add(sha, block, n);
        if (md5) sha_add(md5, block, n);
        if (out) out_write(out, block, n);
        progress_step(&progress, (double)seen->bytes / 1e6, NULL);
    }
    progress_end(&progress);
    if (md5) { /* sha_close speaks of 65 characters */
        char hex[65];
        sha_close(md5, hex);
        memcpy(seen->md5, hex, sizeof seen->md5);
    }
    sha_close(sha, seen->sha256);
    die_cleanup_forget(release, &fd);
    close(fd);
    xfree(block);
}

void seen_file(struct seen *seen, const char *path, const struct source *source) {
    seen_copy(seen, path, source, NULL);
}
