/* pass.c - training steps and forward passes: launches, and one look at what they left. The
 * host waits for the device once a call, never within. */
#include "model/gpu/machine.h"
#include "core/die.h"
#include <math.h>
#include <string.h>

enum {
    PACE = 8
}; /* launches between looks at `stop`: at most twice as many run ahead of the host */

/* ---- training ---- */

/* arg: how many pictures the step has. */
static void enqueue_step(struct machine *m, const void *arg) {
    const int all = *(const int *)arg;
    for (int first = 0; first < all; first += m->train.N) {
        const struct gpu_program *p = all - first < m->train.N ? &m->tail : &m->train;
        const struct gpu_batch b = {
            p->N,     m->job.recipe->batch, m->set[SET_TRAIN].count, first,
            m->order, m->job.seed,          m->job.recipe->augment};
        const struct gpu_part part = {p->N, first, all, m->parts, m->loss, m->part_losses};
        gpu_begin(&m->gpu, &b);
        gpu_program_run(m, p, PHASE_TRAIN);
        if (m->parts) gpu_add_part(&m->gpu, &m->weights, &part);
    }
    if (m->update.scaling) gpu_finite(&m->gpu, &m->weights);
    gpu_judge(&m->gpu, &m->update, m->parts ? m->part_losses : m->loss, all, m->losses);
    gpu_adam(&m->gpu, &m->update, &m->weights);
}

static struct captured *step_of(struct machine *m, int step) {
    const int batch = m->job.recipe->batch, left = m->set[SET_TRAIN].count - step * batch;
    const int all = left < batch ? left : batch;
    struct captured **c = all < batch ? &m->tail_step : &m->train_step;
    if (!*c) *c = gpu_capture(m, &m->set[SET_TRAIN], enqueue_step, &all);
    return *c;
}

static void draw_order(struct machine *m, uint32_t epoch) {
    if (m->order_epoch == (int)epoch) return;
    gpu_order(&m->gpu, m->job.seed, epoch, m->set[SET_TRAIN].count, m->draw, m->order);
    m->order_epoch = (int)epoch;
}

/* Steps whose losses are numbers; dies where no loss scale helps any more. */
static int count_good(struct machine *m, const double *losses, int n) {
    struct gpu_now now;
    int good = 0;
    while (good < n && isfinite(losses[good])) good++;
    device_download(m->gpu.device, &now, m->gpu.now, sizeof now);
    if (now.halted == 2)
        die_world("step %lld: gradients overflow fp16 at every loss scale; the last "
                  "checkpoint stands; use precision bf16, tf32 or fp32",
                  (long long)now.steps);
    return good;
}

int gpu_train(struct machine *m, uint32_t epoch, int first, int last, double *losses,
              const volatile sig_atomic_t *stop) {
    int done = first, good = 0;
    draw_order(m, epoch);
    gpu_start(&m->gpu, epoch, first);
    while (done < last && good == done - first) {
        const int from = done, ring = from % GPU_LOSSES;
        int to = last - from > GPU_LOSSES - ring ? from + GPU_LOSSES - ring : last;
        for (; done < to; done++) {
            if (stop && *stop) {
                last = done;
                break;
            }
            device_launch(m->gpu.device, step_of(m, done));
            if (done % PACE == PACE - 1) device_pace(m->gpu.device);
        }
        device_download(m->gpu.device, losses + (from - first), m->losses + ring,
                        (size_t)(done - from) * sizeof *losses);
        good = count_good(m, losses, done - first);
    }
    return good;
}

/* ---- forward only ---- */

static void begin_plain(struct machine *m, int N, int count) {
    const struct gpu_batch b = {.N = N, .each = N, .count = count};
    gpu_begin(&m->gpu, &b);
}

void gpu_estimate(struct machine *m) {
    const struct gpu_set *s = &m->set[SET_TRAIN];
    const struct gpu_program *p = m->small.N ? &m->small : &m->infer;
    m->gpu.image = s->image;
    m->gpu.mask = s->mask;
    gpu_start(&m->gpu, 0, 0);
    for (int i = 0; i + p->N <= s->count;
         i += p->N) { /* every batch weighs alike: whole ones only */
        begin_plain(m, p->N, s->count);
        gpu_program_run(m, p, PHASE_ESTIMATE);
        gpu_advance(&m->gpu);
        device_pace(m->gpu.device);
    }
    device_wait(m->gpu.device);
}

static const float *logits_of(const struct machine *m) {
    const struct plan *p = &m->infer.plan;
    return (const float *)(m->arena + p->value[p->logits].offset);
}

static void enqueue_score(struct machine *m, const void *arg) {
    const struct gpu_set *s = arg;
    const struct gpu_tally t = {m->infer.N,   m->infer.N, s->count,  s->side * s->side,
                                logits_of(m), m->loss,    s->counts, s->losses};
    begin_plain(m, m->infer.N, s->count);
    gpu_program_run(m, &m->infer, PHASE_INFER);
    gpu_count(&m->gpu, &t);
    gpu_advance(&m->gpu);
}

void gpu_score(struct machine *m, enum set set, struct counts *counts, double *loss) {
    struct gpu_set *s = &m->set[set];
    struct device *d = m->gpu.device;
    const size_t n = (size_t)s->count;
    int *whole = xmalloc(3 * n * sizeof *whole);
    if (!s->pass) s->pass = gpu_capture(m, s, enqueue_score, s);
    gpu_start(&m->gpu, 0, 0);
    for (int i = 0; i < s->count; i += m->infer.N) {
        device_launch(d, s->pass);
        device_pace(d);
    }
    device_download(d, whole, s->counts, 3 * n * sizeof *whole);
    if (loss) device_download(d, loss, s->losses, n * sizeof *loss);
    for (size_t i = 0; i < n; i++)
        counts[i] = (struct counts){whole[3 * i], whole[3 * i + 1], whole[3 * i + 2]};
    xfree(whole);
}

/* ---- any pictures ---- */

static void enqueue_infer(struct machine *m, const void *arg) {
    const struct gpu_set *s = arg;
    begin_plain(m, m->infer.N, s->count);
    gpu_program_run(m, &m->infer, PHASE_INFER);
}

/* A map as the device has it to [C][H][W] floats. */
static void unpack(const struct machine *m, const uint8_t *raw, float *out, size_t n) {
    const struct node *node = &m->job.graph->node[m->job.graph->logits];
    const int channels = gpu_channels(m->job.graph, m->job.graph->logits);
    const size_t each = shape_count(node->shape), C = (size_t)(channels ? channels : 1),
                 pixels = each / C, size = gpu_element(m->gpu.precision, channels);
    for (size_t i = 0; i < n * each; i++) {
        const size_t place = i / each * each + i % pixels * C + i % each / pixels;
        struct tensor t = {
            "logits", T_F32, 0, {0}, (void *)(uintptr_t)(raw + place * size)};
        if (size == 2) t.type = m->gpu.precision == FP16 ? T_F16 : T_BF16;
        tensor_to_f32(&t, out + i);
    }
}

void gpu_infer(struct machine *m, const uint8_t *const *image, int count, float *logits) {
    const struct graph *g = m->job.graph;
    struct device *d = m->gpu.device;
    const size_t each = shape_count(g->node[g->logits].shape),
                 picture = shape_count(g->node[0].shape);
    const size_t bytes = gpu_node_bytes(g, g->logits, 1, m->gpu.precision);
    uint8_t *raw = xmalloc(bytes * (size_t)m->infer.N);
    if (!m->infer_pass)
        m->infer_pass = gpu_capture(m, &m->staged, enqueue_infer, &m->staged);
    for (int i = 0; i < count; i += m->infer.N) {
        const int n = count - i < m->infer.N ? count - i : m->infer.N;
        for (int k = 0; k < n; k++)
            device_upload(d, m->staged.image + (size_t)k * picture, image[i + k], picture);
        gpu_start(&m->gpu, 0, 0);
        device_launch(d, m->infer_pass);
        device_download(d, raw, logits_of(m), bytes * (size_t)n);
        unpack(m, raw, logits + (size_t)i * each, (size_t)n);
    }
    xfree(raw);
}
