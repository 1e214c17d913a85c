/* weave - paper.md and results.tsv to the woven paper. */
#include "core/die.h"
#include "core/file.h"
#include "report/weave.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: weave [options] PAPER.md RESULTS.tsv OUT.md\n"
    "Resolves {{placeholders}}, judges claims, refuses typed numbers; see report/weave.h.\n"
    "All failures are told at once, then nothing is written (exit 1).\n"
    "  --root DIR     where {{code FILE FRAGMENT}} finds FILE (default .)\n"
    "  --include DIR  where {{include FILE}} and figures are (default: the folder of OUT)\n"
    "  --notice FILE  text that becomes the paper's first line\n"
    "  --draft        mark false claims instead of failing (make all DRAFT=1)\n"
    "  --strict       fail on numbers and claims of cells that were not run\n"
    "  --help --version\n"
    "example: weave --draft --notice report/phantom.md paper.md out/demo/results.tsv \\\n"
    "             out/demo/paper.md\n";

/* The folder of a path: caller frees. */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? xprintf("%.*s", (int)(slash - path), path) : xstrdup(".");
}

static char *notice_of(const char *path) {
    size_t n;
    char *text = file_read(path, WEAVE_LIMIT, &n);
    while (n && text[n - 1] == '\n') text[--n] = 0;
    return text;
}

static void weave_file(char *const *name, struct weave_options *options) {
    size_t n;
    char *failures;
    struct results results;
    char *folder = folder_of(name[2]), *paper = file_read(name[0], WEAVE_LIMIT, &n);
    if (!options->include) options->include = folder;
    results_read(&results, name[1]);
    char *text = weave(paper, n, name[0], &results, options, &failures);
    if (!text) {
        fputs(failures, stderr);
        die_no("%s: failures above; nothing was written", name[0]);
    }
    file_write(name[2], text, strlen(text));
    xfree(text);
    xfree(paper);
    xfree(folder);
    results_free(&results);
}

int main(int argc, char **argv) {
    static const struct option known[] = {
        {"root", required_argument, NULL, 'r'},   {"include", required_argument, NULL, 'i'},
        {"notice", required_argument, NULL, 'n'}, {"draft", no_argument, NULL, 'd'},
        {"strict", no_argument, NULL, 's'},       {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {0}};
    struct weave_options options = {.root = "."};
    const char *notice = NULL;
    int c;
    die_name("weave");
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) switch (c) {
        case 'r':
            options.root = optarg;
            break;
        case 'i':
            options.include = optarg;
            break;
        case 'n':
            notice = optarg;
            break;
        case 'd':
            options.draft = true;
            break;
        case 's':
            options.strict = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        case 'v':
            puts("repolyp weave 0.1");
            return 0;
        default:
            die_usage("see weave --help");
        }
    if (argc - optind != 3)
        die_usage("%d names, wanted PAPER.md RESULTS.tsv OUT.md; see --help",
                  argc - optind);
    char *text = notice ? notice_of(notice) : NULL;
    options.notice = text;
    weave_file(argv + optind, &options);
    xfree(text);
    return 0;
}
