/* download.c - tries and waits; it judges no byte. */
#include "fetch/download.h"
#include "core/die.h"
#include "core/rng.h"
#include "fetch/address.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 5, HEADWAY = 1 << 20 /* bytes */ };

static void rest(double seconds) {
    struct timespec left = {(time_t)seconds, (long)(fmod(seconds, 1) * 1e9)};
    while (nanosleep(&left, &left) && errno == EINTR) {
    }
}

/* Seconds before try number `try`; some chance in it, so that many clients do not come back
 * together. */
static double pause_before(int try, const struct request *r, const struct outcome *o) {
    double jitter = rng_uniform((uint64_t)getpid(), STREAM_ORDER, 0, (uint64_t)try);
    double seconds = r->patience.pause * (double)(1 << try) * (1 + .25 * jitter);
    return o->retry_after > seconds ? o->retry_after : seconds;
}

/* Whether AGAIN is worth it; if not, it becomes GONE. */
static int is_worth_it(const struct request *r, struct outcome *o, int tries) {
    char *page = address_drive_page(r->url);
    int drive = page && o->status;
    xfree(page);
    size_t n = strlen(o->why);
    if (o->retry_after > r->patience.longest)
        snprintf(o->why + n, sizeof o->why - n, " and to come back in %.0f s",
                 o->retry_after);
    else if (!drive && tries < TRIES)
        return 1;
    o->answer = GONE;
    return 0;
}

void download(struct request *r, struct outcome *o) {
    struct part *p = r->part;
    struct progress progress;
    int64_t most = p->bytes, wanted = r->source->bytes;
    if (wanted >= 0 && p->bytes > wanted) part_restart(p);
    r->progress = &progress;
    progress_start(&progress, r->source->name, "MB", wanted > 0 ? (double)wanted / 1e6 : 0,
                   (double)p->bytes / 1e6);
    for (int tries = 0;;) {
        transfer(r, o);
        if (o->answer == STALE) { /* never twice: the next asks for all */
            warn("%s: %s; from the beginning", address_shown(r->url), o->why);
            *p->validator = 0; /* what came stays until the file itself comes */
            continue;
        }
        if (o->answer != AGAIN) break;
        if (p->bytes >= most + HEADWAY) most = p->bytes, tries = 0;
        if (!is_worth_it(r, o, ++tries)) break;
        double seconds = pause_before(tries - 1, r, o);
        warn("%s: %s; trying again in %.0f s (%d of %d)", address_shown(r->url), o->why,
             seconds, tries + 1, (int)TRIES);
        rest(seconds);
    }
    progress_end(&progress);
}
