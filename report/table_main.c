/* table - results.tsv to Table 1. */
#include "core/die.h"
#include "report/table1.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: table [--names NAMES.tsv] RESULTS.tsv OUT.md|OUT.tex|OUT.tsv\n"
    "       table --strict RESULTS.tsv\n"
    "Table 1: our Dice and IoU beside the published ones, for each encoder, data set and\n"
    "arm; as Markdown, LaTeX (booktabs) or TSV (for report/bars.gp), by OUT's ending.\n"
    "  --names FILE  how cells' names are written for readers: columns name, text\n"
    "  --strict      write nothing; exit 1 naming the cells that were not run\n"
    "  --help --version\n"
    "example: table --names report/names.tsv out/demo/results.tsv out/demo/table1.md\n";

/* All cells that were not run in one message. */
static void refuse_not_run(const struct table1 *t) {
    int missing = 0;
    for (int i = 0; i < t->lines; i++) {
        const struct line *l = &t->line[i];
        if (!l->notes) continue;
        warn("%s-%s-%s: not run: %s", l->encoder, l->arm, l->data, quoted(l->dice->reason));
        missing++;
    }
    if (missing)
        die_no("%d of %d cells were not run, wanted all of them", missing, t->lines);
}

static void write(const struct table1 *t, const struct results *r,
                  const struct names *names, const char *path) {
    const char *dot = strrchr(path, '.');
    if (dot && strcmp(dot, ".md") == 0)
        table1_markdown(t, r, names, path);
    else if (dot && strcmp(dot, ".tex") == 0)
        table1_latex(t, r, names, path);
    else if (dot && strcmp(dot, ".tsv") == 0)
        table1_tsv(t, r, names, path);
    else
        die_usage("%s: wanted a name that ends in .md, .tex or .tsv", quoted(path));
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"names", required_argument, NULL, 'n'},
                                            {"strict", no_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {0}};
    const char *names_path = NULL;
    int strict = 0, c;
    die_name("table");
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) switch (c) {
        case 'n':
            names_path = optarg;
            break;
        case 's':
            strict = 1;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        case 'v':
            puts("repolyp table 0.1");
            return 0;
        default:
            die_usage("see table --help");
        }
    if (argc - optind != 2 - strict)
        die_usage("%d names, wanted RESULTS.tsv OUT; see --help", argc - optind);
    struct results r;
    struct table1 t;
    struct names names;
    results_read(&r, argv[optind]);
    names_read(&names, names_path);
    table1_open(&t, &r);
    if (strict)
        refuse_not_run(&t);
    else
        write(&t, &r, &names, argv[optind + 1]);
    table1_close(&t);
    names_free(&names);
    results_free(&r);
    return 0;
}
