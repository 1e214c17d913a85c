/* eval_main.c - the tool `eval`: options only; eval.h says what it does. */
#include "core/die.h"
#include "core/table.h"
#include "eval.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: eval [OPTION]... CELL MODEL PACK SPLIT OUT.tsv\n"
    "       eval --baseline KIND [OPTION]... CELL PACK SPLIT OUT.tsv\n"
    "Scores a trained model on the split's validation pictures, one row a picture:\n"
    "name group size inter pred truth empty dice iou. The pack may be another data set's.\n"
    "\n"
    "  --device NAME     auto (gpu, else cpu), cpu, gpu or ref; default auto\n"
    "  --threads N       threads of the cpu; default all\n"
    "  --plans FILE      where a gpu keeps which plans it found the quickest, for the next "
    "start\n"
    "  --size SIZE       224: at the network's size (whatever that is); orig: at each "
    "picture's\n"
    "                    original size; default 224\n"
    "  --masks OUT.bag   the predicted masks too, at the network's size\n"
    "  --baseline KIND   no model: background, polyp (all pixels) or mean (of training "
    "masks)\n"
    "  --help, --version\n"
    "\n"
    "example: eval vitt-imagenet-kvasir s1/model.bag kvasir.bag kvasir.random.s1.tsv \\\n"
    "             s1/score.kvasir.tsv\n";

enum { DEVICE = 256, THREADS, PLANS, SIZE, MASKS, BASELINE };
static const struct option OPTIONS[] = {
    {"device", required_argument, NULL, DEVICE},
    {"threads", required_argument, NULL, THREADS},
    {"plans", required_argument, NULL, PLANS},
    {"size", required_argument, NULL, SIZE},
    {"masks", required_argument, NULL, MASKS},
    {"baseline", required_argument, NULL, BASELINE},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

static int word(const char *option, const char *const *words, int n, const char *wanted) {
    for (int i = 0; i < n; i++)
        if (!strcmp(optarg, words[i])) return i;
    die_usage("--%s: found '%s', wanted %s", option, quoted(optarg), wanted);
}

static void option(struct eval_options *o, int c) {
    static const char *const sizes[] = {"224", "orig"};
    static const char *const kinds[] = {"background", "polyp", "mean"};
    if (c == DEVICE)
        o->device = optarg;
    else if (c == THREADS)
        o->threads = (int)integer_option("threads", optarg, 0, 1024);
    else if (c == PLANS)
        o->plans = optarg;
    else if (c == SIZE)
        o->original = word("size", sizes, 2, "224 or orig");
    else if (c == MASKS)
        o->masks = optarg;
    else if (c == BASELINE)
        o->baseline =
            (enum baseline)(1 + word("baseline", kinds, 3, "background, polyp or mean"));
    else if (c == 'h')
        exit(fputs(HELP, stdout) < 0);
    else if (c == 'v')
        exit(puts("repolyp eval 0.1") < 0);
    else
        die_usage("see eval --help");
}

int main(int argc, char **argv) {
    struct eval_options o = {.device = "auto"};
    die_name("eval");
    for (int c; (c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) option(&o, c);
    int n = argc - optind, wanted = o.baseline ? 4 : 5;
    if (n != wanted)
        die_usage("found %d arguments, wanted CELL %sPACK SPLIT OUT.tsv; see eval --help",
                  n, o.baseline ? "" : "MODEL ");
    char **a = argv + optind;
    o.cell = *a++;
    if (!o.baseline) o.model = *a++;
    o.pack = a[0];
    o.split = a[1];
    o.out = a[2];
    eval(&o);
    return 0;
}
