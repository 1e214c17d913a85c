/* judge.c - runs a tool on one hostile file under limits, and judges what came.
 *
 * Wanted: the exit status; one last line on stderr that begins with the tool's name, holds
 * the row's words and no byte that a terminal would obey; nothing under the final name, no
 * temporary, within ten seconds and a gigabyte. */
#include "core/bag.h"
#include "core/die.h"
#include "core/file.h"
#include "core/progress.h"
#include "tests/hostile/hostile.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 10, ARGUMENTS = 16, SAID = 1 << 16 };

static bool fail(struct judge *j, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool fail(struct judge *j, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(j->reason, sizeof j->reason, format, args);
    va_end(args);
    return false;
}

/* In the child: never comes back. */
static void become(const struct judge *j, enum kind kind, bool twin, bool leaks, int said) {
    char *argument[ARGUMENTS + 2], *path = file_join(j->bin, stage_tool(kind));
    char *words = xstrdup(stage_arguments(kind, twin)), *rest = words;
    int n = 0, nowhere = open("/dev/null", O_RDWR);
    argument[n++] = path;
    while ((argument[n] = strtok_r(NULL, " ", &rest)) && n < ARGUMENTS) n++;
    argument[n] = NULL;
    const struct rlimit gigabyte = {1u << 30, 1u << 30}, none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    setenv("OFFLINE", "1", 1);
    setenv("REPOLYP_CACHE", "", 1);
    /* The sanitizer reserves terabytes of addresses that it does not use; and who dies in
     * the middle of work frees nothing, so leaks are looked for where work ends. */
    if (j->sanitized)
        setenv("ASAN_OPTIONS",
               leaks ? "hard_rss_limit_mb=1024:exitcode=99"
                     : "hard_rss_limit_mb=1024:exitcode=99:detect_leaks=0",
               1);
    else
        setrlimit(RLIMIT_AS, &gigabyte);
    dup2(nowhere, STDIN_FILENO);
    dup2(nowhere, STDOUT_FILENO);
    dup2(said, STDERR_FILENO);
    execv(path, argument);
    _exit(127);
}

/* All that comes until the end or the deadline; false when that is passed. */
static bool listen_to(int fd, char *said, double end) {
    size_t n = 0;
    for (;;) {
        double left = end - seconds_now();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (left <= 0 || poll(&wait, 1, (int)(1000 * left) + 1) == 0) break;
        ssize_t got = read(fd, said + n, SAID - 1 - n);
        if (got <= 0) {
            said[n] = 0;
            return true;
        }
        n += (size_t)got;
    }
    said[n] = 0;
    return false;
}

/* Exit status, or -1 with the reason. */
static int run(struct judge *j, enum kind kind, bool twin, bool leaks, char *said) {
    int ends[2], status = 0;
    double start = seconds_now();
    if (pipe(ends)) die_world("a pipe: wanted one");
    pid_t pid = fork();
    if (pid < 0) die_world("a process: wanted one more");
    if (pid == 0) become(j, kind, twin, leaks, ends[1]);
    close(ends[1]);
    bool ended = listen_to(ends[0], said, start + SECONDS);
    if (!ended) kill(pid, SIGKILL);
    close(ends[0]);
    waitpid(pid, &status, 0);
    double took = seconds_now() - start;
    if (took > j->slowest) j->slowest = took;
    bool normal = ended && WIFEXITED(status) && WEXITSTATUS(status) != 127;
    if (!ended)
        fail(j, "ran for more than %d s", (int)SECONDS);
    else if (WIFSIGNALED(status))
        fail(j, "ended by signal %d", WTERMSIG(status));
    else if (!normal)
        fail(j, "%s: no such tool", stage_tool(kind));
    return normal ? WEXITSTATUS(status) : -1;
}

/* The last line of what was said, its newline cut. */
static const char *last_line(char *said) {
    size_t n = strlen(said);
    if (n && said[n - 1] == '\n') said[n - 1] = 0;
    char *line = strrchr(said, '\n');
    return line ? line + 1 : said;
}

static bool printable(const char *said) {
    for (; *said; said++)
        if (((unsigned char)*said < 0x20 && *said != '\n') || *said == 0x7f) return false;
    return true;
}

static bool judge_message(struct judge *j, const struct row *row, const struct stage *s,
                          char *said) {
    const char *tool = stage_tool(row->kind), *line = last_line(said);
    const char *words = *s->fragment ? s->fragment : row->fragment;
    if (!printable(said)) return fail(j, "a byte that a terminal obeys: %s", quoted(said));
    if (strncmp(line, tool, strlen(tool)) || strncmp(line + strlen(tool), ": ", 2))
        return fail(j, "said '%s', wanted '%s: ...'", quoted(line), tool);
    if (!strstr(said, words)) return fail(j, "said '%.400s', wanted '%s'", line, words);
    return true;
}

/* No output, no half of one. */
static bool judge_folder(struct judge *j, enum kind kind) {
    bool clean = true;
    if (file_exists(stage_out(kind, false)))
        return fail(j, "an output under its final name");
    DIR *dir = opendir(".");
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (e->d_name[0] == '.' && strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) {
            clean = fail(j, "left %s", e->d_name);
        }
    if (dir) closedir(dir);
    return clean;
}

static bool same_tensors(struct judge *j, const char *a, const char *b) {
    struct bag one, two;
    bool same = true;
    bag_open(&one, a);
    bag_open(&two, b);
    if (one.count != two.count)
        same = fail(j, "%d tensors, wanted %d", one.count, two.count);
    for (int i = 0; same && i < one.count; i++) {
        const struct tensor *t = &one.tensor[i], *u = bag_find(&two, t->name);
        if (!u || t->type != u->type || tensor_bytes(t) != tensor_bytes(u) ||
            (tensor_bytes(t) && memcmp(t->data, u->data, tensor_bytes(t))))
            same = fail(j, "tensor %s is another one", quoted(t->name));
    }
    bag_close(&one);
    bag_close(&two);
    return same;
}

/* The output holds the row's words, and what stood in the hostile file only defused. */
static bool judge_text(struct judge *j, const struct row *row, const struct stage *s) {
    size_t n;
    char *out = file_read(stage_out(row->kind, false), 1 << 26, &n);
    bool good = strstr(out, row->fragment) &&
                !(s->twin.n && memmem(out, n, s->twin.data, s->twin.n));
    if (!good) fail(j, "wrote '%.400s', wanted '%s'", quoted(out), row->fragment);
    xfree(out);
    return good;
}

/* Decoded: as its twin is. */
static bool judge_twin(struct judge *j, const struct row *row, struct stage *s) {
    char said[SAID];
    stage_write(s, row, true);
    int code = run(j, row->kind, true, true, said);
    if (code > 0) fail(j, "its harmless twin: exit %d: %.400s", code, last_line(said));
    if (code) return false;
    const char *mine = stage_out(row->kind, false), *its = stage_out(row->kind, true);
    return same_tensors(j, mine, its);
}

bool judge_row(struct judge *j, const struct row *row, struct stage *s) {
    char said[SAID];
    row->make(s, row->arg);
    stage_write(s, row, false);
    int code = run(j, row->kind, false, !row->code, said);
    if (code < 0) return false;
    if (code != row->code)
        return fail(j, "exit %d, wanted %d; said '%.400s'", code, row->code,
                    last_line(said));
    if (!code && row->kind >= SOURCE) return judge_text(j, row, s);
    if (!code) return judge_twin(j, row, s);
    return judge_message(j, row, s, said) && judge_folder(j, row->kind);
}
