/* bag_write.c - writes a bag in one pass: data go to the file as they come, the header
 * last.
 *
 * Small bags wait in memory, so that they carry no padding. It refuses what its own
 * reader would refuse: names twice, bad UTF-8, shapes that do not fit their bytes. */
#include "bag.h"
#include "die.h"
#include "text.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { WAITING = 4 << 20, ROOM = 256 << 10, ALIGN = 64, BLOCK = 1 << 20 };

struct entry {
    char *name;
    enum type type;
    int ndim, dim[TENSOR_DIMS];
    size_t begin, end;
};

/* A growing text; NULL is an empty one. */
struct growing {
    char *text;
    size_t used, room;
};

struct bag_writer {
    struct out *out;
    struct entry *entry;
    int count, room;
    bool open;              /* between bag_begin and bag_end */
    struct growing metas;   /* "key":"value",... */
    struct growing waiting; /* data not in the file yet */
    bool streaming;         /* data stand in the file from ROOM on */
    size_t bytes;           /* of data so far */
};

static void grow(struct growing *g, const void *bytes, size_t n) {
    if (g->room - g->used < n) {
        g->room = size_add(size_mul(g->room, 2, "bag"), n, "bag");
        g->text = xrealloc(g->text, g->room, 1);
    }
    if (n) memcpy(g->text + g->used, bytes, n);
    g->used += n;
}

static void grow_text(struct growing *g, const char *text) {
    grow(g, text, strlen(text));
}

static void grow_number(struct growing *g, size_t x, const char *after) {
    char digits[32];
    snprintf(digits, sizeof digits, "%zu%s", x, after);
    grow_text(g, digits);
}

/* A JSON string (RFC 8259, section 7). */
static void grow_string(struct growing *g, const char *path, const char *text) {
    size_t n = strlen(text);
    grow_text(g, "\"");
    for (size_t i = 0, step; i < n; i += step) {
        step = utf8_length((const unsigned char *)text + i, n - i);
        if (!step)
            die_no("%s: name or metadata '%s', wanted UTF-8", quoted(path), quoted(text));
        unsigned char c = (unsigned char)text[i];
        char escape[8];
        snprintf(escape, sizeof escape, "\\u%04x", c);
        if (c < 0x20)
            grow_text(g, escape);
        else if (c == '"' || c == '\\')
            grow(g, (char[]){'\\', text[i]}, 2);
        else
            grow(g, text + i, step);
    }
    grow_text(g, "\"");
}

struct bag_writer *bag_create(const char *path) {
    struct bag_writer *w = xcalloc(1, sizeof *w);
    w->out = out_open(path);
    return w;
}

void bag_add_meta(struct bag_writer *w, const char *key, const char *value) {
    if (w->metas.used) grow_text(&w->metas, ",");
    grow_string(&w->metas, w->out->path, key);
    grow_text(&w->metas, ":");
    grow_string(&w->metas, w->out->path, value);
}

static void fill_blanks(struct out *out, size_t n) {
    char blanks[4096];
    memset(blanks, ' ', sizeof blanks);
    for (size_t k; n; n -= k) {
        k = n < sizeof blanks ? n : sizeof blanks;
        out_write(out, blanks, k);
    }
}

void bag_begin(struct bag_writer *w, const char *name, enum type type) {
    if (w->open)
        die_no("%s: tensor %s begun inside another, wanted bag_end first",
               quoted(w->out->path), quoted(name));
    if (w->count == w->room) {
        w->room = w->room ? 2 * w->room : 64;
        w->entry = xrealloc(w->entry, (size_t)w->room, sizeof *w->entry);
    }
    w->entry[w->count++] =
        (struct entry){.name = xstrdup(name), .type = type, .begin = w->bytes};
    w->open = true;
}

void bag_write(struct bag_writer *w, const void *bytes, size_t n) {
    if (!w->streaming && w->waiting.used + n > WAITING) {
        fill_blanks(w->out, ROOM);
        out_write(w->out, w->waiting.text, w->waiting.used);
        xfree(w->waiting.text);
        w->waiting = (struct growing){0};
        w->streaming = true;
    }
    if (w->streaming)
        out_write(w->out, bytes, n);
    else
        grow(&w->waiting, bytes, n);
    w->bytes += n;
}

void bag_end(struct bag_writer *w, int ndim, const int *dim) {
    struct entry *e = &w->entry[w->count - 1];
    e->ndim = ndim;
    e->end = w->bytes;
    size_t want = type_size(e->type);
    for (int i = 0; i < ndim && i < TENSOR_DIMS; i++) {
        e->dim[i] = dim[i];
        want = dim[i] < 0 ? SIZE_MAX : size_mul(want, (size_t)dim[i], e->name);
    }
    if (ndim > TENSOR_DIMS || want != e->end - e->begin)
        die_no("%s: tensor %s: %zu bytes in %d dimensions, wanted %zu bytes in at most %d",
               quoted(w->out->path), quoted(e->name), e->end - e->begin, ndim, want,
               (int)TENSOR_DIMS);
    w->open = false;
}

void bag_add(struct bag_writer *w, const struct tensor *t) {
    bag_begin(w, t->name, t->type);
    bag_write(w, t->data, tensor_bytes(t));
    bag_end(w, t->ndim, t->dim);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void refuse_twins(const struct bag_writer *w) {
    char **name = xcalloc((size_t)w->count, sizeof *name);
    for (int i = 0; i < w->count; i++) name[i] = w->entry[i].name;
    qsort(name, (size_t)w->count, sizeof *name, by_name);
    for (int i = 1; i < w->count; i++)
        if (!strcmp(name[i - 1], name[i]))
            die_no("%s: tensor %s twice, wanted each name once", quoted(w->out->path),
                   quoted(name[i]));
    xfree(name);
}

/* The header with its length in front, padded so that data begin at `start` or, if that
 * is 0, at the next multiple of 64. */
static struct growing make_header(const struct bag_writer *w, size_t start) {
    struct growing g = {0};
    grow(&g, "\0\0\0\0\0\0\0\0{", 9);
    const char *comma = "";
    if (w->metas.used) {
        grow_text(&g, "\"__metadata__\":{");
        grow(&g, w->metas.text, w->metas.used);
        grow_text(&g, "}");
        comma = ",";
    }
    for (int i = 0; i < w->count; i++, comma = ",") {
        const struct entry *e = &w->entry[i];
        grow_text(&g, comma);
        grow_string(&g, w->out->path, e->name);
        grow_text(&g, ":{\"dtype\":\"");
        grow_text(&g, type_name(e->type));
        grow_text(&g, "\",\"shape\":[");
        for (int k = 0; k < e->ndim; k++)
            grow_number(&g, (size_t)e->dim[k], k + 1 < e->ndim ? "," : "");
        grow_text(&g, "],\"data_offsets\":[");
        grow_number(&g, e->begin, ",");
        grow_number(&g, e->end, "]}");
    }
    grow_text(&g, "}");
    while (g.used % ALIGN || g.used < start) grow(&g, " ", 1);
    uint64_t length = g.used - 8;
    for (int i = 0; i < 8; i++) g.text[i] = (char)(length >> 8 * i);
    return g;
}

/* Moves the data from ROOM to `start`, last block first. */
static void shift_data(struct bag_writer *w, size_t start) {
    char *block = xmalloc(BLOCK);
    fill_blanks(w->out, start - ROOM);
    for (size_t left = w->bytes, n; left; left -= n) {
        n = left < BLOCK ? left : BLOCK;
        out_read_back(w->out, ROOM + left - n, block, n);
        out_patch(w->out, start + left - n, block, n);
    }
    xfree(block);
}

static void release(struct bag_writer *w) {
    for (int i = 0; i < w->count; i++) xfree(w->entry[i].name);
    xfree(w->entry);
    xfree(w->metas.text);
    xfree(w->waiting.text);
    xfree(w);
}

void bag_commit(struct bag_writer *w) {
    if (w->open)
        die_no("%s: a tensor without its bag_end, wanted it closed", quoted(w->out->path));
    refuse_twins(w);
    struct growing header = make_header(w, w->streaming ? ROOM : 0);
    if (w->streaming) {
        if (header.used > ROOM) shift_data(w, header.used);
        out_patch(w->out, 0, header.text, header.used);
    } else {
        out_write(w->out, header.text, header.used);
        out_write(w->out, w->waiting.text, w->waiting.used);
    }
    xfree(header.text);
    out_commit(w->out);
    release(w);
}

void bag_drop(struct bag_writer *w) {
    out_drop(w->out);
    release(w);
}
