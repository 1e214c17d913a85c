/* fragment.c - quotes the lines of a source between two marks, with their file and numbers.
 */
#include "core/die.h"
#include "core/file.h"
#include "report/weave.h"
#include <stdio.h>
#include <string.h>

/* What a line's comment holds if the line holds nothing else; NULL otherwise. Caller frees.
 */
static char *comment(const char *s, size_t n) {
    static const char *const opens[] = {"/*", "//", "#"};
    while (n && (*s == ' ' || *s == '\t')) s++, n--;
    size_t open = 0;
    for (int i = 0; i < 3 && !open; i++)
        if (n > strlen(opens[i]) && strncmp(s, opens[i], strlen(opens[i])) == 0)
            open = strlen(opens[i]);
    if (!open) return NULL;
    if (open == 2 && s[1] == '*') {
        if (n < 4 || s[n - 1] != '/' || s[n - 2] != '*') return NULL;
        n -= 2;
    }
    s += open;
    n -= open;
    while (n && *s == ' ') s++, n--;
    while (n && s[n - 1] == ' ') n--;
    return xprintf("%.*s", (int)n, s);
}

enum mark { NO_MARK, BEGINS, ENDS, OTHER };

/* Is this line the fragment's first or last mark, or another fragment's? */
static enum mark mark_of(const char *s, size_t n, const char *fragment) {
    char *text = comment(s, n);
    if (!text) return NO_MARK;
    size_t length = strlen(text), k = strlen(fragment);
    enum mark mark = NO_MARK;
    if (length > 1 && (text[0] == '[') != (text[length - 1] == ']')) {
        const char *name = text + (text[0] == '[');
        bool same = length == k + 1 && strncmp(name, fragment, k) == 0;
        mark = !same ? OTHER : text[0] == '[' ? BEGINS : ENDS;
    }
    xfree(text);
    return mark;
}

struct found {
    const char *start, *end;
    int first, last, begins, ends;
};

static struct found find(const char *text, size_t n, const char *fragment) {
    struct found f = {0};
    int line = 0;
    for (const char *s = text, *end; s < text + n; s = end + 1) {
        end = memchr(s, '\n', (size_t)(text + n - s));
        if (!end) end = text + n;
        line++;
        enum mark mark = mark_of(s, (size_t)(end - s), fragment);
        if (mark == BEGINS && f.begins++ == 0) {
            f.start = end < text + n ? end + 1 : end;
            f.first = line + 1;
        }
        if (mark == ENDS && f.ends++ == 0) {
            f.end = s;
            f.last = line - 1;
        }
    }
    return f;
}

/* Longest run of backticks: the fence must be longer. */
static int longest_ticks(const char *s, const char *end) {
    int longest = 0, now = 0;
    for (; s < end; s++) {
        now = *s == '`' ? now + 1 : 0;
        if (now > longest) longest = now;
    }
    return longest;
}

/* Blanks that every line begins with. */
static int margin(const char *s, const char *end) {
    int least = 1000;
    for (int at = 0, blank = 1; s < end; s++) {
        if (*s == '\n')
            at = 0, blank = 1;
        else if (blank && *s == ' ')
            at++;
        else if (blank) {
            blank = 0;
            if (at < least) least = at;
        }
    }
    return least == 1000 ? 0 : least;
}

static const char *language(const char *file) {
    const char *dot = strrchr(file, '.');
    if (dot && (strcmp(dot, ".c") == 0 || strcmp(dot, ".h") == 0)) return "c";
    if (dot && strcmp(dot, ".cu") == 0) return "cpp";
    return strcmp(file_base(file), "Makefile") == 0 ? "makefile" : "conf";
}

static void quote(struct weaver *w, const char *file, const struct found *f,
                  const char *fragment) {
    char head[256];
    int ticks = longest_ticks(f->start, f->end) + 1, cut = margin(f->start, f->end);
    if (ticks < 3) ticks = 3;
    snprintf(head, sizeof head, "lines %d–%d:", f->first, f->last);
    weave_puts(w, "::: listing\n`");
    weave_puts(w, file);
    weave_puts(w, "`, ");
    weave_puts(w, head);
    weave_puts(w, "\n\n");
    for (int i = 0; i < ticks; i++) weave_puts(w, "`");
    snprintf(head, sizeof head, " {.%s .numberLines startFrom=\"%d\"}\n", language(file),
             f->first);
    weave_puts(w, head);
    for (const char *s = f->start, *end; s < f->end; s = end + 1) {
        end = memchr(s, '\n', (size_t)(f->end - s));
        if (!end) end = f->end;
        if (mark_of(s, (size_t)(end - s), fragment) != NO_MARK) continue;
        if (end - s > cut) weave_put(w, s + cut, (size_t)(end - s - cut));
        weave_puts(w, "\n");
    }
    for (int i = 0; i < ticks; i++) weave_puts(w, "`");
    weave_puts(w, "\n:::");
}

void weave_code(struct weaver *w, const char *file, const char *fragment) {
    if (!weave_inside(file) || strchr(file, '`')) {
        weave_fail(w, "code %s: wanted a name inside the sources", quoted(file));
        return;
    }
    char *path = file_join(w->options->root, file);
    if (!file_exists(path)) {
        weave_fail(w, "code %s: no such file", quoted(file));
        xfree(path);
        return;
    }
    size_t n;
    char *text = file_read(path, WEAVE_LIMIT, &n);
    struct found f = find(text, n, fragment);
    if (f.begins != 1 || f.ends != 1 || f.last < f.first)
        weave_fail(w,
                   "code %s: fragment '%s' begins %d and ends %d times; wanted each once, "
                   "in this order",
                   file, quoted(fragment), f.begins, f.ends);
    else
        quote(w, file, &f, fragment);
    xfree(text);
    xfree(path);
}
