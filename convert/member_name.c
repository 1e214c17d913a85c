/* member_name.c - the rule for names in archives. It repairs nothing. */
#include "convert/member_name.h"
#include "convert/archive.h"
#include "core/text.h"
#include <stdbool.h>
#include <string.h>

/* Bytes of the UTF-8 sequence at p, 0 if it is none or a control or a direction mark: C1
 * controls, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069. */
static size_t sequence(const unsigned char *p) {
    if (p[0] < 0x80) return p[0] >= 0x20 && p[0] != 0x7f;
    size_t n = utf8_length(p, strnlen((const char *)p, 4));
    unsigned code = p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) code = code << 6 | (p[i] & 0x3f);
    bool mark = code < 0xa0 || (code >= 0x200e && code <= 0x200f) ||
                (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    return mark ? 0 : n;
}

const char *member_name_wrong(const char *name) {
    int depth = 1;
    size_t part = 0;
    if (!*name) return "a name";
    if (*name == '/') return "a relative name";
    for (const char *at = name; *at;) {
        if (*at == '\\') return "'/' between its parts";
        size_t n = sequence((const unsigned char *)at);
        if (!n) return "printable UTF-8";
        if (*at != '/') {
            part += n;
            at += n;
            if (part > MEMBER_PART) return "parts of at most 255 bytes";
            if (*at && *at != '/') continue;
            const char *begin = at - part;
            if (part <= 2 && !strncmp(begin, "..", part)) return "no part '.' or '..'";
            part = 0;
        } else {
            if (at[1] == '/' || !at[1]) return "no empty part";
            if (++depth > MEMBER_DEPTH) return "at most 16 parts";
            at++;
        }
    }
    return NULL;
}

static int fold(char c) {
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? u + 'a' - 'A' : u;
}

int member_name_fold_compare(const char *a, const char *b) {
    while (*a && fold(*a) == fold(*b)) a++, b++;
    return fold(*a) - fold(*b);
}
