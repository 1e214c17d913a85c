/* reason.c - takes reasons apart and joins them. It gives none. */
#include "report/reason.h"
#include "core/die.h"
#include <string.h>

int reasons_find(const struct reasons *r, const char *statement) {
    for (int i = 0; i < r->count; i++)
        if (strcmp(r->text[i], statement) == 0) return i;
    return -1;
}

void reasons_add(struct reasons *r, const char *reason) {
    for (const char *start = reason, *end; start; start = end) {
        end = strstr(start, REASON_BETWEEN);
        char *text = end ? xprintf("%.*s", (int)(end - start), start) : xstrdup(start);
        if (end) end += strlen(REASON_BETWEEN);
        if (reasons_find(r, text) >= 0) {
            xfree(text);
            continue;
        }
        r->text = xrealloc(r->text, (size_t)r->count + 1, sizeof *r->text);
        r->text[r->count++] = text;
    }
}

void reasons_free(struct reasons *r) {
    for (int i = 0; i < r->count; i++) xfree(r->text[i]);
    xfree(r->text);
    *r = (struct reasons){0};
}

/* Text, what stands between, and a further piece; frees the text. */
static char *joined(char *text, const char *between, const char *more, size_t n) {
    char *longer = xprintf("%s%s%.*s", text, between, (int)n, more);
    xfree(text);
    return longer;
}

char *reasons_join(const struct reasons *r) {
    char *text = xstrdup("");
    for (int i = 0; i < r->count; i++)
        text = joined(text, i ? REASON_BETWEEN : "", r->text[i], strlen(r->text[i]));
    return text;
}

size_t reason_source(const char *statement) {
    size_t n = strspn(statement, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return strncmp(statement + n, ": ", 2) == 0 ? n : 0;
}

char *reason_short(const char *reason) {
    struct reasons r = {0};
    reasons_add(&r, reason);
    char *text = xstrdup("it lacks ");
    size_t n = 1;
    for (int i = 0; i < r.count && n; i++) {
        n = reason_source(r.text[i]);
        text = joined(text, i ? ", " : "", r.text[i], n);
    }
    reasons_free(&r);
    if (n) return text;
    xfree(text);
    return xstrdup(reason);
}
