/* describe.c - what an archive holds, as a source says it: for those who pin one. It
 * decodes no picture. */
#include "convert/archive.h"
#include "convert/census.h"
#include "convert/collect.h"
#include "convert/pack.h"
#include "core/die.h"
#include "core/file.h"
#include <stdio.h>
#include <string.h>

struct held {
    struct census census, classes;
    struct tally pictures;
    int files;
    int64_t unpacked;
    char content[65];
};

static void read_all(struct held *h, const struct source *s, const struct layout *layout,
                     const char *raw) {
    struct archived m;
    char hex[65];
    struct reader *reader = reader_open(s, raw);
    for (; reader_next(reader, &m); h->files++) {
        struct place place;
        enum role role = layout_place(layout, m.path, &place);
        size_t n = (size_t)(file_base(m.path) - m.path);
        census_add(&h->census, m.path, n ? n - 1 : 0, role);
        if (role != ROLE_NONE) collect_tally(&h->pictures, role, &place, m.sha256);
        if (layout->kind == LAYOUT_FOLDERS && role == ROLE_IMAGE)
            census_add(&h->classes, place.group, strlen(place.group), role);
        place_free(&place);
        xfree(m.data);
    }
    h->unpacked = reader_bytes(reader);
    tally_sha(&h->pictures, hex);
    if (h->pictures.count) reader_pictures(reader, hex);
    reader_end(reader, h->content);
}

static void check_classes(struct held *h, const struct source *s, const char *raw,
                          const char *names) {
    if (!s->counts || !h->classes.count) return;
    char *file = xprintf("%s.tsv", s->counts), *list = file_join(names, file);
    char *wrong = census_wrong(&h->classes, list);
    if (wrong) die_no("%s: %s; fetch it again", quoted(raw), wrong);
    xfree(list);
    xfree(file);
}

static void print_folders(struct held *h) {
    int width = 6;
    census_sort(&h->census);
    for (int i = 0; i < h->census.count; i++) {
        int n = (int)strlen(quoted(h->census.folder[i].name));
        if (n > width) width = n;
    }
    printf("# %-*s  pictures     masks    others\n", width, "folder");
    for (int i = 0; i < h->census.count; i++) {
        const struct folder *f = &h->census.folder[i];
        printf("# %-*s  %8d  %8d  %8d\n", width, *f->name ? quoted(f->name) : ".",
               f->files[ROLE_IMAGE], f->files[ROLE_MASK], f->files[ROLE_NONE]);
    }
}

void pack_describe(const char *source, const char *raw, const char *names) {
    struct source s;
    struct layout layout;
    struct held h = {0};
    char sha256[65], pictures[65];
    source_read(&s, source);
    collect_layout(&layout, NULL, &s);
    read_all(&h, &s, &layout, raw);
    check_classes(&h, &s, raw, names);
    sha_file(raw, sha256);
    tally_sha(&h.pictures, pictures);
    print_folders(&h);
    printf("bytes %zu\nsha256 %s\ncontent %s\n", file_size(raw), sha256, h.content);
    if (h.pictures.count) printf("pictures %s\n", pictures);
    printf("unpacked %lld\nfiles %d\n", (long long)h.unpacked, h.files);
    census_free(&h.census);
    census_free(&h.classes);
    tally_free(&h.pictures);
    layout_close(&layout);
    source_free(&s);
}
