/* status_main.c - the tool `status`: one line on a run: is it made, and of what now lies
 * here?
 *
 * Contents decide, never times: run.tsv names the sha256 of all it was made of. Nothing is
 * trained, written or removed. */
#include "core/die.h"
#include "core/table.h"
#include "train.h"
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: status [OPTION]... CELL RECIPE PACK SPLIT WEIGHTS OUTDIR\n"
    "Prints `OUTDIR: STATE`; STATE is made, stale (with what differs), interrupted, not "
    "run.\n"
    "Arguments are those of `train`.\n"
    "\n"
    "  --sources SHA256  of the present sources of core, model and train\n"
    "  --stale           prints stale runs only\n"
    "  --seed N          as train's\n"
    "  --set KEY=VALUE   as train's\n"
    "  --help, --version\n"
    "\n"
    "example: status --seed 0 vits-random-cvc train/paper.conf cvc.bag cvc.random.s0.tsv \\\n"
    "             random-vits.bag runs/main/vits-random-cvc/random/s0\n";

enum { SOURCES = 256, STALE, SEED, SET, MESSAGE = 1024 };
static const struct option OPTIONS[] = {
    {"sources", required_argument, NULL, SOURCES},
    {"stale", no_argument, NULL, STALE},
    {"seed", required_argument, NULL, SEED},
    {"set", required_argument, NULL, SET},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

struct look {
    struct options options;
    const char *sources; /* NULL: not compared */
    int stale_only;
    char *record; /* path of run.tsv */
    char differs[MESSAGE];
};

/* What of the inputs, or of the program, is another than run.tsv says. */
static void compare(void *arg) {
    struct look *look = arg;
    struct run run;
    struct table t;
    char *found = NULL;
    run_open(&run, &look->options);
    char *key = identity_differs(&run, look->record, &found);
    table_read(&t, look->record);
    int column = table_need(&t, "key"), value = table_need(&t, "value");
    if (key) snprintf(look->differs, sizeof look->differs, "made with another %s", key);
    for (int i = 0; !key && look->sources && i < t.rows; i++)
        if (!strcmp(table_get(&t, i, column), "sources") &&
            strcmp(table_get(&t, i, value), look->sources))
            strcpy(look->differs, "made by an older program");
    xfree(key);
    xfree(found);
    table_free(&t);
    run_close(&run);
}

static void print_state(struct look *look) {
    const char *dir = look->options.outdir;
    char *resume = file_join(dir, "resume.bag"), message[MESSAGE] = "";
    look->record = file_join(dir, "run.tsv");
    if (!file_exists(look->record)) {
        const char *state =
            file_exists(resume) ? "interrupted, make goes on with it" : "not run";
        if (!look->stale_only) printf("%s: %s\n", dir, state);
    } else if (die_catch(compare, look, message, sizeof message)) {
        printf("%s: stale: %s\n", dir, message);
    } else if (look->differs[0]) {
        printf("%s: stale: %s\n", dir, look->differs);
    } else if (!look->stale_only) {
        printf("%s: made\n", dir);
    }
    xfree(look->record);
    xfree(resume);
}

static void option(struct look *look, int c) {
    struct options *o = &look->options;
    if (c == SOURCES)
        look->sources = optarg;
    else if (c == STALE)
        look->stale_only = 1;
    else if (c == SET)
        o->overrides[o->override_count++] = optarg;
    else if (c == SEED)
        o->seed = (uint64_t)integer_option("seed", optarg, 0, LONG_MAX);
    else if (c == 'h')
        exit(fputs(HELP, stdout) < 0);
    else if (c == 'v')
        exit(puts("repolyp status 0.1") < 0);
    else
        die_usage("see status --help");
}

int main(int argc, char **argv) {
    /* init_only: run_open then leaves OUTDIR alone. */
    struct look look = {.options = {.device = "auto", .init_only = "none"}};
    die_name("status");
    look.options.overrides = xcalloc((size_t)argc, sizeof *look.options.overrides);
    for (int c; (c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) option(&look, c);
    if (argc - optind != 6)
        die_usage("found %d arguments, wanted CELL RECIPE PACK SPLIT WEIGHTS OUTDIR; see "
                  "status --help",
                  argc - optind);
    char **a = argv + optind;
    look.options.cell = a[0];
    look.options.recipe = a[1];
    look.options.pack = a[2];
    look.options.split = a[3];
    look.options.weights = a[4];
    look.options.outdir = a[5];
    print_state(&look);
    xfree(look.options.overrides);
    return 0;
}
