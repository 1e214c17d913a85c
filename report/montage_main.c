/* montage - a pack and predicted masks to a grid of pictures. */
#include "core/die.h"
#include "report/montage.h"
#include <getopt.h>
#include <stdio.h>

static const char help[] =
    "usage: montage [--names NAMES.tsv] PACK MASKS.bag... OUT.png\n"
    "Picture, ground truth and each arm's prediction, for the pictures at the quartiles of "
    "the first arm's\n"
    "Dice. MASKS.bag is what eval --masks writes, one an arm.\n"
    "  --names FILE  how cells' names are written for readers: columns name, text\n"
    "  --help --version\n"
    "example: montage --names report/names.tsv out/demo/data/cvc.bag \\\n"
    "             out/demo/runs/main/*-cvc/random/s0/masks.bag out/demo/montage-cvc.png\n";

int main(int argc, char **argv) {
    static const struct option options[] = {{"names", required_argument, NULL, 'n'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {0}};
    const char *names_path = NULL;
    int c;
    die_name("montage");
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) switch (c) {
        case 'n':
            names_path = optarg;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        case 'v':
            puts("repolyp montage 0.1");
            return 0;
        default:
            die_usage("see montage --help");
        }
    int arms = argc - optind - 2;
    char **given = argv + optind, sha[65];
    enum { MOST = 12 };
    if (arms < 1 || arms > MOST)
        die_usage("%d bags of masks, wanted 1 to %d: PACK MASKS.bag... OUT.png; see --help",
                  arms, MOST);
    struct pack pack;
    struct names names;
    struct masks masks[MOST];
    struct image out;
    names_read(&names, names_path);
    pack_open(&pack, given[0]);
    sha_file(given[0], sha);
    for (int i = 0; i < arms; i++) masks_open(&masks[i], given[1 + i], &pack, sha);
    montage(&pack, masks, arms, &names, &out);
    image_write_png(&out, given[1 + arms]);
    image_free(&out);
    for (int i = 0; i < arms; i++) masks_close(&masks[i]);
    pack_close(&pack);
    names_free(&names);
    return 0;
}
