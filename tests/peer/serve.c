/* serve.c - our side of the benchmark: a model on made-up pictures, one step a request. */
#include "tests/peer/bench.h"
#include "core/die.h"
#include "core/progress.h"
#include "core/rng.h"
#include "model/floor.h"
#include "model/gpu/measure.h"
#include "model/host.h"
#include "model/model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void build(const struct bench_case *c, struct model *model) {
    struct recipe recipe;
    struct cell cell;
    struct norm norm = {{.5, .5, .5}, {.5, .5, .5}, 255, 0};
    char *preset = xprintf("preset=%s", c->preset),
         *precision = xprintf("precision=%s", c->precision);
    char *batch = xprintf("batch=%d", c->batch),
         *all[3 + BENCH_SETS] = {preset, precision, batch};
    int n = 3;
    for (; c->set && c->set[n - 3]; n++) all[n] = (char *)(uintptr_t)c->set[n - 3];
    recipe_read(&recipe, "train/paper.conf", all, n);
    char *name = xprintf("%s-random-bench", c->encoder);
    cell_parse(&cell, name);
    model_build(model, &cell, &recipe, &norm, c->side);
    xfree(preset);
    xfree(precision);
    xfree(batch);
    xfree(name);
}

/* Pictures and masks of noise: what they show does not change the time. */
static struct pictures noise(int count, int side) {
    size_t pixels = (size_t)side * (size_t)side;
    const uint8_t **image = xmalloc((size_t)count * sizeof *image),
                  **mask = xmalloc((size_t)count * sizeof *mask);
    for (int i = 0; i < count; i++) {
        uint8_t *a = xmalloc(3 * pixels), *b = xmalloc(pixels / 8);
        for (size_t k = 0; k < 3 * pixels; k++)
            a[k] = (uint8_t)rng_u32(1, STREAM_SPLIT, (uint32_t)i, k);
        for (size_t k = 0; k < pixels / 8; k++)
            b[k] = (uint8_t)rng_u32(2, STREAM_SPLIT, (uint32_t)i, k);
        image[i] = a;
        mask[i] = b;
    }
    return (struct pictures){count, side, image, mask};
}

/* The matrix product whose rate stands for the machine's peak: 2048 x 2048 x 2048. */
static _Noreturn void serve_peak(int threads, int in, int out) {
    enum { D = 2048 };
    struct attr attr = {0};
    struct call call = {
        .attr = &attr, .N = 1, .inputs = 1, .xs = {{2, {D, D, 1}}}, .ys = {2, {D, D, 1}}};
    const struct kernel *k = &cpu_kernels.op[OP_linear];
    cpu_start(threads);
    float *x = xaligned(D * D * sizeof *x), *w = xaligned(D * D * sizeof *w);
    for (size_t i = 0; i < D * D; i++) x[i] = w[i] = (float)(i % 7) - 3;
    call.x[0] = x;
    call.w[0] = w;
    call.y = xaligned(D * D * sizeof *x);
    call.scratch = xaligned((k->scratch ? k->scratch(&call) : 0) + 64);
    char request[4];
    while (read(in, request, sizeof request) == sizeof request) {
        double start = seconds_now();
        k->forward(&call);
        dprintf(out, "%.9f\n", seconds_now() - start);
    }
    _exit(0);
}

static struct machine *open_machine(const struct bench_case *c, struct model *model,
                                    const struct backend **b, struct pictures *p) {
    struct machine *m;
    build(c, model);
    *b = backend_open(c->device, c->threads, &m);
    struct job job = {.graph = model->graph,
                      .recipe = &model->recipe,
                      .seed = 1,
                      .batch = c->batch,
                      .train = strcmp(c->what, "infer") && strcmp(c->what, "peak"),
                      .fusions_off = getenv("FUSIONS_OFF"),
                      .plans = c->plans};
    (*b)->prepare(m, &job);
    *p = noise(c->batch * c->steps, c->side);
    (*b)->data(m, SET_TRAIN, p);
    (*b)->data(m, SET_VAL, p);
    xfree(model_init(model, 1, NULL, *b, m));
    return m;
}

/* A GPU's rates, on one line: FLOP and bytes a second, and what it is. */
static void tell_rates(const struct backend *b, struct machine *m, int out) {
    double flop = 0, bytes = 0;
    if (!gpu_rates(m, &flop, &bytes)) die_world("this build has no GPU machine to measure");
    dprintf(out, "%.6g\t%.6g\t%s\n\n", flop, bytes, b->describe(m));
}

/* Stage by stage: microseconds of a step as timed, then at least: apart, fused, saved. */
static void tell_stages(const struct bench_case *c, const struct graph *g,
                        struct machine *m, int out) {
    struct floor_work work = {c->batch, strcmp(c->precision, "fp32") ? 2 : 4, 1};
    struct floor_rates rates = {c->flop, c->bytes};
    double *seconds = xcalloc((size_t)g->nodes + 1, sizeof *seconds), sum[4];
    char *last = NULL;
    if (!gpu_profile(m, c->rounds, seconds))
        die_world("this build has no GPU machine to measure");
    for (int i = 0; i <= g->nodes + 1; i++) {
        char *stage =
            i < g->nodes ? floor_stage(g, i) : xstrdup(i == g->nodes ? "adam" : "");
        if (!last || strcmp(last, stage)) {
            if (last)
                dprintf(out, "%s\t%.1f\t%.1f\t%.1f\t%.1f\n", last, 1e6 * sum[0],
                        1e6 * sum[1], 1e6 * sum[2], 1e6 * sum[3]);
            memset(sum, 0, sizeof sum);
        }
        if (i <= g->nodes) {
            struct floor f = i < g->nodes ? floor_of(g, i, &work) : floor_of_adam(g, &work);
            double more[4] = {seconds[i], floor_apart(&f, &rates), floor_fused(&f, &rates),
                              floor_saved(&f, &rates)};
            for (int k = 0; k < 4; k++) sum[k] += more[k];
        }
        xfree(last);
        last = stage;
    }
    xfree(last);
    xfree(seconds);
    dprintf(out, "\n");
}

/* Seconds of one step: of all that a request asks for, done one after another. */
static double run_steps(const struct bench_case *c, const struct backend *b,
                        struct machine *m, const struct pictures *p) {
    static uint32_t epoch;
    size_t pixels = (size_t)c->side * (size_t)c->side;
    struct counts *counts = xmalloc((size_t)p->count * sizeof *counts);
    double *losses = xmalloc((size_t)c->steps * sizeof *losses), start = seconds_now();
    float *logits = NULL;
    if (strcmp(c->what, "infer"))
        b->train(m, epoch++, 0, c->steps, losses, NULL);
    else if (!strcmp(c->device,
                     "gpu")) /* what is there stays there, and is counted there */
        b->score(m, SET_VAL, counts, NULL);
    else
        b->infer(m, p->image, p->count,
                 logits = xmalloc((size_t)p->count * pixels * sizeof *logits));
    double seconds = seconds_now() - start;
    xfree(counts), xfree(losses), xfree(logits);
    return seconds / c->steps;
}

_Noreturn void bench_serve(const struct bench_case *c, int in, int out) {
    struct model model;
    struct pictures p;
    const struct backend *b;
    int gpu = strcmp(c->device, "gpu") == 0;
    char request[4];
    if (!strcmp(c->what, "peak") && !gpu) serve_peak(c->threads, in, out);
    struct machine *m = open_machine(c, &model, &b, &p);
    while (read(in, request, sizeof request) == sizeof request) {
        if (request[0] == 'm')
            dprintf(out, "%.1f\n", (double)b->memory(m) / 1e6);
        else if (!strcmp(c->what, "peak"))
            tell_rates(b, m, out);
        else if (!strcmp(c->what, "stages"))
            tell_stages(c, model.graph, m, out);
        else
            dprintf(out, "%.9f\n", run_steps(c, b, m, &p));
    }
    b->close(m); /* a device's memory and plans are given back, whatever the system does */
    _exit(0);
}

double bench_flop(const struct bench_case *c) {
    struct model model;
    double sum = 0;
    build(c, &model);
    for (int i = 0; i < model.graph->nodes; i++)
        sum += graph_cost(model.graph, i, 4).useful;
    model_free(&model);
    return strcmp(c->what, "infer") ? 3 * sum : sum;
}

double bench_floor(const struct bench_case *c, double flop, double bytes) {
    struct floor_work work = {c->batch, strcmp(c->precision, "fp32") ? 2 : 4,
                              strcmp(c->what, "infer") != 0};
    struct floor_rates rates = {flop, bytes};
    struct model model;
    build(c, &model);
    struct floor f = floor_of_adam(model.graph, &work);
    double sum = floor_saved(&f, &rates);
    for (int i = 0; i < model.graph->nodes; i++) {
        f = floor_of(model.graph, i, &work);
        sum += floor_saved(&f, &rates);
    }
    model_free(&model);
    return sum / c->batch;
}
