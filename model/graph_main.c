/* graph_main.c - the tool `graph`: a cell's network, a line a node, without weights or
 * data. */
#include "core/die.h"
#include "core/table.h"
#include "floor.h"
#include "fusions.h"
#include "model.h"
#include "precision.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: graph [OPTION]... CELL RECIPE\n"
    "Prints the network a cell trains: every node's output, parameters, FLOP of one "
    "picture's\n"
    "forward pass (dense, and without taps that only meet padding) and bytes moved.\n"
    "\n"
    "  --side N         picture size in pixels; default 224\n"
    "  --set KEY=VALUE  overrides a key of the recipe; may be repeated\n"
    "  --flop           instead a TSV: what each node of a training step costs at least, each stage,\n"
    "                   all; gigaflop dense, useful and saved, megabytes apart, fused and saved, and,\n"
    "                   with both rates below, microseconds (model/floor.h says how it is counted)\n"
    "  --fusions DEVICE  instead a TSV: which nodes DEVICE (cpu or gpu) does in one step, and what each\n"
    "                   of its fused steps saves (a gpu leaves runs that it times no quicker apart)\n"
    "  --fusions-off LIST  without these, comma between, or all\n"
    "  --forward        the forward pass alone\n"
    "  --batch N        pictures; default the recipe's\n"
    "  --peak N         tera-FLOP a second of the machine, --bandwidth N  terabytes a second; an H100\n"
    "                   was measured at 798 (16-bit product of 8192 x 8192 x 8192) and 3.0 (copy)\n"
    "  --help, --version\n"
    "\n"
    "example: graph --side 96 resnet50-imagenet-cvc train/paper.conf\n"
    "         graph --flop --set precision=fp16 --peak 798 --bandwidth 3.0 \\\n"
    "             resnet50-imagenet-cvc train/paper.conf\n"
    "         graph --fusions gpu vits-imagenet-cvc train/paper.conf\n";

enum { SIDE = 256, SET, FLOP, FUSIONS, FUSIONS_OFF, FORWARD, BATCH, PEAK, BANDWIDTH };
static const struct option OPTIONS[] = {
    {"side", required_argument, NULL, SIDE},
    {"set", required_argument, NULL, SET},
    {"flop", no_argument, NULL, FLOP},
    {"fusions", required_argument, NULL, FUSIONS},
    {"fusions-off", required_argument, NULL, FUSIONS_OFF},
    {"forward", no_argument, NULL, FORWARD},
    {"batch", required_argument, NULL, BATCH},
    {"peak", required_argument, NULL, PEAK},
    {"bandwidth", required_argument, NULL, BANDWIDTH},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

struct options {
    long side, batch; /* batch 0: the recipe's */
    int flop, forward;
    const struct backend *fused; /* --fusions */
    const char *fusions_off;
    struct floor_rates rates; /* 0: not known */
    char **overrides;
    int count;
};

static long side_of(const char *text) {
    long side;
    if (!integer_parse(text, &side) || side < 32 || side > 8192 || side % 16)
        die_usage("--side: found '%s', wanted a multiple of 16 from 32 to 8192",
                  quoted(text));
    return side;
}

static const struct backend *fused_of(const char *device) {
    if (strcmp(device, "cpu") == 0) return &backend_cpu;
    if (strcmp(device, "gpu") == 0) return &backend_gpu;
    die_usage("--fusions: found '%s', wanted cpu or gpu", quoted(device));
}

static double rate_of_option(const char *option, const char *text) {
    char *end;
    double rate = strtod(text, &end);
    if (end == text || *end || !(rate > 0) || rate > 1e6)
        die_usage("--%s: found '%s', wanted a number above 0", option, quoted(text));
    return 1e12 * rate;
}

/* One line of the table; `first` is its kind, number, stage, name and op. */
static void print_floor(const char *first, const struct floor *f,
                        const struct floor_rates *r) {
    printf("%s\t%.4f\t%.4f\t%.4f\t%.4f\t%.4f\t%.4f", first, f->dense / 1e9, f->useful / 1e9,
           f->saved / 1e9, f->apart / 1e6, f->fused / 1e6, f->fused_saved / 1e6);
    if (r->flop > 0 && r->bytes > 0)
        printf("\t%.2f\t%.2f\t%.2f\n", 1e6 * floor_apart(f, r), 1e6 * floor_fused(f, r),
               1e6 * floor_saved(f, r));
    else
        printf("\tna\tna\tna\n");
}

/* Sums of a stage or of all: bytes, FLOP, and the nodes' own floors one after another. */
struct sum {
    char *stage;
    struct floor cost;
    double seconds[3];
};

static void sum_add(struct sum *s, const struct floor *f, const struct floor_rates *r) {
    floor_add(&s->cost, f);
    if (!(r->flop > 0 && r->bytes > 0)) return;
    s->seconds[0] += floor_apart(f, r);
    s->seconds[1] += floor_fused(f, r);
    s->seconds[2] += floor_saved(f, r);
}

static void print_sum(const char *kind, const struct sum *s, const struct floor_rates *r) {
    const struct floor *f = &s->cost;
    printf("%s\tna\t%s\tna\tna\t%.4f\t%.4f\t%.4f\t%.4f\t%.4f\t%.4f", kind, s->stage,
           f->dense / 1e9, f->useful / 1e9, f->saved / 1e9, f->apart / 1e6, f->fused / 1e6,
           f->fused_saved / 1e6);
    for (int i = 0; i < 3; i++)
        if (r->flop > 0 && r->bytes > 0)
            printf("\t%.2f", 1e6 * s->seconds[i]);
        else
            printf("\tna");
    printf("\n");
}

static void print_flop(const struct model *model, const struct options *o) {
    const struct graph *g = model->graph;
    struct floor_work work = {o->batch ? (int)o->batch : model->recipe.batch,
                              precision_is_16bit(model->recipe.precision) ? 2 : 4,
                              !o->forward};
    struct sum *stage = xcalloc((size_t)g->nodes + 1, sizeof *stage),
               all = {NULL, {0, 0, 0, 0, 0, 0}, {0, 0, 0}};
    int stages = 0;
    all.stage = xstrdup("all");
    printf(
        "kind\tnode\tstage\tname\top\tgflop_dense\tgflop_useful\tgflop_saved\tmb_apart\tmb_fused\t"
        "mb_saved\tus_apart\tus_fused\tus_saved\n");
    for (int i = 0; i <= g->nodes; i++) {
        struct floor f = i < g->nodes ? floor_of(g, i, &work) : floor_of_adam(g, &work);
        char *name = i < g->nodes ? floor_stage(g, i) : xstrdup("adam");
        const char *op = i < g->nodes ? op_name(g->node[i].op) : "adam";
        char *first = xprintf("node\t%d\t%s\t%s\t%s", i, name,
                              i < g->nodes ? g->node[i].name : "adam", op);
        int k = 0;
        while (k < stages && strcmp(stage[k].stage, name)) k++;
        if (k == stages) stage[stages++].stage = xstrdup(name);
        print_floor(first, &f, &o->rates);
        sum_add(&stage[k], &f, &o->rates);
        sum_add(&all, &f, &o->rates);
        xfree(first), xfree(name);
    }
    for (int k = 0; k < stages; k++) {
        print_sum("stage", &stage[k], &o->rates);
        xfree(stage[k].stage);
    }
    print_sum("all", &all, &o->rates);
    xfree(stage), xfree(all.stage);
}

static void parse(int argc, char **argv, struct options *o) {
    for (int c; (c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        if (c == SIDE)
            o->side = side_of(optarg);
        else if (c == SET)
            o->overrides[o->count++] = optarg;
        else if (c == FLOP)
            o->flop = 1;
        else if (c == FUSIONS)
            o->fused = fused_of(optarg);
        else if (c == FUSIONS_OFF)
            o->fusions_off = optarg;
        else if (c == FORWARD)
            o->forward = 1;
        else if (c == BATCH)
            o->batch = integer_option("batch", optarg, 1, 4096);
        else if (c == PEAK)
            o->rates.flop = rate_of_option("peak", optarg);
        else if (c == BANDWIDTH)
            o->rates.bytes = rate_of_option("bandwidth", optarg);
        else if (c == 'h')
            exit(fputs(HELP, stdout) < 0);
        else if (c == 'v')
            exit(puts("repolyp graph 0.1") < 0);
        else
            die_usage("see graph --help");
    }
    if (argc - optind != 2)
        die_usage("found %d arguments, wanted CELL RECIPE; see graph --help",
                  argc - optind);
    if ((o->rates.flop > 0) != (o->rates.bytes > 0))
        die_usage("found one of --peak and --bandwidth, wanted both or neither");
}

int main(int argc, char **argv) {
    /* Scaling changes no shape: any will do. */
    static const struct norm plain = {{0, 0, 0}, {1, 1, 1}, 255, 0};
    struct options o = {.side = 224, .overrides = xcalloc((size_t)argc, sizeof(char *))};
    struct cell cell;
    struct recipe recipe;
    struct model model;
    die_name("graph");
    parse(argc, argv, &o);
    cell_parse(&cell, argv[optind]);
    recipe_read(&recipe, argv[optind + 1], o.overrides, o.count);
    model_build(&model, &cell, &recipe, &plain, (int)o.side);
    if (o.flop)
        print_flop(&model, &o);
    else if (o.fused)
        fusions_print(o.fused, model.graph, o.batch ? (int)o.batch : model.recipe.batch,
                      !o.forward, o.fusions_off, stdout);
    else
        graph_print(model.graph, stdout);
    model_free(&model);
    xfree(o.overrides);
    if (fflush(stdout)) die_world("standard output cannot be written");
    return 0;
}
