/* zip_story.c - walks a zip's directory beside its local headers. It inflates nothing, and
 * judges no name: two that agree may still climb out. */
#include "convert/zip_story.h"
#include "core/die.h"
#include <stdlib.h>
#include <string.h>

enum {
    LOCAL = 30,
    CENTRAL = 46,
    END = 22,
    LOCATOR = 20,
    END64 = 56,
    DESCRIPTOR = 24, /* the longest: signature, checksum, two sizes of ZIP64 */
    COMMENT = 65535,
    MEMBERS = 4000000,
    STORED = 0,
    DEFLATED = 8,
    AES = 99,
    LATER = 1 << 3, /* flag: checksum and sizes stand behind the data */
    LEVEL = 3 << 1, /* flags: how hard the writer tried */
};
#define ALL32 0xffffffffu
#define ALL16 0xffffu

struct zip {
    const uint8_t *bytes;
    size_t n;
    const char *path;
};

/* A member as the directory has it, and the bytes it takes. */
struct entry {
    const uint8_t *name;
    size_t length;
    unsigned flags, method;
    uint32_t crc;
    uint64_t stored, size, start, end;
};

static uint32_t u16(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}
static uint32_t u32(const uint8_t *p) {
    return u16(p) | u16(p + 2) << 16;
}
static uint64_t u64(const uint8_t *p) {
    return u32(p) | (uint64_t)u32(p + 4) << 32;
}

static _Noreturn void refuse_zip(const struct zip *z, const char *found) {
    die_no("%s: %s, wanted a zip that tells one story; fetch it again", quoted(z->path),
           found);
}

static _Noreturn void refuse(const struct zip *z, const struct entry *e,
                             const char *found) {
    die_no("%s: member '%s': %s, wanted one story in all headers; fetch it again",
           quoted(z->path), quoted_bytes(e->name, e->length), found);
}

/* The one length check. */
static const uint8_t *need(const struct zip *z, uint64_t at, uint64_t n) {
    if (at > z->n || n > z->n - at) refuse_zip(z, "a header past the end");
    return z->bytes + at;
}

/* The only end record that ends where the file does. */
static size_t find_end(const struct zip *z) {
    size_t first = z->n > END + COMMENT ? z->n - END - COMMENT : 0, found = z->n;
    for (size_t at = first; at + END <= z->n; at++) {
        const uint8_t *p = z->bytes + at;
        if (memcmp(p, "PK\5\6", 4) || at + END + u16(p + 20) != z->n) continue;
        if (found != z->n) refuse_zip(z, "two zip end records");
        found = at;
    }
    if (found == z->n) refuse_zip(z, "no zip end record at its end (a file cut short?)");
    return found;
}

/* Where the directory begins and ends, and how many members it has. */
static uint64_t read_end(const struct zip *z, uint64_t *at, uint64_t *end) {
    size_t e = find_end(z);
    const uint8_t *p = z->bytes + e;
    uint64_t entries = u16(p + 10), size = u32(p + 12), offset = u32(p + 16);
    if (u16(p + 4) || u16(p + 6) || u16(p + 8) != entries)
        refuse_zip(z, "a zip of several disks");
    *end = e;
    if (e >= LOCATOR + END64 && !memcmp(p - LOCATOR, "PK\6\7", 4)) {
        const uint8_t *l = p - LOCATOR, *r = l - END64;
        *end = (uint64_t)(r - z->bytes);
        if (u32(l + 4) || u32(l + 16) != 1 || u64(l + 8) != *end ||
            memcmp(r, "PK\6\6", 4) || u64(r + 4) != END64 - 12 || u32(r + 16) ||
            u32(r + 20) || u64(r + 24) != u64(r + 32))
            refuse_zip(z, "a ZIP64 end record and a locator that disagree");
        if ((entries != ALL16 && entries != u64(r + 32)) ||
            (size != ALL32 && size != u64(r + 40)) ||
            (offset != ALL32 && offset != u64(r + 48)))
            refuse_zip(z, "32-bit and 64-bit end records that disagree");
        entries = u64(r + 32), size = u64(r + 40), offset = u64(r + 48);
    }
    if (offset > *end || size != *end - offset)
        refuse_zip(z, "a directory that does not end at its end record");
    if (entries > MEMBERS || entries > size / CENTRAL)
        refuse_zip(z, "more members than its directory has room for");
    *at = offset;
    return entries;
}

/* A number that stands in ZIP64's extra field where the header says so. */
static void widen(const uint8_t **extra, size_t *n, uint64_t *value) {
    if (*value != ALL32 || *n < 8) return;
    *value = u64(*extra);
    *extra += 8;
    *n -= 8;
}

/* Walks the extra fields: ZIP64's numbers are taken, a second name must be the first. */
static void read_extra(const struct zip *z, struct entry *e, const uint8_t *extra, size_t n,
                       uint64_t *size, uint64_t *stored, uint64_t *start) {
    while (n >= 4) {
        unsigned id = u16(extra);
        size_t length = u16(extra + 2);
        if (length > n - 4) refuse(z, e, "an extra field past its header");
        const uint8_t *field = extra + 4;
        size_t left = length;
        if (id == 1) {
            widen(&field, &left, size);
            widen(&field, &left, stored);
            if (start) widen(&field, &left, start);
        }
        if (id == 0x7075 &&
            (length != e->length + 5 || memcmp(field + 5, e->name, e->length)))
            refuse(z, e, "a second name in an extra field");
        extra += 4 + length;
        n -= 4 + length;
    }
}

static void read_central(const struct zip *z, const uint8_t *p, struct entry *e) {
    *e = (struct entry){p + CENTRAL, u16(p + 28), u16(p + 8),
                        u16(p + 10), u32(p + 16), u32(p + 20),
                        u32(p + 24), u32(p + 42), 0};
    if (u16(p + 34)) refuse(z, e, "on another disk");
    if (memchr(e->name, 0, e->length)) refuse(z, e, "a zero byte in its name");
    if (e->method != STORED && e->method != DEFLATED && e->method != AES)
        refuse(z, e, "packed in a way that is neither stored nor deflated");
    read_extra(z, e, e->name + e->length, u16(p + 30), &e->size, &e->stored, &e->start);
    if (e->method == STORED && e->stored != e->size + (e->flags & 1 ? 12 : 0))
        refuse(z, e, "stored, with two sizes");
}

/* A field of the local header: told, or left for `later`. */
static bool same(uint64_t local, uint64_t central, bool later) {
    return local == central || (later && (!local || local == ALL32));
}

/* The local header agrees; says where the data end. */
static void check_local(const struct zip *z, struct entry *e) {
    const uint8_t *p = need(z, e->start, LOCAL);
    uint64_t size = u32(p + 22), stored = u32(p + 18), crc = u32(p + 14);
    size_t length = u16(p + 26), extra = u16(p + 28);
    if (memcmp(p, "PK\3\4", 4)) refuse(z, e, "no local header at its place");
    need(z, e->start, LOCAL + length + extra);
    if (length != e->length || memcmp(p + LOCAL, e->name, length))
        refuse(z, e, "another name in its local header");
    if (u16(p + 8) != e->method || (u16(p + 6) ^ e->flags) & ~(unsigned)LEVEL)
        refuse(z, e, "another method or other flags in its local header");
    read_extra(z, e, p + LOCAL + length, extra, &size, &stored, NULL);
    bool later = e->flags & LATER;
    if (!same(size, e->size, later) || !same(stored, e->stored, later) ||
        !same(crc, e->crc, later))
        refuse(z, e, "another size or checksum in its local header");
    e->end = e->start + LOCAL + length + extra;
    need(z, e->end, e->stored);
    e->end += e->stored;
}

static int by_start(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    return x->start != y->start ? (x->start > y->start) - (x->start < y->start)
                                : (x->end > y->end) - (x->end < y->end);
}

/* From byte 0 to the directory, side by side. */
static void check_places(const struct zip *z, struct entry *e, size_t count,
                         uint64_t directory) {
    if (count) qsort(e, count, sizeof *e, by_start);
    uint64_t at = 0, room = 0; /* room: of a data descriptor before `at` */
    for (size_t i = 0; i < count; i++) {
        if (e[i].start < at) refuse(z, &e[i], "overlaps the member before it");
        if (e[i].start - at > room) refuse(z, &e[i], "unlisted bytes in front of it");
        at = e[i].end;
        room = e[i].flags & LATER ? DESCRIPTOR : 0;
    }
    if (at > directory) refuse(z, &e[count - 1], "overlaps the directory");
    if (directory - at > room) refuse_zip(z, "unlisted bytes in front of the directory");
}

size_t zip_story_check(const uint8_t *bytes, size_t n, const char *path) {
    const struct zip z = {bytes, n, path};
    uint64_t at, end, count = read_end(&z, &at, &end), directory = at;
    struct entry *entry = xcalloc((size_t)count + 1, sizeof *entry);
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *p = need(&z, at, CENTRAL);
        uint64_t whole = CENTRAL + u16(p + 28) + u16(p + 30) + u16(p + 32);
        if (memcmp(p, "PK\1\2", 4) || whole > end - at)
            refuse_zip(&z, "a directory that holds fewer members than it counts");
        read_central(&z, p, &entry[i]);
        check_local(&z, &entry[i]);
        at += whole;
    }
    if (at != end) refuse_zip(&z, "a directory that holds more than it counts");
    check_places(&z, entry, (size_t)count, directory);
    xfree(entry);
    return (size_t)count;
}
