/* by_hand.c - words; it looks at nothing but names. */
#include "fetch/by_hand.h"
#include "core/die.h"
#include "core/file.h"
#include "fetch/address.h"
#include <string.h>

/* Text and a further piece of it; frees both. */
static char * and (char *text, char *more) {
    char *both = xprintf("%s%s", text, more);
    xfree(text);
    xfree(more);
    return both;
}

static const char *local_mirror(const struct fetch *f) {
    for (int i = 0; i < f->mirrors; i++)
        if (!address_is_https(f->mirror[i])) return f->mirror[i];
    return NULL;
}

static char *where_to_put(const struct fetch *f, const struct source *s) {
    const char *folder = local_mirror(f), *also = s->passphrase_file;
    if (!folder)
        return xprintf("put %s%s%s into a mirror folder (MIRROR=FOLDER or --mirror FOLDER)",
                       s->file[0], also ? " and " : "", also ? also : "");
    char *path = file_join(folder, s->file[0]);
    char *text = xprintf("save it as %s%s%s%s", path, also ? " with " : "",
                         also ? also : "", also ? " beside it" : "");
    xfree(path);
    return text;
}

static char *what_is_wanted(const struct source *s) {
    char *text = xprintf("\n  wanted: the file %s", s->file[0]);
    if (s->bytes >= 0) text = and(text, xprintf(", %lld bytes", (long long)s->bytes));
    if (s->sha256)
        text = and(text, xprintf(", sha256 %s", s->sha256));
    else if (s->md5)
        text = and(text, xprintf(", md5 %s", s->md5));
    return text;
}

/* The page of the first file on Google Drive that `manual` does not speak of; NULL if there
 * is none. */
static char *drive_page(const struct source *s) {
    char *page = NULL;
    for (int i = 0; i < s->url_count && !page; i++) page = address_drive_page(s->url[i]);
    for (int i = 0; i < s->manual_count && page; i++)
        if (strstr(s->manual[i], page)) xfree(page), page = NULL;
    return page;
}

char *by_hand(const struct fetch *f, const struct source *s, const char *why) {
    char *text = and(xprintf("%s: %s", s->name, why), what_is_wanted(s));
    char *page = drive_page(s);
    for (int i = 0; i < s->manual_count; i++)
        text = and(text, xprintf("\n    %s", s->manual[i]));
    if (page)
        text = and(text, xprintf("\n  Open %s in a browser and download it there.", page));
    if (strcasestr(why, "quota") || strcasestr(why, "too many users"))
        text = and(text, xstrdup("\n  Google gives a file away so many times a day: wait a "
                                 "day, or be signed in."));
    text = and(text, xstrdup(s->manual_count || page ? "\n  Then " : "\n  Try again, or "));
    xfree(page);
    text = and(text, where_to_put(f, s));
    return and(text, xstrdup(" and run make again."));
}
