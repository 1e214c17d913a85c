/* fetch.c - the order of places, and what happens to what they give. */
#include "fetch/fetch.h"
#include "core/die.h"
#include "core/file.h"
#include "core/progress.h"
#include "fetch/download.h"
#include "fetch/part.h"
#include "fetch/pins.h"
#include "fetch/verify.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { WHY = 1024 };

static void accept(const struct fetch *f, const struct source *s, const struct seen *seen,
                   const char *from, int local) {
    verify(s, seen, from, local);
    if (local && s->content && s->sha256 && strcmp(s->sha256, seen->sha256))
        warn("%s: another container than the publisher's; pack checks the files in it",
             quoted(from));
    if (f->pins && !s->sha256 && !s->content) pins_check(f->pins, s, seen, from);
}

/* Copies while hashing; the copy gets its name after it is verified. */
static void copy_local(const struct fetch *f, const struct source *s, const char *from) {
    enum { BLOCK = 1 << 20 };
    struct map map;
    struct progress progress;
    map_open(&map, from);
    struct seen seen = {.bytes = (int64_t)map.size};
    seen.head_bytes = map.size < SEEN_HEAD ? map.size : SEEN_HEAD;
    seen.head = xmalloc(SEEN_HEAD);
    if (map.size) memcpy(seen.head, map.data, seen.head_bytes);
    struct out *out = out_open(f->out);
    struct sha *sha = sha_open();
    progress_start(&progress, s->name, "MB", (double)map.size / 1e6, 0);
    for (size_t at = 0; at < map.size;) {
        size_t n = map.size - at < BLOCK ? map.size - at : BLOCK;
        sha_add(sha, map.data + at, n);
        out_write(out, map.data + at, n);
        at += n;
        progress_step(&progress, (double)at / 1e6, NULL);
    }
    progress_end(&progress);
    sha_close(sha, seen.sha256);
    map_close(&map);
    accept(f, s, &seen, from, 1);
    out_commit(out);
    xfree(seen.head);
}

/* The path of a file: address, %XX decoded. Caller frees. */
static char *file_url_path(const struct source *s, const char *url) {
    const char *name = url + strlen("file:");
    if (!strncmp(name, "//", 2)) name += 2;
    size_t folder = *name == '/' ? 0 : (size_t)(file_base(s->path) - s->path);
    char *path = xprintf("%.*s%s", (int)folder, s->path, name), *to = path + folder;
    for (const char *at = to; *at; at++, to++) {
        char digits[3] = {at[0] == '%' ? at[1] : 0, 0, 0};
        if (digits[0]) digits[1] = at[2];
        int coded =
            isxdigit((unsigned char)digits[0]) && isxdigit((unsigned char)digits[1]);
        *to = coded ? (char)strtol(digits, NULL, 16) : *at;
        if (coded) at += 2;
    }
    *to = 0;
    return path;
}

/* How a person gets it, and where to put it. `why` tells what failed before. */
static _Noreturn void ask(const struct fetch *f, const struct source *s, const char *why) {
    if (f->gone) *f->gone = 1;
    char *text = xprintf("%s: %s, wanted the file %s.", s->name, why, s->file[0]);
    for (int i = 0; i < s->manual_count; i++) {
        char *longer = xprintf("%s\n    %s", text, s->manual[i]);
        xfree(text);
        text = longer;
    }
    die_world(
        "%s\n  %s%s%s%s into a mirror folder (MIRROR=FOLDER or --mirror FOLDER) and run again.",
        text, s->manual_count ? "Then put " : "Try again, or put ", s->file[0],
        s->passphrase_file ? " and " : "", s->passphrase_file ? s->passphrase_file : "");
}

/* A part that is not what the source describes must not be gone on with. */
static void discard(void *arg) {
    struct part *part = arg;
    part_discard(part);
}

static int try_https(const struct fetch *f, const struct source *s, const char *url,
                     int last) {
    struct part part;
    struct seen seen;
    char why[WHY];
    part_open(&part, f->out);
    if (!download(s, url, &part, f->pause, why, sizeof why)) {
        if (part.bytes)
            part_close(&part);
        else
            part_discard(&part);
        if (last) ask(f, s, xprintf("%s: %s", quoted(url), why));
        warn("%s: %s; trying the next address", quoted(url), why);
        return 0;
    }
    seen_file(&seen, part.path);
    /* A page in the file's place: the host does not give it away now. */
    if (f->gone && page_title(seen.head, seen.head_bytes)) *f->gone = 1;
    die_cleanup(discard, &part);
    accept(f, s, &seen, url, 0);
    die_cleanup_forget(discard, &part);
    part_commit(&part);
    xfree(seen.head);
    return 1;
}

/* file: addresses are copied; 0 if none is there and another address may have it. */
static int try_url(const struct fetch *f, const struct source *s, const char *url,
                   int last) {
    if (strncmp(url, "file:", 5)) return try_https(f, s, url, last);
    char *path = file_url_path(s, url);
    if (!file_exists(path)) {
        if (last) ask(f, s, xprintf("%s: not there", quoted(url)));
        warn("%s: not there; trying the next address", quoted(path));
        xfree(path);
        return 0;
    }
    copy_local(f, s, path);
    xfree(path);
    return 1;
}

static int is_https(const char *mirror) {
    return !strncmp(mirror, "https://", 8);
}

static int from_mirrors(const struct fetch *f, const struct source *s) {
    int done = 0;
    for (int m = 0; m < f->mirrors && !done; m++) {
        for (int i = 0; i < s->file_count && !done; i++) {
            char *path = file_join(f->mirror[m], s->file[i]);
            if (is_https(f->mirror[m])) {
                done = try_url(f, s, path, 0);
            } else if (file_exists(path)) {
                copy_local(f, s, path);
                done = 1;
            }
            xfree(path);
        }
    }
    return done;
}

/* The passphrase's file goes beside the download, where pack looks for it; before the
 * download, which without it is of no use. */
static void bring_passphrase(const struct fetch *f, const struct source *s) {
    if (!s->passphrase_file) return;
    char *to =
        xprintf("%.*s%s", (int)(file_base(f->out) - f->out), f->out, s->passphrase_file);
    int there = 0;
    for (int m = 0; m < f->mirrors && !there; m++) {
        if (is_https(f->mirror[m])) continue;
        char *path = file_join(f->mirror[m], s->passphrase_file);
        if (file_exists(path)) {
            size_t n;
            char *text = file_read(path, 4096, &n);
            file_write(to, text, n);
            xfree(text);
            there = 1;
        }
        xfree(path);
    }
    if (!there && !file_exists(to))
        ask(f, s, xprintf("%s is in no mirror folder", quoted(s->passphrase_file)));
    xfree(to);
}

void fetch_run(const struct fetch *f, const struct source *s) {
    if (!s->file_count) die_usage("%s: names no file, nothing to fetch", quoted(s->path));
    bring_passphrase(f, s);
    int done = from_mirrors(f, s);
    for (int i = 0; i < s->url_count && !done; i++)
        done = try_url(f, s, s->url[i], i + 1 == s->url_count);
    if (!done) ask(f, s, "to be had by hand only");
}
