/* match.c - finds each tensor's place in the encoder, and counts.
 *
 * It changes no value and never takes a tensor of another shape. */
#include "convert/match.h"
#include "core/die.h"
#include <string.h>

static const char *shape_text(int ndim, const int *dim) {
    struct tensor t = {.ndim = ndim};
    memcpy(t.dim, dim, (size_t)ndim * sizeof *dim);
    return tensor_shape(&t);
}

/* The sizes that a piece of the wanted tensor has: its share of the rows. */
static int piece_dims(const struct wanted *w, int parts, int dim[TENSOR_DIMS]) {
    memcpy(dim, w->dim, sizeof w->dim);
    if (parts == 1) return 1;
    if (!w->ndim || w->dim[0] % parts) return 0;
    dim[0] /= parts;
    return 1;
}

/* Whether neighbouring axes of `from` multiply up to those of `to`. */
static int merges(const int *from, int n, const int *to, int m) {
    int i = 0, k = 0;
    for (; k < m; k++) {
        int64_t product = 1; /* of sizes below 2^31: stops before it could wrap */
        while (i < n && product < to[k]) product *= from[i++];
        if (product != to[k]) return 0;
    }
    while (i < n && from[i] == 1) i++;
    return i == n;
}

static int fits(const struct tensor *t, const struct renamed *r, const struct wanted *w) {
    int have[TENSOR_DIMS], want[TENSOR_DIMS];
    if (!turn_dims(t, r->turn, have) || !piece_dims(w, r->parts, want)) return 0;
    if (r->merges) return merges(have, t->ndim, want, w->ndim);
    return t->ndim == w->ndim && !memcmp(have, want, (size_t)t->ndim * sizeof *have);
}

static void refuse_shape(struct match *m, const struct tensor *t, const struct renamed *r,
                         int i) {
    const struct wanted *w = &m->names.wanted[i];
    int part[TENSOR_DIMS];
    int cut = piece_dims(w, r->parts, part);
    m->misshaped++;
    m->found[i].misshaped = 1;
    warn("%s: '%s' is %s, wanted %s%s", m->raw, quoted(t->name), tensor_shape(t),
         shape_text(w->ndim, cut ? part : w->dim), r->merges ? ", its axes turned" : "");
}

static void match_one(struct match *m, const struct tensor *t) {
    struct renamed r;
    names_map(&m->names, t->name, &r);
    int i = names_find(&m->names, r.name);
    struct found *f = i < 0 ? NULL : &m->found[i];
    if (names_head(r.name)) {
        m->heads++;
    } else if (i < 0) {
        m->unexpected++;
        warn("%s: unexpected '%s' %s", m->raw, quoted(t->name), tensor_shape(t));
    } else if (!fits(t, &r, &m->names.wanted[i])) {
        refuse_shape(m, t, &r, i);
    } else if (f->have && (f->parts != r.parts || f->piece[r.part].tensor)) {
        const struct tensor *other = f->piece[r.part].tensor;
        for (int k = 0; !other; k++) other = f->piece[k].tensor;
        die_no(
            "%s: '%s' and '%s' are both '%s', wanted one; check `map` in the source file",
            m->raw, quoted(other->name), quoted(t->name), r.name);
    } else {
        f->parts = r.parts;
        f->have++;
        f->piece[r.part] = (struct piece){t, r.turn};
    }
    xfree(r.name);
}

int match_whole(const struct match *m, int i) {
    return m->found[i].have && m->found[i].have == m->found[i].parts;
}

static void count(struct match *m, int i) {
    const struct wanted *w = &m->names.wanted[i];
    const struct found *f = &m->found[i];
    if (match_whole(m, i)) {
        m->wanted++;
        m->loaded++;
        return;
    }
    if (w->need != NEED_YES && !f->have && !f->misshaped) return;
    m->wanted++;
    if (f->misshaped) return; /* named already */
    m->missing++;
    if (f->have)
        warn("%s: missing %d of the %d parts of '%s' %s", m->raw, f->parts - f->have,
             f->parts, w->name, shape_text(w->ndim, w->dim));
    else
        warn("%s: missing '%s' %s", m->raw, w->name, shape_text(w->ndim, w->dim));
}

void match_open(struct match *m, const char *raw, const char *folder, const char *encoder,
                const char *map) {
    *m = (struct match){.raw = raw};
    names_open(&m->names, folder, encoder, map);
    checkpoint_open(&m->checkpoint, raw);
    m->found = xcalloc((size_t)m->names.count + 1, sizeof *m->found);
    for (int i = 0; i < m->checkpoint.count; i++) match_one(m, &m->checkpoint.tensor[i]);
    for (int i = 0; i < m->names.count; i++) count(m, i);
    if (m->heads)
        warn("%s: %d tensors of the classifier head dropped (fc.*, head.*)", raw, m->heads);
}

void match_close(struct match *m) {
    xfree(m->found);
    checkpoint_close(&m->checkpoint);
    names_close(&m->names);
}

char *match_line(const struct match *m) {
    char *line = xprintf("loaded %d of %d, %d missing, %d unexpected", m->loaded, m->wanted,
                         m->missing, m->unexpected);
    if (!m->misshaped) return line;
    char *more = xprintf("%s, %d of another shape", line, m->misshaped);
    xfree(line);
    return more;
}

char *match_missing(const struct match *m) {
    char *all = xstrdup("");
    for (int i = 0; i < m->names.count; i++) {
        if (match_whole(m, i) || m->names.wanted[i].need != NEED_YES) continue;
        char *longer = xprintf("%s%s%s", all, *all ? " " : "", m->names.wanted[i].name);
        xfree(all);
        all = longer;
    }
    return all;
}
