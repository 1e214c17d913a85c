/* train_main.c - the tool `train`: options only; train.h says what it does. */
#include "core/die.h"
#include "core/table.h"
#include "train.h"
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: train [OPTION]... CELL RECIPE PACK SPLIT WEIGHTS OUTDIR\n"
    "Trains one cell of Table 1 (encoder-pretraining-dataset) with one seed.\n"
    "OUTDIR gets log.tsv, model.bag, host.tsv and, last, run.tsv; resume.bag until then.\n"
    "WEIGHTS is a bag made by `weights`, or the word none for a random cell.\n"
    "\n"
    "  --device NAME        auto (gpu, else cpu), cpu, gpu or ref; default auto. gpu:1: that one;\n"
    "                       gpu:x1, gpu:0,1x1: whichever of all, of 0 and 1, has none of us;\n"
    "                       gpu:x2: fewer than two; auto:x1 likewise\n"
    "  --threads N          threads of the cpu; default all\n"
    "  --seed N             seed of initialisation, order, augmentation, dropout; default "
    "0\n"
    "  --set KEY=VALUE      overrides a key of the recipe, or its preset; may be repeated\n"
    "  --fusions-off LIST   fused steps not to use, comma between, or all\n"
    "  --init-only OUT.bag  writes the untrained model and stops; no OUTDIR is made\n"
    "  --plans FILE         where a gpu keeps which plans it found the quickest, for the next "
    "start;\n"
    "                       the same plans give the same bytes\n"
    "  --any-order          lets a gpu add up in any order, where that is quicker: other bytes "
    "each time\n"
    "  --stop-after STEPS   checkpoints and exits 3 after so many steps: run again to go "
    "on\n"
    "  --help, --version\n"
    "\n"
    "Ctrl-C, SIGTERM and SIGUSR1 write a checkpoint and exit 3; the same command resumes.\n"
    "example: train --seed 1 vitt-imagenet-kvasir train/paper.conf kvasir.bag \\\n"
    "             kvasir.random.s1.tsv vitt-imagenet.bag runs/vitt-imagenet-kvasir/s1\n";

enum { DEVICE = 256, THREADS, SEED, SET, FUSIONS, PLANS, ANY_ORDER, INIT, STOP };
static const struct option OPTIONS[] = {
    {"device", required_argument, NULL, DEVICE},
    {"threads", required_argument, NULL, THREADS},
    {"seed", required_argument, NULL, SEED},
    {"set", required_argument, NULL, SET},
    {"fusions-off", required_argument, NULL, FUSIONS},
    {"plans", required_argument, NULL, PLANS},
    {"any-order", no_argument, NULL, ANY_ORDER},
    {"init-only", required_argument, NULL, INIT},
    {"stop-after", required_argument, NULL, STOP},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

static void option(struct options *o, int c) {
    if (c == DEVICE)
        o->device = optarg;
    else if (c == THREADS)
        o->threads = (int)integer_option("threads", optarg, 0, 1024);
    else if (c == SEED)
        o->seed = (uint64_t)integer_option("seed", optarg, 0, LONG_MAX);
    else if (c == SET)
        o->overrides[o->override_count++] = optarg;
    else if (c == FUSIONS)
        o->fusions_off = optarg;
    else if (c == PLANS)
        o->plans = optarg;
    else if (c == ANY_ORDER)
        o->any_order = 1;
    else if (c == INIT)
        o->init_only = optarg;
    else if (c == STOP)
        o->stop_after = integer_option("stop-after", optarg, 1, LONG_MAX);
    else if (c == 'h')
        exit(fputs(HELP, stdout) < 0);
    else if (c == 'v')
        exit(puts("repolyp train 0.1") < 0);
    else
        die_usage("see train --help");
}

int main(int argc, char **argv) {
    struct options o = {.device = "auto"};
    die_name("train");
    o.overrides = xcalloc((size_t)argc, sizeof *o.overrides);
    for (int c; (c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) option(&o, c);
    int n = argc - optind;
    if (n != 6 && !(n == 5 && o.init_only))
        die_usage("found %d arguments, wanted CELL RECIPE PACK SPLIT WEIGHTS OUTDIR; see "
                  "train --help",
                  n);
    char **a = argv + optind;
    o.cell = a[0];
    o.recipe = a[1];
    o.pack = a[2];
    o.split = a[3];
    o.weights = a[4];
    o.outdir = n > 5 ? a[5] : NULL;
    run_catch_signals();
    train(&o);
    xfree(o.overrides);
    return 0;
}
