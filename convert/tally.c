/* tally.c - lines in an array. It knows nothing of what they say. */
#include "convert/tally.h"
#include "core/die.h"
#include "core/file.h"
#include <stdlib.h>
#include <string.h>

void tally_add(struct tally *t, char *line) {
    if (t->count == t->room) {
        t->room = t->room ? 2 * t->room : 1024;
        t->line = xrealloc(t->line, (size_t)t->room, sizeof *t->line);
    }
    t->line[t->count++] = line;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void tally_sha(struct tally *t, char hex[65]) {
    struct sha *sha = sha_open();
    if (t->count) qsort(t->line, (size_t)t->count, sizeof *t->line, by_text);
    for (int i = 0; i < t->count; i++) sha_add(sha, t->line[i], strlen(t->line[i]));
    sha_close(sha, hex);
}

void tally_free(struct tally *t) {
    for (int i = 0; i < t->count; i++) xfree(t->line[i]);
    xfree(t->line);
    *t = (struct tally){0};
}
