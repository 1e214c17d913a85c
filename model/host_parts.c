/* host_parts.c - a step's batch taken in parts: what loss.backward() on each part's share
 * of the mean loss leaves in PyTorch's .grad. */
#include "model/host_machine.h"

static void add_f64(double *sum, double *g, size_t count, double share, int begins,
                    int ends) {
    for (size_t i = 0; i < count; i++) {
        sum[i] = (begins ? 0 : sum[i]) + share * g[i];
        if (ends) g[i] = sum[i];
    }
}

static void add_f32(float *sum, float *g, size_t count, float share, int begins, int ends) {
    for (size_t i = 0; i < count; i++) {
        sum[i] = (begins ? 0 : sum[i]) + share * g[i];
        if (ends) g[i] = sum[i];
    }
}

void host_add_part(struct machine *m, int n, int first, int of) {
    const size_t count = m->job.graph->weights;
    const double share = (double)n / of;
    if (m->k->real == T_F64)
        add_f64(m->parts, m->gradient, count, share, first == 0, first + n == of);
    else
        add_f32(m->parts, m->gradient, count, (float)share, first == 0, first + n == of);
}
