/* hostile_main.c - the program `hostile`: makes hostile inputs by seed, gives each to its
 * tool and judges what comes. Speaks TAP. */
#include "core/die.h"
#include "core/file.h"
#include "core/table.h"
#include "tests/hostile/hostile.h"
#include <ftw.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char HELP[] =
    "usage: hostile [--seed N] [--sanitized] TOOLS\n"
    "       hostile [--seed N] --seeds FOLDER\n"
    "       hostile --list\n"
    "Makes hostile inputs, gives each to the tool in the folder TOOLS that reads its like, and\n"
    "judges exit status, message, what was left, time and memory. The seed varies sizes, offsets,\n"
    "names and values.\n"
    "\n"
    "  --seed N       default 0\n"
    "  --sanitized    the tools are compiled with the address sanitizer\n"
    "  --seeds        writes the files instead, FOLDER/KIND/ROW: what fuzzers begin with\n"
    "  --list         prints the rows: number, exit status, what the file is, what is said\n"
    "  --help, --version\n"
    "\n"
    "example: hostile --seed 7 out/bin\n";

static const struct option OPTIONS[] = {
    {"seed", required_argument, NULL, 's'},
    {"sanitized", no_argument, NULL, 'a'},
    {"seeds", required_argument, NULL, 'w'},
    {"list", no_argument, NULL, 'l'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

static const struct rows *const all[] = {&harmless_rows, &archive_rows,     &zip_rows,
                                         &picture_rows,  &weights_rows,     &pickle_rows,
                                         &global_rows,   &safetensors_rows, &npz_rows,
                                         &h5_rows,       &text_rows};
enum { TABLES = sizeof all / sizeof *all };

struct options {
    uint64_t seed;
    const char *seeds; /* folder to write to */
    struct judge judge;
    int rows, failed;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f) {
    (void)st, (void)kind, (void)f;
    return remove(path);
}

static void free_stage(struct stage *s) {
    xfree(s->hostile.data);
    xfree(s->twin.data);
}

/* In a fresh folder. */
static void judge_one(struct options *o, const struct row *row, struct stage *s) {
    char home[PATH_MAX], folder[PATH_MAX];
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/hostile-XXXXXX", base ? base : "/tmp");
    if (!getcwd(home, sizeof home) || !mkdtemp(folder) || chdir(folder))
        die_world("%s: no folder to work in, wanted one", folder);
    bool good = judge_row(&o->judge, row, s);
    if (chdir(home) || nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS))
        die_world("%s: cannot be left or removed", folder);
    printf("%sok %d - %s: %s\n", good ? "" : "not ", o->rows, stage_tool(row->kind),
           row->sentence);
    if (!good) printf("# %s\n", quoted(o->judge.reason));
    o->failed += !good;
}

enum { SEED_BYTES = 1 << 16 }; /* larger ones would only slow a fuzzer down */

static void write_one(const struct options *o, const struct row *row, const char *form,
                      const struct bytes *b) {
    static const char *const name[KINDS] = {"archive", "image", "image", "checkpoint",
                                            "pickle",  "bag",   "npz",   "h5",
                                            "source",  "table", "table", "weave"};
    if (!b->data || b->n > SEED_BYTES) return;
    char *path = xprintf("%s/%s/%d%s", o->seeds, name[row->kind], o->rows, form);
    file_write(path, b->data, b->n);
    xfree(path);
}

static void write_seed(const struct options *o, const struct row *row, struct stage *s) {
    row->make(s, row->arg);
    write_one(o, row, "", &s->hostile);
    if (row->kind < SOURCE) write_one(o, row, ".twin", &s->twin);
}

static void each(struct options *o, const struct row *row) {
    struct stage s = {.seed = o->seed, .row = (uint64_t)++o->rows};
    if (o->seeds)
        write_seed(o, row, &s);
    else if (o->judge.bin)
        judge_one(o, row, &s);
    else
        printf("%d\t%d\t%s\t%s\n", row->number, row->code, row->sentence, row->fragment);
    free_stage(&s);
}

static void parse(struct options *o, int argc, char **argv) {
    int option;
    bool list = false;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) switch (option) {
        case 's':
            o->seed = (uint64_t)integer_option("seed", optarg, 0, LONG_MAX);
            break;
        case 'a':
            o->judge.sanitized = true;
            break;
        case 'w':
            o->seeds = optarg;
            break;
        case 'l':
            list = true;
            break;
        case 'h':
            exit(fputs(HELP, stdout) < 0);
        case 'v':
            exit(puts("repolyp hostile 0.1") < 0);
        default:
            die_usage("unknown option, see hostile --help");
        }
    if (argc - optind != !(list || o->seeds))
        die_usage("%d arguments, wanted TOOLS; see hostile --help", argc - optind);
    if (optind < argc && !(o->judge.bin = realpath(argv[optind], NULL)))
        die_world("%s: no such folder, wanted the tools", quoted(argv[optind]));
}

int main(int argc, char **argv) {
    struct options o = {0};
    die_name("hostile");
    parse(&o, argc, argv);
    for (int t = 0; t < TABLES; t++)
        for (int i = 0; i < all[t]->count; i++) each(&o, &all[t]->row[i]);
    if (!o.judge.bin) return 0;
    printf("1..%d\n# seed %llu, %d rows, the slowest took %.2f s\n", o.rows,
           (unsigned long long)o.seed, o.rows, o.judge.slowest);
    free((char *)(uintptr_t)o.judge.bin);
    return o.failed != 0;
}
