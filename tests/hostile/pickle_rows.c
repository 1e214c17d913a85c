/* pickle_rows.c - pickles that call, reach past, overflow, underflow, or never end; each a
 * few bytes in a good checkpoint. Models: CVE-2026-24747, the overflow and underflow
 * reports to PyTorch (pull requests 181310 and 190888, issue 127525), fickling's corpus.
 * Globals that run code are in global_rows.c. */
#include "core/die.h"
#include "tests/hostile/hostile.h"
#include "tests/pickled.h"
#include <stdlib.h>
#include <string.h>

/* Bytes that may be zero. In them '?' becomes a drawn letter, '!' a drawn byte from 3
 * on. */
struct literal {
    const char *byte;
    size_t n;
};

static void literal(struct stage *s, const char *arg) {
    const struct literal *l = (const void *)arg;
    for (size_t i = 0; i < l->n; i++) {
        uint8_t byte = (uint8_t)l->byte[i];
        if (byte == '?') byte = (uint8_t)('a' + draw(s, 26));
        if (byte == '!') byte = (uint8_t)draw_between(s, 3, 120);
        bytes_add(&s->hostile, &byte, 1);
    }
}

#define DICT(value) PROTO "}X\3\0\0\0???" value "s."

static const char good_dict[] = DICT(GOOD);

/* A good pickle, shorter. */
static void cut(struct stage *s, const char *arg) {
    (void)arg;
    literal(s, (const char *)&(struct literal){good_dict, sizeof good_dict - 1});
    s->hostile.n = draw(s, sizeof good_dict - 1);
}

/* A word over and over: "COUNT WORD END". */
static void repeated(struct stage *s, const char *arg) {
    char *word;
    long count = strtol(arg, &word, 10) + draw(s, 1000);
    put(&s->hostile, PROTO);
    if (*++word == ']') put(&s->hostile, "]"), word++;
    const char *end = strchr(word, ' ');
    for (long i = 0; i < count; i++) bytes_add(&s->hostile, word, (size_t)(end - word));
    put(&s->hostile, end + 1);
}

/* A list of lists, each of them ten times the one before. */
static void laughs(struct stage *s, const char *arg) {
    (void)arg;
    struct bytes *b = &s->hostile;
    int times = draw_between(s, 8, 30);
    put(b, PROTO "]");
    for (int i = 0; i < 10; i++) {
        put(b, "]");
        for (int k = 0; i && k < times; k++)
            bytes_add(b, (uint8_t[]){'h', (uint8_t)(i - 1), 'a'}, 3);
        bytes_add(b, (uint8_t[]){'q', (uint8_t)i, 'a'}, 3);
    }
    put(b, ".");
}

static void deep(struct stage *s, const char *arg) {
    (void)arg;
    int n = draw_between(s, 65, 5000);
    put(&s->hostile, PROTO);
    for (int i = 0; i < n; i++) put(&s->hostile, "]");
    for (int i = 1; i < n; i++) put(&s->hostile, "a");
    put(&s->hostile, ".");
}

#define NO EXIT_NO
#define P(number, sentence, fragment, pickle)                                              \
    {                                                                                      \
        number, "a pickle: " sentence, PICKLE, NO, fragment, literal,                      \
            (const char *)&(const struct literal) {                                        \
            pickle, sizeof(pickle) - 1                                                     \
        }                                                                                  \
    }
static const struct row rows[] = {
    P(26, "REDUCE of a tensor", "REDUCE of what is no global", DICT(GOOD ")R")),
    P(26, "REDUCE of a storage class", "REDUCE of a storage class",
      DICT("ctorch\nFloatStorage\n)R")),
    P(26, "REDUCE with other than a tuple", "REDUCE of what is no global",
      DICT("ccollections\nOrderedDict\n]R")),
    P(26, "an OrderedDict with arguments", "an OrderedDict with arguments",
      DICT("ccollections\nOrderedDict\nK!\x85R")),
    P(26, "a tensor without arguments", "other than 6 arguments",
      DICT("ctorch._utils\n_rebuild_tensor_v2\n)R")),
    P(26, "a tensor on no storage", "no storage",
      DICT("ctorch._utils\n_rebuild_tensor_v2\n(NK\0))\x89" HOOKS "tR")),
    P(26, "a tensor with hooks", "hooks",
      DICT("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE("K\2") "K\0))\x89}tR")),
    P(26, "a Parameter of nothing", "a Parameter not of",
      DICT("ctorch._utils\n_rebuild_parameter\nNN}\x87R")),
    P(26, "BUILD of a dict", "BUILD", PROTO "}}b."),
    P(26, "BUILD with other state", "BUILD", PROTO HOOKS "}X\5\0\0\0?????Nsb."),
    P(26, "a persistent id that is no storage", "persistent id that is no storage's",
      DICT("X\4\0\0\0????Q")),
    P(26, "a storage of no class", "a storage of no known class",
      DICT("(X\7\0\0\0storageNX\1\0\0\0"
           "0"
           "X\3\0\0\0cpuK\2tQ")),
    P(26, "a storage with a path for a key", "not of 1 to 9 digits",
      DICT("(X\7\0\0\0storagectorch\nFloatStorage\nX\5\0\0\0../..X\3\0\0\0cpuK\2tQ")),
    P(27, "SETITEM on a tuple", "items set on what is no dict", PROTO ")X\1\0\0\0?Ns."),
    P(27, "SETITEM on a tensor", "items set on what is no dict",
      PROTO GOOD "X\1\0\0\0?Ns."),
    P(27, "SETITEMS on a tensor", "items set on what is no dict",
      PROTO GOOD "(X\1\0\0\0?Nu."),
    P(27, "SETITEM on a list", "items set on what is no dict", PROTO "]K\0Ns."),
    P(27, "APPEND to a dict", "appended to what is no list", PROTO "}Na."),
    P(27, "APPENDS to a dict", "appended to what is no list", PROTO "}(Ne."),
    P(27, "APPEND to a tensor", "appended to what is no list", PROTO GOOD "Na."),
    P(27, "SETITEMS of three", "a key without value", PROTO "}(NNNu."),
    P(27, "a tuple as a key", "a dict's key", PROTO "})Ns."),
    P(28, "a storage larger than its member", "member 'data/0' has 8 bytes, wanted",
      DICT(TENSOR("K!", "K\0", "K\3\x85", "K\1\x85"))),
    P(28, "a storage of doubles on floats", "has 8 bytes, wanted 16",
      DICT(
          "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nDoubleStorage\nX\1\0\0\0"
          "0"
          "X\3\0\0\0cpuK\2tQK\0K\2\x85K\1\x85\x89" HOOKS "tR")),
    P(28, "a storage without its member", "no member 'data/7'",
      DICT(
          "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
          "7"
          "X\3\0\0\0cpuK\2tQK\0K\2\x85K\1\x85\x89" HOOKS "tR")),
    P(29, "elements whose bytes wrap to 4", "overflows",
      DICT(TENSOR("\x8a\10\1\0\0\0\0\0\0\x40", "K\0", "K\1\x85", "K\1\x85"))),
    P(29, "a stride that overflows", "overflows",
      DICT(TENSOR("K\2", "K\0", "K\3\x85", "\x8a\10\0\0\0\0\0\0\0\x40\x85"))),
    P(29, "sizes whose product overflows", "more elements than the file's",
      DICT(TENSOR("K\2", "K\0", "J\377\377\377\177J\377\377\377\177J\377\377\377\177\x87",
                  "K\0K\0K\0\x87"))),
    P(29, "a billion elements on one", "more elements than the file's",
      DICT(TENSOR("K\2", "K\0", "J!!!\100\x85", "K\0\x85"))),
    P(30, "REDUCE of nothing", "pickle byte 2: stack underflow", PROTO "R."),
    P(30, "TUPLE2 of one", "pickle byte 3: stack underflow", PROTO ")\x86."),
    P(30, "SETITEM below a mark", "stack underflow", PROTO "}X\1\0\0\0?N(s."),
    P(30, "BINPUT of nothing", "stack underflow", PROTO "q!."),
    P(30, "TUPLE without a mark", "no mark", PROTO "t."),
    P(30, "SETITEMS without a mark", "no mark", PROTO "}u."),
    P(30, "APPENDS without a mark", "no mark", PROTO "]e."),
    P(30, "STOP with nothing", "a stack not of one value", PROTO "."),
    P(30, "STOP with two", "a stack not of one value", PROTO "}}."),
    P(30, "STOP with a mark", "a stack not of one value", PROTO "}(."),
    P(31, "BINGET of nothing", "a memo never set", PROTO "h!."),
    P(31, "BINGET of another", "a memo never set", PROTO "}q\0h!."),
    P(31, "LONG_BINGET far out", "a memo never set", PROTO "j\377\377\377\377."),
    P(32, "a list in itself", "a container inside itself", PROTO "]q\0h\0a."),
    P(32, "a dict in itself", "a container inside itself", PROTO "}q\0X\5\0\0\0modelh\0s."),
    {32, "a pickle: a billion laughs", PICKLE, NO, "more than 4,000,000 values", laughs,
     NULL},
    {32, "a pickle: 65 deep and more", PICKLE, NO, "more than 64 deep", deep, NULL},
    {32, "a pickle: 10,001 values on the stack", PICKLE, NO, "10,000 values on the stack",
     repeated, "10001 N ."},
    {32, "a pickle: 10,001 marks", PICKLE, NO, "10,000 marks", repeated, "10001 ( ."},
    {32, "a pickle: a million opcodes", PICKLE, NO, "1,000,000 opcodes", repeated,
     "600000 ]Na ."},
    P(32, "a memo place past 100,000", "memo place past 100,000", PROTO "}r\240\206!\0."),
    P(33, "a second pickle", "bytes after STOP", PROTO "}." PROTO "}."),
    P(33, "a byte after STOP", "bytes after STOP", PROTO "}.?"),
    P(33, "a second PROTO", "a second one", PROTO "}" PROTO "."),
    P(33, "no PROTO", "no PROTO first", "}."),
    P(34, "protocol 4, FRAME past the end", "pickle protocol 4",
      "\x80\4\x95\377\377\377\377\0\0\0\0}."),
    P(34, "FRAME in protocol 2", "opcode FRAME (0x95)",
      PROTO "\x95\377\377\377\377\0\0\0\0}."),
    P(34, "protocol 5", "pickle protocol 5", "\x80\5}."),
    P(34, "protocol 0", "no PROTO first", "(dp0\n."),
    P(35, "a negative size", "size or stride negative",
      DICT(TENSOR("K\2", "K\0", "J!\377\377\377\x85", "K\1\x85"))),
    P(35, "a negative stride", "size or stride negative",
      DICT(TENSOR("K\2", "K\1", "K\2\x85", "J!\377\377\377\x85"))),
    P(35, "a negative offset", "offset negative",
      DICT(TENSOR("K\2", "J!\377\377\377", "K\2\x85", "K\1\x85"))),
    P(35, "a negative storage", "size negative",
      DICT(TENSOR("J!\377\377\377", "K\0", "K\0\x85", "K\1\x85"))),
    P(35, "a size past the end", "reaches past its storage",
      DICT(TENSOR("K\2", "K\0", "K!\x85", "K\1\x85"))),
    P(35, "an offset past the end", "reaches past its storage",
      DICT(TENSOR("K\2", "K!", "K\2\x85", "K\1\x85"))),
    P(35, "a stride past the end", "reaches past its storage",
      DICT(TENSOR("K\2", "K\0", "K\2\x85", "K!\x85"))),
    P(35, "more strides than sizes", "not two tuples of one length",
      DICT(TENSOR("K\2", "K\0", "K\2\x85", "K\1K\1\x86"))),
    P(35, "sizes without strides", "not two tuples of one length",
      DICT(TENSOR("K\2", "K\0", "K\2K\2K\2\x87", ")"))),
    P(35, "nine dimensions", "more than 8 dimensions",
      DICT(TENSOR("K\2", "K\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t",
                  "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t"))),
    P(35, "a size that is text", "negative, too large or no integer",
      DICT(TENSOR("K\2", "K\0", "X\1\0\0\0?\x85", "K\1\x85"))),
    P(37, "LONG1 of 200 bytes", "more than 8 bytes", PROTO "\x8a\310."),
    P(37, "BINUNICODE of 4 GiB", "more than 64 KiB", PROTO "X!!!\377"),
    P(37, "BINUNICODE past the end", "cut short", PROTO "X\377\0\0\0???"),
    P(37, "a global's name without an end", "no end to a global's name", PROTO "c????????"),
    P(0, "a number in text", "opcode INT", PROTO "I00\n."),
    P(0, "an unknown opcode", "opcode unknown (0x7f)", PROTO "\x7f."),
    P(0, "a list where a dict should be", "a list, wanted a dict of tensors", PROTO "]."),
    P(0, "an empty dict", "a dict, wanted a dict of tensors", PROTO "}."),
    P(0, "numbers where tensors should be", "with the keys epoch net",
      PROTO "}(X\5\0\0\0epochK!X\3\0\0\0netK!u."),
    P(0, "a number among tensors", "'epoch' is an integer, wanted tensors",
      PROTO "}(X\1\0\0\0?" GOOD "X\5\0\0\0epochK!u."),
    P(0, "a tensor twice", "two tensors named 'a'",
      PROTO "}(X\1\0\0\0a" GOOD "X\1\0\0\0a" GOOD "u."),
    P(0, "a name with a newline", "\\x0a'", PROTO "}X\2\0\0\0?\n" GOOD "s."),
    P(0, "a name with a terminal's escape", "\\x1b[2J'",
      PROTO "}X\5\0\0\0?\33[2J" GOOD "s."),
    P(0, "a number for a name", "a tensor named 'an integer'", PROTO "}K!" GOOD "s."),
    {0, "a pickle, cut", PICKLE, NO, "pickle", cut, NULL},
};
const struct rows pickle_rows = {"pickles", rows, sizeof rows / sizeof *rows};
