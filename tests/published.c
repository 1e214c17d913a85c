/* published.c - the real source and conf, with a small size. */
#include "tests/published.h"
#include "convert/conf.h"
#include "core/image.h"
#include "core/source.h"
#include "tests/test.h"

static void write_text(const char *path, const char *text) {
    file_write(path, text, strlen(text));
}

void published_write(const char *source, const char *conf, const char *lines) {
    char *src = xprintf("%s/fetch/sources/%s.src", test_home, source);
    char *cnf = xprintf("%s/convert/%s.conf", test_home, conf);
    struct source s;
    struct conf c;
    source_read(&s, src);
    conf_read(&c, cnf, NULL);
    static const char *const orders[] = {"numeric", "bytes", "official"};
    char *text = xprintf("name x\nkind data\nfile x.zip\nmanual none\nformat %s\n%s",
                         s.format, lines);
    write_text("x.src", text);
    xfree(text);
    text =
        xprintf("size 8\nresize bilinear\nmask_resize nearest\nmask_threshold 127\n"
                "order %s\ngroups %s\n%s%s%s",
                orders[c.order], c.group_table ? "none" : c.groups,
                c.format ? "format " : "", c.format ? c.format : "", c.format ? "\n" : "");
    write_text("x.conf", text);
    xfree(text);
    conf_free(&c);
    source_free(&s);
    xfree(src);
    xfree(cnf);
}

void published_pack(int raws, const char *out) {
    static const char *const source[] = {"x.src", "x.src", "x.src"}, *const raw[] = {
                                                                         "raw", "raw2",
                                                                         "raw3"};
    struct pack_job job = {.conf = "x.conf",
                           .sources = raws,
                           .source = source,
                           .raw = raw,
                           .out = out,
                           .threads = 1,
                           .names = "."};
    pack_make(&job);
}

void published_one(void *arg) {
    (void)arg;
    published_pack(1, "out.bag");
}

void published_two(void *arg) {
    (void)arg;
    published_pack(2, "out.bag");
}

void published_add(struct box *box, const char *name, int row) {
    struct image image = {16, 12, 1, xmalloc(16 * 12)};
    const char *end = strrchr(name, '.');
    size_t n;
    for (int i = 0; i < 16 * 12; i++) image.pixel[i] = i / 16 < row % 12 ? 0 : 255;
    uint8_t *bytes = !strcmp(end, ".png")   ? image_encode_png(&image, &n)
                     : !strcmp(end, ".jpg") ? image_encode_jpeg(&image, 95, &n)
                                            : image_encode_tiff(&image, &n);
    box_add(box, name, bytes, n);
    image_free(&image);
}
