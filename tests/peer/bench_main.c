/* bench_main.c - the benchmark: ours and PyTorch's step in turn, in the same minutes, as a ratio.
 * It times nothing while the other side runs, and judges nothing. */
#include "core/die.h"
#include "core/file.h"
#include "tests/peer/bench.h"
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct bench_case CASES[] = {
    {"train", "resnet50", "plain", "fp32", 8, 2},
    {"train", "vits", "plain", "fp32", 8, 2},
    {"train", "vitt", "plain", "fp32", 8, 2},
    {"train", "resnet50", "smp", "fp32", 8, 2},
    {"train", "vits", "smp", "fp32", 8, 2},
    {"train", "resnet50", "plain", "fp32", 32, 2},
    {"infer", "resnet50", "plain", "fp32", 8, 2},
    {"infer", "vits", "plain", "fp32", 8, 2},
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

/* Four digits, or the word for none: one of two static buffers in turn. */
static const char *digits(int known, double x) {
    static char text[2][24];
    static int next;
    next = !next;
    if (known) snprintf(text[next], sizeof text[next], "%.4f", x);
    return known ? text[next] : "na";
}

/* Warms both up, then asks them in turn. Returns 0 where the peer is absent or broke. */
static int alternate(struct side *ours, struct side *peer, int has_peer, int rounds) {
    for (int i = -1; i < rounds; i++) {
        if (!side_run(ours)) die_no("our side stopped; its message stands above");
        if (has_peer && !side_run(peer)) has_peer = 0;
        if (i == -1) ours->runs = peer->runs = 0; /* the warm-up does not count */
    }
    return has_peer;
}

static void run_case(const struct bench_case *c, const struct options *o, double peak,
                     struct out *out) {
    struct side ours, peer = {0};
    side_start_ours(&ours, c);
    if (o->peer) side_start_peer(&peer, c, o->peer, o->script);
    int has_peer = alternate(&ours, &peer, o->peer != NULL, o->rounds);
    side_end(&ours);
    if (o->peer) side_end(&peer);
    if (o->required && !has_peer)
        die_world("%s: the peer gave no time; its message stands above", o->script);
    double flop = bench_flop(c), n = c->batch;
    char *theirs =
        has_peer ? xprintf("torch\t%.5f\t%.5f\t%.3f", side_min(&peer) / n,
                           side_median(&peer) / n, side_median(&peer) / side_median(&ours))
                 : xprintf("none\tna\tna\tna");
    char *memory = has_peer ? xprintf("%.0f", peer.megabytes) : xprintf("na");
    char *row = xprintf(
        "%s\t%s\t%s\t%s\t%d\t%d\tcpu\t%.5f\t%.5f\t%s\t%.1f\t%.1f\t%.5f\t%.0f\t%s", c->what,
        c->encoder, c->preset, c->precision, c->batch, c->threads, side_min(&ours) / n,
        side_median(&ours) / n, theirs, flop * n / side_median(&ours) / 1e9, peak / 1e9,
        flop / peak, ours.megabytes, memory);
    out_printf(out, "%s\n", row);
    printf(
        "%-6s %-9s %-9s batch %-3d ours %.4f s  peer %s s  ratio %s  memory %.0f / %s MB\n",
        c->what, c->encoder, c->preset, c->batch, side_median(&ours) / n,
        digits(has_peer, has_peer ? side_median(&peer) / n : 0),
        digits(has_peer, has_peer ? side_median(&peer) / side_median(&ours) : 0),
        ours.megabytes, memory);
    fflush(stdout);
    xfree(theirs), xfree(memory), xfree(row);
}

/* FLOP a second of the CPU machine's matrix product: the peak in the table. */
static double measure_peak(int threads) {
    struct bench_case c = {.what = "peak", .threads = threads};
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
    struct out *out = out_open(o.out);
    out_printf(
        out,
        "what\tmodel\tpreset\tprecision\tbatch\tthreads\tdevice\tours_min\tours_median\tpeer\tpeer_min\t"
        "peer_median\tratio\tgflops\tpeak\tfloor\tmemory_ours\tmemory_peer\n");
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char *text = xprintf("%s %s %s %d", CASES[i].what, CASES[i].encoder,
                             CASES[i].preset, CASES[i].batch);
        if (!o.only || strstr(text, o.only)) run_case(&CASES[i], &o, peak, out);
        xfree(text);
    }
    out_commit(out);
    return 0;
}
