/* plain_zip.c - local headers, data, central directory, end record. Of ZIP64 only the local
 * field, no compression. */
#include "tests/plain_zip.h"
#include "core/die.h"
#include <string.h>
#include <zlib.h>

enum { DATE = 33 }; /* 1980-01-01, the earliest there is */

struct cipher {
    uint32_t key[3];
};

static uint32_t crc_step(uint32_t crc, uint8_t byte) {
    return ~(uint32_t)crc32(~crc, &byte, 1);
}

static void cipher_step(struct cipher *c, uint8_t plain) {
    c->key[0] = crc_step(c->key[0], plain);
    c->key[1] = (c->key[1] + (c->key[0] & 0xff)) * 134775813u + 1;
    c->key[2] = crc_step(c->key[2], (uint8_t)(c->key[1] >> 24));
}

static uint8_t cipher_byte(struct cipher *c, uint8_t plain) {
    uint32_t t = (c->key[2] | 2) & 0xffff;
    uint8_t pad = (uint8_t)((t * (t ^ 1)) >> 8);
    cipher_step(c, plain);
    return plain ^ pad;
}

/* Twelve bytes go before the data, the last of them the checksum's highest. */
static void add_encrypted(struct bytes *out, const char *passphrase, const uint8_t *data,
                          size_t n, uint32_t crc) {
    struct cipher c = {{0x12345678, 0x23456789, 0x34567890}};
    uint8_t *secret = xmalloc(n + 12);
    for (const char *p = passphrase; *p; p++) cipher_step(&c, (uint8_t)*p);
    for (size_t i = 0; i < 12; i++)
        secret[i] =
            cipher_byte(&c, i == 11 ? (uint8_t)(crc >> 24) : (uint8_t)(37 * i + crc));
    for (size_t i = 0; i < n; i++) secret[12 + i] = cipher_byte(&c, data[i]);
    bytes_add(out, secret, n + 12);
    xfree(secret);
}

/* From "version needed" to the name's length: the same in both headers. */
static void add_common(struct bytes *b, const struct plain_member *m, uint32_t stored,
                       uint32_t size) {
    bytes_u16(b, 20);
    bytes_u16(b, m->flags);
    bytes_u16(b, m->method);
    bytes_u16(b, 0);
    bytes_u16(b, DATE);
    bytes_u32(b, m->crc);
    bytes_u32(b, stored);
    bytes_u32(b, size);
    bytes_u16(b, (unsigned)strlen(m->name));
}

static void add_local(struct plain_zip *z, const struct plain_member *m, uint32_t stored) {
    bytes_u32(&z->file, 0x04034b50);
    add_common(&z->file, m, z->wide ? UINT32_MAX : stored, z->wide ? UINT32_MAX : m->size);
    bytes_u16(&z->file, z->wide ? 20 : 0);
    bytes_add(&z->file, m->name, strlen(m->name));
    if (!z->wide) return;
    bytes_u16(&z->file, 1);
    bytes_u16(&z->file, 16);
    bytes_u64(&z->file, m->size);
    bytes_u64(&z->file, stored);
}

void plain_zip_put(struct plain_zip *z, const struct plain_member *m) {
    uint32_t at = (uint32_t)z->file.n;
    size_t stored = m->n + (m->flags & 1 ? 12 : 0), name = strlen(m->name);
    add_local(z, m, (uint32_t)stored);
    if (m->flags & 1)
        add_encrypted(&z->file, z->passphrase, m->data, m->n, m->crc);
    else if (m->n)
        bytes_add(&z->file, m->data, m->n);
    bytes_u32(&z->directory, 0x02014b50);
    bytes_u16(&z->directory, 20);
    add_common(&z->directory, m, (uint32_t)stored, m->size);
    for (int i = 0; i < 4; i++)
        bytes_u16(&z->directory, 0); /* extra, comment, disk, internal */
    bytes_u32(&z->directory, name && m->name[name - 1] == '/' ? 0x10 : 0);
    bytes_u32(&z->directory, at);
    bytes_add(&z->directory, m->name, name);
    z->count++;
}

void plain_zip_add(struct plain_zip *z, const char *name, const void *data, size_t n) {
    struct plain_member m = {name, data, n, 0, z->passphrase && n, 0, (uint32_t)n};
    m.crc = (uint32_t)crc32(0, data, (unsigned)n);
    plain_zip_put(z, &m);
}

void plain_zip_end(struct plain_zip *z) {
    uint32_t at = (uint32_t)z->file.n;
    bytes_add(&z->file, z->directory.data, z->directory.n);
    bytes_u32(&z->file, 0x06054b50);
    bytes_u32(&z->file, 0);
    bytes_u16(&z->file, (unsigned)z->count);
    bytes_u16(&z->file, (unsigned)z->count);
    bytes_u32(&z->file, (uint32_t)z->directory.n);
    bytes_u32(&z->file, at);
    bytes_u16(&z->file, 0);
    xfree(z->directory.data);
    z->directory = (struct bytes){0};
}
