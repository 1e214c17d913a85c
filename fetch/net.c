/* net.c - the cache before the net, the net before the cache's next use. */
#include "fetch/net.h"
#include "core/die.h"
#include "core/file.h"
#include "fetch/address.h"
#include "fetch/cache.h"
#include "fetch/download.h"
#include "fetch/handle.h"
#include "fetch/lock.h"
#include "fetch/part.h"
#include "fetch/pins.h"
#include <stdio.h>
#include <string.h>

/* The sha256 a file from `url` should have: the publisher's, the pinned one, or what came
 * from there last. */
static int wanted_sha256(const struct fetch *f, const struct source *s, const char *url,
                         char sha256[65]) {
    if (s->sha256) {
        memcpy(sha256, s->sha256, 65);
        return 1;
    }
    if (f->pins && pins_find(f->pins, s, sha256)) return 1;
    return cache_of_url(f->cache, url, sha256);
}

int net_is_cached(const struct fetch *f, const struct source *s, const char *url,
                  char **path) {
    char sha256[65], *drive = address_drive_direct(url);
    *path = NULL;
    int is = f->cache && wanted_sha256(f, s, drive ? drive : url, sha256) &&
             cache_has(f->cache, sha256, path);
    xfree(drive);
    return is;
}

static int from_cache(struct attempt *a, const char *url) {
    const struct fetch *f = a->fetch;
    const struct source *s = a->source;
    char sha256[65];
    struct out *out;
    struct seen seen;
    if (!f->cache || !wanted_sha256(f, s, url, sha256)) return 0;
    if (!cache_take(f->cache, sha256, f->out, s, &out, &seen)) return 0;
    int code = attempt_judge(a, &seen, f->cache, 0);
    xfree(seen.head);
    if (code) { /* the source asks for what no file of this sha256 can be */
        warn("%s: in the cache, but %s", s->name, a->why);
        out_drop(out);
        return 0;
    }
    out_commit(out);
    warn("%s: from the cache %s, sha256 %s", s->name, quoted(f->cache), sha256);
    return 1;
}

/* The part has come whole: if it is the file, it gets its name; else it is emptied. */
static int finish(struct attempt *a, const char *url, struct part *part) {
    struct seen seen;
    seen_file(&seen, part->path, a->source);
    int code = attempt_judge(a, &seen, url, 0);
    xfree(seen.head);
    if (code) {
        part_restart(part);
        attempt_fail(a, url, code);
        return 0;
    }
    part_sync(part);
    if (a->keeps) cache_put(a->fetch->cache, part->path, a->source, &seen, url);
    part_commit(part);
    return 1;
}

/* Killed between the last byte and the name. */
static int is_whole(const struct part *p, const struct source *s, const char *url) {
    return p->bytes &&
           (p->bytes == s->bytes || (p->bytes == p->total && !strcmp(p->url, url)));
}

static int lock_host(const struct attempt *a, const char *url, struct lock *lock) {
    const char *out = a->fetch->out;
    char host[128], *path;
    address_host(url, host, sizeof host);
    if (a->keeps)
        path = xprintf("%s/lock/host-%s", a->fetch->cache, host);
    else
        path = xprintf("%.*s.host-%s.lock", (int)(file_base(out) - out), out, host);
    char *waiting =
        xprintf("%s: another process downloads from %s; waiting", a->source->name, host);
    int waited = lock_file(lock, path, waiting);
    xfree(waiting);
    xfree(path);
    return waited;
}

/* A part from an earlier run that ends as another file is begun again, once. */
static int ask(struct attempt *a, const char *url, struct part *part) {
    const struct fetch *f = a->fetch;
    struct request request = {a->source, url, part, f->patience, f->most, NULL};
    struct outcome outcome;
    int went_on = part->bytes && *part->validator && !strcmp(part->url, url);
    download(&request, &outcome);
    if (outcome.answer != CAME) {
        snprintf(a->why, sizeof a->why, "%s", outcome.why);
        attempt_fail(a, url, outcome.answer == WRONG ? EXIT_NO : EXIT_WORLD);
        return 0;
    }
    if (finish(a, url, part)) return 1;
    if (!went_on) return 0;
    warn("%s: %s; from the beginning", a->from, a->why);
    return ask(a, url, part);
}

static int ask_host(struct attempt *a, const char *url, struct part *part) {
    struct lock lock;
    if (!a->asked_net++) handle_tell_settings();
    int waited = lock_host(a, url, &lock) || part->taken, done = 0;
    if (waited && from_cache(a, url)) {
        part_discard(part);
        done = 1;
    } else {
        done = ask(a, url, part);
    }
    lock_close(&lock);
    return done;
}

int net_fetch(struct attempt *a, const char *url) {
    struct part part;
    char *drive = address_drive_direct(url);
    const char *address = drive ? drive : url;
    const char *cache = a->fetch->cache;
    if (!a->asked_cache++) a->keeps = cache && cache_ready(cache);
    part_open(&part, a->fetch->out);
    int done = from_cache(a, address);
    if (done)
        part_discard(&part);
    else if (is_whole(&part, a->source, address))
        done = finish(a, address, &part);
    if (!done && a->fetch->offline) {
        snprintf(a->why, sizeof a->why, "not asked, for OFFLINE is set");
        attempt_fail(a, address, EXIT_WORLD);
    } else if (!done) {
        done = ask_host(a, address, &part);
    }
    if (!done && part.bytes)
        part_close(&part);
    else if (!done)
        part_discard(&part);
    xfree(drive);
    return done;
}
