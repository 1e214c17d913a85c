/* sets.c - draws them, and writes them through the tests' own writers. */
#include "tests/hostile/sets.h"
#include "core/die.h"
#include <archive.h>
#include <archive_entry.h>
#include "tests/hostile/tar.h"
#include <string.h>
#include <zlib.h>

void set_fill(struct stage *s, struct box *box) {
    int pairs = draw_between(s, 2, 4);
    for (int i = 1; i <= pairs; i++) {
        int width = draw_between(s, 9, 30), height = draw_between(s, 9, 30);
        for (int mask = 0; mask < 2; mask++) {
            size_t n;
            char *name = xprintf("%c/%d.png", mask ? 'm' : 'i', i);
            uint8_t *png = good_png(width, height, draw_between(s, 1, 8), &n);
            box_add(box, name, png, n);
            xfree(name);
        }
    }
}

void set_zip(struct box *box, const char *passphrase, struct bytes *to) {
    struct plain_zip zip = {.passphrase = passphrase};
    for (int i = 0; i < box->count; i++)
        plain_zip_add(&zip, box->file[i].name, box->file[i].data, box->file[i].n);
    plain_zip_end(&zip);
    *to = zip.file;
    box_free(box);
}

/* `bits`: deflate's window, negative for no header, 31 for gzip's. */
static void deflate_all(struct bytes *to, const uint8_t *data, size_t n, int bits) {
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)n};
    size_t room = n + n / 8 + 1024;
    to->data = xmalloc(room);
    deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY);
    z.next_out = to->data, z.avail_out = (uInt)room;
    deflate(&z, Z_FINISH);
    to->n = z.total_out;
    to->room = room;
    deflateEnd(&z);
}

void set_deflated(struct box *box, struct bytes *to) {
    struct plain_zip zip = {0};
    for (int i = 0; i < box->count; i++) {
        const struct boxed *f = &box->file[i];
        struct bytes packed = {0};
        deflate_all(&packed, f->data, f->n, -15);
        plain_zip_put(&zip, &(struct plain_member){f->name, packed.data, packed.n, 8, 0,
                                                   (uint32_t)crc32(0, f->data, (uInt)f->n),
                                                   (uint32_t)f->n});
        xfree(packed.data);
    }
    plain_zip_end(&zip);
    *to = zip.file;
    box_free(box);
}

/* Version, flag 3, stored, no time; the local header's checksum comes later. */
static void wide_common(struct bytes *b, uint32_t crc, const char *name, unsigned extra) {
    bytes_u16(b, 45), bytes_u16(b, 8), bytes_u16(b, 0), bytes_u32(b, 33u << 16);
    bytes_u32(b, crc), bytes_u32(b, 0xffffffff), bytes_u32(b, 0xffffffff);
    bytes_u16(b, (unsigned)strlen(name)), bytes_u16(b, extra);
}

void set_wide(struct box *box, struct bytes *to) {
    struct bytes directory = {0};
    for (int i = 0; i < box->count; i++) {
        const struct boxed *f = &box->file[i];
        uint32_t crc = (uint32_t)crc32(0, f->data, (uInt)f->n);
        size_t at = to->n;
        bytes_u32(to, 0x04034b50);
        wide_common(to, 0, f->name, 20);
        put(to, f->name);
        bytes_u16(to, 1), bytes_u16(to, 16), bytes_u64(to, 0), bytes_u64(to, 0);
        bytes_add(to, f->data, f->n);
        bytes_u32(to, 0x08074b50), bytes_u32(to, crc), bytes_u64(to, f->n),
            bytes_u64(to, f->n);
        bytes_u32(&directory, 0x02014b50), bytes_u16(&directory, 45);
        wide_common(&directory, crc, f->name, 28);
        for (int k = 0; k < 5; k++) bytes_u16(&directory, 0);
        bytes_u32(&directory, 0xffffffff);
        put(&directory, f->name);
        bytes_u16(&directory, 1), bytes_u16(&directory, 24);
        bytes_u64(&directory, f->n), bytes_u64(&directory, f->n), bytes_u64(&directory, at);
    }
    size_t at = to->n, end = at + directory.n, count = (size_t)box->count;
    bytes_add(to, directory.data, directory.n);
    bytes_u32(to, 0x06064b50), bytes_u64(to, 44), bytes_u16(to, 45), bytes_u16(to, 45);
    bytes_u64(to, 0), bytes_u64(to, count), bytes_u64(to, count);
    bytes_u64(to, directory.n), bytes_u64(to, at);
    bytes_u32(to, 0x07064b50), bytes_u32(to, 0), bytes_u64(to, end), bytes_u32(to, 1);
    bytes_u32(to, 0x06054b50), bytes_u32(to, 0), bytes_u32(to, 0xffffffff);
    bytes_u32(to, 0xffffffff), bytes_u32(to, 0xffffffff), bytes_u16(to, 0);
    xfree(directory.data);
    box_free(box);
}

void set_tar(struct box *box, unsigned mode, struct bytes *to) {
    for (int i = 0; i < box->count; i++)
        tar_put(to, &(struct tarred){.name = box->file[i].name,
                                     .mode = mode,
                                     .data = box->file[i].data,
                                     .n = box->file[i].n});
    tar_end(to);
    box_free(box);
}

void set_gzip(struct bytes *b) {
    struct bytes plain = *b;
    deflate_all(b, plain.data, plain.n, 31);
    xfree(plain.data);
}

/* A raw "archive" of one member under xz: the member alone comes out. */
void set_xz(struct bytes *b) {
    size_t room = b->n + (1 << 16), used = 0;
    uint8_t *bytes = xmalloc(room);
    struct archive *a = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, "data");
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_size(entry, (la_int64_t)b->n);
    archive_write_set_format_raw(a);
    archive_write_add_filter_xz(a);
    archive_write_set_options(a, "xz:compression-level=1");
    archive_write_open_memory(a, bytes, room, &used);
    archive_write_header(a, entry);
    archive_write_data(a, b->data, b->n);
    archive_write_close(a);
    archive_write_free(a);
    archive_entry_free(entry);
    xfree(b->data);
    *b = (struct bytes){bytes, used, room};
}

void honest_draw(struct stage *s, struct honest *h) {
    for (int i = 0; i < 6; i++) h->conv[i] = (float)draw_between(s, -99, 99) / 7;
    for (int i = 0; i < 2; i++) h->var[i] = (float)draw_between(s, 1, 99) / 7;
    h->tensor[0] = (struct tensor){"conv.weight", T_F32, 2, {2, 3}, h->conv};
    h->tensor[1] = (struct tensor){"bn.running_var", T_F32, 1, {2}, h->var};
}

struct image noise_draw(struct stage *s, int channels) {
    struct image image;
    image_make(&image, 16, 12, channels, "noise");
    for (int i = 0; i < 16 * 12 * channels; i++) image.pixel[i] = (uint8_t)draw(s, 256);
    return image;
}
