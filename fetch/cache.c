/* cache.c - names in the cache appear and vanish whole, under one lock. */
#include "fetch/cache.h"
#include "core/die.h"
#include "fetch/address.h"
#include "fetch/lock.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOTE = PATH_MAX };

char *cache_folder(void) {
    const char *own = getenv("REPOLYP_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (own) return *own ? xstrdup(own) : NULL;
    if (xdg && *xdg == '/')
        return file_join(xdg, "repolyp"); /* others the standard ignores */
    return home && *home ? file_join(home, ".cache/repolyp") : NULL;
}

/* Without this line backups would keep it (bford.info/cachedir). */
static void tag(const char *folder) {
    static const char text[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
                               "# Downloads of repolyp; all of it may be removed.\n";
    char *path = file_join(folder, "CACHEDIR.TAG");
    if (!file_exists(path)) file_write(path, text, sizeof text - 1);
    xfree(path);
}

int cache_ready(const char *folder) {
    char *above = xstrdup(folder);
    while (!file_exists(above) && strchr(above + 1, '/')) *strrchr(above, '/') = 0;
    const char *root = *folder == '/' ? "/" : ".";
    int writable = !access(file_exists(above) ? above : root, W_OK | X_OK);
    if (!writable)
        warn(
            "%s: not to be written, so what is fetched is not kept there; REPOLYP_CACHE names "
            "another folder",
            quoted(folder));
    xfree(above);
    if (!writable) return 0;
    if (!file_exists(folder)) file_mkdir(folder);
    tag(folder);
    return 1;
}

static char *entry(const char *folder, const char *kind, const char *name) {
    return xprintf("%s/%s/%s", folder, kind, name);
}

int cache_has(const char *folder, const char *sha256, char **path) {
    struct stat st;
    *path = entry(folder, "sha256", sha256);
    return stat(*path, &st) == 0 && S_ISREG(st.st_mode);
}

static char *url_entry(const char *folder, const char *url) {
    char hex[65];
    sha_bytes(url, strlen(url), hex);
    return entry(folder, "url", hex);
}

int cache_of_url(const char *folder, const char *url, char sha256[65]) {
    char *path = url_entry(folder, url);
    int found = 0;
    if (file_exists(path) && file_size(path) <= NOTE) {
        char *text = file_read(path, NOTE, NULL), *at = strstr(text, "sha256 ");
        found = at && strspn(at + 7, "0123456789abcdef") == 64;
        if (found) snprintf(sha256, 65, "%s", at + 7);
        xfree(text);
    }
    xfree(path);
    return found;
}

static void lock_cache(struct lock *lock, const char *folder) {
    char *path = entry(folder, "lock", "cache");
    lock_file(lock, path, NULL);
    xfree(path);
}

/* The damaged file, if it is still that one. */
static void discard(const char *folder, const char *path, ino_t damaged) {
    struct lock lock;
    struct stat st;
    if (access(folder, W_OK)) return;
    lock_cache(&lock, folder);
    if (stat(path, &st) == 0 && st.st_ino == damaged) file_remove(path);
    lock_close(&lock);
}

static int is_older(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* Another name for the file in place of out's temporary, whose name and clean-up it keeps.
 * rename(2) does nothing where both names are of one file already, so an old name goes. */
static int link_to(struct out **out, const char *path, const char *to) {
    struct stat old, kept;
    if (!stat(to, &old) && !stat(path, &kept) && old.st_ino == kept.st_ino &&
        old.st_dev == kept.st_dev)
        file_remove(to);
    if (!unlink((*out)->temporary) && !link(path, (*out)->temporary)) return 1;
    out_drop(*out);
    *out = out_open(to);
    return 0;
}

/* The same blocks until one of both is written to, on file systems that can (FICLONE). */
static int clone_to(struct out *out, const char *path) {
    int from = open(path, O_RDONLY | O_CLOEXEC);
    int done = from >= 0 && !ioctl(fileno(out->stream), FICLONE, from);
    if (from >= 0) close(from);
    return done;
}

int cache_take(const char *folder, const char *sha256, const char *to,
               const struct source *s, struct out **out, struct seen *seen) {
    char *path;
    struct stat st, source;
    if (!cache_has(folder, sha256, &path) || stat(path, &st)) {
        xfree(path);
        return 0;
    }
    *out = out_open(to);
    int fresh = stat(s->path, &source) == 0 && !is_older(&st.st_mtim, &source.st_mtim);
    if ((fresh && link_to(out, path, to)) || clone_to(*out, path))
        seen_file(seen, (*out)->temporary, s);
    else
        seen_copy(seen, path, s, *out);
    int good = !strcmp(seen->sha256, sha256);
    if (!good) {
        warn("%s: damaged, its sha256 is %s; thrown away", quoted(path), seen->sha256);
        xfree(seen->head);
        out_drop(*out);
        discard(folder, path, st.st_ino);
    }
    xfree(path);
    return good;
}

/* So that nobody writes by accident to what is shared. */
static void protect(const char *path) {
    struct stat st;
    if (fail_point() || stat(path, &st) || chmod(path, st.st_mode & 0444))
        die_world("%s: cannot be made read-only: %s; then run again", quoted(path),
                  strerror(errno));
}

/* The cache lies on another disk, or on one without hard links. */
static void copy_in(const char *path, const char *to, const struct source *s,
                    const struct seen *seen) {
    struct seen copied;
    struct out *out = out_open(to);
    seen_copy(&copied, path, s, out);
    xfree(copied.head);
    if (!strcmp(copied.sha256, seen->sha256))
        out_commit(out);
    else
        out_drop(out); /* somebody writes to it */
}

static void note_url(const char *folder, const char *url, const struct seen *seen) {
    char *path = url_entry(folder, url);
    char *text = xprintf("url %s\nsha256 %s\nbytes %lld\n", address_shown(url),
                         seen->sha256, (long long)seen->bytes);
    file_write(path, text, strlen(text));
    xfree(text);
    xfree(path);
}

void cache_put(const char *folder, const char *path, const struct source *s,
               const struct seen *seen, const char *url) {
    struct lock lock;
    char *kept, *all = file_join(folder, "sha256");
    lock_cache(&lock, folder);
    if (!cache_has(folder, seen->sha256, &kept)) {
        file_mkdir(all);
        if (link(path, kept)) copy_in(path, kept, s, seen);
        if (file_exists(kept)) protect(kept);
    }
    note_url(folder, url, seen);
    lock_close(&lock);
    xfree(kept);
    xfree(all);
}
