/* bag.c - reads a safetensors file that nobody vouches for.
 *
 * The rules are those of the format's own reader (safetensors/src/tensor.rs) with smaller
 * limits. It refuses whatever is not exactly a bag: a hole, an overlap, a byte too many. */
#include "bag.h"
#include "die.h"
#include "text.h"
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_LIMIT = 16 << 20, TENSORS = 100000, COMMAS = 15 * TENSORS, DEPTH = 3 };

static const char remedy[] =
    "give another, or, if make made it, delete it and run make again";

/* One tensor of the header, before its place is checked. */
struct entry {
    struct tensor tensor;
    size_t begin, end;
};

/* What JSON is allowed to cost, found before any of it is parsed: 16 MB of brackets
 * would take a gigabyte in the parser. */
static void check_cost(const char *json, size_t n, const char *path) {
    int depth = 0, commas = 0;
    bool text = false;
    for (size_t i = 0; i < n; i++) {
        char c = json[i];
        if (c == '\\' && text)
            i++;
        else if (c == '"')
            text = !text;
        if (text) continue;
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        commas += c == ',';
        if (depth > DEPTH || commas > COMMAS)
            die_no("%s: header nested %d deep with %d commas, wanted at most %d and %d; %s",
                   quoted(path), depth, commas, (int)DEPTH, (int)COMMAS, remedy);
    }
}

/* The header as JSON; its length comes back in `length`. Caller gives up the reference. */
static json_t *read_header(const uint8_t *bytes, size_t n, const char *path,
                           size_t *length) {
    uint64_t h = 0;
    if (n < 8)
        die_no("%s: %zu bytes, wanted a bag (safetensors); %s", quoted(path), n, remedy);
    for (int i = 7; i >= 0; i--) h = h << 8 | bytes[i];
    if (h > HEADER_LIMIT || h > n - 8)
        die_no(
            "%s: header of %llu bytes in a file of %zu, wanted a bag (safetensors) with at "
            "most %d; %s",
            quoted(path), (unsigned long long)h, n, (int)HEADER_LIMIT, remedy);
    const char *json = (const char *)bytes + 8;
    size_t end = (size_t)h;
    while (end && json[end - 1] == ' ') end--;
    if (end < 2 || json[0] != '{' || json[end - 1] != '}')
        die_no("%s: header is not one JSON object padded by blanks, wanted a bag; %s",
               quoted(path), remedy);
    check_cost(json, end, path);
    json_set_alloc_funcs(xmalloc, xfree); /* so that a death frees the tree */
    json_error_t error;
    json_t *root = json_loadb(json, end, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        die_no("%s: header at byte %d: %s, wanted JSON; %s", quoted(path),
               error.position + 8, quoted(error.text), remedy);
    if (json_object_size(root) > TENSORS + 1)
        die_no("%s: %zu tensors, wanted at most %d; %s", quoted(path),
               json_object_size(root), (int)TENSORS, remedy);
    *length = (size_t)h;
    return root;
}

/* A JSON integer from 0 to `most`. */
static size_t whole(const json_t *value, json_int_t most, const char *what,
                    const struct entry *e, const char *path) {
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > most)
        die_no(
            "%s: tensor %s: %s holds something else than whole numbers from 0 to %lld; %s",
            quoted(path), quoted(e->tensor.name), what, (long long)most, remedy);
    return (size_t)json_integer_value(value);
}

static enum type parse_type(const json_t *value, const struct entry *e, const char *path) {
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    for (int type = 0; type < T_COUNT; type++)
        if (!strcmp(text, type_name((enum type)type))) return (enum type)type;
    die_no("%s: tensor %s: dtype '%s', wanted F32, U8 or another of the format's; %s",
           quoted(path), quoted(e->tensor.name), quoted(text), remedy);
}

static void parse_entry(struct entry *e, const json_t *value, const char *path) {
    const json_t *shape = json_object_get(value, "shape");
    const json_t *offsets = json_object_get(value, "data_offsets");
    struct tensor *t = &e->tensor;
    if (!*t->name)
        die_no("%s: a tensor without a name, wanted one; %s", quoted(path), remedy);
    if (json_object_size(value) != 3 || !json_is_array(shape) ||
        json_array_size(offsets) != 2 || json_array_size(shape) > TENSOR_DIMS)
        die_no("%s: tensor %s: wanted dtype, shape of at most %d dimensions and "
               "data_offsets of "
               "two numbers, nothing else; %s",
               quoted(path), quoted(t->name), (int)TENSOR_DIMS, remedy);
    t->type = parse_type(json_object_get(value, "dtype"), e, path);
    t->ndim = (int)json_array_size(shape);
    for (int i = 0; i < t->ndim; i++)
        t->dim[i] = (int)whole(json_array_get(shape, (size_t)i), INT_MAX, "shape", e, path);
    e->begin = whole(json_array_get(offsets, 0), LLONG_MAX, "data_offsets", e, path);
    e->end = whole(json_array_get(offsets, 1), LLONG_MAX, "data_offsets", e, path);
}

/* Copies into the bag's text, which has room: decoded strings are shorter than JSON's. */
static char *keep(char **room, const char *text) {
    size_t n = strlen(text) + 1;
    char *at = memcpy(*room, text, n);
    *room += n;
    return at;
}

static void take_metas(struct bag *bag, json_t *value, char **room, const char *path) {
    const char *key;
    json_t *item;
    if (!json_is_object(value))
        die_no("%s: __metadata__ is not an object, wanted one; %s", quoted(path), remedy);
    bag->meta = xcalloc(json_object_size(value), 2 * sizeof *bag->meta);
    json_object_foreach(value, key, item) {
        if (!json_is_string(item))
            die_no("%s: metadata %s is not a text, wanted one; %s", quoted(path),
                   quoted(key), remedy);
        bag->meta[2 * bag->metas] = keep(room, key);
        bag->meta[2 * bag->metas++ + 1] = keep(room, json_string_value(item));
    }
}

static int by_place(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return strcmp(x->tensor.name, y->tensor.name);
}

/* Every byte of the buffer belongs to exactly one tensor, and every tensor has its
 * bytes. */
static void check_places(const struct entry *entry, int count, size_t size,
                         const char *path) {
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        const struct entry *e = &entry[i];
        if (e->begin != at || e->end < e->begin || e->end > size)
            die_no("%s: tensor %s: bytes %zu to %zu, wanted them from %zu and at most to "
                   "%zu: no "
                   "hole, no overlap; %s",
                   quoted(path), quoted(e->tensor.name), e->begin, e->end, at, size,
                   remedy);
        if (tensor_bytes(&e->tensor) != e->end - e->begin)
            die_no("%s: tensor %s: %zu bytes, wanted %zu for %s %s; %s", quoted(path),
                   quoted(e->tensor.name), e->end - e->begin, tensor_bytes(&e->tensor),
                   type_name(e->tensor.type), tensor_shape(&e->tensor), remedy);
        at = e->end;
    }
    if (at != size)
        die_no("%s: %zu bytes of data, wanted %zu as the header says; %s", quoted(path),
               size, at, remedy);
}

static bool unaligned(const uint8_t *at, const struct tensor *t) {
    return (uintptr_t)at % type_size(t->type) != 0;
}

/* Room for n bytes and an aligned place after them; for none too: a tensor without elements
 * has its address. */
static size_t step(size_t n) {
    return (n + 8) & ~(size_t)7;
}

/* Foreign files may put an F32 at an odd byte; C may not read it there. */
static void place_data(struct bag *bag, const struct entry *entry, const uint8_t *data) {
    size_t room = 0;
    for (int i = 0; i < bag->count; i++)
        if (unaligned(data + entry[i].begin, &entry[i].tensor))
            room += step(entry[i].end - entry[i].begin);
    uint8_t *copy = bag->copy = room ? xaligned(room) : NULL;
    for (int i = 0; i < bag->count; i++) {
        const uint8_t *from = data + entry[i].begin;
        size_t n = entry[i].end - entry[i].begin;
        bag->tensor[i] = entry[i].tensor;
        bag->tensor[i].data = (void *)(uintptr_t)from;
        if (!unaligned(from, &entry[i].tensor)) continue;
        bag->tensor[i].data = memcpy(copy, from, n);
        copy += step(n);
    }
}

/* Fills all of the bag but its map. */
static void parse(struct bag *bag, const uint8_t *bytes, size_t n, const char *path) {
    size_t length;
    json_t *root = read_header(bytes, n, path, &length);
    struct entry *entry = xcalloc(json_object_size(root), sizeof *entry);
    char *room = bag->text = xmalloc(size_add(length, strlen(path) + 1, path));
    bag->path = keep(&room, path);
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value) {
        if (!strcmp(key, "__metadata__")) {
            take_metas(bag, value, &room, path);
            continue;
        }
        entry[bag->count].tensor.name = keep(&room, key);
        parse_entry(&entry[bag->count++], value, path);
    }
    json_decref(root);
    qsort(entry, (size_t)bag->count, sizeof *entry, by_place);
    check_places(entry, bag->count, n - 8 - length, path);
    bag->tensor = xcalloc((size_t)bag->count, sizeof *bag->tensor);
    place_data(bag, entry, bytes + 8 + length);
    xfree(entry);
}

void bag_open(struct bag *bag, const char *path) {
    *bag = (struct bag){0};
    map_open(&bag->map, path);
    parse(bag, bag->map.data, bag->map.size, path);
}

void bag_parse(struct bag *bag, const void *bytes, size_t n, const char *path) {
    *bag = (struct bag){0};
    parse(bag, bytes, n, path);
}

void bag_close(struct bag *bag) {
    map_close(&bag->map);
    xfree(bag->tensor);
    xfree(bag->meta);
    xfree(bag->text);
    xfree(bag->copy);
    *bag = (struct bag){0};
}

const struct tensor *bag_find(const struct bag *bag, const char *name) {
    for (int i = 0; i < bag->count; i++)
        if (!strcmp(bag->tensor[i].name, name)) return &bag->tensor[i];
    return NULL;
}

const struct tensor *bag_need(const struct bag *bag, const char *name, enum type type,
                              int ndim) {
    const struct tensor *t = bag_find(bag, name);
    if (!t)
        die_no("%s: no tensor %s, wanted one of type %s; %s", quoted(bag->path),
               quoted(name), type_name(type), remedy);
    if (t->type != type)
        die_no("%s: tensor %s: type %s, wanted %s; %s", quoted(bag->path), quoted(name),
               type_name(t->type), type_name(type), remedy);
    if (ndim >= 0 && t->ndim != ndim)
        die_no("%s: tensor %s: shape %s, wanted %d dimensions; %s", quoted(bag->path),
               quoted(name), tensor_shape(t), ndim, remedy);
    return t;
}

const char *bag_meta(const struct bag *bag, const char *key) {
    for (int i = 0; i < bag->metas; i++)
        if (!strcmp(bag->meta[2 * i], key)) return bag->meta[2 * i + 1];
    return NULL;
}

const char *bag_need_meta(const struct bag *bag, const char *key) {
    const char *value = bag_meta(bag, key);
    if (!value)
        die_no("%s: no metadata %s, wanted it; %s", quoted(bag->path), quoted(key), remedy);
    return value;
}
