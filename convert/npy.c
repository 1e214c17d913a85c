/* npy.c - the header of a .npy, by a grammar and not by Python's eval.
 *
 * It converts nothing and copies nothing. */
#include "convert/npy.h"
#include "core/die.h"
#include <limits.h>
#include <string.h>

enum { HEADER = 65536 }; /* bytes; numpy itself refuses more than 10,000 by default */

struct text { /* the header, being read */
    const char *at, *end;
    const char *path, *name;
};

static _Noreturn void refuse(const struct text *p, const char *found, const char *wanted) {
    die_no("%s: array '%s': %s, wanted %s; re-save it with np.savez", p->path,
           quoted(p->name), found, wanted);
}

static void skip_blanks(struct text *p) {
    while (p->at < p->end && *p->at == ' ') p->at++;
}

/* Blanks, then the word: taken and 1, or 0. */
static int take(struct text *p, const char *word) {
    size_t n = strlen(word);
    skip_blanks(p);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n)) return 0;
    p->at += n;
    return 1;
}

static void need(struct text *p, const char *word) {
    if (take(p, word)) return;
    size_t left = (size_t)(p->end - p->at);
    refuse(p, xprintf("'%s' in its header", quoted_bytes(p->at, left < 32 ? left : 32)),
           xprintf("'%s' there", word));
}

static void read_type(struct text *p, struct tensor *t) {
    static const struct {
        const char *word;
        enum type type;
    } known[] = {{"'<f4'", T_F32}, {"'<f2'", T_F16}, {"'<f8'", T_F64}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (take(p, known[i].word)) {
            t->type = known[i].type;
            return;
        }
    size_t left = (size_t)(p->end - p->at);
    refuse(p, xprintf("type %s", quoted_bytes(p->at, left < 16 ? left : 16)),
           "little-endian floats: '<f4', '<f2' or '<f8'");
}

static void read_order(struct text *p) {
    if (take(p, "True")) refuse(p, "Fortran order", "C order (np.ascontiguousarray)");
    need(p, "False");
}

static int read_dim(struct text *p) {
    long x = 0;
    const char *first = p->at;
    for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++) {
        x = 10 * x + (*p->at - '0');
        if (x > INT_MAX) refuse(p, "a dimension past 2^31", "an encoder's weights");
    }
    if (p->at == first || (*first == '0' && p->at > first + 1))
        refuse(p, "a dimension that is no plain number", "one as numpy writes it");
    return (int)x;
}

/* "()", "(3,)", "(3, 4)". */
static void read_shape(struct text *p, struct tensor *t) {
    need(p, "(");
    while (!take(p, ")")) {
        if (t->ndim == TENSOR_DIMS) refuse(p, "more than 8 dimensions", "at most 8");
        t->dim[t->ndim++] = read_dim(p);
        if (take(p, ",")) continue;
        if (t->ndim == 1) refuse(p, "a shape without its comma", "one as (3,)");
        need(p, ")");
        break;
    }
}

static void read_dict(struct text *p, struct tensor *t) {
    int type = 0, order = 0, shape = 0;
    need(p, "{");
    while (!take(p, "}")) {
        if (!type && take(p, "'descr'")) {
            need(p, ":");
            read_type(p, t);
            type = 1;
        } else if (!order && take(p, "'fortran_order'")) {
            need(p, ":");
            read_order(p);
            order = 1;
        } else if (!shape && take(p, "'shape'")) {
            need(p, ":");
            read_shape(p, t);
            shape = 1;
        } else {
            refuse(p, "a header with other keys, or one twice",
                   "descr, fortran_order and shape");
        }
        if (!take(p, ",")) {
            need(p, "}");
            break;
        }
    }
    if (!type || !order || !shape)
        refuse(p, "a header without all its keys", "descr, fortran_order and shape");
    skip_blanks(p);
    if (p->end - p->at != 1 || *p->at != '\n')
        refuse(p, "text behind its header's dict", "blanks and a line's end");
}

static size_t bytes_of(const struct text *p, const struct tensor *t) {
    size_t n = type_size(t->type);
    for (int d = 0; d < t->ndim; d++)
        if (__builtin_mul_overflow(n, (size_t)t->dim[d], &n))
            refuse(p, "a shape whose size overflows", "an encoder's weights");
    return n;
}

void npy_parse(struct tensor *t, const uint8_t *bytes, size_t n, const char *path,
               const char *name) {
    struct text p = {NULL, NULL, path, name};
    *t = (struct tensor){.ndim = 0};
    if (n < 12 || memcmp(bytes, "\x93NUMPY", 6)) refuse(&p, "no .npy", "numpy's own form");
    if (bytes[6] < 1 || bytes[6] > 2 || bytes[7])
        refuse(&p, xprintf("format %d.%d", bytes[6], bytes[7]), "1.0 or 2.0");
    size_t start = bytes[6] == 1 ? 10 : 12, length = bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] == 2) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > HEADER || length > n - start)
        refuse(&p, xprintf("a header of %zu bytes in an array of %zu", length, n),
               "one of at most 65,536");
    p.at = (const char *)bytes + start;
    p.end = p.at + length;
    read_dict(&p, t);
    size_t wanted = bytes_of(&p, t), has = n - start - length;
    if (wanted != has)
        refuse(&p, xprintf("%zu bytes of elements", has),
               xprintf("%zu for %s %s", wanted, type_name(t->type), tensor_shape(t)));
    t->data = (void *)(uintptr_t)(bytes + start + length);
}
