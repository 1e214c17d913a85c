/* safetensors_rows.c - headers that lie about their buffer, or would cost the parser its
 * memory. Models: the attacks in the safetensors repository; what cJSON and jansson each
 * let through. */
#include "core/die.h"
#include "tests/hostile/sets.h"
#include <stdio.h>
#include <string.h>

/* "DATA HEADER": so many bytes of data behind the header. In it % becomes a drawn word. */
static void header(struct stage *s, const char *arg) {
    struct bytes text = {0};
    unsigned data;
    int n;
    if (sscanf(arg, "%u %n", &data, &n) != 1) die_usage("safetensors_rows.c: '%s'", arg);
    for (const char *at = arg + n; *at; at++)
        if (*at == '%')
            put(&text, draw_word(s));
        else
            bytes_add(&text, at, 1);
    bytes_u64(&s->hostile, text.n);
    bytes_add(&s->hostile, text.data, text.n);
    for (unsigned i = 0; i < data; i++) bytes_add(&s->hostile, "", 1);
    xfree(text.data);
}

/* A length that is not the header's. */
static void length(struct stage *s, const char *arg) {
    uint64_t n = *arg == 'h'   ? (uint64_t)1 << 63 | draw(s, 1u << 30)
                 : *arg == 'm' ? ((uint64_t)16 << 20) + 1 + draw(s, 1000)
                               : 3 + draw(s, 1000);
    bytes_u64(&s->hostile, n);
    put(&s->hostile, "{}");
    if (*arg != 'm') return;
    while (s->hostile.n < n + 8)
        draw_word(s), put(&s->hostile, "                                ");
}

/* "WORD" over and over until `size`, in front and behind. */
static void costly(struct stage *s, const char *arg) {
    size_t size = strcmp(arg, "[") ? 6000000 : 100001 + draw(s, 100000);
    struct bytes text = {0};
    put(&text, *arg == '[' ? "{" : "{\"\":[0");
    while (text.n < size) put(&text, arg);
    put(&text, "]}");
    bytes_u64(&s->hostile, text.n);
    bytes_add(&s->hostile, text.data, text.n);
    xfree(text.data);
}

/* More tensors than any network has, none of them with bytes. */
static void many(struct stage *s, const char *arg) {
    (void)arg;
    struct bytes text = {0};
    int n = 100001 + (int)draw(s, 100);
    for (int i = 0; i < n; i++) {
        char one[96];
        snprintf(one, sizeof one,
                 "%c\"%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
                 i ? ',' : '{', i);
        put(&text, one);
    }
    put(&text, "}");
    bytes_u64(&s->hostile, text.n);
    bytes_add(&s->hostile, text.data, text.n);
    xfree(text.data);
}

/* Honest, but the data stand at odd places. */
static void unaligned(struct stage *s, const char *arg) {
    (void)arg;
    struct honest h;
    char text[300];
    honest_draw(s, &h);
    safetensors_save(&s->twin, h.tensor, 2);
    int n = snprintf(
        text, sizeof text,
        "{\"bn.running_var\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24,32]},\"conv.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}");
    while (n % 4 != 1 + (int)s->seed % 3) text[n++] = ' ';
    bytes_u64(&s->hostile, (uint64_t)n);
    bytes_add(&s->hostile, text, (size_t)n);
    bytes_add(&s->hostile, h.conv, sizeof h.conv);
    bytes_add(&s->hostile, h.var, sizeof h.var);
}

#define NO EXIT_NO
#define T(name, dtype, shape, from, to)                                                    \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" from  \
    "," to "]}"
#define F(name, shape, from, to) T(name, "F32", shape, from, to)
#define S(number, sentence, fragment, text)                                                \
    { number, "safetensors: " sentence, SAFETENSORS, NO, fragment, header, text }
static const struct row rows[] = {
    {40, "safetensors: a header of 2^63 bytes", SAFETENSORS, NO, "header of 92", length,
     "h"},
    {40, "safetensors: a header longer than the file", SAFETENSORS, NO, "header of", length,
     "l"},
    {40, "safetensors: a header of 16 MB and more", SAFETENSORS, NO, "header of 1677",
     length, "m"},
    S(41, "a hole", "wanted them from 4",
      "12 {" F("%", "1", "0", "4") "," F("%x", "1", "8", "12") "}"),
    S(41, "a hole at the beginning", "wanted them from 0", "8 {" F("%", "1", "4", "8") "}"),
    S(41, "an overlap", "wanted them from 8",
      "8 {" F("%", "2", "0", "8") "," F("%x", "1", "4", "8") "}"),
    S(41, "two in one place", "wanted them from 4",
      "4 {" F("%", "1", "0", "4") "," F("%x", "1", "0", "4") "}"),
    S(41, "past the end", "at most to 4", "4 {" F("%", "2", "0", "8") "}"),
    S(41, "bytes left over", "8 bytes of data, wanted 4", "8 {" F("%", "1", "0", "4") "}"),
    S(41, "backwards", "bytes 4 to 0", "4 {" F("%", "1", "4", "0") "}"),
    S(41, "fewer bytes than its shape", "4 bytes, wanted 8 for F32 [2]",
      "4 {" F("%", "2", "0", "4") "}"),
    S(42, "a key twice", "duplicate",
      "8 {" F("a", "1", "0", "4") "," F("a", "1", "4", "8") "}"),
    S(42, "a key twice, once escaped", "duplicate",
      "8 {" F("a", "1", "0", "4") "," F("\\u0061", "1", "4", "8") "}"),
    S(42, "metadata twice", "duplicate", "0 {\"__metadata__\":{},\"__metadata__\":{}}"),
    S(43, "a shape whose product wraps to 4 bytes", "shape holds something else",
      "4 {" F("%", "4611686018427387905", "0", "4") "}"),
    S(43, "a shape whose product wraps to 0", "",
      "0 {" F("%", "65536,65536,65536,65536,2", "0", "0") "}"),
    S(43, "a shape whose product overflows", "overflows",
      "4 {" F("%", "2147483647,2147483647,2147483647", "0", "4") "}"),
    S(43, "an offset of 2^53 and one", "9007199254740993",
      "4 {" F("%", "1", "9007199254740993", "9007199254740997") "}"),
    S(43, "an offset of 2^63", "wanted JSON",
      "4 {" F("%", "1", "0", "9223372036854775808") "}"),
    S(43, "a negative size", "shape holds something else",
      "4 {" F("%", "-1", "0", "4") "}"),
    S(43, "a negative offset", "data_offsets holds something else",
      "4 {" F("%", "1", "-4", "0") "}"),
    S(43, "a size of 1.0", "shape holds something else", "4 {" F("%", "1.0", "0", "4") "}"),
    S(43, "an offset of 4.0", "data_offsets holds something else",
      "4 {" F("%", "1", "0", "4.0") "}"),
    S(43, "an offset of 4e0", "data_offsets holds something else",
      "4 {" F("%", "1", "0", "4e0") "}"),
    S(43, "an offset of 1e999", "wanted JSON", "4 {" F("%", "1", "0", "1e999") "}"),
    S(43, "a size in quotes", "shape holds something else",
      "4 {" F("%", "\"1\"", "0", "4") "}"),
    S(44, "a key with a zero byte", "wanted JSON", "4 {" F("%\\u0000", "1", "0", "4") "}"),
    S(44, "a key that is not UTF-8", "wanted JSON", "4 {" F("%\xff", "1", "0", "4") "}"),
    S(44, "half a surrogate", "wanted JSON", "4 {" F("%\\ud800", "1", "0", "4") "}"),
    {44, "safetensors: 100,000 brackets", SAFETENSORS, NO, "nested 4 deep", costly, "["},
    {44, "safetensors: three million numbers", SAFETENSORS, NO, "commas, wanted at most",
     costly, ",0"},
    {44, "safetensors: 100,001 tensors", SAFETENSORS, NO, "wanted at most 100000", many,
     NULL},
    S(0, "an unknown type", "dtype 'F33'", "4 {" T("%", "F33", "1", "0", "4") "}"),
    S(0, "a type with a terminal's escape", "dtype '\\x1b[2J'",
      "4 {" T("%", "\\u001b[2J", "1", "0", "4") "}"),
    S(0, "a type that is a number", "dtype ''",
      "4 {\"%\":{\"dtype\":4,\"shape\":[],\"data_offsets\":[0,4]}}"),
    S(0, "a tensor that is a number", "wanted dtype, shape", "0 {\"%\":7}"),
    S(0, "a key besides", "nothing else",
      "4 {\"%\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"%\":1}}"),
    S(0, "three offsets", "data_offsets of two numbers", "4 {" F("%", "1", "0,2", "4") "}"),
    S(0, "nine dimensions", "at most 8 dimensions",
      "4 {" F("%", "1,1,1,1,1,1,1,1,1", "0", "4") "}"),
    S(0, "no name", "without a name", "4 {" F("", "1", "0", "4") "}"),
    S(0, "metadata that is a list", "__metadata__ is not an object",
      "0 {\"__metadata__\":[]}"),
    S(0, "metadata that is no text", "is not a text", "0 {\"__metadata__\":{\"%\":1}}"),
    S(0, "blanks in front", "raw: ", "0  {}"),
    S(0, "a newline behind", "not one JSON object", "0 {}\n"),
    S(0, "a second object", "wanted JSON", "0 {}}"),
    S(0, "no object", "raw: ", "0 []"),
    S(0, "half an object", "wanted JSON", "0 {\"%\":}"),
    S(0, "a comment", "wanted JSON", "0 {/**/}"),
    S(0, "single quotes", "wanted JSON", "0 {'%':1}"),
    {0, "safetensors: data at odd places", SAFETENSORS, 0, "", unaligned, NULL},
};
const struct rows safetensors_rows = {"safetensors", rows, sizeof rows / sizeof *rows};
