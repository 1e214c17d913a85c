/* census.c - folders, counted. It opens no archive. */
#include "convert/census.h"
#include "core/die.h"
#include "core/pack.h"
#include "core/table.h"
#include <stdlib.h>
#include <string.h>

/* Files of one folder come one after another, mostly: only then is an entry found again
 * here; the rest is joined by census_sort. */
void census_add(struct census *c, const char *name, size_t n, enum role role) {
    struct folder *last = c->count ? &c->folder[c->count - 1] : NULL;
    if (!last || strlen(last->name) != n || memcmp(last->name, name, n)) {
        if (c->count == c->room) {
            c->room = c->room ? 2 * c->room : 64;
            c->folder = xrealloc(c->folder, (size_t)c->room, sizeof *c->folder);
        }
        last = &c->folder[c->count++];
        *last = (struct folder){.name = xprintf("%.*s", (int)n, name)};
    }
    last->files[role]++;
}

static int by_name(const void *a, const void *b) {
    return name_compare(((const struct folder *)a)->name, ((const struct folder *)b)->name);
}

void census_sort(struct census *c) {
    int n = 0;
    if (c->count) qsort(c->folder, (size_t)c->count, sizeof *c->folder, by_name);
    for (int i = 0; i < c->count; i++) {
        if (n && !by_name(&c->folder[n - 1], &c->folder[i])) {
            for (int r = 0; r < ROLES; r++)
                c->folder[n - 1].files[r] += c->folder[i].files[r];
            xfree(c->folder[i].name);
        } else {
            c->folder[n++] = c->folder[i];
        }
    }
    c->count = n;
}

/* Pictures in the folder, which is then taken off; -1 if it is not there. */
static int take(struct census *c, const char *name) {
    for (int i = 0; i < c->count; i++) {
        if (strcmp(c->folder[i].name, name)) continue;
        int n = c->folder[i].files[ROLE_IMAGE];
        c->folder[i].files[ROLE_IMAGE] = -1;
        return n;
    }
    return -1;
}

struct complaint {
    char *text; /* "" while nothing is wrong */
    int count;
};

static void complain(struct complaint *all, char *one) {
    enum { TOLD = 5 };
    if (all->count++ < TOLD) {
        char *longer = xprintf("%s%s%s", all->text, *all->text ? "; " : "", one);
        xfree(all->text);
        all->text = longer;
    }
    xfree(one);
}

char *census_wrong(struct census *c, const char *list) {
    struct complaint all = {xstrdup(""), 0};
    struct table t;
    table_read(&t, list);
    int folder = table_need(&t, "folder"), pictures = table_need(&t, "pictures");
    census_sort(c);
    for (int row = 0; row < t.rows; row++) {
        const char *name = table_get(&t, row, folder);
        long wanted = table_integer(&t, row, pictures);
        int found = take(c, name);
        if (found < 0)
            complain(&all, xprintf("%s is not there, wanted %ld pictures", name, wanted));
        else if (found != wanted)
            complain(&all, xprintf("%s has %d pictures, wanted %ld", name, found, wanted));
    }
    for (int i = 0; i < c->count; i++)
        if (c->folder[i].files[ROLE_IMAGE] > 0)
            complain(&all, xprintf("%s is not in the list", quoted(c->folder[i].name)));
    table_free(&t);
    if (!all.count) {
        xfree(all.text);
        return NULL;
    }
    char *text =
        xprintf("%s (%d of its folders are not as in %s)", all.text, all.count, list);
    xfree(all.text);
    return text;
}

void census_free(struct census *c) {
    for (int i = 0; i < c->count; i++) xfree(c->folder[i].name);
    xfree(c->folder);
    *c = (struct census){0};
}
