/* escape.c - escaping for Markdown and LaTeX. It judges nothing: every sign that could act
 * is defused. */
#include "report/escape.h"
#include "core/die.h"
#include <string.h>

char *escape_markdown(const char *text) {
    static const char signs[] = "\\`*_{}[]#!<>&|~^$@";
    char *out = xmalloc(2 * strlen(text) + 1), *to = out;
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if ((c & 0xc0) == 0x80) continue; /* the rest of a character LaTeX may not know */
        if (strchr(signs, c)) *to++ = '\\';
        *to++ = c >= 0x80 ? '?' : c < 0x20 || c == 0x7f ? ' ' : *p;
    }
    *to = 0;
    return out;
}

static const char *latex_sign(char c) {
    switch (c) {
    case '\\':
        return "\\textbackslash{}";
    case '~':
        return "\\textasciitilde{}";
    case '^':
        return "\\textasciicircum{}";
    case '<':
        return "\\textless{}";
    case '>':
        return "\\textgreater{}";
    case '|':
        return "\\textbar{}";
    case '"':
        return "\\textquotedbl{}";
    case '{':
        return "\\{";
    case '}':
        return "\\}";
    case '$':
        return "\\$";
    case '&':
        return "\\&";
    case '#':
        return "\\#";
    case '_':
        return "\\_";
    case '%':
        return "\\%";
    default:
        return NULL;
    }
}

char *escape_latex(const char *text) {
    enum { LONGEST = 18 };
    char *out = xmalloc(LONGEST * strlen(text) + 1), *to = out;
    for (const char *p = text; *p; p++) {
        const char *sign = latex_sign(*p);
        if (sign)
            to = stpcpy(to, sign);
        else
            *to++ = *p < 0x20 || *p == 0x7f ? '?' : *p;
    }
    *to = 0;
    return out;
}
