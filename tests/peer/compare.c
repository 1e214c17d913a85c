/* compare.c - two sides in turn, and the row that says so; see bench.h. It judges
 * nothing. */
#include "core/die.h"
#include "tests/peer/bench.h"
#include <stdio.h>
#include <string.h>

const char COMPARE_HEAD[] =
    "what\tmodel\tpreset\tprecision\tbatch\tthreads\tdevice\tours_min\tours_median\tpeer\tpeer_min\t"
    "peer_median\tratio\tgflops\tpeak\tfloor\tmemory_ours\tmemory_peer\n";

/* Warms both up, then asks them in turn. Returns 0 where the peer is absent or broke, -1
 * where we did. */
static int alternate(struct side *ours, struct side *peer, int has_peer, int rounds) {
    for (int i = -1; i < rounds; i++) {
        if (!side_run(ours)) return -1;
        if (has_peer && !side_run(peer)) has_peer = 0;
        if (i == -1) ours->runs = peer->runs = 0; /* the warm-up does not count */
    }
    return has_peer;
}

int compare(const struct comparison *with, const struct bench_case *c, struct side *ours,
            struct side *peer) {
    int gpu = strcmp(c->device, "gpu") == 0, has_peer = with->python != NULL;
    *peer = (struct side){0};
    side_start_ours(ours, c);
    if (has_peer) side_start_peer(peer, c, with->python, with->script);
    has_peer = alternate(ours, peer, has_peer, with->rounds);
    if (gpu && has_peer >= 0) side_memory(ours);
    if (gpu && has_peer > 0) side_memory(peer);
    side_end(ours);
    if (with->python) side_end(peer);
    if (with->required && !has_peer)
        die_world("%s: the peer gave no time; its message stands above", with->script);
    return has_peer;
}

/* torch, torch-compile; with a layout of ours to say, torch-contiguous ... */
static char *peer_name(const struct bench_case *c) {
    int plain = strcmp(c->layout, "auto") == 0;
    return xprintf("torch%s%s%s", strcmp(c->way, "eager") ? "-compile" : "",
                   plain ? "" : "-", plain ? "" : c->layout);
}

char *compare_row(const struct bench_case *c, const char *device, const struct side *ours,
                  const struct side *peer, int has_peer, double flop, double bytes) {
    double per_picture = bench_flop(c), n = c->batch, median = side_median(ours);
    char *name = peer_name(c);
    char *theirs = has_peer ? xprintf("%s\t%.6g\t%.6g\t%.3f", name, side_min(peer) / n,
                                      side_median(peer) / n, side_median(peer) / median)
                            : xprintf("none\tna\tna\tna");
    char *memory = has_peer ? xprintf("%.0f", peer->megabytes) : xprintf("na");
    char *row =
        xprintf("%s\t%s\t%s\t%s\t%d\t%d\t%s\t%.6g\t%.6g\t%s\t%.1f\t%.1f\t%.6g\t%.0f\t%s",
                c->what, c->encoder, c->preset, c->precision, c->batch, c->threads, device,
                side_min(ours) / n, median / n, theirs, per_picture * n / median / 1e9,
                flop / 1e9, bytes > 0 ? bench_floor(c, flop, bytes) : per_picture / flop,
                ours->megabytes, memory);
    xfree(name), xfree(theirs), xfree(memory);
    return row;
}

void compare_say(const struct bench_case *c, const struct side *ours,
                 const struct side *peer, int has_peer) {
    printf("%-6s %-9s %-9s %-5s batch %-3d ours %.6f s", c->what, c->encoder, c->preset,
           c->precision, c->batch, side_median(ours) / c->batch);
    char *name = peer_name(c);
    if (has_peer)
        printf("  %s %.6f s  ratio %.3f  memory %.0f / %.0f MB\n", name,
               side_median(peer) / c->batch, side_median(peer) / side_median(ours),
               ours->megabytes, peer->megabytes);
    else
        printf("  torch na  memory %.0f MB\n", ours->megabytes);
    xfree(name);
    fflush(stdout);
}
