/* doctor_main.c - the tool `doctor`: what a checkpoint's own statistics say about how it
 * wants to be fed. It trains nothing and changes nothing. */
#include "core/die.h"
#include "core/split.h"
#include "core/table.h"
#include "doctor.h"
#include <getopt.h>
#include <stdlib.h>

static const char HELP[] =
    "usage: doctor [--threads N] [--pictures N] WEIGHTS RECIPE PACK SPLIT\n"
    "Says on stdout, as `key value` lines, what a weights bag holds and how it wants its\n"
    "pictures: it runs training pictures through the encoder under six scalings, both orders\n"
    "of channels and both positions of the strides, and compares what arrives at each batch\n"
    "norm with the statistics kept there. The last lines are verdicts in words; what the\n"
    "margins do not bear is undecided. Exit 1 if a tensor is missing, or if the statistics\n"
    "contradict what the source states. A bag of `weights --partial` may be asked too.\n"
    "\n"
    "  --threads N    of the processor; default all\n"
    "  --pictures N   how many training pictures, spread evenly; default 64\n"
    "  --help, --version\n"
    "\n"
    "example: doctor radimagenet.bag train/paper.conf kvasir.bag kvasir.random.s0.tsv\n";

enum { THREADS = 256, PICTURES };
static const struct option OPTIONS[] = {
    {"threads", required_argument, NULL, THREADS},
    {"pictures", required_argument, NULL, PICTURES},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

struct options {
    int threads, pictures;
};

static void parse(struct options *o, int argc, char **argv) {
    for (int c; (c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) switch (c) {
        case THREADS:
            o->threads = (int)integer_option("threads", optarg, 0, 1024);
            break;
        case PICTURES:
            o->pictures = (int)integer_option("pictures", optarg, 2, 100000);
            break;
        case 'h':
            exit(fputs(HELP, stdout) < 0);
        case 'v':
            exit(puts("repolyp doctor 0.1") < 0);
        default:
            die_usage("unknown option, see doctor --help");
        }
    if (argc - optind != 4)
        die_usage("%d arguments, wanted WEIGHTS RECIPE PACK SPLIT; see doctor --help",
                  argc - optind);
}

/* `most` of the training pictures, or all, spread evenly. */
static void take(struct pictures *p, const struct pack *pack, const struct split *split,
                 int most) {
    int n = split->train < most ? split->train : most;
    if (n < 2) die_no("%d training pictures, wanted two or more", n);
    const uint8_t **image = xcalloc((size_t)n, sizeof *image),
                  **mask = xcalloc((size_t)n, sizeof *mask);
    for (int i = 0; i < n; i++) {
        int item = split->train_item[(long long)i * split->train / n];
        image[i] = pack_image(pack, item);
        mask[i] = pack_mask(pack, item);
    }
    *p = (struct pictures){n, pack->side, image, mask};
}

int main(int argc, char **argv) {
    struct options o = {0, 64};
    struct bag weights;
    struct recipe recipe;
    struct pack pack;
    struct split split;
    struct pictures pictures;
    struct diagnosis d;
    die_name("doctor");
    parse(&o, argc, argv);
    bag_open(&weights, argv[optind]);
    recipe_read(&recipe, argv[optind + 1], NULL, 0);
    pack_open(&pack, argv[optind + 2]);
    split_open(&split, argv[optind + 3], &pack);
    take(&pictures, &pack, &split, o.pictures);
    doctor_examine(&d, &weights, &recipe, &pictures, o.threads);
    doctor_print(&d, &weights, recipe.stride_position, stdout);
    const char *missing = bag_meta(&weights, "missing");
    if (missing && *missing)
        die_no("%s: tensors are missing, see above; wanted a whole %s", argv[optind],
               quoted(bag_need_meta(&weights, "encoder")));
    if (doctor_contradicts(&d))
        die_no("%s: its statistics contradict what its source states, see above; correct "
               "mean, std, order or range there",
               argv[optind]);
    split_close(&split);
    pack_close(&pack);
    bag_close(&weights);
    xfree((void *)pictures.image);
    xfree((void *)pictures.mask);
    return 0;
}
