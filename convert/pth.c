/* pth.c - torch.save's zip and pickle joined into named, contiguous tensors.
 *
 * It does not rebuild Python's objects, nor guess at files that are no state dict. */
#include "convert/pth.h"
#include "convert/pickle.h"
#include "convert/zip.h"
#include "core/die.h"
#include <stdlib.h>
#include <string.h>

enum { TENSORS = 100000, NAME = 255, ALIGN = 64, LISTED = 10 };

struct file {
    const char *path;
    struct members zip;
    struct pickle pickle;
    char top[ZIP_NAME + 2]; /* "archive/" */
    size_t size;
};

static const struct member *member(const struct file *f, const char *name) {
    char full[2 * ZIP_NAME + 2];
    size_t top = strlen(f->top), n = strlen(name);
    if (top + n > ZIP_NAME) return NULL;
    memcpy(full, f->top, top);
    memcpy(full + top, name, n + 1);
    return members_find(&f->zip, full);
}

static int is_storage(const char *name) {
    if (strncmp(name, "data/", 5) || !name[5]) return 0;
    return name[5 + strspn(name + 5, "0123456789")] == 0;
}

static void check_text(const struct file *f, const char *name, const char *wanted,
                       int required) {
    const struct member *m = member(f, name);
    if (!m && required)
        die_no("%s: no member '%s', wanted a file of torch.save", f->path, name);
    if (m && (m->size != strlen(wanted) || memcmp(m->data, wanted, m->size)))
        die_no("%s: member '%s' says '%s', wanted '%s'; re-save it with torch.save on a "
               "usual machine",
               f->path, name, quoted_bytes(m->data, m->size < 64 ? m->size : 64),
               quoted_bytes(wanted, strlen(wanted)));
}

/* Every member is one that torch.save writes, under one folder. */
static void check_members(struct file *f) {
    static const char *const plain[] = {"data.pkl",
                                        "version",
                                        "byteorder",
                                        ".format_version",
                                        ".storage_alignment",
                                        ".data/serialization_id",
                                        NULL};
    if (!f->zip.count) die_no("%s: an empty zip, wanted a file of torch.save", f->path);
    const char *first = f->zip.member[0].name, *slash = strchr(first, '/');
    size_t top = slash ? (size_t)(slash - first) + 1 : 0;
    memcpy(f->top, first, top);
    f->top[top] = 0;
    for (int i = 0; i < f->zip.count; i++) {
        const char *full = f->zip.member[i].name, *name = full + top;
        int good = top && !strncmp(full, f->top, top);
        if (good && (!strncmp(name, "code/", 5) || !strcmp(name, "constants.pkl")))
            die_no("%s: a TorchScript file, wanted a state_dict; re-save it: "
                   "torch.save(torch.jit.load(FILE).state_dict(), NEW)",
                   f->path);
        if (good && is_storage(name)) continue;
        int k = 0;
        while (good && plain[k] && strcmp(plain[k], name)) k++;
        if (!good || !plain[k])
            die_no(
                "%s: zip member '%s', wanted only what torch.save writes; re-save it with "
                "torch.save",
                f->path, quoted(full));
    }
    check_text(f, "version", "3\n", 1);
    check_text(f, "byteorder", "little", 0);
    check_text(f, ".format_version", "1", 0);
}

static _Noreturn void refuse_keys(const struct file *f, const struct value *v) {
    char list[LISTED * 64 + 8] = "";
    size_t used = 0;
    int shown = 0;
    for (int i = 0; v->kind == V_DICT && i < v->count && shown < LISTED; i += 2, shown++) {
        const struct value *key = v->item[i];
        if (key->kind != V_TEXT) continue;
        const char *text = quoted_bytes(key->text, key->length < 48 ? key->length : 48);
        size_t n = strlen(text) < 56 ? strlen(text) : 56;
        list[used++] = ' ';
        memcpy(list + used, text, n);
        used += n;
        list[used] = 0;
    }
    die_no("%s: %s%s%s, wanted a dict of tensors, itself or under state_dict, model, "
           "model_state_dict, teacher or net; re-save the bare state_dict with torch.save",
           f->path, value_name(v), *list ? " with the keys" : "", list);
}

/* The dict that holds the tensors. value_check has made sure that this ends. */
static const struct value *find_state(const struct file *f) {
    static const char *const inner[] = {"state_dict", "model", "model_state_dict",
                                        "teacher", "net"};
    const struct value *v = f->pickle.root;
    for (;;) {
        const struct value *next = NULL;
        for (size_t k = 0; k < sizeof inner / sizeof *inner && !next; k++) {
            next = value_find(v, inner[k]);
            if (next && next->kind != V_DICT) next = NULL;
        }
        if (!next) break;
        v = next;
    }
    int tensors = 0;
    for (int i = 0; v->kind == V_DICT && i < v->count; i += 2)
        tensors += v->item[i + 1]->kind == V_TENSOR;
    if (!tensors) refuse_keys(f, v);
    return v;
}

static const uint8_t *storage_bytes(const struct file *f, const struct value *storage,
                                    const char *name) {
    char path[32] = "data/";
    memcpy(path + 5, storage->text, storage->length); /* at most 9 digits */
    path[5 + storage->length] = 0;
    const struct member *m = member(f, path);
    size_t bytes =
        (size_t)storage->integer * type_size(storage->type); /* checked by pickle.c */
    if (!m)
        die_no("%s: tensor '%s': no member '%s' with its data", f->path, quoted(name),
               path);
    if (m->size != bytes)
        die_no("%s: tensor '%s': member '%s' has %zu bytes, wanted %zu as its storage says",
               f->path, quoted(name), path, m->size, bytes);
    return m->data;
}

static int contiguous(const struct value *t) {
    int64_t expect = 1;
    for (int d = t->ndim; d-- > 0;) {
        if (t->size[d] != 1 && t->stride[d] != expect) return 0;
        expect *= t->size[d];
    }
    return 1;
}

/* Elements in row-major order from wherever the strides say they are. */
static void gather(const struct value *t, const uint8_t *from, uint8_t *to,
                   size_t elements) {
    size_t item = type_size(t->type);
    int64_t index[TENSOR_DIMS] = {0}, at = t->integer;
    for (size_t i = 0; i < elements; i++) {
        memcpy(to + i * item, from + (size_t)at * item, item);
        for (int d = t->ndim; d-- > 0;) {
            at += t->stride[d];
            if (++index[d] < t->size[d]) break;
            at -= t->size[d] * t->stride[d];
            index[d] = 0;
        }
    }
}

static const char *copy_name(const struct file *f, const struct value *key, char **room) {
    int good = key->kind == V_TEXT && key->length && key->length <= NAME;
    for (size_t i = 0; good && i < key->length; i++)
        good = key->text[i] > 0x20 && key->text[i] < 0x7f;
    if (!good)
        die_no("%s: a tensor named '%s', wanted a name of 1 to 255 printable characters",
               f->path,
               key->kind == V_TEXT ? quoted_bytes(key->text, key->length)
                                   : value_name(key));
    char *name = memcpy(*room, key->text, key->length);
    name[key->length] = 0;
    *room += key->length + 1;
    return name;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void check_names(const struct file *f, const struct pth *pth) {
    const char **name = xcalloc((size_t)pth->count, sizeof *name);
    for (int i = 0; i < pth->count; i++) name[i] = pth->tensor[i].name;
    qsort(name, (size_t)pth->count, sizeof *name, by_name);
    for (int i = 1; i < pth->count; i++)
        if (!strcmp(name[i - 1], name[i]))
            die_no("%s: two tensors named '%s', wanted each name once", f->path,
                   quoted(name[i]));
    xfree(name);
}

/* Names and shapes first, and from them the room for what must be gathered, bounded by the
 * file's size. */
static size_t measure(const struct file *f, const struct value *state, struct pth *pth) {
    size_t text = 0, bytes = 0, elements = 0;
    for (int i = 0; i < state->count; i += 2) text += state->item[i]->length + 1;
    char *room = pth->names = xmalloc(text + 1);
    for (int i = 0; i < state->count; i += 2) {
        const struct value *v = state->item[i + 1];
        struct tensor *t = &pth->tensor[i / 2];
        t->name = copy_name(f, state->item[i], &room);
        if (v->kind != V_TENSOR)
            die_no("%s: '%s' is %s, wanted tensors only; re-save the bare state_dict with "
                   "torch.save",
                   f->path, quoted(t->name), value_name(v));
        t->type = v->type;
        t->ndim = v->ndim;
        size_t count = 1;
        int wraps = 0;
        for (int d = 0; d < v->ndim; d++) {
            t->dim[d] = (int)v->size[d];
            wraps |= __builtin_mul_overflow(count, (size_t)v->size[d], &count);
        }
        if (wraps || __builtin_add_overflow(elements, count, &elements) ||
            elements > f->size)
            die_no("%s: the tensors up to '%s' have more elements than the file's %zu "
                   "bytes; fetch it "
                   "again",
                   f->path, quoted(t->name), f->size);
        if (!contiguous(v))
            bytes += (count * type_size(t->type) + ALIGN - 1) / ALIGN * ALIGN;
    }
    return bytes;
}

void pth_open(struct pth *pth, const uint8_t *bytes, size_t n, const char *path) {
    struct file f = {.path = path, .size = n};
    members_open(&f.zip, bytes, n, path);
    check_members(&f);
    const struct member *data = member(&f, "data.pkl");
    if (!data) die_no("%s: no member 'data.pkl', wanted a file of torch.save", path);
    pickle_read(&f.pickle, data->data, data->size, path);
    const struct value *state = find_state(&f);
    pth->count = state->count / 2;
    if (pth->count > TENSORS)
        die_no("%s: %d tensors, limit %d; wanted an encoder's weights", path, pth->count,
               TENSORS);
    pth->tensor = xcalloc((size_t)pth->count, sizeof *pth->tensor);
    uint8_t *to = pth->gathered = xaligned(measure(&f, state, pth) + ALIGN);
    for (int i = 0; i < pth->count; i++) {
        struct tensor *t = &pth->tensor[i];
        const struct value *v = state->item[2 * i + 1];
        const uint8_t *from = storage_bytes(&f, v->storage, t->name);
        size_t skip = tensor_count(t) ? (size_t)v->integer * type_size(v->type) : 0;
        t->data = (void *)(uintptr_t)(from + skip);
        if (contiguous(v)) continue;
        gather(v, from, to, tensor_count(t));
        t->data = to;
        to += (tensor_bytes(t) + ALIGN - 1) / ALIGN * ALIGN;
    }
    check_names(&f, pth);
    pickle_free(&f.pickle);
    members_close(&f.zip);
}

void pth_close(struct pth *pth) {
    xfree(pth->tensor);
    xfree(pth->names);
    xfree(pth->gathered);
    memset(pth, 0, sizeof *pth);
}
