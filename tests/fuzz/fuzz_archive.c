/* fuzz_archive.c - libFuzzer target: any bytes as an archive are refused with a message or read whole,
 * with good names only. A zip, an encrypted zip and a tar are made at the first call. */
#include "convert/archive.h"
#include "convert/member_name.h"
#include "core/die.h"
#include "core/file.h"
#include "tests/fuzz/patch.h"
#include "tests/phantom_box.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { GOOD = 3 };

/* The library opens files by name; this one lies in memory. */
struct place {
    int fd;
    char path[64];
};

static const struct place *place(void) {
    static struct place p;
    if (p.fd) return &p;
    p.fd = memfd_create("archive", 0);
    if (p.fd < 0) abort();
    snprintf(p.path, sizeof p.path, "/proc/self/fd/%d", p.fd);
    return &p;
}

static void put(const uint8_t *bytes, size_t n) {
    int fd = place()->fd;
    if (ftruncate(fd, 0) || pwrite(fd, bytes, n, 0) != (ssize_t)n) abort();
}

static void make_good(struct good *good) {
    char path[64];
    struct box box = {0};
    box_add(&box, "d/", NULL, 0);
    box_add_text(&box, "d/a", "some text, some more text");
    box_add_text(&box, "d/b", "");
    for (int i = 0; i < GOOD; i++) {
        snprintf(path, sizeof path, "/tmp/fuzz_archive.%ld", (long)getpid());
        if (i == 2)
            box_tar_xz(&box, path);
        else
            box_zip(&box, i ? "secret" : NULL, path);
        good[i].bytes = (uint8_t *)file_read(path, 1 << 20, &good[i].n);
        file_remove(path);
    }
    box_free(&box);
}

static void target(void *arg) {
    const char *text = arg;
    struct source s;
    struct archived m;
    char content[65];
    source_parse(&s, text, strlen(text), "fuzz.src");
    struct reader *r = reader_open(&s, place()->path);
    while (reader_next(r, &m)) {
        if (member_name_wrong(m.path)) abort();
        xfree(m.data);
    }
    reader_end(r, content);
    source_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct good good[GOOD];
    char message[2048];
    size_t n;
    if (!good[0].bytes) make_good(good);
    uint8_t *bytes = patch(good, GOOD, data, size, &n);
    put(bytes, n);
    die_catch(target, (void *)"name x\nkind data\nfile x\nmanual none\n", message,
              sizeof message);
    xfree(bytes);
    return 0;
}
