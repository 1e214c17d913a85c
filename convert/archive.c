/* archive.c - reads zip, tar and one RAR through libarchive, in memory, and believes
 * nothing.
 *
 * It writes no file, follows no link, looks into no nested archive, and gives out no byte
 * of a member before the whole of it is read and checked. */
#include "convert/archive.h"
#include "convert/member_name.h"
#include "convert/tally.h"
#include "convert/unxz.h"
#include "convert/zip_story.h"
#include "core/die.h"
#include "core/file.h"
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 16 };

struct reader {
    const struct source *source;
    const char *raw;
    struct archive *archive;
    struct archive_entry *entry; /* the newest member's header */
    char *passphrase;
    size_t archive_bytes;
    int64_t bytes;       /* of all members so far */
    struct tally member; /* "sha256 path\n"; the path begins at 65 */
    char *path;          /* of the newest member, without the newline */
    char pictures[65];   /* "" where nobody told */
    int hash_later;
    int fd;
    struct unxz *unxz; /* NULL where it is no .xz */
    uint8_t block[BLOCK];
};

static void close_archive(void *arg) {
    struct reader *r = arg;
    archive_entry_free(r->entry);
    archive_read_free(r->archive);
    if (r->unxz) unxz_close(r->unxz);
    if (r->fd >= 0) close(r->fd);
}

/* libarchive's reading goes through the next two, so that a disk that fails is told as one
 * and not as an archive that ends too early. */
static _Noreturn void cannot(const struct reader *r, const char *what) {
    die_world("%s: cannot %s: %s; wanted a readable file", quoted(r->raw), what,
              strerror(errno));
}

static la_ssize_t read_block(struct archive *a, void *arg, const void **block) {
    struct reader *r = arg;
    if (r->unxz) {
        const char *why;
        size_t got = unxz_next(r->unxz, block, &why);
        if (why) archive_set_error(a, EINVAL, "%s", why);
        return why ? ARCHIVE_FATAL : (la_ssize_t)got;
    }
    ssize_t n = fail_point() ? -1 : read(r->fd, r->block, sizeof r->block);
    if (n < 0) cannot(r, "read");
    *block = r->block;
    return n;
}

static la_int64_t seek(struct archive *a, void *arg, la_int64_t offset, int whence) {
    const struct reader *r = arg;
    off_t at = fail_point() ? -1 : lseek(r->fd, (off_t)offset, whence);
    (void)a;
    if (at < 0 && errno != EINVAL) cannot(r, "seek");
    return at < 0 ? ARCHIVE_FATAL : at; /* a place in front of the file's begin */
}

static _Noreturn void refuse(struct reader *r, const char *member) {
    const char *why = archive_error_string(r->archive);
    const char *name = r->source->passphrase_file;
    if (!why || archive_errno(r->archive) == ENOMEM)
        die_world("%s: %s: libarchive has no memory, close other programs", quoted(r->raw),
                  quoted(member));
    if (strcasestr(why, "passphrase")) {
        if (!name)
            die_no("%s: %s: encrypted, wanted a passphrase; name its file in the source as "
                   "passphrase_file",
                   quoted(r->raw), quoted(member));
        die_no("%s: %s: the passphrase in %s does not open it (%s); correct that file",
               quoted(r->raw), quoted(member), quoted(name), quoted(why));
    }
    die_no("%s: %s: %s, wanted a whole archive; delete it and fetch it again%s%s",
           quoted(r->raw), quoted(member), quoted(why),
           name ? "; or the passphrase is wrong: see " : "", name ? quoted(name) : "");
}

char *archive_passphrase(const struct source *source, const char *raw) {
    const char *name = source->passphrase_file;
    return name ? xprintf("%.*s%s", (int)(file_base(raw) - raw), raw, name) : NULL;
}

/* The first line of the file beside the archive. */
static void read_passphrase(struct reader *r) {
    char *path = archive_passphrase(r->source, r->raw);
    if (!path) return;
    if (!file_exists(path))
        die_world(
            "%s: not there, wanted the passphrase of %s in its first line; put the file "
            "there",
            quoted(path), quoted(r->raw));
    size_t n;
    r->passphrase = file_read(path, 4096, &n);
    r->passphrase[strcspn(r->passphrase, "\r\n")] = 0;
    if (!*r->passphrase)
        die_world("%s: empty, wanted the passphrase of %s in its first line", quoted(path),
                  quoted(r->raw));
    if (archive_read_add_passphrase(r->archive, r->passphrase) != ARCHIVE_OK)
        refuse(r, "begin");
    xfree(path);
}

static const char *last_member(const struct reader *r) {
    return r->member.count ? r->path : "begin";
}

/* By the first bytes: libarchive would take a zip with something in front, or a text that
 * begins as its lists do. Whether it is an .xz. */
static int allow_formats(struct reader *r) {
    struct archive *a = r->archive;
    struct map map;
    map_open(&map, r->raw);
    size_t blank = 0;
    while (blank < map.size && blank < 64 && memchr(" \t\r\n", map.data[blank], 4)) blank++;
    if (blank < map.size && map.data[blank] == '<')
        die_no("%s: a web page, wanted an archive; download the file itself",
               quoted(r->raw));
    int zip =
        map.size >= 4 && (!memcmp(map.data, "PK\3\4", 4) || !memcmp(map.data, "PK\5\6", 4));
    int rar = source_magic("rar", map.data, map.size);
    if (rar && !source_may_be(r->source, "rar"))
        die_no("%s: a RAR archive, wanted zip or tar: unpack it, and pack the files again",
               quoted(r->raw));
    if (zip) zip_story_check(map.data, map.size, r->raw);
    int bad =
        zip   ? archive_read_support_format_zip_seekable(a)
        : rar ? archive_read_support_format_rar(a) | archive_read_support_format_rar5(a)
              : archive_read_support_filter_gzip(a) | archive_read_support_format_tar(a);
    if (bad != ARCHIVE_OK) refuse(r, "begin");
    int xz = source_magic("xz", map.data, map.size);
    map_close(&map);
    return xz;
}

struct reader *reader_open(const struct source *source, const char *raw) {
    struct reader *r = xcalloc(1, sizeof *r);
    *r = (struct reader){
        .source = source, .raw = raw, .archive_bytes = file_size(raw), .fd = -1};
    if (!r->archive_bytes)
        die_world("%s: empty file, wanted an archive; delete it and fetch it again",
                  quoted(raw));
    die_cleanup(close_archive, r);
    r->archive = archive_read_new();
    r->entry = archive_entry_new2(r->archive);
    if (!r->archive || !r->entry)
        die_world("out of memory: wanted an archive reader, close other programs");
    int xz = allow_formats(r);
    read_passphrase(r);
    r->fd = fail_point() ? -1 : open(raw, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0) cannot(r, "open");
    if (xz) r->unxz = unxz_open(r->fd, r->raw);
    archive_read_set_read_callback(r->archive, read_block);
    if (!xz) archive_read_set_seek_callback(r->archive, seek);
    if (archive_read_set_callback_data(r->archive, r) != ARCHIVE_OK ||
        archive_read_open1(r->archive) != ARCHIVE_OK)
        refuse(r, "begin");
    return r;
}

/* Whole data of the entry, or death. */
static void read_data(struct reader *r, struct archive_entry *entry, struct archived *m) {
    int64_t says = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : -1;
    if (says > MEMBER_BYTES)
        die_no("%s: %s: %lld bytes, wanted at most %d a member", quoted(r->raw),
               quoted(m->path), (long long)says, (int)MEMBER_BYTES);
    size_t room = says > 0 ? (size_t)says + 1 : 1 << 16, n = 0;
    uint8_t *data = xmalloc(room);
    for (;;) {
        la_ssize_t got = archive_read_data(r->archive, data + n, room - n);
        if (got < 0) refuse(r, m->path);
        if (!got) break;
        n += (size_t)got;
        if (n > MEMBER_BYTES)
            die_no("%s: %s: more than %d bytes, wanted fewer", quoted(r->raw),
                   quoted(m->path), (int)MEMBER_BYTES);
        if (n == room) data = xrealloc(data, room *= 2, 1);
    }
    if (says >= 0 && (int64_t)n != says)
        die_no("%s: %s: %zu bytes came, wanted the %lld its header says; fetch it again",
               quoted(r->raw), quoted(m->path), n, (long long)says);
    m->data = data;
    m->size = n;
}

/* The most files and bytes all members may have. */
static int64_t most(const struct source *s, int64_t pinned) {
    return s->pictures ? 2 * pinned + 64 : pinned;
}

static void check_budget(struct reader *r, const struct archived *m) {
    const struct source *s = r->source;
    r->bytes += (int64_t)m->size;
    if (s->unpacked >= 0 && r->bytes > most(s, s->unpacked))
        die_no("%s: %s: members hold more than %lld bytes so far, wanted %lld in all "
               "(unpacked); another file than the source describes",
               quoted(r->raw), quoted(m->path), (long long)r->bytes,
               (long long)s->unpacked);
    if (r->bytes / ARCHIVE_RATIO > (int64_t)r->archive_bytes)
        die_no("%s: %s: %lld bytes from an archive of %zu, wanted at most %d times as many",
               quoted(r->raw), quoted(m->path), (long long)r->bytes, r->archive_bytes,
               (int)ARCHIVE_RATIO);
    if (r->member.count > MEMBER_COUNT ||
        (s->files >= 0 && r->member.count > most(s, s->files)))
        die_no("%s: %s: member number %d, wanted %lld files; another file than the source "
               "describes",
               quoted(r->raw), quoted(m->path), r->member.count,
               (long long)(s->files >= 0 ? s->files : MEMBER_COUNT));
}

static void check_entry(struct reader *r, struct archive_entry *entry) {
    const char *path = archive_entry_pathname(entry);
    if (!path)
        die_no("%s: after %s: a member's name is not UTF-8, wanted printable UTF-8",
               quoted(r->raw), quoted(last_member(r)));
    int folder = archive_entry_filetype(entry) == AE_IFDIR;
    if (archive_entry_hardlink(entry) ||
        (archive_entry_filetype(entry) != AE_IFREG && !folder))
        die_no("%s: %s: a link or a device, wanted plain files only", quoted(r->raw),
               quoted(path));
    xfree(r->path);
    r->path = xstrdup(path);
    size_t n = strlen(path);
    if (folder && n && path[n - 1] == '/') r->path[n - 1] = 0;
    const char *wrong = folder && !strcmp(r->path, ".") ? NULL : member_name_wrong(r->path);
    if (wrong)
        die_no("%s: member name '%s': wanted %s", quoted(r->raw), quoted(path), wrong);
}

int reader_next(struct reader *r, struct archived *m) {
    struct archive_entry *entry = r->entry;
    for (;;) {
        int code = archive_read_next_header2(r->archive, entry);
        if (code == ARCHIVE_EOF) return 0;
        if (code != ARCHIVE_OK) refuse(r, last_member(r));
        check_entry(r, entry);
        if (archive_entry_filetype(entry) == AE_IFREG) break;
    }
    m->path = r->path;
    read_data(r, entry, m);
    m->sha256 = xprintf("%064d %s\n", 0, m->path);
    tally_add(&r->member, m->sha256);
    if (!r->hash_later) archived_hash(m->data, m->size, m->sha256);
    check_budget(r, m);
    return 1;
}

static int by_folded_name(const void *a, const void *b) {
    return member_name_fold_compare(*(char *const *)a + 65, *(char *const *)b + 65);
}

static void check_twins(struct reader *r) {
    char **line = r->member.line;
    qsort(line, (size_t)r->member.count, sizeof *line, by_folded_name);
    for (int i = 1; i < r->member.count; i++)
        if (!by_folded_name(&line[i - 1], &line[i]))
            die_no("%s: members '%.*s' and '%.*s' have one name (but for case), wanted "
                   "each once",
                   quoted(r->raw), (int)strcspn(line[i - 1] + 65, "\n"), line[i - 1] + 65,
                   (int)strcspn(line[i] + 65, "\n"), line[i] + 65);
}

static void check_content(struct reader *r, char *content) {
    const struct source *s = r->source;
    int same = !s->content || !strcmp(content, s->content);
    if (s->pictures && *r->pictures && strcmp(r->pictures, s->pictures))
        die_no(
            "%s: its pictures and masks hash to %s, wanted %s: another release, or saved "
            "anew, than %s describes; delete it, and where it came from too if that is a folder "
            "of yours, and fetch it from another place",
            quoted(r->raw), r->pictures, s->pictures, quoted(s->path));
    if (s->pictures && *r->pictures) {
        if (!same)
            warn(
                "%s: other files beside the pictures and masks than expected; the pictures "
                "and masks are the pinned ones",
                quoted(r->raw));
        if (s->content) memcpy(content, s->content, 65);
        return;
    }
    if (s->files >= 0 && r->member.count != s->files)
        die_no("%s: %d files, wanted %lld; another file than %s describes", quoted(r->raw),
               r->member.count, (long long)s->files, quoted(s->path));
    if (s->unpacked >= 0 && r->bytes != s->unpacked)
        die_no("%s: %lld bytes in its files, wanted %lld; another file than %s describes",
               quoted(r->raw), (long long)r->bytes, (long long)s->unpacked,
               quoted(s->path));
    if (!same)
        die_no(
            "%s: content %s, wanted %s: its files are not those of %s; fetch it again from "
            "another place",
            quoted(r->raw), content, s->content, quoted(s->path));
}

void reader_hash_later(struct reader *r) {
    r->hash_later = 1;
}

void archived_hash(const uint8_t *data, size_t size, char *sha256) {
    char hex[65];
    sha_bytes(data, size, hex);
    memcpy(sha256, hex, 64);
}

int64_t reader_bytes(const struct reader *r) {
    return r->bytes;
}

void reader_pictures(struct reader *r, const char pictures[65]) {
    memcpy(r->pictures, pictures, sizeof r->pictures);
}

void reader_end(struct reader *r, char *content) {
    if (!r->member.count)
        die_no("%s: no file in it, wanted an archive with files; fetch it again",
               quoted(r->raw));
    check_twins(r);
    tally_sha(&r->member, content);
    check_content(r, content);
    close_archive(r);
    die_cleanup_forget(close_archive, r);
    tally_free(&r->member);
    xfree(r->path);
    xfree(r->passphrase);
    xfree(r);
}
