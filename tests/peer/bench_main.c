/* bench_main.c - the benchmark on the processor: ours and PyTorch's step in turn, in the
 * same minutes, as a ratio. It times nothing while the other side runs, and judges
 * nothing. */
#include "core/die.h"
#include "core/file.h"
#include "tests/peer/bench.h"
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *what, *encoder, *preset;
    int batch;
} CASES[] = {
    {"train", "resnet50", "plain", 8}, {"train", "vits", "plain", 8},
    {"train", "vitt", "plain", 8},     {"train", "resnet50", "smp", 8},
    {"train", "vits", "smp", 8},       {"train", "resnet50", "plain", 32},
    {"infer", "resnet50", "plain", 8}, {"infer", "vits", "plain", 8},
};

static const char HELP[] =
    "bench: times our train step and inference against PyTorch's, alternately\n"
    "usage: bench [--peer PYTHON] [--required] [--rounds N] [--only TEXT] SCRIPT OUT.tsv\n"
    "  --peer PYTHON  interpreter that can import torch, torchvision, timm (without: ours alone)\n"
    "  --required     no peer is an error\n"
    "  --rounds N     timed steps a side (7)\n"
    "  --only TEXT    cases whose 'what encoder preset batch' contains TEXT\n"
    "example: bench --peer .oracle/bin/python tests/peer/peer.py out/bench.tsv\n";

struct options {
    const char *peer, *only, *script, *out;
    int required, rounds;
};

static void parse(int argc, char **argv, struct options *o) {
    static const struct option options[] = {{"peer", 1, 0, 'p'},   {"required", 0, 0, 'r'},
                                            {"rounds", 1, 0, 'n'}, {"only", 1, 0, 'o'},
                                            {"help", 0, 0, 'h'},   {"version", 0, 0, 'v'},
                                            {0, 0, 0, 0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'p')
            o->peer = optarg;
        else if (c == 'r')
            o->required = 1;
        else if (c == 'n')
            o->rounds = atoi(optarg);
        else if (c == 'o')
            o->only = optarg;
        else if (c == 'h') {
            fputs(HELP, stdout);
            exit(0);
        } else if (c == 'v') {
            puts("repolyp bench 0.1");
            exit(0);
        } else
            exit(EXIT_USAGE);
    }
    if (argc - optind != 2) die_usage("wanted SCRIPT OUT.tsv; see --help");
    if (o->rounds < 1 || o->rounds > 60) die_usage("--rounds: wanted 1 to 60");
    if (o->peer && !*o->peer) o->peer = NULL;
    o->script = argv[optind];
    o->out = argv[optind + 1];
    if (o->required && !o->peer)
        die_world(
            "no peer: wanted a python with torch; make oracle, then PEER_PYTHON=.oracle/bin/python");
}

/* FLOP a second of the CPU machine's matrix product: the peak in the table. */
static double measure_peak(int threads) {
    struct bench_case c = {.what = "peak", .device = "cpu", .threads = threads};
    struct side s;
    side_start_ours(&s, &c);
    for (int i = 0; i < 6; i++) side_run(&s);
    side_end(&s);
    return s.runs ? 2.0 * 2048 * 2048 * 2048 / side_min(&s) : 0;
}

int main(int argc, char **argv) {
    struct options o = {.rounds = 7};
    die_name("bench");
    parse(argc, argv, &o);
    signal(SIGPIPE, SIG_IGN);
    double peak = measure_peak(2);
    struct comparison with = {o.peer, o.script, o.required, o.rounds};
    struct out *out = out_open(o.out);
    out_printf(out, "%s", COMPARE_HEAD);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct bench_case c = {.what = CASES[i].what,
                               .encoder = CASES[i].encoder,
                               .preset = CASES[i].preset,
                               .precision = "fp32",
                               .batch = CASES[i].batch,
                               .threads = 2,
                               .device = "cpu",
                               .way = "eager",
                               .layout = "auto",
                               .side = 224,
                               .steps = 1};
        char *text = xprintf("%s %s %s %d", c.what, c.encoder, c.preset, c.batch);
        if (!o.only || strstr(text, o.only)) {
            struct side ours, theirs;
            int has_peer = compare(&with, &c, &ours, &theirs);
            if (has_peer < 0) die_no("our side stopped; its message stands above");
            char *row = compare_row(&c, "cpu", &ours, &theirs, has_peer, peak, 0);
            out_printf(out, "%s\n", row);
            compare_say(&c, &ours, &theirs, has_peer);
            xfree(row);
        }
        xfree(text);
    }
    out_commit(out);
    return 0;
}
