/* packing.c - writes what pack reads. */
#include "tests/packing.h"
#include "core/die.h"
#include "core/image.h"
#include <string.h>

uint8_t *packing_png(int width, int height, int row, size_t *n) {
    struct image image = {width, height, 1, xcalloc((size_t)width, (size_t)height)};
    if (row < height)
        memset(image.pixel + row * width, 255, (size_t)(height - row) * (size_t)width);
    uint8_t *bytes = image_encode_png(&image, n);
    image_free(&image);
    return bytes;
}

void packing_add(struct packing *p, const char *name, int width, int height, int row) {
    size_t n;
    uint8_t *bytes = packing_png(width, height, row, &n);
    box_add(&p->box, name, bytes, n);
}

void packing_pair(struct packing *p, const char *name) {
    char *path = xprintf("i/%s.png", name);
    packing_add(p, path, 16, 12, 3);
    xfree(path);
    path = xprintf("m/%s.png", name);
    packing_add(p, path, 16, 12, 6);
    xfree(path);
}

static void write_text(const char *path, const char *text) {
    file_write(path, text, strlen(text));
}

void packing_write(struct packing *p) {
    const char *conf = "size 8\nresize bilinear\nmask_resize nearest\nmask_threshold 127\n"
                       "order numeric\ngroups none\n";
    char *source = xprintf("name x\nkind data\nfile x.zip\nmanual none\nformat %s\n%s",
                           p->format ? p->format : "pairs i/*.png | m/*.png",
                           p->source ? p->source : "");
    write_text("x.src", source);
    write_text("x.conf", p->conf ? p->conf : conf);
    xfree(source);
    if (p->passphrase)
        box_zip(&p->box, p->passphrase, "raw");
    else
        box_write(&p->box, p->container, "raw");
}

void packing_run(void *arg) {
    struct packing *p = arg;
    const char *source[] = {"x.src"}, *raw[] = {"raw"};
    struct pack_job job = {.conf = "x.conf",
                           .sources = 1,
                           .source = source,
                           .raw = raw,
                           .out = "out.bag",
                           .threads = p->threads ? p->threads : 1,
                           .names = "."};
    pack_make(&job);
}
