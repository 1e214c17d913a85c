/* text.c - checks foreign text byte by byte; reads and writes numbers. Refuses, never
 * repairs. */
#include "text.h"
#include "die.h"
#include "table.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Unicode 15, table 3-7. */
size_t utf8_length(const unsigned char *p, size_t n) {
    if (p[0] < 0x80) return 1;
    size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n < length) return 0;
    unsigned low = 0x80,
             high = 0xbf; /* of the second byte: no overlong, surrogate, too large */
    if (p[0] == 0xe0) low = 0xa0;
    if (p[0] == 0xed) high = 0x9f;
    if (p[0] == 0xf0) low = 0x90;
    if (p[0] == 0xf4) high = 0x8f;
    if (p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    return length;
}

char *text_copy(const char *text, size_t n, const char *path) {
    const unsigned char *p = (const unsigned char *)text;
    if (n > TEXT_LIMIT)
        die_no("%s: %zu bytes, wanted at most %d", quoted(path), n, (int)TEXT_LIMIT);
    if (n >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
        die_no("%s:1: begins with a byte order mark, wanted plain UTF-8; save it without",
               quoted(path));
    int line = 1;
    for (size_t i = 0, step; i < n; i += step) {
        step = utf8_length(p + i, n - i);
        if (!step)
            die_no("%s:%d: byte 0x%02x is not UTF-8, wanted UTF-8 text", quoted(path), line,
                   p[i]);
        if (p[i] == '\r')
            die_no("%s:%d: a carriage return, wanted lines ended by a newline alone; "
                   "convert it "
                   "as with dos2unix",
                   quoted(path), line);
        bool high = step == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0; /* U+0080 to U+009F */
        if (high || p[i] == 0x7f || (p[i] < 0x20 && p[i] != '\t' && p[i] != '\n'))
            die_no("%s:%d: control byte 0x%02x, wanted printable text", quoted(path), line,
                   p[i + high]);
        line += p[i] == '\n';
    }
    if (n && p[n - 1] != '\n')
        die_no(
            "%s:%d: the last line has no end, wanted a newline: the file may be cut short",
            quoted(path), line);
    char *copy = xmalloc(n + 1);
    if (n) memcpy(copy, text, n);
    copy[n] = 0;
    return copy;
}

static const char *skip_digits(const char *at) {
    return at + strspn(at, "0123456789");
}
static const char *skip_sign(const char *at) {
    return at + (*at == '-' || *at == '+');
}

bool number_parse(const char *text, double *out) {
    /* strtod alone takes hex, inf, nan and blanks */
    const char *whole = skip_sign(text), *at = skip_digits(whole);
    long digits = at - whole;
    if (*at == '.') {
        const char *end = skip_digits(at + 1);
        digits += end - at - 1;
        at = end;
    }
    if (!digits) return false;
    if (*at == 'e' || *at == 'E') {
        const char *exponent = skip_sign(at + 1);
        at = skip_digits(exponent);
        if (at == exponent) return false;
    }
    if (*at) return false;
    double x = strtod(text, NULL);
    if (!isfinite(x)) return false;
    *out = x;
    return true;
}

bool integer_parse(const char *text, long *out) {
    const char *whole = skip_sign(text), *end = skip_digits(whole);
    if (end == whole || *end) return false;
    errno = 0;
    long x = strtol(text, NULL, 10);
    if (errno) return false;
    *out = x;
    return true;
}

long integer_option(const char *name, const char *text, long low, long high) {
    long x;
    if (integer_parse(text, &x) && x >= low && x <= high) return x;
    char *to = high == LONG_MAX ? xstrdup("") : xprintf(" to %ld", high);
    die_usage("--%s: found '%s', wanted a whole number from %ld%s", name, quoted(text), low,
              to);
}

const char *number_text(double x) {
    static _Thread_local char buffer[8][32];
    static _Thread_local int turn;
    char *out = buffer[turn++ % 8];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, sizeof buffer[0], "%.*g", digits, x);
        if (strtod(out, NULL) == x) break;
    }
    return out;
}
