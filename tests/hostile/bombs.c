/* bombs.c - a few bytes that would be many. */
#include "tests/hostile/bombs.h"
#include "core/die.h"
#include "tests/hostile/tar.h"
#include <stdio.h>
#include <string.h>
#include <zlib.h>

void deflated_zeros(struct bytes *b, size_t n, uint32_t *crc) {
    enum { STEP = 1 << 20 };
    uint8_t *step = xcalloc(STEP, 1), *room = xmalloc(STEP);
    z_stream z = {0};
    deflateInit2(&z, 1, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY);
    *crc = 0;
    for (size_t done = 0; done < n; done += STEP) {
        z.next_in = step, z.avail_in = STEP;
        z.next_out = room, z.avail_out = STEP;
        deflate(&z, done + STEP >= n ? Z_FINISH : Z_NO_FLUSH);
        bytes_add(b, room, STEP - z.avail_out);
        *crc = (uint32_t)crc32(*crc, step, STEP);
    }
    deflateEnd(&z);
    xfree(step);
    xfree(room);
}

void zip_bomb(struct stage *s, const char *arg) {
    (void)arg;
    struct plain_zip zip = {0};
    struct bytes packed = {0};
    uint32_t crc;
    size_t size = (size_t)draw_between(s, 20, 50) << 20;
    deflated_zeros(&packed, size, &crc);
    for (int i = 1; i <= 4; i++) {
        char *name = xprintf("z/%d", i);
        plain_zip_put(&zip, &(struct plain_member){name, packed.data, packed.n, 8, 0, crc,
                                                   (uint32_t)size});
        xfree(name);
    }
    plain_zip_end(&zip);
    s->hostile = zip.file;
    xfree(packed.data);
}

void gzip_bomb(struct stage *s, const char *arg) {
    (void)arg;
    struct bytes tar = {0};
    size_t n = (size_t)draw_between(s, 20, 40) << 20;
    uint8_t *data = xcalloc(n, 1);
    tar_put(&tar, &(struct tarred){.name = "i/1.png", .data = data, .n = n});
    tar_end(&tar);
    uLongf room = compressBound(tar.n) + 64;
    s->hostile.data = xmalloc(room);
    z_stream z = {0};
    deflateInit2(&z, 1, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY);
    z.next_in = tar.data, z.avail_in = (uInt)tar.n;
    z.next_out = s->hostile.data, z.avail_out = (uInt)room;
    deflate(&z, Z_FINISH);
    s->hostile.n = z.total_out;
    deflateEnd(&z);
    xfree(tar.data);
    xfree(data);
}

void zip_overlap(struct stage *s, const char *arg) {
    (void)arg;
    enum { N = 40 };
    struct bytes kernel = {0}, file = {0}, directory = {0};
    uint32_t crc, size = (uint32_t)draw_between(s, 5, 12) << 20, at[N], stored[N], sum[N];
    uint8_t *plain = xcalloc(size, 1);
    deflated_zeros(&kernel, size, &crc);
    const uint32_t header = 30 + 8; /* names of eight letters */
    for (int i = N; i-- > 0;) {
        at[i] = (uint32_t)i * (header + 5);
        stored[i] = (uint32_t)kernel.n + (uint32_t)(N - 1 - i) * (header + 5);
        sum[i] = crc; /* only the last is right; the others are never reached */
    }
    for (int i = 0; i <= 2 * N - 1; i++) {
        struct bytes *to = i < N ? &file : &directory;
        int k = i % N;
        char name[16];
        snprintf(name, sizeof name, "i/%02d.png", k);
        bytes_u32(to, i < N ? 0x04034b50 : 0x02014b50);
        if (i >= N) bytes_u16(to, 20);
        bytes_u16(to, 20), bytes_u16(to, 0), bytes_u16(to, 8), bytes_u32(to, 33 << 16);
        bytes_u32(to, sum[k]), bytes_u32(to, stored[k]);
        bytes_u32(to, size + (uint32_t)(N - 1 - k) * header);
        bytes_u16(to, 8), bytes_u16(to, 0);
        if (i >= N) {
            for (int z = 0; z < 5; z++) bytes_u16(to, 0);
            bytes_u32(to, at[k]);
        }
        put(to, name);
        if (i < N - 1) { /* a stored block: the next header */
            bytes_add(to, "", 1);
            bytes_u16(to, header), bytes_u16(to, ~header & 0xffff);
        }
        if (i == N - 1) bytes_add(to, kernel.data, kernel.n);
    }
    uint32_t end = (uint32_t)file.n;
    bytes_add(&file, directory.data, directory.n);
    bytes_u32(&file, 0x06054b50), bytes_u32(&file, 0);
    bytes_u16(&file, N), bytes_u16(&file, N);
    bytes_u32(&file, (uint32_t)directory.n), bytes_u32(&file, end), bytes_u16(&file, 0);
    s->hostile = file;
    xfree(directory.data);
    xfree(kernel.data);
    xfree(plain);
}
