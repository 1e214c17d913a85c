/* bench_gpu_main.c - the benchmark on a GPU: our step and inference beside PyTorch's, eager
 * and compiled, in turn on the same card; starts, cold and warm; a whole small cell; a step
 * stage by stage beside its floor. The table is written anew after each case, so that what
 * was measured is kept whatever comes. It judges nothing. */
#include "core/die.h"
#include "core/file.h"
#include "core/table.h"
#include "tests/peer/bench.h"
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "bench_gpu: times our GPU machine against PyTorch's, alternately on the same card\n"
    "usage: bench_gpu [OPTION]... SCRIPT OUT.tsv\n"
    "  --peer PYTHON   interpreter whose torch has CUDA (without: ours alone)\n"
    "  --required      no peer is an error\n"
    "  --rounds N      timed requests a side (7), --steps N  steps a request (20)\n"
    "  --only TEXT     cases whose 'what encoder preset precision batch' contains TEXT; what is one of\n"
    "                  train infer start stages cell\n"
    "  --compiled TEXT cases that torch.compile is asked for too, which takes it minutes each\n"
    "                  ('fp16 32'; 'none')\n"
    "  --train TOOL    the tool train, for whole cells (the one beside this program)\n"
    "  --encoder NAME  instead of resnet50 and vits; --batch N  instead of 32 and 8\n"
    "  --side N        pixels of a picture's edge (224)\n"
    "  --set KEY=VALUE another key of the recipe, for both sides; up to 8\n"
    "  --pictures N    of a whole cell (612), --epochs N  of it (20)\n"
    "PyTorch is asked in both memory layouts, a row each. Plans are kept in OUT.tsv.plans. OUT.tsv.stages\n"
    "gets the steps stage by stage: microseconds, and the least they can take at the card's own rates,\n"
    "operation by operation, fused, and with what need not be computed left out.\n"
    "example: bench_gpu --peer python3 --only 'train resnet50' tests/peer/peer.py out/bench-gpu.tsv\n";

struct options {
    const char *only, *compiled, *out, *encoder;
    char *train, *plans, *stages;
    struct comparison with;
    const char *set[BENCH_SETS + 1];
    int sets, steps, side, batch, pictures, epochs;
};

struct bench {
    const struct options *o;
    double flop, bytes; /* a second, measured first */
    char *device;       /* what it calls itself */
    char *table, *stages;
    int broken;
};

enum {
    PEER = 256,
    REQUIRED,
    ROUNDS,
    STEPS,
    ONLY,
    COMPILED,
    TRAIN,
    SIDE,
    BATCH,
    SET,
    ENCODER,
    PICTURES,
    EPOCHS
};
static const struct option OPTIONS[] = {
    {"peer", 1, 0, PEER},     {"required", 0, 0, REQUIRED},
    {"rounds", 1, 0, ROUNDS}, {"steps", 1, 0, STEPS},
    {"only", 1, 0, ONLY},     {"compiled", 1, 0, COMPILED},
    {"train", 1, 0, TRAIN},   {"side", 1, 0, SIDE},
    {"batch", 1, 0, BATCH},   {"encoder", 1, 0, ENCODER},
    {"set", 1, 0, SET},       {"pictures", 1, 0, PICTURES},
    {"epochs", 1, 0, EPOCHS}, {"help", 0, 0, 'h'},
    {"version", 0, 0, 'v'},   {0, 0, 0, 0}};

static void option(struct options *o, int c) {
    if (c == PEER)
        o->with.python = *optarg ? optarg : NULL;
    else if (c == REQUIRED)
        o->with.required = 1;
    else if (c == ROUNDS)
        o->with.rounds = (int)integer_option("rounds", optarg, 1, 60);
    else if (c == STEPS)
        o->steps = (int)integer_option("steps", optarg, 1, 1000);
    else if (c == ONLY)
        o->only = optarg;
    else if (c == COMPILED)
        o->compiled = optarg;
    else if (c == TRAIN)
        o->train = xstrdup(optarg);
    else if (c == SIDE)
        o->side = (int)integer_option("side", optarg, 32, 1024);
    else if (c == BATCH)
        o->batch = (int)integer_option("batch", optarg, 2, 4096);
    else if (c == SET && o->sets < BENCH_SETS)
        o->set[o->sets++] = optarg;
    else if (c == SET)
        die_usage("--set: more than %d", BENCH_SETS);
    else if (c == ENCODER)
        o->encoder = optarg;
    else if (c == PICTURES)
        o->pictures = (int)integer_option("pictures", optarg, 5, 100000);
    else if (c == EPOCHS)
        o->epochs = (int)integer_option("epochs", optarg, 1, 1000);
    else if (c == 'h')
        exit(fputs(HELP, stdout) < 0);
    else if (c == 'v')
        exit(puts("repolyp bench_gpu 0.1") < 0);
    else
        die_usage("see bench_gpu --help");
}

static void parse(int argc, char **argv, struct options *o) {
    for (int c; (c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) option(o, c);
    if (argc - optind != 2) die_usage("wanted SCRIPT OUT.tsv; see --help");
    if (o->with.required && !o->with.python)
        die_world("no peer: wanted a python whose torch has CUDA: PEER_PYTHON=python3");
    o->with.script = argv[optind];
    o->out = argv[optind + 1];
    o->plans = xprintf("%s.plans", o->out);
    o->stages = xprintf("%s.stages", o->out);
    if (!o->train) /* beside this program */
        o->train = xprintf("%.*strain", (int)(file_base(argv[0]) - argv[0]), argv[0]);
}

/* ---- what is kept ---- */

static void append(char **text, const char *path, const char *line) {
    char *longer = xprintf("%s%s\n", *text, line);
    xfree(*text);
    *text = longer;
    file_write(path, longer, strlen(longer));
}

static void broke(struct bench *b, const char *what) {
    warn("%s: it gave no time; its message stands above", what);
    b->broken = 1;
}

static int wanted(const char *text, const struct bench_case *c) {
    char *name =
        xprintf("%s %s %s %s %d", c->what, c->encoder, c->preset, c->precision, c->batch);
    int found = !text || strstr(name, text) != NULL;
    xfree(name);
    return found;
}

/* ---- the parts ---- */

static void take_rates(void *arg, const char *line) {
    struct bench *b = arg;
    char name[256] = "gpu";
    if (sscanf(line, "%lf\t%lf\t%255[^\t\n;]", &b->flop, &b->bytes, name) >= 2 &&
        !b->device)
        b->device = xstrdup(name);
}

/* The card's own rates, which the floors stand on: of a 16-bit product, and of a copy. */
static void measure_rates(struct bench *b) {
    struct bench_case c = {.what = "peak",
                           .encoder = "vitt",
                           .set = b->o->set,
                           .preset = "plain",
                           .precision = "fp16",
                           .batch = 1,
                           .device = "gpu",
                           .way = "eager",
                           .layout = "auto",
                           .side = b->o->side,
                           .steps = 1};
    struct side s;
    side_start_ours(&s, &c);
    int answered = side_lines(&s, take_rates, b);
    side_end(&s);
    if (!answered || !b->device) exit(EXIT_WORLD); /* the side has said why */
    printf("%s: %.1f TFLOP/s in fp16, copies %.2f TB/s\n", b->device, b->flop / 1e12,
           b->bytes / 1e12);
}

/* One case against one of PyTorch's ways. 1: both answered. */
static int time_pair(struct bench *b, const struct bench_case *c) {
    struct side ours, peer;
    int has_peer = compare(&b->o->with, c, &ours, &peer);
    if (has_peer < 0) {
        broke(b, c->encoder);
        return 0;
    }
    char *row = compare_row(c, b->device, &ours, &peer, has_peer, b->flop, b->bytes);
    append(&b->table, b->o->out, row);
    compare_say(c, &ours, &peer, has_peer);
    xfree(row);
    return has_peer;
}

static void time_steps(struct bench *b, struct bench_case *c) {
    const struct options *o = b->o;
    static const char *const ways[] = {"eager", "compile"}, *const layouts[] = {
                                                                "channels_last",
                                                                "contiguous"};
    int compiled = strcmp(o->compiled, "none") && wanted(o->compiled, c);
    for (int i = 0; i < (compiled ? 4 : 2); i++) {
        c->way = ways[i / 2];
        c->layout = layouts[i % 2];
        if (!time_pair(b, c)) break;
    }
}

/* Seconds from the start of a process until its first steps are done, those steps not
 * counted. */
static double start_of(const struct side *s, int steps) {
    return s->first - steps * side_median(s);
}

static void time_start(struct bench *b, struct bench_case *c, const char *what) {
    const struct options *o = b->o;
    struct comparison once = o->with;
    struct side ours, peer;
    if (once.rounds > 3) once.rounds = 3;
    int has_peer = compare(&once, c, &ours, &peer);
    if (has_peer < 0) {
        broke(b, what);
        return;
    }
    double mine = start_of(&ours, c->steps),
           theirs = has_peer ? start_of(&peer, c->steps) : 0;
    char *other = has_peer
                      ? xprintf("torch\t%.4g\t%.4g\t%.3f", theirs, theirs, theirs / mine)
                      : xprintf("none\tna\tna\tna");
    char *row = xprintf("%s\t%s\t%s\t%s\t%d\t0\t%s\t%.4g\t%.4g\t%s\tna\tna\tna\t%.0f\tna",
                        what, c->encoder, c->preset, c->precision, c->batch, b->device,
                        mine, mine, other, ours.megabytes);
    append(&b->table, o->out, row);
    printf("%-10s %-9s %-9s %-5s ours %.2f s", what, c->encoder, c->preset, c->precision,
           mine);
    if (has_peer) printf("  eager %.2f s", theirs);
    printf("\n");
    fflush(stdout);
    xfree(other), xfree(row);
}

struct stages {
    struct bench *b;
    const struct bench_case *c;
};

static void take_stage(void *arg, const char *line) {
    const struct stages *s = arg;
    char *row = xprintf("%s\t%s\t%s\t%d\t%s", s->c->encoder, s->c->preset, s->c->precision,
                        s->c->batch, line);
    append(&s->b->stages, s->b->o->stages, row);
    xfree(row);
}

static void time_stages(struct bench *b, struct bench_case *c) {
    struct stages stages = {b, c};
    struct side s;
    c->rounds = b->o->with.rounds;
    c->flop = b->flop;
    c->bytes = b->bytes;
    side_start_ours(&s, c);
    int answered = side_lines(&s, take_stage, &stages);
    side_end(&s);
    if (!answered) broke(b, "stages");
}

static void time_cell(struct bench *b, const struct bench_case *c, const char *what) {
    const char *out = b->o->out;
    char *pack = xprintf("%s.pack", out), *split = xprintf("%s.split.tsv", out);
    char *outdir = xprintf("%s.cell", out);
    cell_make(pack, split, b->o->pictures, c->side);
    double seconds = cell_seconds(b->o->train, c, b->o->epochs, pack, split, outdir);
    if (seconds < 0)
        broke(b, what);
    else {
        char *row = xprintf(
            "%s\t%s\t%s\t%s\t%d\t0\t%s\t%.4g\t%.4g\tnone\tna\tna\tna\tna\tna\tna\tna\tna",
            what, c->encoder, c->preset, c->precision, c->batch, b->device, seconds,
            seconds);
        append(&b->table, out, row);
        printf("%-10s %-9s %-9s %-5s %d pictures, %d epochs: %.2f s\n", what, c->encoder,
               c->preset, c->precision, b->o->pictures, b->o->epochs, seconds);
        xfree(row);
    }
    file_remove(pack);
    file_remove(split);
    xfree(pack), xfree(split), xfree(outdir);
}

/* Both starts of a thing: without a file of plans, then with the one that the first
 * left. */
static void twice(struct bench *b, struct bench_case *c) {
    char *plans = xprintf("%s.cold", b->o->plans), *what;
    int cell = strcmp(c->what, "cell") == 0;
    c->plans = plans;
    file_remove(plans);
    for (int warm = 0; warm < 2; warm++) {
        what = xprintf("%s-%s", c->what, warm ? "warm" : "cold");
        if (cell)
            time_cell(b, c, what);
        else
            time_start(b, c, what);
        xfree(what);
    }
    file_remove(plans);
    xfree(plans);
}

static void run(struct bench *b, struct bench_case *c) {
    if (!wanted(b->o->only, c)) return;
    c->plans = b->o->plans;
    if (!strcmp(c->what, "train") || !strcmp(c->what, "infer"))
        time_steps(b, c);
    else if (!strcmp(c->what, "stages"))
        time_stages(b, c);
    else
        twice(b, c);
}

static const char *const ENCODERS[] = {"resnet50", "vits"};
static const char *const PRESETS[] = {"plain", "smp", "chen2018"};
static const char *const PRECISIONS[] = {"fp16", "bf16", "fp32"};

/* Everything of `what` in a precision, at a batch. */
static void run_all(struct bench *b, const char *what, const char *precision, int batch,
                    int presets) {
    const struct options *o = b->o;
    for (int e = 0; e < (o->encoder ? 1 : 2); e++)
        for (int p = 0; p < presets; p++) {
            struct bench_case c = {.what = what,
                                   .set = o->set,
                                   .encoder = o->encoder ? o->encoder : ENCODERS[e],
                                   .preset = PRESETS[p],
                                   .precision = precision,
                                   .batch = o->batch ? o->batch : batch,
                                   .device = "gpu",
                                   .way = "eager",
                                   .layout = "channels_last",
                                   .side = o->side,
                                   .steps = o->steps};
            run(b, &c);
        }
}

int main(int argc, char **argv) {
    struct options o = {.with = {.rounds = 7},
                        .steps = 20,
                        .side = 224,
                        .compiled = "fp16 32",
                        .pictures = 612,
                        .epochs = 20};
    static const int batch[] = {32, 8};
    die_name("bench_gpu");
    parse(argc, argv, &o);
    signal(SIGPIPE, SIG_IGN);
    struct bench b = {.o = &o, .table = xstrdup(""), .stages = xstrdup("")};
    measure_rates(&b);
    char *head = xprintf("%.*s", (int)strlen(COMPARE_HEAD) - 1, COMPARE_HEAD);
    append(&b.table, o.out, head);
    append(&b.stages, o.stages,
           "model\tpreset\tprecision\tbatch\tstage\tus\tus_apart\tus_fused\tus_saved");
    xfree(head);
    run_all(&b, "start", "fp16", 32, 1);
    run_all(&b, "cell", "fp16", 32, 1);
    for (int i = 0; i < 3; i++) run_all(&b, "stages", PRECISIONS[i], 32, 3);
    for (int k = 0; k < (o.batch ? 1 : 2); k++)
        for (int i = 0; i < 3; i++) {
            run_all(&b, "train", PRECISIONS[i], batch[k], 3);
            run_all(&b, "infer", PRECISIONS[i], batch[k], 3);
        }
    xfree(b.table), xfree(b.stages), xfree(b.device);
    xfree(o.plans), xfree(o.stages);
    if (b.broken) die_no("%s: cases without a time; their messages stand above", o.out);
    return 0;
}
