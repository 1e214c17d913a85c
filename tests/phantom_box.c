/* phantom_box.c - writes the containers. Times, owners and modes are always the same. */
#include "tests/phantom_box.h"
#include "core/die.h"
#include "core/file.h"
#include "tests/plain_rar.h"
#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

void box_add(struct box *box, const char *name, uint8_t *data, size_t n) {
    if (box->count == box->room) {
        box->room = box->room ? 2 * box->room : 64;
        box->file = xrealloc(box->file, (size_t)box->room, sizeof *box->file);
    }
    box->file[box->count++] = (struct boxed){xstrdup(name), data, n};
}

void box_add_text(struct box *box, const char *name, const char *text) {
    box_add(box, name, (uint8_t *)xstrdup(text), strlen(text));
}

void box_free(struct box *box) {
    for (int i = 0; i < box->count; i++) {
        xfree(box->file[i].name);
        xfree(box->file[i].data);
    }
    xfree(box->file);
    *box = (struct box){0};
}

void box_zip(const struct box *box, const char *passphrase, const char *path) {
    struct plain_zip zip = {.passphrase = passphrase};
    for (int i = 0; i < box->count; i++)
        plain_zip_add(&zip, box->file[i].name, box->file[i].data, box->file[i].n);
    plain_zip_end(&zip);
    file_write(path, zip.file.data, zip.file.n);
    xfree(zip.file.data);
}

static void need(int code, struct archive *a, const char *path) {
    if (code != ARCHIVE_OK)
        die_world("%s: %s, wanted to write it", path, archive_error_string(a));
}

static void add_entry(struct archive *a, const struct boxed *f, const char *path) {
    struct archive_entry *entry = archive_entry_new();
    int folder = f->name[strlen(f->name) - 1] == '/';
    archive_entry_set_pathname(entry, f->name);
    archive_entry_set_filetype(entry, folder ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(entry, folder ? 0755 : 0644);
    archive_entry_set_size(entry, (la_int64_t)f->n);
    archive_entry_set_mtime(entry, 0, 0);
    need(archive_write_header(a, entry), a, path);
    if (f->n && archive_write_data(a, f->data, f->n) != (la_ssize_t)f->n) need(1, a, path);
    archive_entry_free(entry);
}

static void write_tar(const struct box *box, enum container container, const char *path) {
    size_t room = 1 << 20, used = 0;
    for (int i = 0; i < box->count; i++) room += box->file[i].n + 4096;
    uint8_t *bytes = xmalloc(room);
    struct archive *a = archive_write_new();
    if (!a) die_world("%s: no memory, wanted some", path);
    need(archive_write_set_format_ustar(a), a, path);
    if (container == BOX_TAR_GZ) {
        need(archive_write_add_filter_gzip(a), a, path);
        need(archive_write_set_options(a, "gzip:!timestamp"), a, path);
    } else if (container == BOX_TAR_XZ) {
        need(archive_write_add_filter_xz(a), a, path);
        need(archive_write_set_options(a, "xz:compression-level=1"), a, path);
    }
    need(archive_write_open_memory(a, bytes, room, &used), a, path);
    for (int i = 0; i < box->count; i++) add_entry(a, &box->file[i], path);
    need(archive_write_close(a), a, path);
    archive_write_free(a);
    file_write(path, bytes, used);
    xfree(bytes);
}

void box_tar_xz(const struct box *box, const char *path) {
    write_tar(box, BOX_TAR_XZ, path);
}

static void write_rar(const struct box *box, int version, const char *path) {
    struct plain_rar rar;
    plain_rar_begin(&rar, version);
    for (int i = 0; i < box->count; i++)
        plain_rar_add(&rar, box->file[i].name, box->file[i].data, box->file[i].n);
    plain_rar_end(&rar);
    file_write(path, rar.file.data, rar.file.n);
    xfree(rar.file.data);
}

void box_write(const struct box *box, enum container container, const char *path) {
    if (container == BOX_ZIP)
        box_zip(box, NULL, path);
    else if (container == BOX_RAR4 || container == BOX_RAR5)
        write_rar(box, container == BOX_RAR4 ? 4 : 5, path);
    else
        write_tar(box, container, path);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void box_describe(const struct box *box, const char *path, struct out *source) {
    char **line = xcalloc((size_t)box->count, sizeof *line), hex[65];
    size_t n = 0, unpacked = 0;
    for (int i = 0; i < box->count; i++) {
        const struct boxed *f = &box->file[i];
        if (f->name[strlen(f->name) - 1] == '/') continue;
        sha_bytes(f->data, f->n, hex);
        line[n++] = xprintf("%s %s\n", hex, f->name);
        unpacked += f->n;
    }
    qsort(line, n, sizeof *line, by_text);
    struct sha *sha = sha_open();
    for (size_t i = 0; i < n; i++) {
        sha_add(sha, line[i], strlen(line[i]));
        xfree(line[i]);
    }
    xfree(line);
    sha_close(sha, hex);
    out_printf(source, "content %s\nunpacked %zu\nfiles %zu\n", hex, unpacked, n);
    sha_file(path, hex);
    out_printf(source, "bytes %zu\nsha256 %s\n", file_size(path), hex);
}
