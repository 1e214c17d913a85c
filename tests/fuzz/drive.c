/* drive.c - a small driver for fuzz targets where libFuzzer is not: gives them every seed,
 * then for as many seconds as asked seeds changed by a fixed rule. It sees no coverage; a
 * crash is a crash all the same. With 0 seconds it only replays: so coverage of a corpus is
 * measured. */
#include "core/die.h"
#include "core/file.h"
#include "core/progress.h"
#include "core/rng.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST = 1 << 20 };
struct corpus {
    int count, room;
    uint8_t **data;
    size_t *size;
};

static void corpus_add(struct corpus *c, const uint8_t *data, size_t size) {
    if (c->count == c->room) {
        c->room = c->room ? 2 * c->room : 256;
        c->data = xrealloc(c->data, (size_t)c->room, sizeof *c->data);
        c->size = xrealloc(c->size, (size_t)c->room, sizeof *c->size);
    }
    c->data[c->count] = memcpy(xmalloc(size + 1), data, size);
    c->size[c->count++] = size;
}

static void corpus_read(struct corpus *c, const char *folder) {
    DIR *dir = opendir(folder);
    if (!dir) return;
    for (struct dirent *e; (e = readdir(dir));) {
        char *path = file_join(folder, e->d_name);
        if (e->d_name[0] != '.' && file_size(path) <= LARGEST) {
            size_t n;
            char *bytes = file_read(path, LARGEST, &n);
            corpus_add(c, (uint8_t *)bytes, n);
            xfree(bytes);
        }
        xfree(path);
    }
    closedir(dir);
}

static void corpus_free(struct corpus *c) {
    for (int i = 0; i < c->count; i++) xfree(c->data[i]);
    xfree(c->data);
    xfree(c->size);
}

/* One change: a bit, a byte, a run of bytes repeated, removed or taken from another
 * seed. */
static size_t mutate(const struct corpus *c, uint8_t *data, size_t size,
                     const uint32_t r[4]) {
    size_t at = size ? r[1] % size : 0, run = 1 + r[2] % 16;
    switch (r[0] % 6) {
    case 0:
        if (size) data[at] ^= (uint8_t)(1u << (r[2] % 8));
        break;
    case 1:
        if (size) data[at] = (uint8_t)r[2];
        break;
    case 2:
        if (size) data[at] = (uint8_t) "\0\x7f\x80\xff"[r[2] % 4];
        break;
    case 3: /* remove */
        if (at + run <= size) {
            memmove(data + at, data + at + run, size - at - run);
            size -= run;
        }
        break;
    case 4: /* double */
        if (at + run <= size && size + run <= LARGEST) {
            memmove(data + at + run, data + at, size - at);
            size += run;
        }
        break;
    default: { /* from another */
        int k = (int)(r[3] % (uint32_t)c->count);
        size_t from = c->size[k] ? r[2] % c->size[k] : 0;
        for (size_t i = 0; i < 64 && at + i < size && from + i < c->size[k]; i++)
            data[at + i] = c->data[k][from + i];
    }
    }
    return size;
}

/* In a block of just its size, so that a read past the end is seen. */
static void try_one(const uint8_t *data, size_t size) {
    uint8_t *copy = memcpy(xmalloc(size), data, size);
    LLVMFuzzerTestOneInput(copy, size);
    xfree(copy);
}

int main(int argc, char **argv) {
    die_name("fuzz");
    if (argc < 2) die_usage("wanted SECONDS [SEEDS]");
    struct corpus c = {0};
    corpus_add(&c, (const uint8_t *)"", 0);
    corpus_add(&c, (const uint8_t *)"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    for (int i = 2; i < argc; i++) corpus_read(&c, argv[i]);
    uint8_t *data = xmalloc(LARGEST);
    double end = seconds_now() + atof(argv[1]);
    unsigned long runs = 0;
    for (int i = 0; i < c.count; i++) try_one(c.data[i], c.size[i]);
    for (; seconds_now() < end; runs++) {
        uint32_t r[4];
        rng_block(1, STREAM_ORDER, 0, 16 * runs, r);
        int k = (int)(r[0] % (uint32_t)c.count), changes = 1 + (int)(r[1] % 8);
        size_t size = c.size[k];
        memcpy(data, c.data[k], size);
        for (int i = 0; i < changes; i++) {
            rng_block(1, STREAM_ORDER, 1, 16 * runs + (uint64_t)i, r);
            size = mutate(&c, data, size, r);
        }
        try_one(data, size);
    }
    printf("%lu inputs, %d seeds\n", runs, c.count);
    corpus_free(&c);
    xfree(data);
    return 0;
}
