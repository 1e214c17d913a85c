/* gpu.c - the GPU machine from open to close: what is allocated, when, and the table of its
 * functions. Memory is taken in prepare, but for pictures and the plan of a short last
 * batch, which are taken when the set is known; nothing is taken in a step. */
#include "model/gpu/machine.h"
#include "core/die.h"
#include "model/gpu/kernels.h"
#include <string.h>

static struct machine *gpu_open(const char *wish, int threads, char *why, size_t size) {
    struct seat seat;
    (void)threads;
    struct device *d = seat_take(wish, &seat, why, size);
    if (!d) return NULL;
    struct machine *m = xcalloc(1, sizeof *m);
    m->gpu.device = d;
    m->seat = seat;
    m->order_epoch = -1;
    return m;
}

/* ---- prepare ---- */

static void take_weights(struct machine *m) {
    const int train = m->job.train, narrow = precision_is_16bit(m->gpu.precision);
    struct gpu_weights *w = &m->weights;
    const size_t element = gpu_element(m->gpu.precision, 0), all = w->all * sizeof(float);
    w->w = gpu_take(m, all, "parameters");
    if (narrow) w->copy = gpu_take(m, w->matrices * element, "parameters in 16 bits");
    m->buffers = gpu_take(m, m->buffer_count * sizeof(float), "running statistics");
    if (!train) return;
    w->m = gpu_take(m, all, "first moments");
    w->v = gpu_take(m, all, "second moments");
    w->gradient = gpu_take(m, w->matrices * element, "gradients");
    w->vector_gradient =
        gpu_take(m, (w->all - w->matrices) * sizeof(float), "gradients of vectors");
    m->kept = gpu_take(m, all, "the best parameters");
    m->kept_buffers = gpu_take(m, m->buffer_count * sizeof(float), "the best statistics");
    if (m->job.recipe->batch <= m->job.batch) return;
    m->parts = gpu_take(m, all, "gradients of a batch's parts");
    m->part_losses = gpu_take(m, (size_t)m->job.recipe->batch * sizeof *m->part_losses,
                              "losses of a batch's parts");
}

static void take_batch(struct machine *m) {
    const size_t n = (size_t)m->job.batch,
                 picture = shape_count(m->job.graph->node[0].shape);
    m->gpu.now = gpu_take(m, sizeof *m->gpu.now, "state");
    m->gpu.item = gpu_take(m, n * sizeof *m->gpu.item, "batch");
    m->gpu.position = gpu_take(m, n * sizeof *m->gpu.position, "batch");
    m->gpu.flip = gpu_take(m, n, "batch");
    m->loss = gpu_take(m, n * sizeof *m->loss, "losses");
    m->losses = gpu_take(m, GPU_LOSSES * sizeof *m->losses, "losses of an epoch");
    m->staged.count = m->job.batch;
    m->staged.side = m->job.graph->node[0].shape.dim[1];
    m->staged.image = gpu_take(m, n * picture, "pictures");
    m->staged.mask = gpu_take(m, n * (picture / 24 + 1), "masks");
}

static struct gpu_update update_of(const struct recipe *r) {
    return (struct gpu_update){.lr = r->lr,
                               .lr_encoder = r->lr_encoder,
                               .beta1 = r->betas[0],
                               .beta2 = r->betas[1],
                               .eps = r->eps,
                               .weight_decay = r->weight_decay,
                               .warmup = r->warmup,
                               .freeze = r->freeze,
                               .scaling = r->precision == FP16};
}

static void gpu_prepare(struct machine *m, const struct job *job) {
    const struct graph *g = job->graph;
    const struct recipe *r = job->recipe;
    gpu_limits(g);
    m->job = *job;
    m->gpu.precision = (enum precision)r->precision;
    m->gpu.library =
        library_open(m->gpu.device, m->gpu.precision, !job->relaxed, job->plans);
    m->kernels = gpu_kernels;
    m->kernels.machine = &m->gpu;
    m->kernels.node_bytes = gpu_bytes_hook;
    m->kernels.worth = gpu_worth;
    m->frozen = xcalloc((size_t)g->params + 1, 1);
    for (int i = 0; i < g->params; i++) m->frozen[i] = r->freeze && g->param[i].encoder;
    m->update = update_of(r);
    gpu_arrange(m);
    take_weights(m);
    take_batch(m);
    if (job->train)
        gpu_program_make(m, &m->train, r->batch < job->batch ? r->batch : job->batch, 1);
    gpu_program_make(m, &m->infer, job->batch, 0);
    if (!job->train) library_save(m->gpu.library);
    gpu_restore(&m->gpu, 0, r->precision == FP16 ? 4096 : 1, 0);
}

/* ---- pictures ---- */

enum { AT_ONCE = 64 }; /* pictures a copy to the device */

/* From wherever the host has each to one array on the device. */
static void upload(struct machine *m, uint8_t *to, const uint8_t *const *from, int count,
                   size_t each) {
    uint8_t *some = xmalloc(AT_ONCE * each);
    for (int i = 0; i < count; i += AT_ONCE) {
        const int n = count - i < AT_ONCE ? count - i : AT_ONCE;
        for (int k = 0; k < n; k++) memcpy(some + (size_t)k * each, from[i + k], each);
        device_upload(m->gpu.device, to + (size_t)i * each, some, (size_t)n * each);
        device_wait(m->gpu.device); /* `some` is filled again */
    }
    xfree(some);
}

static void *take_pictures(struct machine *m, size_t count, size_t each, const char *what) {
    const size_t bytes = size_mul(count, each, what);
    gpu_room(m, bytes, what);
    return device_alloc(m->gpu.device, bytes, what);
}

static void drop_set(struct machine *m, struct gpu_set *s) {
    captured_free(s->pass);
    device_free(m->gpu.device, s->image);
    device_free(m->gpu.device, s->mask);
    device_free(m->gpu.device, s->counts);
    device_free(m->gpu.device, s->losses);
    *s = (struct gpu_set){.count = 0};
}

/* What training alone wants of a set: room for its order, the plan of its short last
 * batch. */
static void prepare_order(struct machine *m, int count) {
    enum { REESTIMATE = 2 };
    const struct recipe *r = m->job.recipe;
    const int last = count % m->train.N;
    device_free(m->gpu.device, m->draw);
    device_free(m->gpu.device, m->order);
    m->draw = gpu_take(m, (size_t)count * sizeof *m->draw, "order");
    m->order = gpu_take(m, (size_t)count * sizeof *m->order, "order");
    m->order_epoch = -1;
    gpu_program_free(&m->tail);
    gpu_program_free(&m->small);
    if (last && !r->drop_last) gpu_program_make(m, &m->tail, last, 1);
    if (r->bn == REESTIMATE && count < m->infer.N) gpu_program_make(m, &m->small, count, 0);
    library_save(m->gpu.library);
}

static void gpu_data(struct machine *m, enum set set, const struct pictures *p) {
    struct gpu_set *s = &m->set[set];
    const size_t n = (size_t)p->count, pixels = (size_t)p->side * (size_t)p->side;
    gpu_drop_captures(m);
    drop_set(m, s);
    s->count = p->count;
    s->side = p->side;
    s->image = take_pictures(m, n, 3 * pixels, "pictures");
    s->mask = take_pictures(m, n, pixels / 8, "masks");
    s->counts = take_pictures(m, n, 3 * sizeof *s->counts, "counts");
    s->losses = take_pictures(m, n, sizeof *s->losses, "losses");
    upload(m, s->image, p->image, p->count, 3 * pixels);
    upload(m, s->mask, p->mask, p->count, pixels / 8);
    if (set == SET_TRAIN && m->job.train) prepare_order(m, p->count);
}

/* ---- the rest ---- */

static size_t gpu_memory(const struct machine *m) {
    return m->bytes;
}

static const char *gpu_describe(const struct machine *cm) {
    struct machine *m = (struct machine *)(uintptr_t)cm;
    xfree(m->about);
    m->about =
        xprintf("%s; %s; plans %s", device_describe(m->gpu.device),
                library_describe(m->gpu.library), library_plans_sha256(m->gpu.library));
    return m->about;
}

static const char *gpu_plans(const struct machine *m) {
    return library_plans_sha256(m->gpu.library);
}

static void gpu_close(struct machine *m) {
    struct device *d = m->gpu.device;
    const struct gpu_weights *w = &m->weights;
    gpu_drop_captures(m);
    for (int s = 0; s < SET_COUNT; s++) drop_set(m, &m->set[s]);
    drop_set(m, &m->staged);
    gpu_program_free(&m->train);
    gpu_program_free(&m->tail);
    gpu_program_free(&m->infer);
    gpu_program_free(&m->small);
    void *const device[] = {w->w,        w->copy,         w->m,
                            w->v,        w->gradient,     m->buffers,
                            m->kept,     m->arena,        m->kept_buffers,
                            m->loss,     m->losses,       m->draw,
                            m->order,    m->gpu.now,      m->gpu.item,
                            m->gpu.flip, m->gpu.position, w->vector_gradient,
                            m->parts,    m->part_losses};
    for (size_t i = 0; i < sizeof device / sizeof *device; i++) device_free(d, device[i]);
    if (m->gpu.library) library_close(m->gpu.library);
    device_close(d);
    seat_leave(&m->seat);
    xfree(m->layout);
    xfree(m->at);
    xfree(m->frozen);
    xfree(m->about);
    xfree(m);
}

const struct backend backend_gpu = {
    .name = "gpu",
    .kernels = &gpu_kernels,
    .open = gpu_open,
    .prepare = gpu_prepare,
    .data = gpu_data,
    .put = gpu_put,
    .get = gpu_get,
    .gradient = gpu_gradient,
    .save = gpu_save,
    .load = gpu_load,
    .keep = gpu_keep,
    .exchange = gpu_exchange,
    .train = gpu_train,
    .estimate = gpu_estimate,
    .score = gpu_score,
    .infer = gpu_infer,
    .memory = gpu_memory,
    .describe = gpu_describe,
    .plans = gpu_plans,
    .close = gpu_close,
};
