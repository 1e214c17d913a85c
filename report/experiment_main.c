/* experiment - which cells the experiment wants, and for each that cannot run the reason
 * why not.
 *
 * It decides nothing: make knows which sources are absent, fetch wrote down why. Nothing
 * else may say "not run", so that a cell that failed can never pass for one that was left
 * out. */
#include "core/die.h"
#include "core/file.h"
#include "report/reason.h"
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: experiment CELL[=REASON[,REASON]...]... EXPERIMENT.tsv\n"
    "Writes columns cell, status (run | not-run), reason. REASON is a file fetch --absent\n"
    "wrote: why a source is not here and what to do. In the column they are parted by \" | \".\n"
    "The first line repeats the arguments, so that make sees when they change.\n"
    "  --help --version\n"
    "example: experiment vits-random-cvc vits-random-sun=out/paper/raw/sun.absent \\\n"
    "             out/paper/experiment.tsv\n";

enum { REASON_LIMIT = 4096, DEEP = 4 /* blanks before a line that goes on */ };

/* A file's text in one line, as a table wants it: what lies between words becomes one
 * blank. A line begins a statement of its own unless it is as deep as the one before: fetch
 * writes so what a person has to do, and what it found itself less deep. */
static char *reason(const char *path) {
    size_t n, end = 0, depth = 0;
    char *text = file_read(path, REASON_LIMIT, &n), *line = xmalloc(2 * n + 1);
    for (size_t i = 0; i < n; i++) {
        bool first = i == 0 || text[i - 1] == '\n';
        size_t before = depth;
        if (first) depth = strspn(text + i, " \t");
        if (first && end && (depth != before || depth < DEEP) &&
            !strchr(".:;", line[end - 1]))
            line[end++] = isupper((unsigned char)text[i + depth]) ? '.' : ';';
        bool gap = strchr(" \t\r\n", text[i]) != NULL;
        if (!gap && end && i && strchr(" \t\r\n", text[i - 1])) line[end++] = ' ';
        if (!gap) line[end++] = text[i] == '|' ? '/' : text[i];
    }
    line[end] = 0;
    if (!end || strlen(line) != end)
        die_no("%s: found '%s', wanted text; delete it and run make again", path,
               quoted(line));
    xfree(text);
    return line;
}

static void write_cell(struct out *out, const char *argument) {
    char *cell = xstrdup(argument), *why = strchr(cell, '=');
    if (!why) {
        out_printf(out, "%s\trun\tna\n", cell);
        xfree(cell);
        return;
    }
    *why++ = 0;
    out_printf(out, "%s\tnot-run\t", cell);
    for (char *path = strtok(why, ","), *first = path; path; path = strtok(NULL, ",")) {
        char *text = reason(path);
        out_printf(out, "%s%s", path == first ? "" : REASON_BETWEEN, text);
        xfree(text);
    }
    out_printf(out, "\n");
    xfree(cell);
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {0}};
    int c;
    die_name("experiment");
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) switch (c) {
        case 'h':
            fputs(help, stdout);
            return 0;
        case 'v':
            puts("repolyp experiment 0.1");
            return 0;
        default:
            die_usage("see experiment --help");
        }
    if (argc - optind < 2)
        die_usage("%d names, wanted CELL... EXPERIMENT.tsv; see --help", argc - optind);
    struct out *out = out_open(argv[argc - 1]);
    out_printf(out, "# [");
    for (int i = optind; i < argc - 1; i++)
        out_printf(out, "%s%s", i == optind ? "" : " ", argv[i]);
    out_printf(out, "]\ncell\tstatus\treason\n");
    for (int i = optind; i < argc - 1; i++) write_cell(out, argv[i]);
    out_commit(out);
    return 0;
}
