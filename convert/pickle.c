/* pickle.c - the pickle machine: opcodes to a tree of values, every read, pop and budget
 * checked.
 *
 * It is no unpickler: nothing is imported, called, or kept for later. */
#include "convert/pickle.h"
#include "convert/pickle_value.h"
#include "core/die.h"
#include <stdlib.h>
#include <string.h>

struct machine {
    struct pickle *pickle;
    const uint8_t *bytes;
    size_t n, at;
    size_t op; /* offset of the current opcode */
    const char *path;
    struct value **stack, **memo;
    size_t height, memos; /* memos: places of memo */
    size_t *mark;
    size_t marks;
};

static _Noreturn void pickle_refuse(const struct machine *m, const char *found,
                                    const char *wanted) {
    die_no(
        "%s: pickle byte %zu: %s, wanted %s; re-save the bare state_dict with torch.save",
        m->path, m->op, found, wanted);
}

/* The one length check. */
static const uint8_t *take(struct machine *m, size_t n) {
    if (n > m->n - m->at) pickle_refuse(m, "cut short", "a whole pickle");
    m->at += n;
    return m->bytes + m->at - n;
}

static uint64_t take_number(struct machine *m, int bytes) {
    const uint8_t *p = take(m, (size_t)bytes);
    uint64_t x = 0;
    for (int i = bytes; i-- > 0;) x = x << 8 | p[i];
    return x;
}

static void push(struct machine *m, struct value *v) {
    if (m->height == PICKLE_STACK) pickle_refuse(m, "10,000 values on the stack", "fewer");
    m->stack[m->height++] = v;
}

/* Never reaches below the last mark, as CPython's own reader. */
static struct value *pop(struct machine *m) {
    size_t floor = m->marks ? m->mark[m->marks - 1] : 0;
    if (m->height <= floor) pickle_refuse(m, "stack underflow", "a value on the stack");
    return m->stack[--m->height];
}

/* What lies above the last mark, which goes away; count in *n. Valid until the next
 * push. */
static struct value **pop_mark(struct machine *m, size_t *n) {
    if (!m->marks) pickle_refuse(m, "no mark on the stack", "one");
    size_t floor = m->mark[--m->marks];
    *n = m->height - floor;
    m->height = floor;
    return m->stack + floor;
}

static struct value *fresh(struct machine *m, enum value_kind kind) {
    struct value *v = pickle_value(m->pickle);
    v->kind = kind;
    return v;
}

static void push_int(struct machine *m, enum value_kind kind, int64_t x) {
    struct value *v = fresh(m, kind);
    v->integer = x;
    push(m, v);
}

static void push_tuple(struct machine *m, struct value **item, size_t n) {
    struct value *v = fresh(m, V_TUPLE);
    for (size_t i = 0; i < n; i++) value_append(v, item[i]);
    push(m, v);
}

static void push_last(struct machine *m, int n) {
    struct value *item[3];
    for (int i = n; i-- > 0;) item[i] = pop(m);
    push_tuple(m, item, (size_t)n);
}

static void op_long1(struct machine *m) {
    size_t n = (size_t)take_number(m, 1);
    if (n > 8) pickle_refuse(m, "an integer of more than 8 bytes", "at most 8");
    uint64_t x = take_number(m, (int)n);
    if (n && n < 8 && x >> (8 * n - 1)) x |= UINT64_MAX << 8 * n; /* sign */
    push_int(m, V_INT, (int64_t)x);
}

static void op_real(struct machine *m) {
    const uint8_t *p = take(m, 8);
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) bits = bits << 8 | p[i]; /* the one big-endian thing */
    struct value *v = fresh(m, V_REAL);
    memcpy(&v->real, &bits, sizeof bits);
    push(m, v);
}

static void op_text(struct machine *m) {
    uint64_t n = take_number(m, 4);
    if (n > PICKLE_TEXT) pickle_refuse(m, "a string of more than 64 KiB", "at most that");
    struct value *v = fresh(m, V_TEXT);
    v->length = (size_t)n;
    v->text = (const char *)take(m, (size_t)n);
    push(m, v);
}

/* A line without its end. */
static const uint8_t *take_line(struct machine *m, size_t *n) {
    const uint8_t *start = m->bytes + m->at;
    size_t room = m->n - m->at, limit = room < 256 ? room : 256;
    const uint8_t *end = limit ? memchr(start, '\n', limit) : NULL;
    if (!end) pickle_refuse(m, "no end to a global's name", "one within 256 bytes");
    *n = (size_t)(end - start);
    take(m, *n + 1);
    return start;
}

static void op_global(struct machine *m) {
    size_t modules, names;
    const uint8_t *module = take_line(m, &modules);
    const uint8_t *name = take_line(m, &names);
    struct value *v = fresh(m, V_GLOBAL);
    if (!value_global(v, module, modules, name, names))
        die_no("%s: pickle byte %zu: global '%s.%s', wanted only what a state_dict needs; "
               "re-save the "
               "bare state_dict with torch.save",
               m->path, m->op, quoted_bytes(module, modules), quoted_bytes(name, names));
    push(m, v);
}

static void op_put(struct machine *m, uint64_t i) {
    if (i >= PICKLE_MEMO) pickle_refuse(m, "memo place past 100,000", "fewer memos");
    if (i >= m->memos) {
        size_t more = 2 * ((size_t)i + 32);
        m->memo = xrealloc(m->memo, more, sizeof *m->memo);
        memset(m->memo + m->memos, 0, (more - m->memos) * sizeof *m->memo);
        m->memos = more;
    }
    struct value *v = pop(m);
    m->memo[i] = v;
    push(m, v);
}

static void op_get(struct machine *m, uint64_t i) {
    if (i >= m->memos || !m->memo[i])
        pickle_refuse(m, "a memo never set", "one set before");
    push(m, m->memo[i]);
}

static void set_item(struct machine *m, struct value *dict, struct value *key,
                     struct value *v) {
    if (dict->kind != V_DICT) pickle_refuse(m, "items set on what is no dict", "a dict");
    if (key->kind != V_TEXT && key->kind != V_INT)
        pickle_refuse(m, "a dict's key that is no text or number", "text");
    value_append(dict, key);
    value_append(dict, v);
}

static void op_setitems(struct machine *m) {
    size_t n;
    struct value **item = pop_mark(m, &n);
    struct value *dict = pop(m);
    if (n % 2) pickle_refuse(m, "a key without value", "pairs");
    for (size_t i = 0; i < n; i += 2) set_item(m, dict, item[i], item[i + 1]);
    push(m, dict);
}

static void op_setitem(struct machine *m) {
    struct value *v = pop(m), *key = pop(m), *dict = pop(m);
    set_item(m, dict, key, v);
    push(m, dict);
}

static void append(struct machine *m, struct value **item, size_t n) {
    struct value *list = pop(m);
    if (list->kind != V_LIST)
        pickle_refuse(m, "items appended to what is no list", "a list");
    for (size_t i = 0; i < n; i++) value_append(list, item[i]);
    push(m, list);
}

static void op_append(struct machine *m) {
    struct value *item = pop(m);
    append(m, &item, 1);
}

static void op_appends(struct machine *m) {
    size_t n;
    struct value **item = pop_mark(m, &n);
    append(m, item, n);
}

static void op_mark(struct machine *m) {
    if (m->marks == PICKLE_STACK) pickle_refuse(m, "10,000 marks on the stack", "fewer");
    m->mark[m->marks++] = m->height;
}

static void op_tuple(struct machine *m) {
    size_t n;
    struct value **item = pop_mark(m, &n);
    push_tuple(m, item, n);
}

static void op_build(struct machine *m) {
    struct value *state = pop(m), *object = pop(m);
    if (object->kind != V_DICT || !object->ordered || state->kind != V_DICT ||
        state->count != 2 || !value_is(state->item[0], "_metadata") ||
        state->item[1]->kind != V_DICT)
        pickle_refuse(m, "BUILD", "it only for an OrderedDict's _metadata");
    push(m, object);
}

static void op_reduce(struct machine *m) {
    struct value *args = pop(m), *callee = pop(m);
    const char *why = NULL;
    if (callee->kind != V_GLOBAL || args->kind != V_TUPLE)
        pickle_refuse(m, "REDUCE of what is no global and tuple", "a known constructor");
    struct value *v = fresh(m, V_NONE);
    switch (callee->global) {
    case G_ORDERED_DICT:
        if (args->count) why = "an OrderedDict with arguments";
        v->kind = V_DICT;
        v->ordered = 1;
        break;
    case G_REBUILD_TENSOR:
        why = value_rebuild_tensor(v, args);
        break;
    case G_REBUILD_PARAMETER:
        why = value_rebuild_parameter(&v, args);
        break;
    case G_STORAGE:
        why = "REDUCE of a storage class";
        break;
    }
    if (why) pickle_refuse(m, why, "a tensor as torch.save describes it");
    push(m, v);
}

static void op_persid(struct machine *m) {
    struct value *v = fresh(m, V_STORAGE);
    const char *why = value_storage(v, pop(m));
    if (why) pickle_refuse(m, why, "('storage', class, key, place, elements)");
    push(m, v);
}

/* An opcode that pushes a value of its own; false if it is none. */
static int step_value(struct machine *m, uint8_t op) {
    switch (op) {
    case '}':
        push(m, fresh(m, V_DICT));
        return 1;
    case ']':
        push(m, fresh(m, V_LIST));
        return 1;
    case ')':
        push(m, fresh(m, V_TUPLE));
        return 1;
    case 'N':
        push(m, fresh(m, V_NONE));
        return 1;
    case 0x88:
        push_int(m, V_BOOL, 1);
        return 1;
    case 0x89:
        push_int(m, V_BOOL, 0);
        return 1;
    case 'J':
        push_int(m, V_INT, (int32_t)take_number(m, 4));
        return 1;
    case 'K':
        push_int(m, V_INT, (int64_t)take_number(m, 1));
        return 1;
    case 'M':
        push_int(m, V_INT, (int64_t)take_number(m, 2));
        return 1;
    case 0x8a:
        op_long1(m);
        return 1;
    case 'G':
        op_real(m);
        return 1;
    case 'X':
        op_text(m);
        return 1;
    case 'c':
        op_global(m);
        return 1;
    default:
        return 0;
    }
}

/* An opcode that works on the stack, the mark or the memo; false if it is none. */
static int step_stack(struct machine *m, uint8_t op) {
    switch (op) {
    case '(':
        op_mark(m);
        return 1;
    case 't':
        op_tuple(m);
        return 1;
    case 0x85:
        push_last(m, 1);
        return 1;
    case 0x86:
        push_last(m, 2);
        return 1;
    case 0x87:
        push_last(m, 3);
        return 1;
    case 'q':
        op_put(m, take_number(m, 1));
        return 1;
    case 'r':
        op_put(m, take_number(m, 4));
        return 1;
    case 'h':
        op_get(m, take_number(m, 1));
        return 1;
    case 'j':
        op_get(m, take_number(m, 4));
        return 1;
    case 's':
        op_setitem(m);
        return 1;
    case 'u':
        op_setitems(m);
        return 1;
    case 'a':
        op_append(m);
        return 1;
    case 'e':
        op_appends(m);
        return 1;
    case 'Q':
        op_persid(m);
        return 1;
    case 'R':
        op_reduce(m);
        return 1;
    case 'b':
        op_build(m);
        return 1;
    default:
        return 0;
    }
}

/* One opcode; false at STOP. */
static int step(struct machine *m) {
    m->op = m->at;
    uint8_t op = *take(m, 1);
    if ((op == 0x80) != (m->op == 0))
        pickle_refuse(m, "no PROTO first, or a second one", "one, first");
    if (op == 0x80 && *take(m, 1) != 2)
        die_no("%s: pickle protocol %d, wanted 2; re-save it with torch.save", m->path,
               m->bytes[1]);
    if (op == '.') return 0;
    if (op != 0x80 && !step_value(m, op) && !step_stack(m, op))
        die_no("%s: pickle byte %zu: opcode %s (0x%02x), wanted one of the 31 a state_dict "
               "needs; re-save the bare state_dict with torch.save",
               m->path, m->op, pickle_opcode(op), op);
    return 1;
}

void pickle_read(struct pickle *pickle, const uint8_t *bytes, size_t n, const char *path) {
    memset(pickle, 0, sizeof *pickle);
    struct machine m = {.pickle = pickle, .bytes = bytes, .n = n, .path = path};
    m.stack = xcalloc(PICKLE_STACK, sizeof *m.stack);
    m.mark = xcalloc(PICKLE_STACK, sizeof *m.mark);
    int steps = 0;
    while (step(&m))
        if (++steps == PICKLE_OPCODES) pickle_refuse(&m, "1,000,000 opcodes", "fewer");
    if (m.marks || m.height != 1)
        pickle_refuse(&m, "STOP with a stack not of one value", "one value");
    if (m.at != n) pickle_refuse(&m, "bytes after STOP", "the end of the pickle");
    pickle->root = m.stack[0];
    const char *why = value_check(pickle->root);
    if (why) pickle_refuse(&m, why, "a plain tree");
    xfree(m.stack);
    xfree(m.memo);
    xfree(m.mark);
}
