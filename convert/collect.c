/* collect.c - reads archives into a spool and pairs what came.
 *
 * It writes no pack. It never guesses: a picture without a mask, a mask of another size,
 * two of one name each stop it. */
#include "convert/collect.h"
#include "convert/archive.h"
#include "convert/census.h"
#include "convert/pool.h"
#include "core/die.h"
#include "core/file.h"
#include "core/pack.h"
#include "core/progress.h"
#include <stdlib.h>
#include <string.h>

static void work(void *arg, const struct job *job) {
    const struct collection *c = arg;
    struct found *f = job->item;
    void (*make)(const struct conf *, const char *, const uint8_t *, size_t, struct spool *,
                 struct picture *) = f->role == ROLE_MASK ? picture_mask : picture_image;
    archived_hash(job->data, job->size, f->sha256);
    make(c->conf, f->what, job->data, job->size, c->spool, &f->picture);
}

static struct found *add_found(struct collection *c, enum role role, const char *raw,
                               const struct archived *m, struct place place) {
    struct found *f = xcalloc(1, sizeof *f);
    *f = (struct found){.role = role, .place = place, .sha256 = m->sha256};
    f->what = xprintf("%s: %s", file_base(raw), quoted(m->path));
    if (c->count == c->room) {
        c->room = c->room ? 2 * c->room : 1024;
        c->found = xrealloc(c->found, (size_t)c->room, sizeof *c->found);
    }
    return c->found[c->count++] = f;
}

void collect_layout(struct layout *layout, const struct conf *conf,
                    const struct source *source) {
    int own = conf && conf->format;
    layout_open(layout, own ? conf->format : source->format,
                own ? conf->path : source->path);
}

void collect_tally(struct tally *pictures, enum role role, const struct place *place,
                   const char *sha256) {
    tally_add(pictures,
              xprintf("%.64s %s %s\n", sha256, role == ROLE_MASK ? "mask" : "image",
                      place->name ? place->name : place->pair));
}

/* All members; their number. Reading is one thread's work and the rest is left to
 * others. */
static int read_members(struct collection *c, struct reader *reader, const char *raw,
                        const struct layout *layout, struct pool *pool,
                        struct progress *progress) {
    struct archived m;
    int members = 0;
    reader_hash_later(reader);
    while (reader_next(reader, &m)) {
        struct place place;
        enum role role = layout_place(layout, m.path, &place);
        if (role == ROLE_NONE) {
            archived_hash(m.data, m.size, m.sha256);
            xfree(m.data);
        } else {
            pool_add(pool, m.data, m.size, add_found(c, role, raw, &m, place));
        }
        progress_step(progress, ++members, NULL);
    }
    pool_end(pool);
    return members;
}

/* Ends the reading of the archive whose pictures and masks were found from `first` on. */
static void end_archive(const struct collection *c, int first, struct reader *reader,
                        char content[65]) {
    struct tally pictures = {0};
    for (int i = first; i < c->count; i++)
        collect_tally(&pictures, c->found[i]->role, &c->found[i]->place,
                      c->found[i]->sha256);
    tally_sha(&pictures, content);
    if (pictures.count) reader_pictures(reader, content);
    reader_end(reader, content);
    tally_free(&pictures);
}

static void read_archive(struct collection *c, const struct source *s, const char *raw,
                         int threads) {
    struct layout layout;
    struct progress progress;
    char content[65];
    int before = c->count;
    collect_layout(&layout, c->conf, s);
    if (layout.kind == LAYOUT_FOLDERS)
        die_no("%s: format folders has classes and no masks, nothing to pack; `pack "
               "--describe` checks and counts it",
               quoted(s->path));
    struct pool *pool = pool_open(threads, work, c);
    struct reader *reader = reader_open(s, raw);
    progress_start(&progress, s->name, "files", s->files > 0 ? (double)s->files : 0, 0);
    int members = read_members(c, reader, raw, &layout, pool, &progress);
    end_archive(c, before, reader, content);
    progress_end(&progress);
    layout_close(&layout);
    if (c->count == before)
        die_no("%s: none of its %d files is a picture or a mask by '%s', wanted some; "
               "correct format in %s",
               quoted(raw), members, quoted(c->conf->format ? c->conf->format : s->format),
               quoted(c->conf->format ? c->conf->path : s->path));
    char *longer = xprintf("%s%s %s\n", c->contents, s->name, content);
    xfree(c->contents);
    c->contents = longer;
}

/* By pair, the picture before its mask, then by place in the archives. */
static int by_pair(const void *a, const void *b) {
    const struct found *x = *(struct found *const *)a, *y = *(struct found *const *)b;
    int order = strcmp(x->place.pair, y->place.pair);
    if (!order) order = (int)x->role - (int)y->role;
    return order ? order : strcmp(x->what, y->what);
}

static void tell_alone(const struct found *f, int *alone) {
    enum { TOLD = 5 };
    const char *other = f->role == ROLE_IMAGE ? "mask" : "picture";
    if (++*alone <= TOLD) warn("%s: no %s of this name, wanted one", f->what, other);
}

static void check_pair(const struct found *image, const struct found *mask) {
    const struct picture *i = &image->picture, *m = &mask->picture;
    if (i->width != m->width || i->height != m->height)
        die_no("%s: mask of %dx%d, wanted %dx%d as its picture %s has; it is another "
               "picture's or resized",
               mask->what, m->width, m->height, i->width, i->height, image->what);
}

/* Pairs what came; the number of pictures and masks that stand alone. */
static int pair_up(struct collection *c) {
    int alone = 0;
    if (c->count) qsort(c->found, (size_t)c->count, sizeof *c->found, by_pair);
    c->item = xcalloc((size_t)c->count, sizeof *c->item);
    for (int i = 0; i < c->count; i++) {
        struct found *f = c->found[i], *next = i + 1 < c->count ? c->found[i + 1] : NULL;
        int same = next && !strcmp(f->place.pair, next->place.pair);
        if (same && f->role == next->role)
            die_no("%s and %s: two %s of the name '%s', wanted each once", f->what,
                   next->what, f->role == ROLE_IMAGE ? "pictures" : "masks",
                   quoted(f->place.pair));
        if (!same || f->role != ROLE_IMAGE) {
            tell_alone(f, &alone);
            continue;
        }
        check_pair(f, next);
        c->item[c->items++] =
            (struct item){.image = f, .mask = next, .name = next->place.name};
        i++;
        if (i + 1 < c->count && !strcmp(f->place.pair, c->found[i + 1]->place.pair))
            die_no("%s and %s: two masks of the name '%s', wanted each once", next->what,
                   c->found[i + 1]->what, quoted(f->place.pair));
    }
    return alone;
}

/* Folders first: one that is short says more than its files that are not there. */
static void check_whole(const struct collection *c, const struct collect_job *job,
                        int alone) {
    for (int s = 0; s < job->sources; s++) {
        const struct source *source = &job->source[s];
        struct census census = {0};
        if (!source->counts || job->conf->format) continue; /* another layout's folders */
        char *file = xprintf("%s.tsv", source->counts), *list = file_join(job->names, file);
        for (int i = 0; i < c->items; i++) {
            const char *slash = strrchr(c->item[i].name, '/');
            size_t n = slash ? (size_t)(slash - c->item[i].name) : 0;
            census_add(&census, c->item[i].name, n, ROLE_IMAGE);
        }
        char *wrong = census_wrong(&census, list);
        if (wrong)
            die_no("%s: %s; part of the download is missing: fetch the archive again that "
                   "holds it",
                   quoted(c->conf->name), wrong);
        census_free(&census);
        xfree(list);
        xfree(file);
    }
    if (job->conf->pictures >= 0 && c->items != job->conf->pictures)
        die_no(
            "%s: %d pictures with masks, wanted %d (pictures in %s); the download is not "
            "whole, or another release",
            quoted(job->conf->name), c->items, job->conf->pictures,
            quoted(job->conf->path));
    if (alone)
        die_no("%d of %d pictures and masks stand alone, wanted pairs; the download is not "
               "whole, or format in its source is not its layout",
               alone, c->count);
}

static int by_number(const void *a, const void *b) {
    return name_compare(((const struct item *)a)->name, ((const struct item *)b)->name);
}
static int by_bytes(const void *a, const void *b) {
    return strcmp(((const struct item *)a)->name, ((const struct item *)b)->name);
}
static int by_time(const void *a, const void *b) {
    return layout_sun_compare(((const struct item *)a)->name,
                              ((const struct item *)b)->name);
}

/* Names may differ and still compare equal as numbers (1 and 01): bytes decide then. */
static void put_in_order(struct collection *c) {
    int (*const compare[])(const void *, const void *) = {by_number, by_bytes, by_time};
    qsort(c->item, (size_t)c->items, sizeof *c->item, by_bytes);
    for (int i = 1; i < c->items; i++)
        if (!by_bytes(&c->item[i - 1], &c->item[i]))
            die_no("%s and %s: two pictures of the name '%s', wanted each once",
                   c->item[i - 1].image->what, c->item[i].image->what,
                   quoted(c->item[i].name));
    qsort(c->item, (size_t)c->items, sizeof *c->item, compare[c->conf->order]);
}

static int by_group(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int count_groups(const struct collection *c) {
    int n = 0;
    char **group = xcalloc((size_t)c->items, sizeof *group);
    for (int i = 0; i < c->items; i++) group[i] = c->item[i].group;
    qsort(group, (size_t)c->items, sizeof *group, by_group);
    for (int i = 0; i < c->items; i++) n += !i || strcmp(group[i - 1], group[i]);
    xfree(group);
    return n;
}

static void give_groups(struct collection *c, const struct source *source, int sources) {
    struct groups groups;
    groups_open(&groups, c->conf);
    for (int i = 0; i < c->items; i++)
        c->item[i].group =
            groups_of(&groups, c->item[i].name, c->item[i].mask->place.group);
    groups_close(&groups);
    int n = count_groups(c);
    for (int i = 0; i < sources; i++)
        if (source[i].groups >= 0 && source[i].groups != n)
            die_no("%s: %d groups, wanted %lld (groups in %s); part of the set is missing, "
                   "or groups in the conf is not this set's",
                   quoted(c->conf->name), n, (long long)source[i].groups,
                   quoted(source[i].path));
}

/* Official order is known for SUN-SEG alone. */
static void check_order(const struct collect_job *job) {
    const struct conf *conf = job->conf;
    const char *format = conf->format ? conf->format : job->source->format;
    if (conf->order == ORDER_OFFICIAL && (!format || strcmp(format, "sun")))
        die_no("%s: order is official, wanted format sun for it; write numeric or bytes",
               quoted(conf->name));
}

void collect(struct collection *c, const struct collect_job *job) {
    *c = (struct collection){.conf = job->conf, .contents = xstrdup("")};
    check_order(job);
    c->spool = spool_open(job->out);
    for (int i = 0; i < job->sources; i++)
        read_archive(c, &job->source[i], job->raw[i], job->threads);
    int alone = pair_up(c);
    check_whole(c, job, alone);
    put_in_order(c);
    give_groups(c, job->source, job->sources);
}

void collect_free(struct collection *c) {
    for (int i = 0; i < c->items; i++) xfree(c->item[i].group);
    for (int i = 0; i < c->count; i++) {
        place_free(&c->found[i]->place);
        xfree(c->found[i]->what);
        xfree(c->found[i]);
    }
    spool_close(c->spool);
    xfree(c->found);
    xfree(c->item);
    xfree(c->contents);
    *c = (struct collection){0};
}
