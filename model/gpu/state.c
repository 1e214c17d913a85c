/* state.c - parameters, gradients and a resumed run's state of the GPU machine, in and out.
 * Outside all is as PyTorch has it; inside as gpu.h says. */
#include "model/gpu/machine.h"
#include "core/die.h"
#include <string.h>

/* ---- where everything is ---- */

static size_t aligned(size_t n) {
    return (n + GPU_ALIGN - 1) / GPU_ALIGN * GPU_ALIGN;
}

/* Gives places to all parameters of one part (1: matrices, 0: vectors) and of one side. */
static size_t arrange_some(struct machine *m, int matrix, int encoder, size_t at) {
    const struct graph *g = m->job.graph;
    for (int p = 0; p < g->params; p++) {
        if (g->param[p].buffer || m->layout[p].matrix != matrix ||
            g->param[p].encoder != encoder)
            continue;
        m->at[p] = at;
        at += aligned(m->layout[p].all);
    }
    return at;
}

void gpu_arrange(struct machine *m) {
    const struct graph *g = m->job.graph;
    struct gpu_weights *w = &m->weights;
    m->layout = xcalloc((size_t)g->params + 1, sizeof *m->layout);
    m->at = xcalloc((size_t)g->params + 1, sizeof *m->at);
    for (int p = 0; p < g->params; p++) {
        m->layout[p] = gpu_layout(g, p);
        if (!g->param[p].buffer) continue;
        m->at[p] = m->buffer_count;
        m->buffer_count += aligned(m->layout[p].all);
    }
    w->encoder[0] = arrange_some(m, 1, 1, 0);
    w->end[0] = w->matrices = arrange_some(m, 1, 0, w->encoder[0]);
    w->encoder[1] = arrange_some(m, 0, 1, w->matrices);
    w->end[1] = w->all = arrange_some(m, 0, 0, w->encoder[1]);
}

static int find(const struct machine *m, const char *name) {
    int p = graph_param(m->job.graph, name);
    if (p < 0) die_no("%s: the model has no such tensor", quoted(name));
    return p;
}

static void check(const struct param *p, const struct tensor *t) {
    if (tensor_count(t) != p->count)
        die_no("%s: found %zu elements %s, wanted %zu", p->name, tensor_count(t),
               tensor_shape(t), p->count);
}

/* ---- parameters ---- */

static float *master(const struct machine *m, int p) {
    return (m->job.graph->param[p].buffer ? m->buffers : m->weights.w) + m->at[p];
}

void gpu_put(struct machine *m, const struct tensor *t) {
    const int p = find(m, t->name);
    const struct gpu_layout *l = &m->layout[p];
    check(&m->job.graph->param[p], t);
    float *plain = xmalloc(l->count * sizeof *plain),
          *placed = xcalloc(l->all, sizeof *placed);
    tensor_to_f32(t, plain);
    for (size_t i = 0; i < l->count; i++) placed[gpu_place(l, i)] = plain[i];
    device_upload(m->gpu.device, master(m, p), placed, l->all * sizeof *placed);
    if (l->matrix) gpu_copy(&m->gpu, &m->weights, m->at[p], aligned(l->all));
    device_wait(m->gpu.device); /* `placed` goes */
    xfree(plain);
    xfree(placed);
}

/* n floats in the machine's order to a tensor of F32 or F64, each times `factor`. */
static void give(const struct gpu_layout *l, const float *placed, float factor,
                 struct tensor *t) {
    for (size_t i = 0; i < l->count; i++) {
        const float x = placed[gpu_place(l, i)] * factor;
        if (t->type == T_F64)
            ((double *)t->data)[i] = x;
        else
            ((float *)t->data)[i] = x;
    }
}

void gpu_get(struct machine *m, const char *name, struct tensor *t) {
    const int p = find(m, name);
    const struct gpu_layout *l = &m->layout[p];
    check(&m->job.graph->param[p], t);
    float *placed = xmalloc(l->all * sizeof *placed);
    device_download(m->gpu.device, placed, master(m, p), l->all * sizeof *placed);
    give(l, placed, 1, t);
    xfree(placed);
}

void gpu_gradient(struct machine *m, const char *name, struct tensor *t) {
    const int p = find(m, name);
    const struct gpu_layout *l = &m->layout[p];
    const struct gpu_weights *w = &m->weights;
    const size_t size = l->matrix ? gpu_element(m->gpu.precision, 0) : sizeof(float);
    struct gpu_now now;
    check(&m->job.graph->param[p], t);
    void *raw = xmalloc(l->all * size);
    float *placed = xmalloc(l->all * sizeof *placed);
    device_download(m->gpu.device, raw,
                    l->matrix ? (uint8_t *)w->gradient + m->at[p] * size
                              : (uint8_t *)(w->vector_gradient + (m->at[p] - w->matrices)),
                    l->all * size);
    device_download(m->gpu.device, &now, m->gpu.now, sizeof now);
    struct tensor r = {name, T_F32, 1, {(int)l->all}, raw};
    if (size == 2) r.type = m->gpu.precision == FP16 ? T_F16 : T_BF16;
    tensor_to_f32(&r, placed);
    give(l, placed, now.unscale, t);
    xfree(raw);
    xfree(placed);
}

/* ---- the whole state ---- */

struct block { /* a flat array of floats, by name */
    const char *name;
    float *data; /* device */
    size_t count;
};

static int blocks_of(const struct machine *m, struct block out[4]) {
    const struct gpu_weights *w = &m->weights;
    out[0] = (struct block){"state.weights", w->w, w->all};
    out[1] = (struct block){"state.m", w->m, w->all};
    out[2] = (struct block){"state.v", w->v, w->all};
    out[3] = (struct block){"state.buffers", m->buffers, m->buffer_count};
    return m->buffer_count ? 4 : 3;
}

void gpu_save(struct machine *m, struct bag_writer *bag) {
    struct block b[4];
    struct gpu_now now;
    int n = blocks_of(m, b);
    for (int i = 0; i < n; i++) {
        struct tensor t = {b[i].name, T_F32, 1, {(int)b[i].count}, NULL};
        t.data = xmalloc(b[i].count * sizeof(float));
        device_download(m->gpu.device, t.data, b[i].data, b[i].count * sizeof(float));
        bag_add(bag, &t);
        xfree(t.data);
    }
    device_download(m->gpu.device, &now, m->gpu.now, sizeof now);
    double scalars[3] = {(double)now.steps, now.loss_scale, now.good};
    bag_add(bag, &(struct tensor){"state.scalars", T_F64, 1, {3}, scalars});
}

void gpu_load(struct machine *m, const struct bag *bag) {
    struct block b[4];
    double scalars[3];
    int n = blocks_of(m, b);
    for (int i = 0; i < n; i++) {
        const struct tensor *t = bag_need(bag, b[i].name, T_F32, 1);
        if (tensor_count(t) != b[i].count)
            die_no("%s: %s has %zu elements, wanted %zu; delete it and run make again",
                   bag->map.path, b[i].name, tensor_count(t), b[i].count);
        device_upload(m->gpu.device, b[i].data, t->data, b[i].count * sizeof(float));
    }
    const struct tensor *t = bag_need(bag, "state.scalars", T_F64, 1);
    if (tensor_count(t) != 3) die_no("%s: state.scalars: wanted 3 numbers", bag->map.path);
    memcpy(scalars, t->data, sizeof scalars);
    if (!(scalars[0] >= 0 && scalars[0] < 0x1p53 && scalars[1] > 0 && scalars[1] <= 65536 &&
          scalars[2] >= 0 && scalars[2] < 2000))
        die_no(
            "%s: state.scalars: wanted a step count, a loss scale and good steps; delete it "
            "and run make again",
            bag->map.path);
    gpu_restore(&m->gpu, (int64_t)scalars[0], (float)scalars[1], (int)scalars[2]);
    gpu_copy(&m->gpu, &m->weights, 0, m->weights.matrices);
    device_wait(m->gpu.device);
}

/* ---- the best so far ---- */

void gpu_keep(struct machine *m) {
    device_copy(m->gpu.device, m->kept, m->weights.w, m->weights.all * sizeof(float));
    device_copy(m->gpu.device, m->kept_buffers, m->buffers,
                m->buffer_count * sizeof(float));
}

void gpu_exchange(struct machine *m) {
    gpu_swap(&m->gpu, m->kept, m->weights.w, m->weights.all);
    gpu_swap(&m->gpu, m->kept_buffers, m->buffers, m->buffer_count);
    gpu_copy(&m->gpu, &m->weights, 0, m->weights.matrices);
}
