/* progress.c - the one line that says how far; it refuses to let time into any result. */
#include "progress.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    QUIET = 2,
    MINUTE = 60
}; /* seconds without a line; between lines where none is redrawn */
static const double redraw = 0.1;

double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_start(struct progress *p, const char *what, const char *unit, double total,
                    double done) {
    double now = seconds_now();
    *p = (struct progress){what, unit, total, done, now, done, now, 0};
}

/* "1h02m", "3m20s", "45s" */
static void span_text(double seconds, char *out, size_t size) {
    long s = (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(out, size, "%ldh%02ldm", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(out, size, "%ldm%02lds", s / 60, s % 60);
    else
        snprintf(out, size, "%lds", s);
}

static void show(struct progress *p, double now, const char *note, int end) {
    char text[32] = "";
    double took = now - p->start, rate = took > 0 ? (p->done - p->first) / took : 0;
    double left = rate > 0 && p->total > 0 ? (p->total - p->done) / rate : -1;
    int terminal = isatty(STDERR_FILENO);
    fprintf(stderr, "%s%s: %.0f", terminal ? "\r" : "", p->what, p->done);
    if (p->total > 0) fprintf(stderr, " of %.0f", p->total);
    fprintf(stderr, " %s", p->unit);
    if (rate > 0) fprintf(stderr, ", %.*f/s", rate < 10 ? 2 : 0, rate);
    if (end)
        span_text(took, text, sizeof text);
    else if (left >= 0)
        span_text(left, text, sizeof text);
    if (*text) fprintf(stderr, ", %s%s", text, end ? "" : " left");
    if (note) fprintf(stderr, ", %s", note);
    fprintf(stderr, "%s%s", terminal ? "\033[K" : "", terminal && !end ? "" : "\n");
    fflush(stderr);
    p->last = now;
    p->shown = 1;
}

void progress_step(struct progress *p, double done, const char *note) {
    double now = seconds_now();
    p->done = done;
    if (now - p->start < QUIET) return;
    if (now - p->last >= (isatty(STDERR_FILENO) ? redraw : MINUTE)) show(p, now, note, 0);
}

void progress_end(struct progress *p) {
    double now = seconds_now();
    if (p->shown || now - p->start >= QUIET) show(p, now, NULL, 1);
}
