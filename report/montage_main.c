/* montage - a pack and predicted masks to a grid of pictures. */
#include "core/die.h"
#include "report/montage.h"
#include <getopt.h>
#include <stdio.h>

static const char help[] =
    "usage: montage [--names NAMES.tsv] [--restricted] [PACK MASKS.bag...]... OUT.png\n"
    "A block for each pack: picture, ground truth and each arm's prediction, for the\n"
    "pictures at the quartiles of the first arm's Dice. MASKS.bag is what eval --masks\n"
    "writes, one an arm.\n"
    "  --names FILE  how cells' names are written for readers: columns name, text\n"
    "  --restricted  pictures too whose terms forbid passing them on (`redistribute no` in\n"
    "                their source): such a sheet is for your own eyes\n"
    "  --help --version\n"
    "example: montage --names report/names.tsv out/demo/data/cvc.bag \\\n"
    "             out/demo/runs/main/*-cvc/random/s0/masks.bag out/demo/montage.png\n";

static bool holds_masks(const char *path) {
    struct bag bag;
    bag_open(&bag, path);
    bool found = bag_find(&bag, "pred") != NULL;
    bag_close(&bag);
    return found;
}

/* A pack begins a block; masks belong to the pack before them. */
static struct block *open_blocks(char *const *name, int n, int *blocks) {
    struct block *block = xcalloc((size_t)n + 1, sizeof *block), *last = NULL;
    char sha[65] = "";
    *blocks = 0;
    for (int i = 0; i < n; i++) {
        if (!holds_masks(name[i])) {
            last = &block[(*blocks)++];
            pack_open(&last->pack, name[i]);
            sha_file(name[i], sha);
            continue;
        }
        if (!last)
            die_usage("%s: masks before any pack, wanted PACK MASKS.bag...", name[i]);
        if (last->arms == MONTAGE_ARMS)
            die_usage("%s: more than %d arms of one pack", name[i], MONTAGE_ARMS);
        masks_open(&last->arm[last->arms++], name[i], &last->pack, sha);
    }
    for (int i = 0; i < *blocks; i++)
        if (!block[i].arms)
            die_usage("%s: a pack without masks, wanted PACK MASKS.bag...",
                      block[i].pack.bag.map.path);
    return block;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"names", required_argument, NULL, 'n'},
                                            {"restricted", no_argument, NULL, 'r'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {0}};
    const char *names_path = NULL;
    int c, restricted = 0;
    die_name("montage");
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) switch (c) {
        case 'n':
            names_path = optarg;
            break;
        case 'r':
            restricted = 1;
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
    if (argc - optind < 1)
        die_usage("no name, wanted PACK MASKS.bag... OUT.png; see --help");
    struct names names;
    struct image out;
    int blocks;
    struct block *block = open_blocks(argv + optind, argc - optind - 1, &blocks);
    for (int i = 0; i < blocks; i++) block[i].restricted = restricted;
    names_read(&names, names_path);
    montage(block, blocks, &names, &out);
    image_write_png(&out, argv[argc - 1]);
    image_free(&out);
    names_free(&names);
    for (int i = 0; i < blocks; i++) {
        for (int k = 0; k < block[i].arms; k++) masks_close(&block[i].arm[k]);
        pack_close(&block[i].pack);
    }
    xfree(block);
    return 0;
}
