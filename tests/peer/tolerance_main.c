/* tolerance_main.c - the tool `tolerance`: `run` takes a few steps on one machine,
 * `compare` holds such runs to bounds that were set before. See tolerance.h. */
#include "tests/peer/tolerance.h"
#include "core/die.h"
#include "core/file.h"
#include "core/table.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: tolerance run [OPTION]... MODEL.bag PACK SPLIT OUT.bag\n"
    "       tolerance compare BOUNDS.tsv OUT.tsv RUN.bag...\n"
    "run: a few training steps from an untrained model (train --init-only), on the first pictures of the split;\n"
    "OUT.bag gets logits, losses and the first step's gradients.\n"
    "compare: every pair of BOUNDS.tsv (columns one other logits losses gradient reason) that was run on the\n"
    "same cell and size; exit 1 where one is farther than its bound. Pairs without a run are `not run`.\n"
    "\n"
    "  --device NAME     ref, cpu or gpu (cpu)   --precision P  fp32, fp16, bf16 or tf32 (fp32)\n"
    "  --batch N         pictures a step (2)     --steps N      (3)     --threads N  of the cpu; all\n"
    "\n"
    "example: tolerance run --device cpu --precision fp16 start.bag cvc.bag cvc.tsv cpu.fp16.bag\n";

enum { DEVICE = 256, PRECISION, BATCH, STEPS, THREADS };
static const struct option OPTIONS[] = {
    {"device", required_argument, NULL, DEVICE},
    {"precision", required_argument, NULL, PRECISION},
    {"batch", required_argument, NULL, BATCH},
    {"steps", required_argument, NULL, STEPS},
    {"threads", required_argument, NULL, THREADS},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

static void option(struct tolerance_run *r, int c) {
    if (c == DEVICE)
        r->device = optarg;
    else if (c == PRECISION)
        r->precision = optarg;
    else if (c == BATCH)
        r->batch = (int)integer_option("batch", optarg, 2, 4096);
    else if (c == STEPS)
        r->steps = (int)integer_option("steps", optarg, 1, 1000);
    else if (c == THREADS)
        r->threads = (int)integer_option("threads", optarg, 0, 1024);
    else if (c == 'h')
        exit(fputs(HELP, stdout) < 0);
    else if (c == 'v')
        exit(puts("repolyp tolerance 0.1") < 0);
    else
        die_usage("see tolerance --help");
}

/* ---- compare ---- */

struct ledger {
    struct table bounds;
    struct bag *bag;
    int bags, exceeded;
    struct out *out;
};

static const char *said(const struct bag *bag, const char *key) {
    return bag_need_meta(bag, key);
}

static int is_alike(const struct bag *a, const struct bag *b) {
    static const char *const keys[] = {"cell", "side", "batch"};
    int same = 1;
    for (int k = 0; k < 3; k++) same &= strcmp(said(a, keys[k]), said(b, keys[k])) == 0;
    return same;
}

/* `who`'s run of the same cell and size as `like`; NULL: there is none. Who is NULL: the
 * first. */
static const struct bag *find(const struct ledger *l, const struct bag *like,
                              const char *who) {
    for (int i = 0; i < l->bags; i++)
        if (is_alike(&l->bag[i], like) && (!who || !strcmp(said(&l->bag[i], "who"), who)))
            return &l->bag[i];
    return NULL;
}

static void put_row(struct ledger *l, const struct bag *like, int row, const char *what,
                    int emulated, const double *off, const char *worst) {
    const struct table *t = &l->bounds;
    double bound = table_number(t, row, table_need(t, what));
    const char *verdict = "not run";
    char number[32] = "na";
    if (off) {
        int far = !(*off <= bound);
        l->exceeded += far;
        snprintf(number, sizeof number, "%.3g", *off);
        verdict = far ? "exceeded" : emulated ? "emulated" : "ok";
    }
    out_printf(
        l->out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%g\t%s\t%s\n", said(like, "cell"),
        said(like, "side"), said(like, "batch"), table_get(t, row, table_need(t, "one")),
        table_get(t, row, table_need(t, "other")), what, number, bound, verdict, worst);
}

static void compare_pair(struct ledger *l, const struct bag *like, int row) {
    const struct table *t = &l->bounds;
    const struct bag *one = find(l, like, table_get(t, row, table_need(t, "one"))),
                     *other = find(l, like, table_get(t, row, table_need(t, "other")));
    struct tolerance off = {0};
    int run = one && other, emulated = 0;
    if (run) {
        off = tolerance_between(one, other);
        emulated = !strcmp(said(one, "emulated"), "yes") ||
                   !strcmp(said(other, "emulated"), "yes");
    }
    put_row(l, like, row, "logits", emulated, run ? &off.logits : NULL, "na");
    put_row(l, like, row, "losses", emulated, run ? &off.losses : NULL, "na");
    char *worst = run ? xprintf("%s %.3g", off.worst, off.farthest) : xstrdup("na");
    put_row(l, like, row, "gradient", emulated, run ? &off.gradient : NULL, worst);
    xfree(worst);
}

/* A cell and size is told once, where its first run stands. */
static void compare(const char *bounds, const char *out, char **path, int paths) {
    struct ledger l = {.bags = paths, .bag = xcalloc((size_t)paths, sizeof *l.bag)};
    table_read(&l.bounds, bounds);
    for (int i = 0; i < paths; i++) bag_open(&l.bag[i], path[i]);
    l.out = out_open(out);
    out_printf(l.out, "cell\tside\tbatch\tone\tother\twhat\toff\tbound\tverdict\tworst\n");
    for (int i = 0; i < paths; i++)
        for (int row = 0; find(&l, &l.bag[i], NULL) == &l.bag[i] && row < l.bounds.rows;
             row++)
            compare_pair(&l, &l.bag[i], row);
    out_commit(l.out);
    for (int i = 0; i < paths; i++) bag_close(&l.bag[i]);
    table_free(&l.bounds);
    xfree(l.bag);
    if (l.exceeded)
        die_no("%s: %d bounds are exceeded; see its column verdict", out, l.exceeded);
}

int main(int argc, char **argv) {
    struct tolerance_run r = {.device = "cpu", .precision = "fp32", .batch = 2, .steps = 3};
    die_name("tolerance");
    for (int c; (c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) option(&r, c);
    char **a = argv + optind;
    int n = argc - optind;
    if (n >= 4 && !strcmp(a[0], "compare"))
        compare(a[1], a[2], a + 3, n - 3);
    else if (n == 5 && !strcmp(a[0], "run")) {
        r.model = a[1], r.pack = a[2], r.split = a[3], r.out = a[4];
        tolerance_run(&r);
    } else
        die_usage(
            "wanted run MODEL.bag PACK SPLIT OUT.bag, or compare BOUNDS.tsv OUT.tsv RUN.bag...; "
            "see tolerance --help");
    return 0;
}
