/* zip.c - the strict reader of PyTorch's and numpy's zip: two headers, one story, or a
 * refusal.
 *
 * It is no archive tool: it does not inflate, decrypt, extract, or tolerate. */
#include "convert/zip.h"
#include "core/die.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    LOCAL = 30,     /* bytes of a local header without name and extra field */
    CENTRAL = 46,   /* of a central header */
    END = 22,       /* of the end record without its comment */
    LOCATOR = 20,   /* of ZIP64's locator */
    END64 = 56,     /* of ZIP64's end record */
    DESCRIPTOR = 8, /* signature and CRC-32; two sizes of 4 or 8 bytes follow */
    COMMENT = 65535,
    FLAG_DESCRIPTOR = 1 << 3,
    FLAG_UTF8 = 1 << 11,
};
#define ALL32 0xffffffffu
#define ALL16 0xffffu

struct reader {
    const uint8_t *bytes;
    size_t n;
    const char *path;
    int numpy; /* else PyTorch */
};

/* One member while it is checked: where it starts and ends in the file, headers
 * included. */
struct span {
    size_t start, end;
    const char *name;
};

/* The one length check: `n` bytes at `at` are inside the file, or the file is refused. */
static const uint8_t *need(const struct reader *r, size_t at, size_t n, const char *what) {
    if (at > r->n || n > r->n - at)
        die_no("%s: %s at byte %zu needs %zu bytes, the file has %zu; fetch it again",
               r->path, what, at, n, r->n);
    return r->bytes + at;
}

static uint32_t u16(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}
static uint32_t u32(const uint8_t *p) {
    return u16(p) | u16(p + 2) << 16;
}
static uint64_t u64(const uint8_t *p) {
    return u32(p) | (uint64_t)u32(p + 4) << 32;
}

static const char *saver(const struct reader *r) {
    return r->numpy ? "np.savez" : "torch.save";
}

static _Noreturn void refuse(const struct reader *r, const char *name, const char *found,
                             const char *wanted) {
    die_no("%s: member '%s': %s, wanted %s; re-save the file with %s", r->path,
           quoted(name), found, wanted, saver(r));
}

static size_t find_end(const struct reader *r) {
    if (r->n < END)
        die_no("%s: %zu bytes, too short for a zip file; fetch it again", r->path, r->n);
    size_t first = r->n > END + COMMENT ? r->n - END - COMMENT : 0, found = r->n;
    int count = 0;
    for (size_t at = first; at + END <= r->n; at++)
        if (!memcmp(r->bytes + at, "PK\5\6", 4) &&
            at + END + u16(r->bytes + at + 20) <= r->n) {
            found = at;
            count++;
        }
    if (!count)
        die_no("%s: no zip end record, wanted one at the end (a file cut short?); fetch it "
               "again",
               r->path);
    if (count > 1)
        die_no("%s: %d zip end records, wanted one; fetch it again", r->path, count);
    if (found + END + u16(r->bytes + found + 20) != r->n)
        die_no("%s: bytes after the zip's end, wanted none; fetch it again", r->path);
    return found;
}

/* Reads the end record(s): entries, and the central directory's place. */
static size_t read_end(const struct reader *r, size_t *at, size_t *end) {
    size_t e = find_end(r);
    const uint8_t *p = r->bytes + e;
    uint64_t entries = u16(p + 10), size = u32(p + 12), offset = u32(p + 16);
    if (u16(p + 4) || u16(p + 6) || u16(p + 8) != entries)
        die_no("%s: a zip of several disks, wanted one; re-save it with %s", r->path,
               saver(r));
    *end = e;
    if (e >= LOCATOR + END64 && !memcmp(p - LOCATOR, "PK\6\7", 4)) {
        const uint8_t *l = p - LOCATOR, *z = l - END64;
        *end = (size_t)(z - r->bytes);
        if (u32(l + 4) || u32(l + 16) != 1 || u64(l + 8) != *end ||
            memcmp(z, "PK\6\6", 4) || u64(z + 4) != END64 - 12 || u32(z + 16) ||
            u32(z + 20) || u64(z + 24) != u64(z + 32))
            die_no("%s: ZIP64 end record and its locator disagree; fetch it again",
                   r->path);
        uint64_t entries64 = u64(z + 32), size64 = u64(z + 40), offset64 = u64(z + 48);
        if ((entries != ALL16 && entries != entries64) ||
            (size != ALL32 && size != size64) || (offset != ALL32 && offset != offset64))
            die_no("%s: the zip's 32-bit and 64-bit end records disagree; fetch it again",
                   r->path);
        entries = entries64, size = size64, offset = offset64;
    }
    if (offset > *end || size != *end - offset)
        die_no("%s: central directory of %llu bytes at %llu, wanted one that ends at %zu; "
               "fetch it "
               "again",
               r->path, (unsigned long long)size, (unsigned long long)offset, *end);
    if (entries > ZIP_MEMBERS || entries * CENTRAL > size)
        die_no("%s: %llu zip members in a directory of %llu bytes, limit %d; wanted a "
               "checkpoint",
               r->path, (unsigned long long)entries, (unsigned long long)size, ZIP_MEMBERS);
    *at = (size_t)offset;
    return (size_t)entries;
}

static void check_name(const struct reader *r, const uint8_t *name, size_t n) {
    int bad = n == 0 || n > ZIP_NAME || name[0] == '/' || name[n - 1] == '/';
    size_t part = 0; /* where the current component begins */
    for (size_t i = 0; i <= n && !bad; i++) {
        if (i < n && name[i] != '/') {
            bad = name[i] < 0x20 || name[i] > 0x7e || name[i] == '\\';
            continue;
        }
        size_t length = i - part;
        bad = length == 0 || (length == 1 && name[part] == '.') ||
              (length == 2 && name[part] == '.' && name[part + 1] == '.');
        part = i + 1;
    }
    if (bad)
        die_no("%s: zip member named '%s', wanted a plain relative name of printable "
               "characters; re-save the file with %s",
               r->path, quoted_bytes(name, n), saver(r));
}

/* PyTorch's local headers carry one extra field, "FB", that pads the data to 64 bytes. Any
 * other could tell a second story (0x7075: another name; 1: other sizes). */
static void check_padding(const struct reader *r, const uint8_t *extra, size_t n,
                          const char *name) {
    for (size_t at = 0; at < n;) {
        if (n - at < 4 || memcmp(extra + at, "FB", 2) || u16(extra + at + 2) > n - at - 4)
            refuse(r, name, "an extra field in its header", "none but PyTorch's padding");
        at += 4 + u16(extra + at + 2);
    }
}

/* numpy's local headers carry none, or both sizes again in 64 bits (field 1), the 32-bit
 * ones being all ones. Returns whether they do. */
static int check_zip64(const struct reader *r, const uint8_t *local, const uint8_t *extra,
                       const struct member *m) {
    size_t n = u16(local + 28);
    if (!n) return 0;
    if (n != 20 || u16(extra) != 1 || u16(extra + 2) != 16)
        refuse(r, m->name, "an extra field in its header", "none but ZIP64's sizes");
    if (u32(local + 18) != ALL32 || u32(local + 22) != ALL32 || u64(extra + 4) != m->size ||
        u64(extra + 12) != m->packed)
        refuse(r, m->name, "other sizes in its ZIP64 field", "the directory's");
    return 1;
}

/* The descriptor behind a member's data repeats CRC and sizes; an empty member may lack it,
 * as PyTorch's writer leaves it out then. Returns its length. */
static size_t check_descriptor(const struct reader *r, size_t at, const struct member *m) {
    if (m->size == 0 && (at + 4 > r->n || memcmp(r->bytes + at, "PK\7\10", 4))) return 0;
    const uint8_t *p = need(r, at, DESCRIPTOR + 8, "a data descriptor");
    if (memcmp(p, "PK\7\10", 4) || u32(p + 4) != m->crc || u32(p + 8) != m->packed)
        refuse(r, m->name, "a data descriptor that disagrees",
               "the directory's CRC and sizes");
    if (u32(p + 12) == m->size && m->size != 0) return DESCRIPTOR + 8;
    if (m->size == 0 && (at + 24 > r->n || u64(p + 8) != 0 || u64(p + 16) != 0))
        return DESCRIPTOR + 8;
    p = need(r, at, DESCRIPTOR + 16, "a data descriptor");
    if (u64(p + 8) != m->packed || u64(p + 16) != m->size)
        refuse(r, m->name, "a data descriptor that disagrees", "the directory's sizes");
    return DESCRIPTOR + 16;
}

/* What the directory says of a member: method, flags, sizes. */
static void read_central(const struct reader *r, const uint8_t *central, struct member *m) {
    uint32_t flags = u16(central + 8), method = u16(central + 10);
    m->crc = u32(central + 16);
    m->packed = u32(central + 20);
    m->size = u32(central + 24);
    m->deflated = r->numpy && method == 8;
    if (method != 0 && !m->deflated)
        refuse(r, m->name,
               strstr(m->name, "/code/") ? "compressed TorchScript code" : "compressed",
               r->numpy ? "arrays stored or deflated (methods 0 and 8)"
                        : "a state_dict's members, stored (method 0)");
    if (flags & ~(uint32_t)(FLAG_DESCRIPTOR | FLAG_UTF8))
        refuse(r, m->name, flags & 1 ? "encrypted" : "unknown flags",
               "no flags but bits 3 and 11");
    if (m->size == ALL32 || m->packed == ALL32 || u32(central + 42) == ALL32)
        refuse(r, m->name, "4 GiB or more", "the weights of an encoder");
    if (m->packed != m->size && !m->deflated)
        refuse(r, m->name, "compressed and uncompressed size differ",
               "equal sizes of stored data");
    if (u16(central + 34)) refuse(r, m->name, "on another disk", "one file");
    if (u16(central + 30) || u16(central + 32))
        refuse(r, m->name, "an extra field or comment in the directory", "none");
}

/* The local header's sizes: the directory's, or told later (all zero, bit 3), or in a ZIP64
 * field. */
static void check_sizes(const struct reader *r, const uint8_t *local, const uint8_t *extra,
                        const uint8_t *central, const struct member *m) {
    int later = u16(local + 6) & FLAG_DESCRIPTOR && !u32(local + 14) && !u32(local + 18) &&
                !u32(local + 22);
    int wide = r->numpy && check_zip64(r, local, extra, m);
    if (!r->numpy) check_padding(r, extra, u16(local + 28), m->name);
    if (!later && memcmp(local + 14, central + 16, wide ? 4 : 12))
        refuse(r, m->name, "another size or CRC in its local header", "the directory's");
}

/* Checks one member by both of its headers. */
static void check_member(const struct reader *r, const uint8_t *central, struct member *m,
                         struct span *span) {
    size_t length = strlen(m->name);
    read_central(r, central, m);
    span->start = u32(central + 42);
    span->name = m->name;
    const uint8_t *local = need(r, span->start, LOCAL, "a local header");
    if (memcmp(local, "PK\3\4", 4))
        refuse(r, m->name, "no local header at its place", "one");
    size_t after = LOCAL + u16(local + 26) + u16(local + 28);
    need(r, span->start, after, "a local header with name and extra field");
    if (u16(local + 26) != length || memcmp(local + LOCAL, m->name, length))
        refuse(r, m->name, "another name in its local header", "one name");
    /* version, flags, method, time, date: the same ten bytes in both */
    if (memcmp(local + 4, central + 6, 10))
        refuse(r, m->name, "other version, flags, method or date in its local header",
               "the directory's");
    check_sizes(r, local, local + LOCAL + length, central, m);
    m->data = need(r, span->start + after, m->packed, "a member's data");
    span->end = span->start + after + m->packed;
    if (u16(local + 6) & FLAG_DESCRIPTOR) span->end += check_descriptor(r, span->end, m);
}

static void check_crc(const struct reader *r, const struct member *m) {
    if (!m->deflated && crc32(0, m->data, (uInt)m->size) != m->crc)
        refuse(r, m->name, "its CRC-32 does not match", "undamaged data");
}

static int by_start(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    return x->start != y->start ? (x->start > y->start) - (x->start < y->start)
                                : strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

/* Members follow each other from byte 0 to the central directory, without hole or
 * overlap. */
static void check_tiling(const struct reader *r, struct span *span, size_t count,
                         size_t end) {
    if (count) qsort(span, count, sizeof *span, by_start);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (span[i].start < at)
            refuse(r, span[i].name, "overlaps the member before it", "members apart");
        if (span[i].start > at)
            refuse(r, span[i].name, "unlisted bytes in front of it",
                   "members side by side");
        at = span[i].end;
    }
    if (at != end)
        die_no(
            "%s: zip members end at byte %zu, wanted the central directory at %zu there; "
            "re-save it with %s",
            r->path, at, end, saver(r));
}

static void open_members(struct members *zip, const struct reader *r) {
    size_t at, end, used = 0;
    size_t count = read_end(r, &at, &end), directory = at;
    zip->count = (int)count;
    zip->member = xcalloc(count + 1, sizeof *zip->member);
    zip->names =
        xmalloc(end - at + 1); /* a header holds more bytes than its name and a zero */
    struct span *span = xcalloc(count + 1, sizeof *span);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = need(r, at, CENTRAL, "a central header");
        size_t length = u16(p + 28), whole = CENTRAL + length + u16(p + 30) + u16(p + 32);
        if (memcmp(p, "PK\1\2", 4) || at + whole > end)
            die_no("%s: no central header at byte %zu, wanted %zu members; fetch it again",
                   r->path, at, count);
        check_name(r, p + CENTRAL, length);
        char *name = memcpy(zip->names + used, p + CENTRAL, length);
        name[length] = 0;
        used += length + 1;
        zip->member[i].name = name;
        check_member(r, p, &zip->member[i], &span[i]);
        at += whole;
    }
    if (at != end)
        die_no("%s: the zip's directory lists %zu members and goes on, wanted its end; "
               "fetch it again",
               r->path, count);
    check_tiling(r, span, count, directory);
    xfree(span);
    for (size_t i = 0; i < count; i++) /* only now: members apart cost the file once */
        check_crc(r, &zip->member[i]);
    if (count) qsort(zip->member, count, sizeof *zip->member, by_name);
    for (size_t i = 1; i < count; i++)
        if (!strcmp(zip->member[i - 1].name, zip->member[i].name))
            refuse(r, zip->member[i].name, "listed twice", "each name once");
}

void members_open(struct members *zip, const uint8_t *bytes, size_t n, const char *path) {
    open_members(zip, &(struct reader){bytes, n, path, 0});
}

void members_open_numpy(struct members *zip, const uint8_t *bytes, size_t n,
                        const char *path) {
    open_members(zip, &(struct reader){bytes, n, path, 1});
}

void members_close(struct members *zip) {
    xfree(zip->member);
    xfree(zip->names);
}

const struct member *members_find(const struct members *zip, const char *name) {
    struct member key = {.name = name};
    if (!zip->count) return NULL;
    return bsearch(&key, zip->member, (size_t)zip->count, sizeof key, by_name);
}
