/* weights.c - matches a checkpoint's tensors with the encoder's list and writes the bag.
 *
 * It changes no value, transposes nothing, and never takes a tensor of another shape. */
#include "convert/weights.h"
#include "convert/checkpoint.h"
#include "convert/names.h"
#include "core/die.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct match {
    const char *raw, *folder;
    const struct source *source;
    struct names names;
    struct checkpoint checkpoint;
    const struct tensor **found; /* [names.count], NULL if missing */
    char *wrong;                 /* [names.count], 1: there, but of another shape */
    int loaded, optional, missing, unexpected, misshaped, heads;
};

static int shape_equal(const struct tensor *t, const struct wanted *w) {
    if (t->ndim != w->ndim) return 0;
    for (int d = 0; d < t->ndim; d++)
        if (t->dim[d] != w->dim[d]) return 0;
    return 1;
}

static const char *wanted_shape(const struct wanted *w) {
    struct tensor t = {.ndim = w->ndim};
    memcpy(t.dim, w->dim, sizeof t.dim);
    return tensor_shape(&t);
}

static void match_one(struct match *m, const struct tensor *t) {
    char *name = names_map(&m->names, t->name);
    int i = names_find(&m->names, name);
    if (names_head(name)) {
        m->heads++;
    } else if (i < 0) {
        m->unexpected++;
        warn("%s: unexpected '%s' %s", m->raw, quoted(t->name), tensor_shape(t));
    } else if (!shape_equal(t, &m->names.wanted[i])) {
        m->misshaped++;
        m->wrong[i] = 1;
        warn("%s: '%s' is %s, wanted %s", m->raw, quoted(t->name), tensor_shape(t),
             wanted_shape(&m->names.wanted[i]));
    } else if (m->found[i]) {
        die_no(
            "%s: '%s' and '%s' are both '%s', wanted one; check `map` in the source file",
            m->raw, quoted(m->found[i]->name), quoted(t->name), name);
    } else {
        m->found[i] = t;
    }
    xfree(name);
}

/* "loaded 318 of 318, 0 missing, 0 unexpected". Caller frees. */
static char *match_line(const struct match *m) {
    int wanted = m->names.count - m->optional;
    char *line = xprintf("loaded %d of %d, %d missing, %d unexpected", m->loaded, wanted,
                         m->missing, m->unexpected);
    if (!m->misshaped) return line;
    char *more = xprintf("%s, %d of another shape", line, m->misshaped);
    xfree(line);
    return more;
}

/* Counts, and names what is missing. What is of another shape was named already. */
static void match_all(struct match *m) {
    m->found = xcalloc((size_t)m->names.count + 1, sizeof *m->found);
    m->wrong = xcalloc((size_t)m->names.count + 1, 1);
    for (int i = 0; i < m->checkpoint.count; i++) match_one(m, &m->checkpoint.tensor[i]);
    for (int i = 0; i < m->names.count; i++) {
        const struct wanted *w = &m->names.wanted[i];
        if (m->found[i]) {
            m->loaded++;
        } else if (w->optional) {
            m->optional++;
        } else if (!m->wrong[i]) {
            m->missing++;
            warn("%s: missing '%s' %s", m->raw, w->name, wanted_shape(w));
        }
    }
    if (m->heads)
        warn("%s: %d tensors of the classifier head dropped (fc.*, head.*)", m->raw,
             m->heads);
}

static void check_values(const struct match *m, const struct tensor *t, const char *name,
                         const float *value, size_t n) {
    size_t end = strlen(name), tail = strlen(".running_var");
    int variance = end >= tail && !strcmp(name + end - tail, ".running_var");
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(value[i]))
            die_no("%s: '%s': value %zu is not finite in F32 (stored as %s), wanted finite "
                   "weights; "
                   "fetch it again or use another checkpoint",
                   m->raw, quoted(t->name), i, type_name(t->type));
        if (variance && value[i] < 0)
            die_no("%s: '%s': variance %zu is negative (%g), wanted none; fetch it again "
                   "or use "
                   "another checkpoint",
                   m->raw, quoted(t->name), i, (double)value[i]);
    }
}

/* A foreign file may hold a tensor anywhere: copied to where its type may lie, then
 * converted. */
static float *to_f32(const struct match *m, const struct tensor *t, const char *name) {
    if (t->type != T_F32 && t->type != T_F64 && t->type != T_F16 && t->type != T_BF16)
        die_no("%s: '%s' holds %s, wanted F32, F64, F16 or BF16", m->raw, quoted(t->name),
               type_name(t->type));
    size_t n = tensor_count(t);
    void *copy = xaligned(tensor_bytes(t) + 1);
    memcpy(copy, t->data, tensor_bytes(t));
    struct tensor aligned = *t;
    aligned.data = copy;
    float *value = xaligned(n * sizeof *value + 1);
    tensor_to_f32(&aligned, value);
    xfree(copy);
    check_values(m, t, name, value, n);
    return value;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* sha256 over the sorted lines; frees them. */
static void content_of(char **line, int n, char hex[65]) {
    struct sha *sha = sha_open();
    if (n) qsort(line, (size_t)n, sizeof *line, by_text);
    for (int i = 0; i < n; i++) {
        sha_add(sha, line[i], strlen(line[i]));
        xfree(line[i]);
    }
    sha_close(sha, hex);
}

static void write_meta(struct bag_writer *w, const struct source *s, const char *sha256,
                       const char *content) {
    bag_add_meta(w, "arm", s->arm);
    if (content) bag_add_meta(w, "content", content);
    bag_add_meta(w, "encoder", s->encoder);
    bag_add_meta(w, "format", "repolyp weights 1");
    bag_add_meta(w, "mean", s->mean);
    bag_add_meta(w, "order", s->order);
    bag_add_meta(w, "range", s->range);
    if (sha256) bag_add_meta(w, "sha256", sha256);
    bag_add_meta(w, "source", s->name);
    bag_add_meta(w, "std", s->std);
}

/* The names of all that is missing, blank between. Caller frees. */
static char *missing_names(const struct match *m) {
    char *all = xstrdup("");
    for (int i = 0; i < m->names.count; i++) {
        if (m->found[i] || m->names.wanted[i].optional) continue;
        char *longer = xprintf("%s%s%s", all, *all ? " " : "", m->names.wanted[i].name);
        xfree(all);
        all = longer;
    }
    return all;
}

/* The source's pins: the values' if it has one, for files circulate in several containers;
 * else the file's. */
static void check_pins(const struct match *m, const char *sha256, const char *content) {
    const struct source *s = m->source;
    const char *pin = s->content ? s->content : s->sha256,
               *got = s->content ? content : sha256;
    if (!pin || !strcmp(pin, got)) return;
    die_no("%s: %s is %s, wanted %s (%s); fetch it again, or give a source file of its own",
           m->raw, s->content ? "content" : "sha256", got, pin, s->path);
}

static void write_bag(struct match *m, const char *line, const char *out) {
    const struct source *s = m->source;
    int n = 0;
    float **value = xcalloc((size_t)m->names.count, sizeof *value);
    char **lines = xcalloc((size_t)m->names.count, sizeof *lines), sha256[65], content[65];
    for (int i = 0; i < m->names.count; i++) {
        const struct wanted *w = &m->names.wanted[i];
        if (!m->found[i] || w->optional) continue;
        value[i] = to_f32(m, m->found[i], w->name);
        char hex[65];
        sha_bytes(value[i], tensor_count(m->found[i]) * sizeof(float), hex);
        lines[n++] = xprintf("%s %s\n", hex, w->name);
    }
    content_of(lines, n, content);
    sha_file(m->raw, sha256);
    check_pins(m, sha256, content);
    struct bag_writer *w = bag_create(out);
    write_meta(w, s, sha256, content);
    bag_add_meta(w, "loaded", line);
    if (m->missing || m->misshaped) {
        char *names = missing_names(m);
        bag_add_meta(w, "missing", names);
        xfree(names);
    }
    for (int i = 0; i < m->names.count; i++) {
        if (!value[i]) continue;
        struct tensor t = *m->found[i];
        t.name = m->names.wanted[i].name;
        t.type = T_F32;
        t.data = value[i];
        bag_add(w, &t);
        xfree(value[i]);
    }
    bag_commit(w);
    xfree(value);
    xfree(lines);
}

static void write_empty(const struct source *s, const char *out) {
    struct bag_writer *w = bag_create(out);
    write_meta(w, s, NULL, NULL);
    bag_commit(w);
}

void weights_convert(const struct source *source, const char *folder, const char *raw,
                     int partial, const char *out) {
    if (!raw) {
        write_empty(source, out);
        return;
    }
    struct match m = {.raw = raw, .folder = folder, .source = source};
    names_open(&m.names, folder, source->encoder, source->map);
    checkpoint_open(&m.checkpoint, raw);
    match_all(&m);
    char *line = match_line(&m);
    if (!m.loaded || (!partial && (m.missing || m.unexpected || m.misshaped)))
        die_no("%s: %s, wanted the tensors of %s (%s/%s.tsv): another architecture, or "
               "`map` in the "
               "source file is not this file's",
               raw, line, source->encoder, folder, source->encoder);
    write_bag(&m, line, out);
    warn("%s: %s", raw, line);
    xfree(line);
    xfree(m.found);
    xfree(m.wrong);
    checkpoint_close(&m.checkpoint);
    names_close(&m.names);
}
