/* weave.c - walks the paper line by line; place.c resolves, fragment.c quotes, prose.c
 * watches. */
#include "report/weave.h"
#include "core/die.h"
#include "core/file.h"
#include <stdio.h>
#include <string.h>

void weave_put(struct weaver *w, const char *text, size_t n) {
    if (w->room - w->size < n + 1) {
        w->room = 2 * (w->size + n) + 4096;
        w->out = xrealloc(w->out, w->room, 1);
    }
    memcpy(w->out + w->size, text, n);
    w->size += n;
    w->out[w->size] = 0;
}

void weave_puts(struct weaver *w, const char *text) {
    weave_put(w, text, strlen(text));
}

void weave_fail(struct weaver *w, const char *format, ...) {
    enum { MOST = 200 }; /* beyond that one more line tells nothing */
    char message[1024];
    va_list list;
    if (w->failed++ >= MOST) return;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    char *longer =
        xprintf("%s%s:%d: %s\n", w->failures ? w->failures : "", w->path, w->line, message);
    xfree(w->failures);
    w->failures = longer;
}

bool weave_inside(const char *name) {
    if (!*name || *name == '/' || *name == '~') return false;
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == '\\' || *p == ':') return false;
    for (const char *p = name; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || !p[2])) return false;
    return true;
}

static size_t run(const char *s, size_t i, size_t n, char c) {
    size_t k = i;
    while (k < n && s[k] == c) k++;
    return k - i;
}

/* End of the code span that begins at i, or of its opening ticks if nothing closes it on
 * this line. */
static size_t span_end(const char *s, size_t i, size_t n) {
    size_t ticks = run(s, i, n, '`');
    for (size_t k = i + ticks; k < n;) {
        size_t these = run(s, k, n, '`');
        if (these == ticks) return k + these;
        k += these ? these : 1;
    }
    return i + ticks;
}

/* The target of a link or figure from "](" at i to its ")": copied; a figure's file must be
 * there. */
static size_t target(struct weaver *w, const char *s, size_t i, size_t n, bool figure) {
    const char *end = memchr(s + i, ')', n - i);
    size_t stop = end ? (size_t)(end - s) : n;
    if (figure) {
        char *name = xprintf("%.*s", (int)(stop - i - 2), s + i + 2);
        name[strcspn(name, " \t")] = 0;
        char *path = file_join(w->options->include, name);
        if (!weave_inside(name))
            weave_fail(w, "figure '%s': wanted a name inside %s", quoted(name),
                       w->options->include);
        else if (!file_exists(path))
            weave_fail(w, "figure %s: no such file in %s", quoted(name),
                       w->options->include);
        xfree(path);
        xfree(name);
    }
    weave_put(w, s + i, stop - i);
    return stop;
}

/* "{{...}}" at i: resolved; returns where it ends. */
static size_t place(struct weaver *w, const char *s, size_t i, size_t n) {
    size_t close = i + 2;
    while (close + 1 < n && !(s[close] == '}' && s[close + 1] == '}')) close++;
    if (close + 1 >= n) {
        weave_fail(w, "'{{' without '}}' on its line");
        return n;
    }
    size_t after = close + 2 + run(s, close + 2, n, ' ');
    bool first = run(s, 0, n, ' ') >= i;
    bool condition = weave_place(w, s + i + 2, close - i - 2, first, first && after >= n);
    return condition ? after : close + 2;
}

static void prose_line(struct weaver *w, const char *s, size_t n) {
    bool figure = false;
    for (size_t i = 0; i < n;) {
        size_t typed = prose_decimal(s, i, n), end = i + 1;
        if (typed) {
            weave_fail(w,
                       "typed number '%s': a number comes from a file, as {{CELL METRIC}}",
                       quoted_bytes(s + i, typed));
            end = i + typed;
        }
        if (s[i] == '\\' && i + 1 < n) end = i + 2;
        if (s[i] == '!' && i + 1 < n && s[i + 1] == '[') figure = true;
        if (s[i] == '`') end = span_end(s, i, n);
        if (s[i] == '<' && n - i > 4 && strncmp(s + i, "<http", 5) == 0) {
            const char *close = memchr(s + i, '>', n - i);
            if (close) end = (size_t)(close - s) + 1;
        }
        if (s[i] == ']' && i + 1 < n && s[i + 1] == '(') {
            i = target(w, s, i, n, figure);
            figure = false;
            continue;
        }
        if (s[i] == '{' && i + 1 < n && s[i + 1] == '{') {
            i = place(w, s, i, n);
            continue;
        }
        weave_put(w, s + i, end - i);
        i = end;
    }
}

/* True if the line opens or closes a fence, or lies inside one. */
static bool in_fence(struct weaver *w, const char *s, size_t n) {
    size_t indent = run(s, 0, n, ' ');
    char sign = indent < n ? s[indent] : 0;
    size_t length = sign == '`' || sign == '~' ? run(s, indent, n, sign) : 0;
    if (w->fenced) {
        size_t after = indent + length;
        bool closes = sign == w->fence && (int)length >= w->fence_length &&
                      after + run(s, after, n, ' ') == n;
        w->fenced = !closes;
        return true;
    }
    if (indent > 3 || length < 3 ||
        (sign == '`' && memchr(s + indent + length, '`', n - indent - length)))
        return false;
    w->fenced = true;
    w->fence = sign;
    w->fence_length = (int)length;
    return true;
}

/* Length of a well-formed UTF-8 character at s, 0 if there is none. Control bytes are none
 * but tabs. */
static size_t character(const unsigned char *s, size_t n) {
    static const struct {
        unsigned char low, high, mask;
        unsigned least;
    } kinds[] = {{0x20, 0x7e, 0x7f, 0},
                 {0xc2, 0xdf, 0x1f, 0x80},
                 {0xe0, 0xef, 0x0f, 0x800},
                 {0xf0, 0xf4, 0x07, 0x10000}};
    if (*s == '\t') return 1;
    for (size_t k = 0; k < 4; k++) {
        if (*s < kinds[k].low || *s > kinds[k].high) continue;
        unsigned code = *s & kinds[k].mask;
        for (size_t i = 1; i <= k; i++) {
            if (i >= n || (s[i] & 0xc0) != 0x80) return 0;
            code = code << 6 | (s[i] & 0x3f);
        }
        bool good =
            code >= kinds[k].least && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        return good ? k + 1 : 0;
    }
    return 0;
}

static bool well_formed(struct weaver *w, const char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        size_t k = character((const unsigned char *)s + i, n - i);
        if (!k) {
            weave_fail(w, "byte 0x%02x: wanted UTF-8 text with lines ended by LF alone",
                       (unsigned char)s[i]);
            return false;
        }
        i += k;
    }
    return true;
}

char *weave(const char *text, size_t n, const char *path, const struct results *results,
            const struct weave_options *options, char **failures) {
    struct weaver w = {.options = options, .results = results, .path = path};
    weave_puts(&w, "");
    if (options->notice) {
        weave_puts(&w, options->notice);
        weave_puts(&w, "\n\n");
    }
    for (const char *s = text, *end; s < text + n; s = end + 1) {
        end = memchr(s, '\n', (size_t)(text + n - s));
        if (!end) end = text + n;
        size_t length = (size_t)(end - s), before = w.size;
        w.line++;
        if (!well_formed(&w, s, length)) continue;
        bool code = in_fence(&w, s, length);
        if (code)
            weave_put(&w, s, length);
        else
            prose_line(&w, s, length);
        if (w.left_out) w.out[w.size = before] = 0;
        /* a line of true claims alone leaves nothing, not an empty line that would end its
         * paragraph */
        if (w.size > before || length == 0) weave_puts(&w, "\n");
        w.left_out = false;
    }
    if (w.fenced) weave_fail(&w, "the paper ends inside a code block");
    *failures = w.failures;
    if (!w.failures) return w.out;
    xfree(w.out);
    return NULL;
}
