/* graph_main.c - the tool `graph`: a cell's network, a line a node, without weights or
 * data. */
#include "core/die.h"
#include "core/table.h"
#include "model.h"
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
    "  --flop           instead a TSV: node op flop useful bytes parameters\n"
    "  --help, --version\n"
    "\n"
    "example: graph --side 96 resnet50-imagenet-cvc train/paper.conf\n";

enum { SIDE = 256, SET, FLOP };
static const struct option OPTIONS[] = {
    {"side", required_argument, NULL, SIDE}, {"set", required_argument, NULL, SET},
    {"flop", no_argument, NULL, FLOP},       {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},     {NULL, 0, NULL, 0},
};

static long side_of(const char *text) {
    long side;
    if (!integer_parse(text, &side) || side < 32 || side > 8192 || side % 16)
        die_usage("--side: found '%s', wanted a multiple of 16 from 32 to 8192",
                  quoted(text));
    return side;
}

static void print_flop(const struct graph *g) {
    printf("node\top\tflop\tuseful\tbytes\tparameters\n");
    for (int i = 0; i < g->nodes; i++) {
        struct cost c = graph_cost(g, i, 4);
        printf("%d\t%s\t%.0f\t%.0f\t%.0f\t%.0f\n", i, op_name(g->node[i].op), c.dense,
               c.useful, c.bytes, c.params);
    }
}

int main(int argc, char **argv) {
    /* Scaling changes no shape: any will do. */
    static const struct norm plain = {{0, 0, 0}, {1, 1, 1}, 255, 0};
    struct cell cell;
    struct recipe recipe;
    struct model model;
    char **overrides = xcalloc((size_t)argc, sizeof *overrides);
    int count = 0, flop = 0;
    long side = 224;
    die_name("graph");
    for (int c; (c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        if (c == SIDE)
            side = side_of(optarg);
        else if (c == SET)
            overrides[count++] = optarg;
        else if (c == FLOP)
            flop = 1;
        else if (c == 'h')
            return fputs(HELP, stdout) < 0;
        else if (c == 'v')
            return puts("repolyp graph 0.1") < 0;
        else
            die_usage("see graph --help");
    }
    if (argc - optind != 2)
        die_usage("found %d arguments, wanted CELL RECIPE; see graph --help",
                  argc - optind);
    cell_parse(&cell, argv[optind]);
    recipe_read(&recipe, argv[optind + 1], overrides, count);
    model_build(&model, &cell, &recipe, &plain, (int)side);
    if (flop)
        print_flop(model.graph);
    else
        graph_print(model.graph, stdout);
    model_free(&model);
    xfree(overrides);
    if (fflush(stdout)) die_world("standard output cannot be written");
    return 0;
}
