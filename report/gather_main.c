/* gather - rows, one an image, to results.tsv; with --curves, training logs to one table of
 * epochs. */
#include "report/gather.h"
#include "core/die.h"
#include "core/file.h"
#include <getopt.h>
#include <math.h>
#include <stdio.h>

static const char help[] =
    "usage: gather [--experiment EXPERIMENT.tsv] RUN... PUBLISHED.tsv OUT.tsv\n"
    "       gather --curves RUN... CURVES.tsv\n"
    "Computes every number the paper may use. RUN is a run's folder or a file in one:\n"
    ".../VARIANT/ENCODER-ARM-DATA/SPLIT/sSEED[/score.DATA.tsv].\n"
    "  --experiment FILE  the cells wanted: columns cell, status (run | not-run), reason\n"
    "  --curves           train loss and validation scores by epoch, from log.tsv\n"
    "  --help --version\n"
    "example: gather --experiment out/demo/experiment.tsv out/demo/runs/main/*/random/s0 \\\n"
    "             report/published.tsv out/demo/results.tsv\n";

static const char *text(double x) {
    return isnan(x) ? RESULTS_NA : number_text(x);
}

static void write_curves(char *const *runs, int n, const char *path) {
    struct out *out = out_open(path);
    out_printf(out, "variant\tcell\tencoder\tarm\tdata\tsplit\tseed\tepoch\tloss\tdice\tiou"
                    "\tval_loss\tn\n");
    for (int i = 0; i < n; i++) {
        struct score s;
        int count;
        score_open(&s, runs[i]);
        struct epoch *e = score_epochs(runs[i], &count);
        for (int k = 0; k < count; k++) {
            out_printf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%ld\t%d\t", s.variant, s.cell,
                       s.encoder, s.arm, s.data, s.split, s.seed, e[k].epoch);
            out_printf(out, "%s\t%s\t%s\t%s\t%d\n",
                       e[k].steps ? text(e[k].loss) : RESULTS_NA, text(e[k].dice),
                       text(e[k].iou), text(e[k].val_loss), s.n);
        }
        xfree(e);
        score_close(&s);
    }
    out_commit(out);
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"experiment", required_argument, NULL, 'e'},
                                            {"curves", no_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {0}};
    const char *experiment = NULL;
    int curves = 0, c;
    die_name("gather");
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) switch (c) {
        case 'e':
            experiment = optarg;
            break;
        case 'c':
            curves = 1;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        case 'v':
            puts("repolyp gather 0.1");
            return 0;
        default:
            die_usage("see gather --help");
        }
    char **given = argv + optind;
    int n = argc - optind;
    if (curves) {
        if (n < 1 || experiment)
            die_usage("--curves: wanted RUN... CURVES.tsv alone; see --help");
        write_curves(given, n - 1, given[n - 1]);
        return 0;
    }
    if (n < 2)
        die_usage("%d names, wanted RUN... PUBLISHED.tsv RESULTS.tsv; see --help", n);
    struct gather g;
    struct gather_input input = {experiment, given[n - 2], given, n - 2};
    gather(&g, &input);
    results_write(&g.results, given[n - 1]);
    gather_free(&g);
    return 0;
}
