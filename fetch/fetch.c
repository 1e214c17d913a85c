/* fetch.c - the order of places, and the last word. */
#include "fetch/fetch.h"
#include "core/die.h"
#include "core/file.h"
#include "fetch/address.h"
#include "fetch/attempt.h"
#include "fetch/by_hand.h"
#include "fetch/local.h"
#include "fetch/net.h"
#include "fetch/terms.h"
#include <string.h>

static _Noreturn void ask(const struct fetch *f, const struct source *s, const char *why) {
    char *text = by_hand(f, s, why); /* may die of something else */
    if (f->gone) *f->gone = 1;
    die_world("%s", text);
}

/* Nobody gave the file. */
static _Noreturn void give_up(const struct attempt *a) {
    if (!a->failures) ask(a->fetch, a->source, "to be had by hand only");
    if (a->code == EXIT_NO)
        die_no("%s: %s; try again, or put the file into a mirror folder", a->from, a->why);
    ask(a->fetch, a->source, xprintf("%s: %s", a->from, a->why));
}

static int try_url(struct attempt *a, const char *url) {
    if (a->failures && !(a->fetch->offline && address_is_https(a->from)))
        warn("%s: %s; trying the next address", a->from, a->why);
    if (address_is_https(url)) return net_fetch(a, url);
    char *path = local_path(a->source, url);
    int there = file_exists(path);
    if (there) {
        local_copy(a, path);
    } else {
        snprintf(a->why, sizeof a->why, "not there");
        attempt_fail(a, url, EXIT_WORLD);
    }
    xfree(path);
    return there;
}

static int from_mirrors(struct attempt *a) {
    const struct fetch *f = a->fetch;
    const struct source *s = a->source;
    int done = 0;
    for (int m = 0; m < f->mirrors && !done; m++) {
        for (int i = 0; i < s->file_count && !done; i++) {
            char *path = file_join(f->mirror[m], s->file[i]);
            if (address_is_https(f->mirror[m])) {
                done = try_url(a, path);
            } else if (file_exists(path)) {
                local_copy(a, path);
                done = 1;
            }
            xfree(path);
        }
    }
    return done;
}

void fetch_run(const struct fetch *f, const struct source *s) {
    struct attempt a = {.fetch = f, .source = s};
    if (!s->file_count) die_usage("%s: names no file, nothing to fetch", quoted(s->path));
    if (!local_passphrase(f, s)) {
        char *why = xprintf("%s is in no mirror folder", quoted(s->passphrase_file));
        ask(f, s, why);
    }
    int done = from_mirrors(&a);
    for (int i = 0; i < s->url_count && !done; i++) done = try_url(&a, s->url[i]);
    if (!done) give_up(&a);
    xfree(a.from);
    terms_tell(f->terms, s);
}

/* A line of fetch_look; `where` is freed. */
static char *state(const struct source *s, const char *state, char *where) {
    char *line = xprintf("%s\t%s\t%s", s->name, state, where);
    xfree(where);
    return line;
}

static char *look_at_url(const struct fetch *f, const struct source *s, const char *url) {
    if (!address_is_https(url)) {
        char *path = local_path(s, url);
        if (file_exists(path)) return state(s, "fetchable", path);
        xfree(path);
        return NULL;
    }
    char *path;
    if (net_is_cached(f, s, url, &path)) return state(s, "cached", path);
    xfree(path);
    return f->offline ? NULL : state(s, "fetchable", xstrdup(address_shown(url)));
}

char *fetch_look(const struct fetch *f, const struct source *s) {
    char *line = NULL;
    if (file_exists(f->out)) return state(s, "present", xstrdup(f->out));
    for (int m = 0; m < f->mirrors; m++) {
        for (int i = 0; i < s->file_count && !line; i++) {
            char *path = file_join(f->mirror[m], s->file[i]);
            if (!address_is_https(f->mirror[m]) && file_exists(path))
                return state(s, "mirror", path);
            xfree(path);
        }
    }
    for (int i = 0; i < s->url_count && !line; i++) line = look_at_url(f, s, s->url[i]);
    return line ? line : state(s, "manual", xstrdup(s->manual_count ? s->manual[0] : "-"));
}
