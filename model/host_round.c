/* host_round.c - what a precision other than fp32 does to a host machine's arrays: 16-bit
 * storage is imitated by rounding what each step wrote, tf32 by rounding copies of what a
 * product reads. */
#include "model/host_machine.h"
#include "core/die.h"
#include <string.h>

/* Maps of one channel (logits) and the loss stay float, as on the GPU; in PyTorch's
 * autocast too the loss reads float. */
static int stored(struct shape s) {
    return s.ndim == 2 || (s.ndim == 3 && s.dim[0] > 1);
}

void host_round_results(struct machine *m, const struct plan *p, const struct action *a,
                        const struct call *calls) {
    const struct graph *g = m->job.graph;
    const struct step *s = &p->step[a->step];
    int out = s->first + s->nodes - 1;
    size_t n = (size_t)calls->N;
    enum precision precision = m->job.recipe->precision;
    if (a->kind != BACKWARD) {
        if (stored(g->node[out].shape))
            m->k->round(calls[s->nodes - 1].y, n * shape_count(g->node[out].shape),
                        precision);
        return;
    }
    for (int i = 0; i < s->nodes; i++)
        for (int k = 0; k < calls[i].inputs; k++)
            if (calls[i].dx[k] && stored(calls[i].xs[k]))
                m->k->round(calls[i].dx[k], n * shape_count(calls[i].xs[k]), precision);
}

void host_make_operands(struct machine *m) {
    const struct graph *g = m->job.graph;
    size_t x = 0, y = 0;
    if (m->job.recipe->precision != TF32) return;
    for (int i = 0; i < g->nodes; i++) {
        if (!node_is_product(g, i)) continue;
        size_t in = shape_count(g->node[g->node[i].in[0]].shape),
               out = shape_count(g->node[i].shape);
        if (in > x) x = in;
        if (out > y) y = out;
    }
    m->operand[0] = xaligned(x * (size_t)m->job.batch * m->real + 64);
    m->operand[1] = xaligned(y * (size_t)m->job.batch * m->real + 64);
}

static const void *rounded(struct machine *m, int which, const void *from, size_t n) {
    if (!from) return NULL;
    memcpy(m->operand[which], from, n * m->real);
    m->k->round(m->operand[which], n, TF32);
    return m->operand[which];
}

/* The call of a product with copies for x and dy; weights are copies already. The gradient
 * of a bias is then a sum of rounded numbers, which no product asks for: 2^-11 of noise in
 * a sum. */
struct call host_operands(struct machine *m, const struct call *c) {
    struct call copy = *c;
    size_t n = (size_t)c->N;
    copy.x[0] = rounded(m, 0, c->x[0], n * shape_count(c->xs[0]));
    copy.dy = rounded(m, 1, c->dy, n * shape_count(c->ys));
    return copy;
}

/* The copies of weights that kernels read, after weights changed. */
void host_round_weights(struct machine *m) {
    const struct graph *g = m->job.graph;
    if (m->rounded == m->weights) return;
    memcpy(m->rounded, m->weights, g->weights * m->real);
    for (int i = 0; i < g->params; i++) /* norms and biases stay in full precision */
        if (param_is_rounded(g, i, m->job.recipe->precision))
            m->k->round((uint8_t *)m->rounded + g->param[i].offset * m->real,
                        g->param[i].count, m->job.recipe->precision);
}
