/* phantom_main.c - the program `phantom`: raw data for the demo, made up.
 *
 * It writes the archives people would download and the source files that describe them.
 * Nothing drawn here is a colon: a number from it says nothing of any method. */
#include "core/die.h"
#include "core/table.h"
#include "tests/phantom_set.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char HELP[] =
    "usage: phantom [--seed N] [--pictures N] [NAME] OUTDIR\n"
    "Writes OUTDIR/NAME.src and the archive it describes, or all: cvc, kvasir, sun-frames-part1,\n"
    "sun-frames-part2, sun-masks. The same seed gives the same bytes.\n"
    "\n"
    "  --seed N       default 1\n"
    "  --pictures N   a set, a multiple of 40; default 40\n"
    "  --help, --version\n"
    "\n"
    "example: phantom cvc out/demo/sources\n";

static const struct option OPTIONS[] = {
    {"seed", required_argument, NULL, 's'},
    {"pictures", required_argument, NULL, 'p'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

int main(int argc, char **argv) {
    struct phantom p = {.seed = 1, .pictures = 40};
    int option, made = 0;
    die_name("phantom");
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 's':
            p.seed = (uint64_t)integer_option("seed", optarg, 0, 1000000);
            break;
        case 'p':
            p.pictures = (int)integer_option("pictures", optarg, 0, 1000);
            break;
        case 'h':
            fputs(HELP, stdout);
            return 0;
        case 'v':
            puts("repolyp phantom 0.1");
            return 0;
        default:
            die_usage("unknown option, see phantom --help");
        }
    }
    int n = argc - optind;
    if (n < 1 || n > 2)
        die_usage("%d arguments, wanted [NAME] OUTDIR; see phantom --help", n);
    if (!p.pictures || p.pictures % 40)
        die_usage("--pictures %d: wanted a multiple of 40", p.pictures);
    p.folder = argv[argc - 1];
    for (int i = 0; phantom_names[i]; i++)
        if (n == 1 || !strcmp(argv[optind], phantom_names[i]))
            made += phantom_make(&p, phantom_names[i]);
    if (!made)
        die_usage("'%s': wanted one of the names in phantom --help", quoted(argv[optind]));
    return 0;
}
