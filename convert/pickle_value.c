/* pickle_value.c - the closed list of globals, and what a tensor's description may say.
 *
 * It believes no number: each is checked against the storage it speaks of. */
#include "convert/pickle_value.h"
#include "core/die.h"
#include <limits.h>
#include <string.h>

enum { BLOCK = 128 };

static const struct {
    const char *module, *name;
    enum global_kind global;
    enum type type;
} known[] = {
    {"collections", "OrderedDict", G_ORDERED_DICT, 0},
    {"torch._utils", "_rebuild_tensor_v2", G_REBUILD_TENSOR, 0},
    {"torch._utils", "_rebuild_parameter", G_REBUILD_PARAMETER, 0},
    {"torch", "FloatStorage", G_STORAGE, T_F32},
    {"torch", "DoubleStorage", G_STORAGE, T_F64},
    {"torch", "HalfStorage", G_STORAGE, T_F16},
    {"torch", "BFloat16Storage", G_STORAGE, T_BF16},
    {"torch", "LongStorage", G_STORAGE, T_I64},
    {"torch", "IntStorage", G_STORAGE, T_I32},
    {"torch", "ShortStorage", G_STORAGE, T_I16},
    {"torch", "CharStorage", G_STORAGE, T_I8},
    {"torch", "ByteStorage", G_STORAGE, T_U8},
    {"torch", "BoolStorage", G_STORAGE, T_BOOL},
};

/* Opcodes that are refused, for the message (CPython, Lib/pickletools.py). */
static const struct {
    uint8_t op;
    const char *name;
} refused[] = {
    {'0', "POP"},
    {'1', "POP_MARK"},
    {'2', "DUP"},
    {'F', "FLOAT"},
    {'I', "INT"},
    {'L', "LONG"},
    {'P', "PERSID"},
    {'S', "STRING"},
    {'T', "BINSTRING"},
    {'U', "SHORT_BINSTRING"},
    {'V', "UNICODE"},
    {'B', "BINBYTES"},
    {'C', "SHORT_BINBYTES"},
    {'d', "DICT"},
    {'g', "GET"},
    {'i', "INST"},
    {'l', "LIST"},
    {'o', "OBJ"},
    {'p', "PUT"},
    {0x81, "NEWOBJ"},
    {0x82, "EXT1"},
    {0x83, "EXT2"},
    {0x84, "EXT4"},
    {0x8b, "LONG4"},
    {0x8c, "SHORT_BINUNICODE"},
    {0x8d, "BINUNICODE8"},
    {0x8e, "BINBYTES8"},
    {0x8f, "EMPTY_SET"},
    {0x90, "ADDITEMS"},
    {0x91, "FROZENSET"},
    {0x92, "NEWOBJ_EX"},
    {0x93, "STACK_GLOBAL"},
    {0x94, "MEMOIZE"},
    {0x95, "FRAME"},
    {0x96, "BYTEARRAY8"},
    {0x97, "NEXT_BUFFER"},
    {0x98, "READONLY_BUFFER"},
};

const char *pickle_opcode(uint8_t op) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (refused[i].op == op) return refused[i].name;
    return "unknown";
}

const char *value_name(const struct value *v) {
    static const char *const name[] = {"None",     "a bool",    "an integer", "a number",
                                       "text",     "a tuple",   "a list",     "a dict",
                                       "a global", "a storage", "a tensor"};
    return name[v->kind];
}

struct value *pickle_value(struct pickle *pickle) {
    if (!pickle->blocks || pickle->used == BLOCK) {
        pickle->block =
            xrealloc(pickle->block, (size_t)pickle->blocks + 1, sizeof *pickle->block);
        pickle->block[pickle->blocks++] = xcalloc(BLOCK, sizeof **pickle->block);
        pickle->used = 0;
    }
    return &pickle->block[pickle->blocks - 1][pickle->used++];
}

void pickle_free(struct pickle *pickle) {
    for (int b = 0; b < pickle->blocks; b++) {
        for (int i = 0; i < BLOCK; i++) xfree(pickle->block[b][i].item);
        xfree(pickle->block[b]);
    }
    xfree(pickle->block);
    memset(pickle, 0, sizeof *pickle);
}

void value_append(struct value *container, struct value *item) {
    if (container->count == container->capacity) {
        container->capacity = container->capacity ? 2 * container->capacity : 4;
        container->item =
            xrealloc(container->item, (size_t)container->capacity, sizeof *container->item);
    }
    container->item[container->count++] = item;
}

int value_is(const struct value *v, const char *text) {
    return v->kind == V_TEXT && v->length == strlen(text) &&
           !memcmp(v->text, text, v->length);
}

struct value *value_find(const struct value *v, const char *key) {
    if (v->kind != V_DICT) return NULL;
    for (int i = 0; i < v->count; i += 2)
        if (value_is(v->item[i], key)) return v->item[i + 1];
    return NULL;
}

int value_global(struct value *v, const uint8_t *module, size_t modules,
                 const uint8_t *name, size_t names) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].module) == modules &&
            !memcmp(known[i].module, module, modules) && strlen(known[i].name) == names &&
            !memcmp(known[i].name, name, names)) {
            v->global = known[i].global;
            v->type = known[i].type;
            return 1;
        }
    return 0;
}

static int empty_hooks(const struct value *v) {
    return v->kind == V_DICT && v->ordered && v->count == 0;
}

/* offset + 1 + sum((size - 1) * stride) <= elements, all of it overflow-checked. */
static const char *check_reach(const struct value *v) {
    int64_t last = v->integer, step;
    for (int d = 0; d < v->ndim; d++)
        if (v->size[d] == 0) return NULL; /* no element is ever read */
    for (int d = 0; d < v->ndim; d++)
        if (__builtin_mul_overflow(v->size[d] - 1, v->stride[d], &step) ||
            __builtin_add_overflow(last, step, &last))
            return "a tensor whose reach overflows";
    return last < v->storage->integer ? NULL : "a tensor that reaches past its storage";
}

const char *value_rebuild_tensor(struct value *v, const struct value *args) {
    if (args->count != 6) return "a tensor of other than 6 arguments";
    struct value *const *a = args->item;
    if (a[0]->kind != V_STORAGE) return "a tensor on what is no storage";
    if (a[1]->kind != V_INT || a[1]->integer < 0)
        return "a tensor's offset negative or no integer";
    if (a[2]->kind != V_TUPLE || a[3]->kind != V_TUPLE || a[2]->count != a[3]->count)
        return "a tensor's size and stride not two tuples of one length";
    if (a[2]->count > TENSOR_DIMS) return "a tensor of more than 8 dimensions";
    if (a[4]->kind != V_BOOL || !empty_hooks(a[5]))
        return "a tensor with hooks, or requires_grad no bool";
    v->kind = V_TENSOR;
    v->storage = a[0];
    v->type = a[0]->type;
    v->integer = a[1]->integer;
    v->ndim = a[2]->count;
    for (int d = 0; d < v->ndim; d++) {
        const struct value *size = a[2]->item[d], *stride = a[3]->item[d];
        if (size->kind != V_INT || stride->kind != V_INT || size->integer < 0 ||
            size->integer > INT_MAX || stride->integer < 0)
            return "a tensor's size or stride negative, too large or no integer";
        v->size[d] = size->integer;
        v->stride[d] = stride->integer;
    }
    return check_reach(v);
}

const char *value_rebuild_parameter(struct value **v, const struct value *args) {
    if (args->count != 3 || args->item[0]->kind != V_TENSOR ||
        args->item[1]->kind != V_BOOL || !empty_hooks(args->item[2]))
        return "a Parameter not of (tensor, bool, no hooks)";
    *v = args->item[0];
    return NULL;
}

const char *value_storage(struct value *v, const struct value *id) {
    if (id->kind != V_TUPLE || id->count != 5 || !value_is(id->item[0], "storage"))
        return "a persistent id that is no storage's";
    const struct value *class = id->item[1], *key = id->item[2];
    if (class->kind != V_GLOBAL || class->global != G_STORAGE)
        return "a storage of no known class";
    if (key->kind != V_TEXT || key->length == 0 || key->length > 9)
        return "a storage's key not of 1 to 9 digits";
    for (size_t i = 0; i < key->length; i++)
        if (key->text[i] < '0' || key->text[i] > '9')
            return "a storage's key not of 1 to 9 digits";
    if (id->item[3]->kind != V_TEXT) return "a storage's place that is no text";
    int64_t bytes;
    if (id->item[4]->kind != V_INT || id->item[4]->integer < 0)
        return "a storage's size negative or no integer";
    if (__builtin_mul_overflow(id->item[4]->integer, (int64_t)type_size(class->type),
                               &bytes))
        return "a storage whose size in bytes overflows";
    v->integer = id->item[4]->integer;
    v->type = class->type;
    v->text = key->text;
    v->length = key->length;
    return NULL;
}

/* Depth first; recursion is at most PICKLE_DEPTH deep. height: of the tree below, 1 for a
 * leaf. */
static const char *visit(struct value *v, int depth) {
    if (v->visiting) return "a container inside itself";
    if (depth > PICKLE_DEPTH) return "containers more than 64 deep";
    if (v->height)
        return depth + v->height - 1 > PICKLE_DEPTH ? "containers more than 64 deep" : NULL;
    v->visiting = 1;
    int height = 0;
    int64_t expanded = 1;
    for (int i = 0; i < v->count; i++) {
        const char *why = visit(v->item[i], depth + 1);
        if (why) return why;
        if (v->item[i]->height > height) height = v->item[i]->height;
        expanded += v->item[i]->expanded;
        if (expanded > PICKLE_VALUES) return "more than 4,000,000 values";
    }
    v->visiting = 0;
    v->height = height + 1;
    v->expanded = expanded;
    return NULL;
}

const char *value_check(struct value *root) {
    return visit(root, 1);
}
