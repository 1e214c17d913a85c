/* weights_main.c - the tool `weights`: a downloaded checkpoint to a bag of one encoder's
 * tensors.
 *
 * It downloads nothing and knows no architecture but by the lists in --names. */
#include "convert/weights.h"
#include "core/die.h"
#include "core/sandbox.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char HELP[] = "usage: weights [--partial] [--names DIR] SOURCE.src RAW OUT\n"
                           "       weights SOURCE.src OUT\n"
                           "Reads a checkpoint (torch.save's zip or safetensors) and "
                           "writes the encoder's tensors as F32 in\n"
                           "one bag (a safetensors file), with PyTorch's names, sorted. "
                           "Every tensor that is missing, left\n"
                           "over or of another shape is named; then nothing is written and "
                           "the exit code is 1. The second\n"
                           "form is for a source without a file (arm random): a bag that "
                           "only says how pictures are scaled.\n"
                           "\n"
                           "  --names DIR   lists of wanted and of renamed tensors; "
                           "default convert/names, seen from here\n"
                           "  --partial     writes what is there; `loaded` and `missing` "
                           "in the bag say what is not\n"
                           "  --help, --version\n"
                           "\n"
                           "example: weights fetch/sources/imagenet-resnet50.src "
                           "resnet50-0676ba61.pth resnet50.bag\n";

static const struct option OPTIONS[] = {
    {"names", required_argument, NULL, 'n'},
    {"partial", no_argument, NULL, 'p'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

int main(int argc, char **argv) {
    const char *names = "convert/names";
    int partial = 0, option;
    die_name("weights");
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 'n':
            names = optarg;
            break;
        case 'p':
            partial = 1;
            break;
        case 'h':
            fputs(HELP, stdout);
            return 0;
        case 'v':
            printf("repolyp weights 0.1\nsandbox: %s\n", sandbox_state());
            return 0;
        default:
            die_usage("unknown option, see weights --help");
        }
    }
    int n = argc - optind;
    char **arg = argv + optind;
    if (n != 2 && n != 3)
        die_usage("%d arguments, wanted SOURCE.src RAW OUT, or SOURCE.src OUT; see weights "
                  "--help",
                  n);
    struct source source;
    source_read(&source, arg[0]);
    if (source.kind != SOURCE_WEIGHTS)
        die_usage("%s: kind data, wanted kind weights; for data there is pack", arg[0]);
    if (n == 2 && source.file_count)
        die_usage("%s: has a file (%s), wanted SOURCE.src RAW OUT", arg[0], source.file[0]);
    if (n == 3 && !source.file_count)
        die_usage("%s: has no file, wanted SOURCE.src OUT", arg[0]);
    struct sandbox box;
    sandbox_open(&box);
    sandbox_read(&box, names);
    if (n == 3) sandbox_read(&box, arg[1]);
    sandbox_write(&box, arg[n - 1]);
    sandbox_enter(&box);
    weights_convert(&source, names, n == 3 ? arg[1] : NULL, partial, arg[n - 1]);
    source_free(&source);
    return 0;
}
