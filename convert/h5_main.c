/* h5_main.c - the tool `h5`: a Keras file to a bag, in a process of its own with little
 * room.
 *
 * libhdf5 was not written for foreign files. So it runs in a child that may neither grow
 * nor write much; should it crash or hang there, the file is refused like any other bad
 * one. */
#include "convert/h5.h"
#include "core/die.h"
#include "core/file.h"
#include "core/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char HELP[] =
    "usage: h5 FILE.h5 OUT\n"
    "Copies the weights of a Keras file (HDF5) into a bag (a safetensors file), for the tool\n"
    "weights to read. Links, external storage, virtual datasets and plugins are refused.\n"
    "  --help --version\n"
    "example: h5 RadImageNet-ResNet50_notop.h5 keras.bag\n";

enum { SECONDS = 120, MORE = 1 << 30 };

static const struct option OPTIONS[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

/* Pages of address space and of data that the process has already. */
static void pages_used(rlim_t *space, rlim_t *data) {
    unsigned long total = 0, writable = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    int got = f ? fscanf(f, "%lu %*u %*u %*u %*u %lu", &total, &writable) : 0;
    if (f) fclose(f);
    if (got != 2) total = writable = 0;
    *space = total;
    *data = writable;
}

static void limit(int which, rlim_t most) {
    struct rlimit l;
    if (getrlimit((__rlimit_resource_t)which, &l))
        die_world("getrlimit: %s", strerror(errno));
    if (l.rlim_max != RLIM_INFINITY && most > l.rlim_max) most = l.rlim_max;
    if (l.rlim_cur != RLIM_INFINITY && most > l.rlim_cur) most = l.rlim_cur;
    l.rlim_cur = l.rlim_max = most;
    if (setrlimit((__rlimit_resource_t)which, &l))
        die_world("setrlimit: %s", strerror(errno));
}

/* 1 GiB and the file's size on top of what is there; what an honest file can become. */
static void set_limits(const char *path) {
    rlim_t page = (rlim_t)sysconf(_SC_PAGESIZE), size = file_size(path), space, data;
    pages_used(&space, &data);
    limit(RLIMIT_AS, space * page + MORE + size);
    limit(RLIMIT_DATA, data * page + MORE + size);
    limit(RLIMIT_FSIZE, H5_GROWTH * size + (1 << 20));
    limit(RLIMIT_CPU, SECONDS);
    limit(RLIMIT_CORE, 0);
    signal(SIGXFSZ, SIG_IGN); /* a file too large is an error of write, not a death */
}

static void shut_in(const char *path, const char *out) {
    struct sandbox box;
    sandbox_open(&box);
    sandbox_read(&box, path);
    sandbox_write(&box, out);
    sandbox_enter(&box);
}

/* In the child; a byte goes into the pipe once the library is there. */
static _Noreturn void work(const char *path, const char *out, int pipe) {
    set_limits(path);
    shut_in(path, out);
    h5_start();
    if (write(pipe, "", 1) != 1) die_world("a pipe: %s", strerror(errno));
    h5_convert(path, out);
    exit(0);
}

static int convert(const char *path, const char *out) {
    int status, ends[2];
    char byte;
    if (pipe2(ends, O_CLOEXEC)) die_world("a pipe: %s; wanted one", strerror(errno));
    pid_t child = fork();
    if (child < 0) die_world("fork: %s; wanted room for a process", strerror(errno));
    if (!child) work(path, out, ends[1]);
    close(ends[1]);
    int began = read(ends[0], &byte, 1) == 1;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) die_world("waitpid: %s", strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) <= EXIT_WORLD) return WEXITSTATUS(status);
    out_drop(out_open(out)); /* removes what the dead child left */
    int cause =
        WIFSIGNALED(status) ? WTERMSIG(status) : 0; /* none: the library's own exit */
    if (cause == SIGINT || cause == SIGTERM || cause == SIGKILL)
        die_world("%s: interrupted by signal %d; run it again", path, cause);
    if (!began) die_world("libhdf5 does not start; wanted memory for it");
    die_no("%s: libhdf5 broke on it (signal %d, %s), wanted a sound Keras file; fetch it "
           "again",
           path, cause, cause ? strsignal(cause) : "none");
}

int main(int argc, char **argv) {
    die_name("h5");
    for (int c; (c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) switch (c) {
        case 'h':
            return fputs(HELP, stdout) < 0;
        case 'v':
            return printf("repolyp h5 0.1\nsandbox: %s\n", sandbox_state()) < 0;
        default:
            die_usage("unknown option, see h5 --help");
        }
    if (argc - optind != 2)
        die_usage("%d arguments, wanted FILE.h5 OUT; see h5 --help", argc - optind);
    return convert(argv[optind], argv[optind + 1]);
}
