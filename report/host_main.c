/* host - host.tsv files to a page: which machine made each run, how long it took and when.
 * These values differ from one making to the next, so they stand beside the paper, never in
 * it. */
#include "core/die.h"
#include "core/file.h"
#include "core/table.h"
#include "report/escape.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: host RUN... OUT.md\n"
    "Device, threads, seconds, speed, memory and date of every run as Markdown; RUN is a run's\n"
    "folder, named .../VARIANT/CELL/SPLIT/sSEED, with its host.tsv.\n"
    "  --help --version\n"
    "example: host out/demo/runs/main/*/random/s0 out/demo/host.md\n";

/* The last four parts of a run's path. */
static const char *run_name(const char *path) {
    const char *at = path + strlen(path);
    for (int slashes = 0; at > path; at--)
        if (at[-1] == '/' && ++slashes == 4) break;
    return at;
}

static void put(struct out *out, const struct table *t, const char *key) {
    int k = table_need(t, "key"), v = table_need(t, "value");
    const char *value = "unknown";
    for (int i = 0; i < t->rows; i++)
        if (!strcmp(table_get(t, i, k), key)) value = table_get(t, i, v);
    char *text = escape_markdown(value);
    out_printf(out, " | %s", text);
    xfree(text);
}

static void put_run(struct out *out, const char *folder) {
    static const char *const keys[] = {
        "device",      "threads", "steps_here", "seconds", "pictures_per_second",
        "peak_rss_kb", "date"};
    struct table t;
    char *path = file_join(folder, "host.tsv"), *name = escape_markdown(run_name(folder));
    table_read(&t, path);
    out_printf(out, "| %s", name);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) put(out, &t, keys[i]);
    out_printf(out, " |\n");
    table_free(&t);
    xfree(name);
    xfree(path);
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {0}};
    int c;
    die_name("host");
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) switch (c) {
        case 'h':
            fputs(help, stdout);
            return 0;
        case 'v':
            puts("repolyp host 0.1");
            return 0;
        default:
            die_usage("see host --help");
        }
    if (argc - optind < 1) die_usage("no name, wanted RUN... OUT.md; see --help");
    struct out *out = out_open(argv[argc - 1]);
    out_printf(
        out,
        "# Where the runs were made\n\nThese values are not results: they differ each time.\n"
        "`steps` are those of the last start; a run that was interrupted had more.\n\n"
        "| Run | device | threads | steps | seconds | pictures a second | peak memory, KB | date |\n"
        "|:----------|:-----|---:|---:|---:|---:|---:|:-----|\n");
    for (int i = optind; i < argc - 1; i++) put_run(out, argv[i]);
    out_commit(out);
    return 0;
}
