/* side.c - one process that is timed: started, asked, ended, its memory read from the
 * system. */
#include "tests/peer/bench.h"
#include "core/die.h"
#include "core/progress.h"
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
    *s = (struct side){.began = seconds_now()};
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

static void become_peer(const struct bench_case *c, const char *python,
                        const char *script) {
    int gpu = strcmp(c->device, "gpu") == 0;
    char *batch = xprintf("%d", c->batch), *threads = xprintf("%d", c->threads);
    char *side = xprintf("%d", c->side), *steps = xprintf("%d", c->steps);
    if (!gpu) {
        /* PyTorch gains when its allocator keeps pages, and must not spin while we run. */
        setenv("MALLOC_MMAP_MAX_", "0", 1);
        setenv("MALLOC_TRIM_THRESHOLD_", "100000000000", 1);
        setenv("MALLOC_TOP_PAD_", "268435456", 1);
        setenv("OMP_NUM_THREADS", threads, 1);
    }
    int start = strcmp(c->what, "start") == 0;
    const char *all[25 + 2 * BENCH_SETS] = {
        python,        script,       "--what",   start ? "train" : c->what,
        "--encoder",   c->encoder,   "--preset", c->preset,
        "--precision", c->precision, "--batch",  batch,
        "--threads",   threads,      "--device", gpu ? "cuda" : c->device,
        "--way",       c->way,       "--side",   side,
        "--steps",     steps,        "--layout", c->layout};
    for (int i = 0; c->set && c->set[i]; i++) {
        all[24 + 2 * i] = "--set";
        all[25 + 2 * i] = c->set[i];
    }
    execvp(python, (char *const *)(uintptr_t)all);
    fprintf(stderr, "bench: %s: %s\n", python, strerror(errno));
    _exit(127);
}

void side_start_peer(struct side *s, const struct bench_case *c, const char *python,
                     const char *script) {
    if (start(s)) become_peer(c, python, script);
}

/* Asks, and reads the line that is the answer. */
static int ask(struct side *s, const char *request, char *line, size_t size) {
    size_t n = 0;
    if (request && write(s->to, request, 4) != 4) return 0;
    while (n < size - 1) {
        if (read(s->from, line + n, 1) != 1) return 0;
        if (line[n] == '\n') break;
        n++;
    }
    line[n] = 0;
    if (s->first <= 0) s->first = seconds_now() - s->began;
    return 1;
}

int side_run(struct side *s) {
    char line[64];
    double seconds;
    if (!ask(s, "run\n", line, sizeof line)) return 0;
    if (sscanf(line, "%lf", &seconds) != 1 || s->runs == 64) return 0;
    s->second[s->runs++] = seconds;
    return 1;
}

void side_memory(struct side *s) {
    char line[64];
    if (!ask(s, "mem\n", line, sizeof line) || sscanf(line, "%lf", &s->megabytes) != 1)
        s->megabytes = 0;
}

int side_lines(struct side *s, void (*fn)(void *arg, const char *line), void *arg) {
    char line[512];
    int more = ask(s, "run\n", line, sizeof line);
    for (; more && line[0]; more = ask(s, NULL, line, sizeof line)) fn(arg, line);
    return more;
}

void side_end(struct side *s) {
    struct rusage usage;
    int status;
    close(s->to);
    close(s->from);
    if (wait4(s->pid, &status, 0, &usage) == s->pid && s->megabytes <= 0)
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
