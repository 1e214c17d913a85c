/* pack.c - reads a data set's bag; refuses tensors that disagree with each other in
 * anything. */
#include "pack.h"
#include "die.h"
#include "image.h"
#include "text.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char remedy[] =
    "give another, or, if make made it, delete it and run make again";

static _Noreturn void refuse(const struct pack *p, const char *what, long found,
                             long wanted) {
    die_no("%s: %s is %ld, wanted %ld; %s", quoted(p->bag.path), what, found, wanted,
           remedy);
}

static void need(const struct pack *p, const char *what, long found, long wanted) {
    if (found != wanted) refuse(p, what, found, wanted);
}

static int name_order(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* N lines from a text tensor; the array and its text are one block. */
static char **read_lines(const struct pack *p, const char *name) {
    const struct tensor *t = bag_need(&p->bag, name, T_U8, 1);
    char *text = text_copy(t->data, tensor_count(t), p->bag.path);
    size_t n = tensor_count(t), count = (size_t)p->count;
    char **line = xmalloc(size_add(size_mul(count, sizeof *line, name), n + 1, name));
    char *at = memcpy(line + count, text, n + 1);
    xfree(text);
    int lines = 0;
    for (char *end; (end = strchr(at, '\n')); at = end + 1, lines++) {
        *end = 0;
        if (lines < p->count) line[lines] = at;
        if (strchr(at, '\t'))
            die_no("%s: %s %d holds a tab, wanted none; %s", quoted(p->bag.path), name,
                   lines, remedy);
    }
    need(p, name, lines, p->count);
    return line;
}

static void check_names(const struct pack *p) {
    size_t n = (size_t)p->count;
    char **sorted = xcalloc(n, sizeof *sorted);
    memcpy(sorted, p->name, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, name_order);
    for (size_t i = 0; i < n; i++) {
        if (!*sorted[i])
            die_no("%s: an item without a name, wanted one; %s", quoted(p->bag.path),
                   remedy);
        if (i && !strcmp(sorted[i - 1], sorted[i]))
            die_no("%s: name '%s' twice, wanted each once; %s", quoted(p->bag.path),
                   quoted(sorted[i]), remedy);
    }
    xfree(sorted);
}

/* Runs of item i fill its picture exactly. */
static void check_runs(const struct pack *p, size_t runs) {
    if (p->rle_index[0] != 0 || p->rle_index[p->count] != runs)
        refuse(p, "orig_index's end", (long)p->rle_index[p->count], (long)runs);
    for (int i = 0; i < p->count; i++) {
        uint64_t from = p->rle_index[i], to = p->rle_index[i + 1], sum = 0;
        int32_t height = p->size[2 * i], width = p->size[2 * i + 1];
        if (height < 1 || width < 1 || height > IMAGE_SIDE || width > IMAGE_SIDE)
            die_no("%s: item %d: original size %dx%d, wanted 1 to %d; %s",
                   quoted(p->bag.path), i, height, width, (int)IMAGE_SIDE, remedy);
        if (from > to || to > runs) refuse(p, "orig_index", (long)to, (long)runs);
        for (uint64_t k = from; k < to; k++) sum += p->rle[k];
        need(p, "sum of an item's runs", (long)sum, (long)height * width);
    }
}

void pack_open(struct pack *pack, const char *path) {
    struct pack *p = pack;
    *p = (struct pack){0};
    bag_open(&p->bag, path);
    const struct tensor *image = bag_need(&p->bag, "image", T_U8, 4);
    const struct tensor *mask = bag_need(&p->bag, "mask", T_U8, 2);
    const struct tensor *rle = bag_need(&p->bag, "orig_rle", T_U32, 1);
    const struct tensor *index = bag_need(&p->bag, "orig_index", T_U64, 1);
    const struct tensor *size = bag_need(&p->bag, "orig_size", T_I32, 2);
    p->count = image->dim[0];
    p->side = image->dim[1];
    if (p->count < 1 || p->count == INT_MAX)
        die_no("%s: %d items, wanted at least 1; %s", quoted(path), p->count, remedy);
    if (p->side < 8 || p->side > IMAGE_SIDE || p->side % 8)
        die_no("%s: pictures of %d pixels, wanted a multiple of 8 up to %d; %s",
               quoted(path), p->side, (int)IMAGE_SIDE, remedy);
    need(p, "image's width", image->dim[2], p->side);
    need(p, "image's channels", image->dim[3], 3);
    need(p, "mask's count", mask->dim[0], p->count);
    need(p, "mask's bytes an item", mask->dim[1], p->side * p->side / 8);
    need(p, "orig_index's length", index->dim[0], p->count + 1);
    need(p, "orig_size's count", size->dim[0], p->count);
    need(p, "orig_size's width", size->dim[1], 2);
    p->image = image->data;
    p->mask = mask->data;
    p->rle = rle->data;
    p->rle_index = index->data;
    p->size = size->data;
    check_runs(p, tensor_count(rle));
    p->name = read_lines(p, "name");
    p->group = read_lines(p, "group");
    check_names(p);
}

void pack_close(struct pack *pack) {
    bag_close(&pack->bag);
    xfree(pack->name);
    xfree(pack->group);
    *pack = (struct pack){0};
}

const uint8_t *pack_image(const struct pack *pack, int i) {
    return pack->image + (size_t)i * (size_t)pack->side * (size_t)pack->side * 3;
}

const uint8_t *pack_mask(const struct pack *pack, int i) {
    return pack->mask + (size_t)i * (size_t)pack->side * (size_t)pack->side / 8;
}

void pack_original(const struct pack *pack, int i, uint8_t *out) {
    for (uint64_t first = pack->rle_index[i], k = first; k < pack->rle_index[i + 1]; k++) {
        memset(out, (int)((k - first) & 1), pack->rle[k]);
        out += pack->rle[k];
    }
}

int pack_find(const struct pack *pack, const char *name) {
    for (int i = 0; i < pack->count; i++)
        if (!strcmp(pack->name[i], name)) return i;
    return -1;
}

static bool digit(char c) {
    return c >= '0' && c <= '9';
}

int name_compare(const char *a, const char *b) {
    const char *x = a, *y = b;
    while (*x && *y) {
        if (digit(*x) && digit(*y)) {
            while (*x == '0') x++;
            while (*y == '0') y++;
            size_t n = strspn(x, "0123456789"), m = strspn(y, "0123456789");
            int order = n != m ? (n < m ? -1 : 1) : strncmp(x, y, n);
            if (order) return order;
            x += n, y += n;
        } else {
            if (*x != *y) return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
            x++, y++;
        }
    }
    if (*x || *y) return *x ? 1 : -1;
    return strcmp(a, b); /* "01" and "1": a fixed order all the same */
}
