/* split_main.c - the tool `split`: a pack to a list of who trains and who validates. */
#include "convert/divide.h"
#include "core/die.h"
#include "core/table.h"
#include <getopt.h>
#include <stdio.h>

static const char HELP[] =
    "usage: split [--list SET=FILE]... KIND REPLICATE PACK OUT.tsv\n"
    "Writes `name group set`, a row a picture, set being train or val. KIND is one of\n"
    "  random      80 % train, by chance: seed 42 + REPLICATE; 0 is the paper's\n"
    "  grouped-fK  K of 0 to 4: groups (video sequences, cases) stay whole; fold K of 5 validates\n"
    "  official    by --list, or by the archive's own parts (SUN-SEG)\n"
    "  pranet      by --list\n"
    "  all         every picture validates: a set that others' models are scored on\n"
    "\n"
    "  --list train=FILE, --list val=FILE   names, one a line; may repeat. With only one of the two\n"
    "                                       sets listed, the rest is the other\n"
    "  --help, --version\n"
    "\n"
    "example: split random 0 out/paper/data/cvc.bag out/paper/splits/cvc.random.s0.tsv\n";

static const struct option OPTIONS[] = {
    {"list", required_argument, NULL, 'l'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

int main(int argc, char **argv) {
    struct divide divide = {0};
    int option;
    die_name("split");
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 'l':
            if (divide.lists == DIVIDE_LISTS)
                die_usage("--list: more than %d, wanted fewer", (int)DIVIDE_LISTS);
            divide.list[divide.lists++] = optarg;
            break;
        case 'h':
            fputs(HELP, stdout);
            return 0;
        case 'v':
            puts("repolyp split 0.1");
            return 0;
        default:
            die_usage("unknown option, see split --help");
        }
    }
    char **arg = argv + optind;
    long replicate;
    if (argc - optind != 4)
        die_usage("%d arguments, wanted KIND REPLICATE PACK OUT.tsv; see split --help",
                  argc - optind);
    if (!integer_parse(arg[1], &replicate) || replicate < 0)
        die_usage("replicate '%s': wanted a whole number from 0", quoted(arg[1]));
    struct pack pack;
    divide.kind = arg[0];
    divide.replicate = (uint64_t)replicate;
    pack_open(&pack, arg[2]);
    divide_write(&divide, &pack, arg[3]);
    pack_close(&pack);
    return 0;
}
