/* colophon - run.tsv files to the paper's last section: which inputs, by checksum, made
 * which run, and whether the present program made them. It prints no value of the machine
 * it ran on. */
#include "core/die.h"
#include "core/file.h"
#include "core/table.h"
#include "report/escape.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: colophon [--commit TEXT] [--sources SHA256] RUN... OUT.md\n"
    "The inputs and checksums of every run as Markdown; RUN is a run's folder.\n"
    "  --commit TEXT     the commit the sources stand at\n"
    "  --sources SHA256  of the present sources: runs made by others are listed\n"
    "  --help --version\n"
    "example: colophon --commit 4f2a9c1 out/demo/runs/main/*/random/s0 \\\n"
    "             out/demo/colophon.md\n";

static const char *value_of(const struct table *t, const char *key) {
    int k = table_need(t, "key"), v = table_need(t, "value");
    for (int i = 0; i < t->rows; i++)
        if (strcmp(table_get(t, i, k), key) == 0) return table_get(t, i, v);
    die_no("%s: no key '%s'; delete the run and run make again", t->path, key);
}

/* A checksum's first eight digits; a word ("none") as it is. */
static void put_short(struct out *out, const char *value) {
    char *text = escape_markdown(value);
    if (strlen(value) == 64)
        out_printf(out, " | `%.8s`", text);
    else
        out_printf(out, " | %s", text);
    xfree(text);
}

static void put_run(struct out *out, const struct table *t) {
    static const char *const words[] = {"cell", "seed", "steps", "best_epoch"};
    static const char *const sums[] = {"recipe", "pack", "split", "weights", "sources"};
    for (int i = 0; i < 4; i++) {
        char *text = escape_markdown(value_of(t, words[i]));
        out_printf(out, "%s%s", i ? " | " : "| ", text);
        xfree(text);
    }
    for (int i = 0; i < 5; i++) put_short(out, value_of(t, sums[i]));
    out_printf(out, " |\n");
}

static void put_stale(struct out *out, const struct table *runs, int n,
                      const char *sources) {
    int stale = 0;
    for (int i = 0; i < n; i++) {
        if (strcmp(value_of(&runs[i], "sources"), sources) == 0) continue;
        char *cell = escape_markdown(value_of(&runs[i], "cell"));
        out_printf(out, "%s%s (seed %s)",
                   stale++ ? ", " : "Made by other sources than the present ones: ", cell,
                   value_of(&runs[i], "seed"));
        xfree(cell);
    }
    if (stale)
        out_printf(out, ".\n");
    else if (n)
        out_printf(out,
                   "Every run was made by the present sources of core, model and train.\n");
    if (n)
        out_printf(out,
                   "Whether a run's recipe, data, split and weights, too, are the present "
                   "ones, `make stale` says.\n");
}

/* A run whose encoder is not whole weights as their makers meant them: a partial load,
 * biases left out, strides read otherwise, no load at all. Random cells load nothing. */
static void put_partial(struct out *out, const struct table *runs, int n) {
    static const char whole[] = " 0 missing, 0 unexpected";
    for (int i = 0; i < n; i++) {
        const char *loaded = value_of(&runs[i], "loaded");
        size_t size = strlen(loaded), tail = sizeof whole - 1;
        int of = 0, wanted = -1;
        sscanf(loaded, "loaded %d of %d,", &of, &wanted);
        if (strstr(loaded, "random start") ||
            (of == wanted && size > tail && !strcmp(loaded + size - tail, whole)))
            continue;
        char *cell = escape_markdown(value_of(&runs[i], "cell")),
             *text = escape_markdown(loaded);
        out_printf(out, "\n**Not its weights as they are: %s (seed %s): %s.**\n", cell,
                   value_of(&runs[i], "seed"), text);
        xfree(cell);
        xfree(text);
    }
}

/* The dashes set the columns' widths. */
static const char table_head[] =
    "\n| Cell | seed | steps | best | recipe | data | split | weights | program |\n"
    "|:----------------------------|----:|-----:|----:"
    "|:--------|:--------|:--------|:--------|:--------|\n";
static const char table_caption[] =
    "\nTable: Every run and what made it: seed, steps, best epoch, and the first eight "
    "digits of the sha256 of its recipe, data, split, initial weights and program "
    "(the sources of core, model and train). The whole sums stand in each run's "
    "run.tsv.\n";

static void write(char *const *folder, int n, const char *commit, const char *sources,
                  const char *path) {
    struct table *runs = xcalloc((size_t)n + 1, sizeof *runs);
    for (int i = 0; i < n; i++) {
        char *run = file_join(folder[i], "run.tsv");
        table_read(&runs[i], run);
        xfree(run);
    }
    struct out *out = out_open(path);
    if (commit && *commit)
        out_printf(out, "Sources: commit `%s`.\n", commit);
    else
        out_printf(out, "Sources: not under version control.\n");
    if (sources) put_stale(out, runs, n, sources);
    put_partial(out, runs, n);
    if (n) {
        fputs(table_head, out->stream);
        for (int i = 0; i < n; i++) put_run(out, &runs[i]);
        fputs(table_caption, out->stream);
    }
    out_commit(out);
    for (int i = 0; i < n; i++) table_free(&runs[i]);
    xfree(runs);
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"commit", required_argument, NULL, 'c'},
                                            {"sources", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {0}};
    const char *commit = NULL, *sources = NULL;
    int c;
    die_name("colophon");
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) switch (c) {
        case 'c':
            commit = optarg;
            break;
        case 's':
            sources = optarg;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        case 'v':
            puts("repolyp colophon 0.1");
            return 0;
        default:
            die_usage("see colophon --help");
        }
    if (argc - optind < 1) die_usage("no name, wanted RUN... OUT.md; see --help");
    if (commit &&
        strspn(commit, "0123456789abcdefghijklmnopqrstuvwxyz-+.") != strlen(commit))
        die_usage("--commit %s: wanted a commit's name", quoted(commit));
    write(argv + optind, argc - optind - 1, commit, sources, argv[argc - 1]);
    return 0;
}
