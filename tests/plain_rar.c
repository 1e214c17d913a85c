/* plain_rar.c - two generations of the same idea: blocks, each with a checksum of its
 * header. */
#include "tests/plain_rar.h"
#include "core/die.h"
#include <string.h>
#include <zlib.h>

static void byte(struct bytes *b, unsigned x) {
    uint8_t u = (uint8_t)x;
    bytes_add(b, &u, 1);
}

/* Seven bits a byte, lowest first; the eighth says that more follow. */
static void number(struct bytes *b, uint64_t x) {
    for (; x >= 0x80; x >>= 7) byte(b, (unsigned)(x & 0x7f) | 0x80);
    byte(b, (unsigned)x);
}

static uint32_t crc(const void *data, size_t n) {
    return (uint32_t)crc32(0, data, (unsigned)n);
}

/* `block` from its type on: the length of the whole header stands at 3, its checksum goes
 * before. */
static void put4(struct bytes *file, struct bytes *block) {
    uint16_t size = (uint16_t)(block->n + 2);
    block->data[3] = (uint8_t)size;
    block->data[4] = (uint8_t)(size >> 8);
    bytes_u16(file, crc(block->data, block->n) & 0xffff);
    bytes_add(file, block->data, block->n);
    xfree(block->data);
}

static void begin4(struct bytes *b, unsigned type, unsigned flags) {
    *b = (struct bytes){0};
    byte(b, type);
    bytes_u16(b, flags);
    bytes_u16(b, 0); /* size: put4 */
}

static void add4(struct bytes *file, const char *name, const void *data, size_t n) {
    size_t length = strlen(name);
    int folder = name[length - 1] == '/';
    struct bytes b;
    if (folder) length--;
    begin4(&b, 0x74, folder ? 0x80e0 : 0x8000);
    bytes_u32(&b, (uint32_t)n);
    bytes_u32(&b, (uint32_t)n);
    byte(&b, 2); /* written under Windows */
    bytes_u32(&b, n ? crc(data, n) : 0);
    bytes_u32(&b, 0x21 << 16); /* 1980-01-01 */
    byte(&b, 20);
    byte(&b, 0x30); /* stored */
    bytes_u16(&b, (unsigned)length);
    bytes_u32(&b, folder ? 0x10 : 0x20);
    for (size_t i = 0; i < length; i++) byte(&b, name[i] == '/' ? '\\' : (uint8_t)name[i]);
    put4(file, &b);
    if (n) bytes_add(file, data, n);
}

/* `block` from its type on: length and checksum go before. */
static void put5(struct bytes *file, struct bytes *block) {
    struct bytes whole = {0};
    number(&whole, block->n);
    bytes_add(&whole, block->data, block->n);
    bytes_u32(file, crc(whole.data, whole.n));
    bytes_add(file, whole.data, whole.n);
    xfree(whole.data);
    xfree(block->data);
}

static void add5(struct bytes *file, const char *name, const void *data, size_t n) {
    size_t length = strlen(name);
    int folder = name[length - 1] == '/';
    struct bytes b = {0};
    if (folder) length--;
    number(&b, 2);
    number(&b, 2); /* data follow, even if none: so do all that libarchive takes */
    number(&b, n);
    number(&b, folder ? 1 : 4); /* with a checksum */
    number(&b, n);
    number(&b, folder ? 040755 : 0100644);
    if (!folder) bytes_u32(&b, n ? crc(data, n) : 0);
    number(&b, 0); /* stored */
    number(&b, 1); /* written under Unix */
    number(&b, length);
    bytes_add(&b, name, length);
    put5(file, &b);
    if (n) bytes_add(file, data, n);
}

void plain_rar_begin(struct plain_rar *r, int version) {
    struct bytes b = {0};
    *r = (struct plain_rar){.version = version};
    bytes_add(&r->file, "Rar!\x1a\7", 6);
    if (version == 4) {
        byte(&r->file, 0);
        begin4(&b, 0x73, 0);
        bytes_u16(&b, 0);
        bytes_u32(&b, 0);
        put4(&r->file, &b);
    } else {
        byte(&r->file, 1);
        byte(&r->file, 0);
        for (int i = 0; i < 3; i++) number(&b, i == 0); /* type 1, no flags, no flags */
        put5(&r->file, &b);
    }
}

void plain_rar_add(struct plain_rar *r, const char *name, const void *data, size_t n) {
    (r->version == 4 ? add4 : add5)(&r->file, name, data, n);
}

void plain_rar_end(struct plain_rar *r) {
    struct bytes b = {0};
    if (r->version == 4) {
        begin4(&b, 0x7b, 0x4000);
        put4(&r->file, &b);
        return;
    }
    number(&b, 5);
    number(&b, 0);
    number(&b, 0);
    put5(&r->file, &b);
}
