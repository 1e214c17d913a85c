/* side.c - one process that is timed: started, asked, ended, its memory read from the system. */
#include "tests/peer/bench.h"
#include "core/die.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Forks with both ends of two pipes; in the child stdin and stdout are them. */
static int start(struct side *s) {
    int down[2], up[2];
    *s = (struct side){0};
    if (pipe2(down, O_CLOEXEC) || pipe2(up, O_CLOEXEC))
        die_world("pipe: %s", strerror(errno));
    fflush(NULL);
    s->pid = fork();
    if (s->pid < 0) die_world("fork: %s", strerror(errno));
    if (s->pid == 0) {
        dup2(down[0], 0);
        dup2(up[1], 1);
        close(down[1]);
        close(up[0]);
        return 1;
    }
    close(down[0]);
    close(up[1]);
    s->to = down[1];
    s->from = up[0];
    return 0;
}

void side_start_ours(struct side *s, const struct bench_case *c) {
    if (start(s)) bench_serve(c, 0, 1);
}

void side_start_peer(struct side *s, const struct bench_case *c, const char *python,
                     const char *script) {
    if (!start(s)) return;
    char batch[16], threads[16];
    snprintf(batch, sizeof batch, "%d", c->batch);
    snprintf(threads, sizeof threads, "%d", c->threads);
    /* PyTorch gains when its allocator keeps pages, and must not spin while we run. */
    setenv("MALLOC_MMAP_MAX_", "0", 1);
    setenv("MALLOC_TRIM_THRESHOLD_", "100000000000", 1);
    setenv("MALLOC_TOP_PAD_", "268435456", 1);
    setenv("OMP_NUM_THREADS", threads, 1);
    execlp(python, python, script, "--what", c->what, "--encoder", c->encoder, "--preset",
           c->preset, "--precision", c->precision, "--batch", batch, "--threads", threads,
           (char *)NULL);
    fprintf(stderr, "bench: %s: %s\n", python, strerror(errno));
    _exit(127);
}

int side_run(struct side *s) {
    char line[64];
    size_t n = 0;
    if (write(s->to, "run\n", 4) != 4) return 0;
    while (n < sizeof line - 1 && read(s->from, line + n, 1) == 1 && line[n] != '\n') n++;
    line[n] = 0;
    double seconds;
    if (sscanf(line, "%lf", &seconds) != 1 || s->runs == 64) return 0;
    s->second[s->runs++] = seconds;
    return 1;
}

void side_end(struct side *s) {
    struct rusage usage;
    int status;
    close(s->to);
    close(s->from);
    if (wait4(s->pid, &status, 0, &usage) == s->pid)
        s->megabytes = (double)usage.ru_maxrss / 1024;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double side_median(const struct side *s) {
    double sorted[64];
    memcpy(sorted, s->second, sizeof sorted);
    qsort(sorted, (size_t)s->runs, sizeof *sorted, ascending);
    return s->runs % 2 ? sorted[s->runs / 2]
                       : (sorted[s->runs / 2 - 1] + sorted[s->runs / 2]) / 2;
}

double side_min(const struct side *s) {
    double least = s->second[0];
    for (int i = 1; i < s->runs; i++)
        if (s->second[i] < least) least = s->second[i];
    return least;
}
