/* pickle.h - the pickle inside a PyTorch checkpoint, read as data.
 *
 * A pickle is a program that builds objects by calling what it names. This reader calls
 * nothing: a global is a word of a closed list, REDUCE a switch of three cases (an empty
 * OrderedDict, a tensor's description, a Parameter around one), a persistent id a storage's
 * description. Opcodes: the 31 that torch.save (protocol 2) needs for a state_dict; BUILD
 * only hangs `_metadata` on an OrderedDict, which is checked and forgotten. Everything else
 * is refused (die_no) with its name and offset. Source: CPython's pickletools.py,
 * torch/_utils.py and torch/_weights_only_unpickler.py.
 *
 * Budgets: 1,000,000 opcodes, 10,000 on the stack, 100,000 in the memo, nesting 64 deep,
 * strings of 64 KiB, 4,000,000 values when shared ones are counted as often as they
 * appear. */
#ifndef CONVERT_PICKLE_H
#define CONVERT_PICKLE_H
#include "core/bag.h"

enum {
    PICKLE_OPCODES = 1000000,
    PICKLE_STACK = 10000,
    PICKLE_MEMO = 100000,
    PICKLE_DEPTH = 64,
    PICKLE_TEXT = 65536,
    PICKLE_VALUES = 4000000,
};

enum value_kind {
    V_NONE,
    V_BOOL,
    V_INT,
    V_REAL,
    V_TEXT,
    V_TUPLE,
    V_LIST,
    V_DICT,
    V_GLOBAL,
    V_STORAGE,
    V_TENSOR
};

enum global_kind { G_ORDERED_DICT, G_REBUILD_TENSOR, G_REBUILD_PARAMETER, G_STORAGE };

struct value {
    enum value_kind kind;
    int ordered;         /* dict: an OrderedDict */
    int count, capacity; /* tuple, list: items; dict: keys and values in turn */
    struct value **item;
    int64_t integer; /* bool, int; storage: elements; tensor: offset in elements */
    double real;
    const char *
        text; /* text; storage: its key. `length` bytes in the pickle, no zero at the end */
    size_t length;
    enum global_kind global;
    enum type type; /* global storage, storage, tensor: element type */
    int ndim;       /* tensor; size and stride in elements */
    int64_t size[TENSOR_DIMS], stride[TENSOR_DIMS];
    struct value *storage; /* tensor */
    int height, visiting;  /* the final check's own */
    int64_t expanded;
};

struct pickle {
    struct value *root;   /* borrowed until pickle_free */
    struct value **block; /* owns the values */
    int blocks, used;     /* used: in the last block */
};

/* `bytes` must outlive the pickle. Every tensor's offset, sizes and strides have been
 * checked against its storage's number of elements. */
void pickle_read(struct pickle *pickle, const uint8_t *bytes, size_t n, const char *path);
void pickle_free(struct pickle *pickle);
/* "a tensor", "a list" ... */
const char *value_name(const struct value *v);
int value_is(const struct value *v, const char *text); /* text equal to this one */
/* A dict's value for a text key; NULL if absent or v is no dict. */
struct value *value_find(const struct value *v, const char *key);
#endif
