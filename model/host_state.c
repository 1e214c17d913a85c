/* host_state.c - parameters, gradients and a resumed run's state of a host machine, in and
 * out. */
#include "model/host_machine.h"
#include "core/die.h"
#include <string.h>

static const struct param *find(const struct machine *m, const char *name) {
    int p = graph_param(m->job.graph, name);
    if (p < 0) die_no("%s: the model has no such tensor", quoted(name));
    return &m->job.graph->param[p];
}

static void check(const struct param *p, const struct tensor *t) {
    if (tensor_count(t) != p->count)
        die_no("%s: found %zu elements %s, wanted %zu", p->name, tensor_count(t),
               tensor_shape(t), p->count);
}

/* Elements of block `base` from `offset` to a tensor of F32 or F64, and back. */
static void copy_out(const struct machine *m, const void *base, size_t offset,
                     double factor, struct tensor *t) {
    size_t n = tensor_count(t);
    for (size_t i = 0; i < n; i++) {
        double x = m->k->real == T_F64 ? ((const double *)base)[offset + i]
                                       : ((const float *)base)[offset + i];
        x *= factor;
        if (t->type == T_F64)
            ((double *)t->data)[i] = x;
        else
            ((float *)t->data)[i] = (float)x;
    }
}

void host_put(struct machine *m, const struct tensor *t) {
    const struct param *p = find(m, t->name);
    check(p, t);
    void *base = p->buffer ? m->buffers : m->weights;
    if (m->k->real == T_F64)
        tensor_to_f64(t, (double *)base + p->offset);
    else
        tensor_to_f32(t, (float *)base + p->offset);
    if (p->buffer || m->rounded == m->weights) return;
    uint8_t *copy = (uint8_t *)m->rounded + p->offset * m->real;
    memcpy(copy, (uint8_t *)m->weights + p->offset * m->real, p->count * m->real);
    if (param_is_rounded(m->job.graph, (int)(p - m->job.graph->param),
                         m->job.recipe->precision))
        m->k->round(copy, p->count, m->job.recipe->precision);
}

void host_get(struct machine *m, const char *name, struct tensor *t) {
    const struct param *p = find(m, name);
    check(p, t);
    copy_out(m, p->buffer ? m->buffers : m->weights, p->offset, 1, t);
}

void host_gradient(struct machine *m, const char *name, struct tensor *t) {
    const struct param *p = find(m, name);
    check(p, t);
    copy_out(m, m->gradient, p->offset, m->unscale, t);
}

/* The blocks a resumed run needs, by name. */
struct block {
    const char *name;
    void *data;
    size_t count;
};

static int blocks_of(struct machine *m, struct block out[4]) {
    size_t n = m->job.graph->weights;
    out[0] = (struct block){"state.weights", m->weights, n};
    out[1] = (struct block){"state.m", m->m, n};
    out[2] = (struct block){"state.v", m->v, n};
    out[3] = (struct block){"state.buffers", m->buffers, m->job.graph->buffers};
    return m->job.graph->buffers ? 4 : 3;
}

void host_save(struct machine *m, struct bag_writer *bag) {
    struct block b[4];
    int n = blocks_of(m, b);
    for (int i = 0; i < n; i++)
        bag_add(bag,
                &(struct tensor){b[i].name, m->k->real, 1, {(int)b[i].count}, b[i].data});
    double scalars[3] = {(double)m->step, m->loss_scale, (double)m->good_steps};
    bag_add(bag, &(struct tensor){"state.scalars", T_F64, 1, {3}, scalars});
}

void host_load(struct machine *m, const struct bag *bag) {
    struct block b[4];
    int n = blocks_of(m, b);
    for (int i = 0; i < n; i++) {
        const struct tensor *t = bag_need(bag, b[i].name, m->k->real, 1);
        if (tensor_count(t) != b[i].count)
            die_no("%s: %s has %zu elements, wanted %zu; delete it and run make again",
                   bag->map.path, b[i].name, tensor_count(t), b[i].count);
        memcpy(b[i].data, t->data, b[i].count * m->real);
    }
    const struct tensor *t = bag_need(bag, "state.scalars", T_F64, 1);
    if (tensor_count(t) != 3) die_no("%s: state.scalars: wanted 3 numbers", bag->map.path);
    double scalars[3];
    memcpy(scalars, t->data, sizeof scalars);
    m->step = (int64_t)scalars[0];
    m->loss_scale = scalars[1];
    m->good_steps = (int64_t)scalars[2];
    host_round_weights(m);
}

void host_keep(struct machine *m) {
    const struct graph *g = m->job.graph;
    memcpy(m->kept, m->weights, g->weights * m->real);
    memcpy((uint8_t *)m->kept + g->weights * m->real, m->buffers, g->buffers * m->real);
}

static void swap_bytes(uint8_t *a, uint8_t *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint8_t x = a[i];
        a[i] = b[i];
        b[i] = x;
    }
}

void host_exchange(struct machine *m) {
    const struct graph *g = m->job.graph;
    swap_bytes(m->kept, m->weights, g->weights * m->real);
    swap_bytes((uint8_t *)m->kept + g->weights * m->real, m->buffers, g->buffers * m->real);
    host_round_weights(m);
}
