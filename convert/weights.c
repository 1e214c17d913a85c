/* weights.c - writes what match.c found as the encoder's bag, a block of values at a time.
 *
 * It changes no value but its precision and its place. */
#include "convert/weights.h"
#include "convert/match.h"
#include "core/die.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 16 }; /* values */

struct writing {
    const struct match *match;
    const struct source *source;
    struct bag_writer *bag;
    float *block;
    char **line; /* "sha256 name\n" of each tensor */
    int lines;
};

static void check_values(const struct match *m, const struct tensor *t, const char *name,
                         const float *value, size_t from, size_t n) {
    size_t end = strlen(name), tail = strlen(".running_var");
    int variance = end >= tail && !strcmp(name + end - tail, ".running_var");
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(value[i]))
            die_no("%s: '%s': value %zu is not finite in F32 (stored as %s), wanted finite "
                   "weights; fetch it again or use another checkpoint",
                   m->raw, quoted(t->name), from + i, type_name(t->type));
        if (variance && value[i] < 0)
            die_no("%s: '%s': variance %zu is negative (%g), wanted none; fetch it again "
                   "or use another checkpoint",
                   m->raw, quoted(t->name), from + i, (double)value[i]);
    }
}

static void write_piece(struct writing *w, const struct piece *p, const char *name,
                        struct sha *sha) {
    const struct tensor *t = p->tensor;
    size_t count = tensor_count(t);
    if (t->type != T_F32 && t->type != T_F64 && t->type != T_F16 && t->type != T_BF16)
        die_no("%s: '%s' holds %s, wanted F32, F64, F16 or BF16", w->match->raw,
               quoted(t->name), type_name(t->type));
    for (size_t at = 0, n; at < count; at += n) {
        n = count - at < BLOCK ? count - at : BLOCK;
        turn_read(t, p->turn, at, n, w->block);
        check_values(w->match, t, name, w->block, at, n);
        sha_add(sha, w->block, n * sizeof *w->block);
        bag_write(w->bag, w->block, n * sizeof *w->block);
    }
}

static void write_tensor(struct writing *w, int i) {
    const struct wanted *wanted = &w->match->names.wanted[i];
    const struct found *f = &w->match->found[i];
    char hex[65];
    struct sha *sha = sha_open();
    bag_begin(w->bag, wanted->name, T_F32);
    for (int k = 0; k < f->parts; k++) write_piece(w, &f->piece[k], wanted->name, sha);
    bag_end(w->bag, wanted->ndim, wanted->dim);
    sha_close(sha, hex);
    w->line[w->lines++] = xprintf("%s %s\n", hex, wanted->name);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* sha256 over the sorted lines; frees them. */
static void content_of(struct writing *w, char hex[65]) {
    struct sha *sha = sha_open();
    if (w->lines) qsort(w->line, (size_t)w->lines, sizeof *w->line, by_text);
    for (int i = 0; i < w->lines; i++) {
        sha_add(sha, w->line[i], strlen(w->line[i]));
        xfree(w->line[i]);
    }
    xfree(w->line);
    sha_close(sha, hex);
}

/* Of the download: a bag that h5 made knows that of the .h5. */
static void sha_of_raw(const struct checkpoint *c, char hex[65]) {
    const char *format = c->kind == SAFETENSORS ? bag_meta(&c->bag, "format") : NULL;
    if (format && !strcmp(format, "repolyp hdf5 1"))
        snprintf(hex, 65, "%s", bag_need_meta(&c->bag, "sha256"));
    else
        sha_bytes(c->map.data, c->map.size, hex);
}

/* The source's pins: the values' if it has one, for files circulate in several containers;
 * else the file's. */
static void check_pins(const struct writing *w, const char *sha256, const char *content) {
    const struct source *s = w->source;
    const char *pin = s->content ? s->content : s->sha256,
               *got = s->content ? content : sha256;
    if (!pin || !strcmp(pin, got)) return;
    die_no("%s: %s is %s, wanted %s (%s); fetch it again, or give a source file of its own",
           w->match->raw, s->content ? "content" : "sha256", got, pin, s->path);
}

static void write_meta(struct bag_writer *w, const struct source *s) {
    bag_add_meta(w, "arm", s->arm);
    bag_add_meta(w, "encoder", s->encoder);
    bag_add_meta(w, "format", "repolyp weights 1");
    bag_add_meta(w, "mean", s->mean);
    bag_add_meta(w, "order", s->order);
    bag_add_meta(w, "range", s->range);
    bag_add_meta(w, "source", s->name);
    bag_add_meta(w, "std", s->std);
}

static void write_found(const struct match *m, const struct source *source,
                        const char *line, const char *out) {
    char sha256[65], content[65];
    struct writing w = {.match = m, .source = source, .bag = bag_create(out)};
    w.block = xaligned(BLOCK * sizeof *w.block);
    w.line = xcalloc((size_t)m->names.count + 1, sizeof *w.line);
    write_meta(w.bag, source);
    bag_add_meta(w.bag, "loaded", line);
    if (m->missing || m->misshaped) {
        char *names = match_missing(m);
        bag_add_meta(w.bag, "missing", names);
        xfree(names);
    }
    if (m->names.stride) bag_add_meta(w.bag, "stride", m->names.stride);
    if (m->names.bn_eps) bag_add_meta(w.bag, "bn_eps", m->names.bn_eps);
    for (int i = 0; i < m->names.count; i++)
        if (match_whole(m, i) && m->names.wanted[i].need != NEED_COUNTER)
            write_tensor(&w, i);
    content_of(&w, content);
    sha_of_raw(&m->checkpoint, sha256);
    check_pins(&w, sha256, content);
    bag_add_meta(w.bag, "content", content);
    bag_add_meta(w.bag, "sha256", sha256);
    bag_commit(w.bag);
    xfree(w.block);
}

void weights_convert(const struct source *source, const char *folder, const char *raw,
                     int partial, const char *out) {
    if (!raw) {
        struct bag_writer *w = bag_create(out);
        write_meta(w, source);
        bag_commit(w);
        return;
    }
    struct match m;
    match_open(&m, raw, folder, source->encoder, source->map);
    char *line = match_line(&m);
    if (!m.loaded || (!partial && (m.missing || m.unexpected || m.misshaped)))
        die_no("%s: %s, wanted the tensors of %s (%s/%s.tsv): another architecture, or "
               "`map` in the source file is not this file's%s",
               raw, line, source->encoder, folder, source->encoder,
               m.loaded ? "; to take a part of it: --partial, recipe key load partial"
                        : "");
    write_found(&m, source, line, out);
    warn("%s: %s", raw, line);
    xfree(line);
    match_close(&m);
}
