/* torch_save.c - torch.save's zip and pickle, byte by byte as PyTorch's own writer lays
 * them out.
 *
 * It writes state dicts only, and reads nothing. */
#include "tests/torch_save.h"
#include "core/die.h"
#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { ALIGN = 64, LOCAL = 30, FLAGS_FULL = 0x0808, FLAGS_EMPTY = 0x0800 };

void bytes_add(struct bytes *b, const void *data, size_t n) {
    if (b->n + n > b->room) {
        b->room = b->n + n + b->room / 2 + 256;
        b->data = xrealloc(b->data, b->room, 1);
    }
    if (n) memcpy(b->data + b->n, data, n);
    b->n += n;
}

static void bytes_number(struct bytes *b, uint64_t x, int n) {
    uint8_t byte[8];
    for (int i = 0; i < n; i++) byte[i] = (uint8_t)(x >> 8 * i);
    bytes_add(b, byte, (size_t)n);
}

void bytes_u16(struct bytes *b, unsigned x) {
    bytes_number(b, x, 2);
}
void bytes_u32(struct bytes *b, uint32_t x) {
    bytes_number(b, x, 4);
}
void bytes_u64(struct bytes *b, uint64_t x) {
    bytes_number(b, x, 8);
}

static void bytes_text(struct bytes *b, const char *text) {
    bytes_add(b, text, strlen(text));
}

/* Local header, name, padding, data, descriptor. An empty member has no descriptor. */
static void add_local(struct bytes *b, const char *top, const struct stored *m,
                      uint32_t crc) {
    size_t name = strlen(top) + 1 + strlen(m->name);
    size_t pad = (ALIGN - (b->n + LOCAL + name + 4) % ALIGN) % ALIGN;
    bytes_text(b, "PK\3\4");
    bytes_u16(b, 0);
    bytes_u16(b, m->n ? FLAGS_FULL : FLAGS_EMPTY);
    for (int i = 0; i < 9; i++) bytes_u16(b, 0); /* method, time, date, CRC, sizes */
    bytes_u16(b, (unsigned)name);
    bytes_u16(b, (unsigned)(pad + 4));
    bytes_text(b, top);
    bytes_text(b, "/");
    bytes_text(b, m->name);
    bytes_text(b, "FB");
    bytes_u16(b, (unsigned)pad);
    for (size_t i = 0; i < pad; i++) bytes_text(b, "Z");
    bytes_add(b, m->data, m->n);
    if (!m->n) return;
    bytes_text(b, "PK\7\10");
    bytes_u32(b, crc);
    bytes_u32(b, (uint32_t)m->n);
    bytes_u32(b, (uint32_t)m->n);
}

static void add_central(struct bytes *b, const char *top, const struct stored *m,
                        uint32_t crc, size_t at) {
    bytes_text(b, "PK\1\2");
    bytes_u32(b, 0); /* versions */
    bytes_u16(b, m->n ? FLAGS_FULL : FLAGS_EMPTY);
    for (int i = 0; i < 3; i++) bytes_u16(b, 0); /* method, time, date */
    bytes_u32(b, crc);
    bytes_u32(b, (uint32_t)m->n);
    bytes_u32(b, (uint32_t)m->n);
    bytes_u16(b, (unsigned)(strlen(top) + 1 + strlen(m->name)));
    for (int i = 0; i < 6; i++) bytes_u16(b, 0); /* extra, comment, disk, attributes */
    bytes_u32(b, (uint32_t)at);
    bytes_text(b, top);
    bytes_text(b, "/");
    bytes_text(b, m->name);
}

static void add_end(struct bytes *b, int count, size_t central) {
    size_t end = b->n, size = end - central;
    bytes_text(b, "PK\6\6");
    bytes_u64(b, 44);
    bytes_u16(b, 0x031e);
    bytes_u16(b, 0x002d);
    bytes_u64(b, 0); /* disks */
    bytes_u64(b, (uint64_t)count);
    bytes_u64(b, (uint64_t)count);
    bytes_u64(b, size);
    bytes_u64(b, central);
    bytes_text(b, "PK\6\7");
    bytes_u32(b, 0);
    bytes_u64(b, end);
    bytes_u32(b, 1);
    bytes_text(b, "PK\5\6");
    bytes_u32(b, 0);
    bytes_u16(b, (unsigned)count);
    bytes_u16(b, (unsigned)count);
    bytes_u32(b, (uint32_t)size);
    bytes_u32(b, (uint32_t)central);
    bytes_u16(b, 0);
}

void torch_zip(struct bytes *b, const char *top, const struct stored *member, int count) {
    size_t *at = xcalloc((size_t)count + 1, sizeof *at);
    uint32_t *crc = xcalloc((size_t)count + 1, sizeof *crc);
    for (int i = 0; i < count; i++) {
        at[i] = b->n;
        crc[i] = member[i].n ? (uint32_t)crc32(0, member[i].data, (uInt)member[i].n) : 0;
        add_local(b, top, &member[i], crc[i]);
    }
    size_t central = b->n;
    for (int i = 0; i < count; i++) add_central(b, top, &member[i], crc[i], at[i]);
    add_end(b, count, central);
    xfree(at);
    xfree(crc);
}

const float torch_floats[2] = {1.5f, -2};

struct bytes torch_wrap(const void *pickle, size_t n) {
    struct stored member[] = {{"data.pkl", pickle, n},
                              {"byteorder", "little", 6},
                              {"data/0", torch_floats, sizeof torch_floats},
                              {"version", "3\n", 2}};
    struct bytes b = {0};
    torch_zip(&b, "archive", member, 4);
    return b;
}

static void pickle_text(struct bytes *b, const char *text) {
    bytes_text(b, "X");
    bytes_u32(b, (uint32_t)strlen(text));
    bytes_text(b, text);
}

/* As Python's pickler: BININT1, BININT2, BININT, else LONG1. */
static void pickle_int(struct bytes *b, uint64_t x) {
    if (x < 256) {
        bytes_text(b, "K");
        bytes_number(b, x, 1);
    } else if (x < 65536) {
        bytes_text(b, "M");
        bytes_number(b, x, 2);
    } else {
        bytes_text(b, x < 0x80000000u ? "J" : "\x8a\x08");
        bytes_number(b, x, x < 0x80000000u ? 4 : 8);
    }
}

static void pickle_tuple(struct bytes *b, const size_t *item, int n) {
    if (n) bytes_text(b, "(");
    for (int i = 0; i < n; i++) pickle_int(b, item[i]);
    bytes_text(b, n ? "t" : ")");
}

static const char *storage_class(enum type type) {
    static const char *const name[T_COUNT] = {
        [T_BOOL] = "Bool", [T_U8] = "Byte",    [T_I8] = "Char",  [T_I16] = "Short",
        [T_I32] = "Int",   [T_I64] = "Long",   [T_F16] = "Half", [T_BF16] = "BFloat16",
        [T_F32] = "Float", [T_F64] = "Double",
    };
    if (!name[type]) die_usage("torch.save: no storage class for %s", type_name(type));
    return name[type];
}

/* _rebuild_tensor_v2(storage, 0, size, stride, False, OrderedDict()) */
static void pickle_tensor(struct bytes *b, const struct tensor *t, int key) {
    size_t size[TENSOR_DIMS], stride[TENSOR_DIMS], step = 1;
    char text[96];
    for (int d = t->ndim; d-- > 0;) {
        size[d] = (size_t)t->dim[d];
        stride[d] = step;
        step *= size[d];
    }
    bytes_text(b, "ctorch._utils\n_rebuild_tensor_v2\n((");
    pickle_text(b, "storage");
    snprintf(text, sizeof text, "ctorch\n%sStorage\n", storage_class(t->type));
    bytes_text(b, text);
    snprintf(text, sizeof text, "%d", key);
    pickle_text(b, text);
    pickle_text(b, "cpu");
    pickle_int(b, step);
    bytes_text(b, "tQK");
    bytes_number(b, 0, 1);
    pickle_tuple(b, size, t->ndim);
    pickle_tuple(b, stride, t->ndim);
    bytes_text(b, "\x89"
                  "ccollections\nOrderedDict\n)RtR");
}

void torch_pickle(struct bytes *b, const struct tensor *tensor, int count) {
    bytes_text(b, "\x80\2"
                  "ccollections\nOrderedDict\n)R(");
    for (int i = 0; i < count; i++) {
        pickle_text(b, tensor[i].name);
        pickle_tensor(b, &tensor[i], i);
    }
    bytes_text(b, "u.");
}

void torch_save(struct bytes *b, const char *top, const struct tensor *tensor, int count) {
    struct bytes pickle = {0};
    torch_pickle(&pickle, tensor, count);
    struct stored *m = xcalloc((size_t)count + 6, sizeof *m);
    char(*key)[24] = xcalloc((size_t)count, sizeof *key);
    int n = 0;
    m[n++] = (struct stored){"data.pkl", pickle.data, pickle.n};
    m[n++] = (struct stored){".format_version", "1", 1};
    m[n++] = (struct stored){".storage_alignment", "64", 2};
    m[n++] = (struct stored){"byteorder", "little", 6};
    for (int i = 0; i < count; i++) {
        snprintf(key[i], sizeof key[i], "data/%d", i);
        m[n++] = (struct stored){key[i], tensor[i].data, tensor_bytes(&tensor[i])};
    }
    m[n++] = (struct stored){"version", "3\n", 2};
    m[n++] = (struct stored){".data/serialization_id",
                             "0000000000000000000000000000000000000000", 40};
    torch_zip(b, top, m, n);
    xfree(pickle.data);
    xfree(m);
    xfree(key);
}
