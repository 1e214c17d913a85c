/* pack.c - writes a collection as a bag, tensor after tensor, in the pack's order. */
#include "convert/pack.h"
#include "convert/archive.h"
#include "convert/collect.h"
#include "core/bag.h"
#include "core/die.h"
#include <string.h>

/* 64-bit tensors first: a bag has no gaps, and readers map it as it lies. */
static void write_masks_at_size(struct bag_writer *w, const struct collection *c) {
    uint64_t *index = xcalloc((size_t)c->items + 1, sizeof *index);
    int32_t *size = xcalloc((size_t)c->items * 2, sizeof *size);
    size_t bits = (size_t)c->conf->size * (size_t)c->conf->size / 8;
    for (int i = 0; i < c->items; i++) {
        const struct picture *m = &c->item[i].mask->picture;
        index[i + 1] = index[i] + m->runs;
        size[2 * i] = m->height;
        size[2 * i + 1] = m->width;
    }
    bag_add(w, &(struct tensor){"orig_index", T_U64, 1, {c->items + 1}, index});
    bag_add(w, &(struct tensor){"orig_size", T_I32, 2, {c->items, 2}, size});
    if (index[c->items] > INT32_MAX)
        die_no("%s: %llu runs in its masks, wanted at most %d", quoted(c->conf->name),
               (unsigned long long)index[c->items], INT32_MAX);
    bag_begin(w, "orig_rle", T_U32);
    for (int i = 0; i < c->items; i++) {
        const struct picture *m = &c->item[i].mask->picture;
        uint32_t *run = xcalloc(m->runs, sizeof *run);
        spool_read(c->spool, m->at + bits, run, m->runs * sizeof *run);
        bag_write(w, run, m->runs * sizeof *run);
        xfree(run);
    }
    bag_end(w, 1, (int[]){(int)index[c->items]});
    xfree(index);
    xfree(size);
}

static void write_pixels(struct bag_writer *w, const struct collection *c) {
    int side = c->conf->size, n = c->items;
    size_t bytes = (size_t)side * (size_t)side * 3, bits = (size_t)side * (size_t)side / 8;
    uint8_t *buffer = xmalloc(bytes);
    bag_begin(w, "image", T_U8);
    for (int i = 0; i < n; i++) {
        spool_read(c->spool, c->item[i].image->picture.at, buffer, bytes);
        bag_write(w, buffer, bytes);
    }
    bag_end(w, 4, (int[]){n, side, side, 3});
    bag_begin(w, "mask", T_U8);
    for (int i = 0; i < n; i++) {
        spool_read(c->spool, c->item[i].mask->picture.at, buffer, bits);
        bag_write(w, buffer, bits);
    }
    bag_end(w, 2, (int[]){n, (int)bits});
    xfree(buffer);
}

enum text { TEXT_NAME, TEXT_GROUP, TEXT_PART };

static const char *text_of(const struct item *item, enum text text) {
    if (text == TEXT_NAME) return item->name;
    return text == TEXT_GROUP ? item->group : item->mask->place.part;
}

static void write_lines(struct bag_writer *w, const struct collection *c, enum text text) {
    static const char *const names[] = {"name", "group", "part"};
    size_t n = 0;
    bag_begin(w, names[text], T_U8);
    for (int i = 0; i < c->items; i++) {
        const char *line = text_of(&c->item[i], text);
        bag_write(w, line, strlen(line));
        bag_write(w, "\n", 1);
        n += strlen(line) + 1;
    }
    bag_end(w, 1, (int[]){(int)n});
}

/* A polyp that vanishes in resizing is told, not dropped: metric.h says how it counts. */
static void tell_empty(const struct collection *c) {
    int vanished = 0, empty = 0;
    for (int i = 0; i < c->items; i++) {
        int e = c->item[i].mask->picture.empty;
        empty += (e & EMPTY_ORIGINAL) != 0;
        vanished += e == EMPTY_SMALL;
    }
    if (empty) warn("%s: %d of %d masks hold no polyp", c->conf->name, empty, c->items);
    if (vanished)
        warn("%s: %d of %d masks hold no polyp once resized to %d", c->conf->name, vanished,
             c->items, c->conf->size);
}

static char *source_names(const struct source *source, int n) {
    char *all = xstrdup(source->name);
    for (int i = 1; i < n; i++) {
        char *longer = xprintf("%s %s", all, source[i].name);
        xfree(all);
        all = longer;
    }
    return all;
}

/* One part that may not be passed on is enough. */
static int is_restricted(const struct collect_job *job) {
    for (int i = 0; i < job->sources; i++) {
        const char *word = job->source[i].redistribute;
        if (word && !strcmp(word, "no")) return 1;
    }
    return 0;
}

static struct bag_writer *write_pack(const struct collection *c,
                                     const struct collect_job *job) {
    struct bag_writer *w = bag_create(job->out);
    char *names = source_names(job->source, job->sources);
    bag_add_meta(w, "conf", c->conf->text);
    bag_add_meta(w, "content", c->contents);
    bag_add_meta(w, "data", c->conf->name);
    bag_add_meta(w, "format", "repolyp pack 1");
    if (is_restricted(job)) bag_add_meta(w, "redistribute", "no");
    bag_add_meta(w, "source", names);
    xfree(names);
    write_masks_at_size(w, c);
    write_pixels(w, c);
    write_lines(w, c, TEXT_NAME);
    write_lines(w, c, TEXT_GROUP);
    if (c->items && c->item[0].mask->place.part) write_lines(w, c, TEXT_PART);
    return w;
}

void pack_make(const struct pack_job *job) {
    struct conf conf;
    struct collection c;
    struct source *source = xcalloc((size_t)job->sources, sizeof *source);
    conf_read(&conf, job->conf, job->data);
    for (int i = 0; i < job->sources; i++) source_read(&source[i], job->source[i]);
    struct collect_job work = {&conf,      source,   job->raw,    job->sources,
                               job->names, job->out, job->threads};
    collect(&c, &work);
    tell_empty(&c);
    struct bag_writer *w = write_pack(&c, &work);
    collect_free(&c); /* giving the spool back takes time; the disk writes meanwhile */
    bag_commit(w);
    for (int i = 0; i < job->sources; i++) source_free(&source[i]);
    xfree(source);
    conf_free(&conf);
}

void pack_content(const char *source, const char *raw, char content[65]) {
    struct source s;
    struct archived m;
    source_read(&s, source);
    struct reader *reader = reader_open(&s, raw);
    while (reader_next(reader, &m)) xfree(m.data);
    reader_end(reader, content);
    source_free(&s);
}
