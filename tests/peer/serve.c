/* serve.c - our side of the benchmark: a model on made-up pictures, one step a request. */
#include "tests/peer/bench.h"
#include "core/die.h"
#include "core/progress.h"
#include "core/rng.h"
#include "model/host.h"
#include "model/model.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SIDE = 224 };

static void build(const struct bench_case *c, struct model *model) {
    struct recipe recipe;
    struct cell cell;
    struct norm norm = {{.5, .5, .5}, {.5, .5, .5}, 255, 0};
    char *preset = xprintf("preset=%s", c->preset),
         *precision = xprintf("precision=%s", c->precision);
    char *batch = xprintf("batch=%d", c->batch);
    recipe_read(&recipe, "train/paper.conf", (char *const[]){preset, precision, batch}, 3);
    char *name = xprintf("%s-random-bench", c->encoder);
    cell_parse(&cell, name);
    model_build(model, &cell, &recipe, &norm, SIDE);
    xfree(preset);
    xfree(precision);
    xfree(batch);
    xfree(name);
}

/* Pictures and masks of noise: what they show does not change the time. */
static struct pictures noise(int count) {
    size_t pixels = SIDE * SIDE;
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
    return (struct pictures){count, SIDE, image, mask};
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

_Noreturn void bench_serve(const struct bench_case *c, int in, int out) {
    struct model model;
    struct machine *m;
    if (c->what[0] == 'p') serve_peak(c->threads, in, out);
    build(c, &model);
    const struct backend *b = backend_open("cpu", c->threads, &m);
    int train = c->what[0] == 't';
    struct job job = {.graph = model.graph,
                      .recipe = &model.recipe,
                      .seed = 1,
                      .batch = c->batch,
                      .train = train,
                      .fusions_off = getenv("FUSIONS_OFF")};
    b->prepare(m, &job);
    struct pictures p = noise(c->batch);
    b->data(m, SET_TRAIN, &p);
    xfree(model_init(&model, 1, NULL, b, m));
    float *logits = xmalloc((size_t)c->batch * SIDE * SIDE * sizeof *logits);
    char request[4];
    uint32_t epoch = 0;
    while (read(in, request, sizeof request) == sizeof request) {
        double start = seconds_now(), loss;
        if (train)
            b->train(m, epoch++, 0, 1, &loss, NULL);
        else
            b->infer(m, p.image, c->batch, logits);
        dprintf(out, "%.9f\n", seconds_now() - start);
    }
    _exit(0);
}

double bench_flop(const struct bench_case *c) {
    struct model model;
    double sum = 0;
    build(c, &model);
    for (int i = 0; i < model.graph->nodes; i++)
        sum += graph_cost(model.graph, i, 4).useful;
    model_free(&model);
    return c->what[0] == 't' ? 3 * sum : sum;
}
