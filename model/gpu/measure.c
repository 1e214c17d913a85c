/* measure.c - rates and seconds a node, for the benchmark; see measure.h. */
#include "model/gpu/measure.h"
#include "core/die.h"
#include "model/gpu/machine.h"
#include <stdlib.h>
#include <string.h>

enum { TRIES = 9 };

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* ---- rates ---- */

static double product_rate(struct machine *m, int D) {
    struct device *d = m->gpu.device;
    const struct product shape = {
        .M = D, .N = D, .K = D, .batch = 1, .tb = 1, .lda = D, .ldb = D, .ldc = D};
    const struct product_plan *p = library_product(m->gpu.library, &shape);
    size_t bytes = (size_t)D * (size_t)D * gpu_element(m->gpu.precision, 0);
    char *at = device_alloc(d, 3 * bytes, "measuring rates");
    char *scratch = device_alloc(d, product_scratch(p) + 1, "measuring rates");
    double least = 0;
    for (int i = 0; i < TRIES; i++) {
        device_mark(d, 0);
        product_run(m->gpu.library, p, at, at + bytes, at + 2 * bytes, NULL, scratch);
        device_mark(d, 1);
        double seconds = device_between(d);
        if (i && (least <= 0 || seconds < least))
            least = seconds; /* the first loads the kernel */
    }
    device_free(d, at);
    device_free(d, scratch);
    return 2.0 * D * D * D / least;
}

static double copy_rate(struct machine *m, size_t bytes) {
    struct device *d = m->gpu.device;
    char *from = device_alloc(d, bytes, "measuring rates"),
         *to = device_alloc(d, bytes, "measuring rates");
    double least = 0;
    for (int i = 0; i < TRIES; i++) {
        device_mark(d, 0);
        device_copy(d, to, from, bytes);
        device_mark(d, 1);
        double seconds = device_between(d);
        if (i && (least <= 0 || seconds < least)) least = seconds;
    }
    device_free(d, from);
    device_free(d, to);
    return 2.0 * (double)bytes / least;
}

/* Four processors are the tests' emulated device: what a real one does would take it a
 * day. */
static int emulated(const struct machine *m) {
    return m->gpu.device->processors < 8;
}

int gpu_rates(struct machine *m, double *flop, double *bytes) {
    const int small = emulated(m);
    *flop = product_rate(m, small ? 64 : 8192);
    *bytes = copy_rate(m, small ? (size_t)1 << 16 : (size_t)1 << 30);
    return 1;
}

/* ---- nodes ---- */

static double median(double *x, int n) {
    qsort(x, (size_t)n, sizeof *x, ascending);
    return x[n / 2];
}

/* What keeps the device busy until the host has enqueued an action: else its clock would
 * tell the host's time. It leaves the caches cold, as they are where plans are timed. */
struct filler {
    void *memory;
    size_t bytes;
};

/* Seconds of one action, or of the optimizer's update where `action` is past the last. */
static double seconds_of(struct machine *m, int action, const struct filler *f) {
    struct device *d = m->gpu.device;
    device_clear(d, f->memory, f->bytes);
    device_mark(d, 0);
    if (action < m->train.plan.actions)
        gpu_program_action(m, &m->train, action, PHASE_TRAIN);
    else
        gpu_adam(&m->gpu, &m->update, &m->weights);
    device_mark(d, 1);
    return device_between(d);
}

int gpu_profile(struct machine *m, int rounds, double *seconds) {
    const struct plan *p = &m->train.plan;
    const int n = p->actions + 1;
    double loss, *each = xcalloc((size_t)n * (size_t)rounds, sizeof *each);
    struct filler f = {NULL, emulated(m) ? 1 : (size_t)256 << 20};
    f.memory = device_alloc(m->gpu.device, f.bytes, "measuring steps");
    gpu_train(m, 0, 0, 1, &loss, NULL); /* a batch is drawn, kernels are loaded */
    m->gpu.image = m->set[SET_TRAIN].image;
    m->gpu.mask = m->set[SET_TRAIN].mask;
    for (int r = -1; r < rounds; r++)
        for (int i = 0; i < n; i++) {
            double s = seconds_of(m, i, &f);
            if (r >= 0) each[i * rounds + r] = s;
        }
    memset(seconds, 0, ((size_t)m->job.graph->nodes + 1) * sizeof *seconds);
    for (int i = 0; i < n; i++) {
        int node = i < p->actions ? p->step[p->action[i].step].first : m->job.graph->nodes;
        seconds[node] += median(each + i * rounds, rounds);
    }
    device_free(m->gpu.device, f.memory);
    xfree(each);
    return 1;
}
