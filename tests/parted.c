/* parted.c - see parted.h. */
#include "tests/parted.h"
#include "core/die.h"
#include "tests/test.h"
#include "tests/whole.h"

/* All gradients of the last step, one after another. Caller frees. */
static double *gradients(const struct whole *w, size_t *count) {
    const struct graph *g = w->graph;
    double *all = xcalloc(g->weights, sizeof *all);
    *count = 0;
    for (int p = 0; p < g->params; p++) {
        if (g->param[p].buffer) continue;
        struct tensor t = {
            g->param[p].name, T_F64, 1, {(int)g->param[p].count}, all + *count};
        w->backend->gradient(w->machine, t.name, &t);
        *count += g->param[p].count;
    }
    return all;
}

double parted_distance(const char *name, const char *device, const char *precision,
                       int part, double *loss) {
    struct whole whole, apart;
    double losses, each, mean = 0;
    size_t count;
    whole_open_parts(&whole, name, precision, device, part, 0, "plans.bag");
    assert_int_equal(whole.backend->train(whole.machine, 1, 0, 1, &losses, NULL), 1);
    double *ours = gradients(&whole, &count), *sum = xcalloc(count, sizeof *sum);
    whole_open_parts(&apart, name, precision, device, part, 1, "plans.bag");
    for (int first = 0; first < whole.batch; first += part) {
        const int step = first / part,
                  n = whole.batch - first < part ? whole.batch - first : part;
        assert_int_equal(
            apart.backend->train(apart.machine, 1, step, step + 1, &each, NULL), 1);
        double *g = gradients(&apart, &count);
        for (size_t i = 0; i < count; i++) sum[i] += g[i] * n / whole.batch;
        mean += each * n / whole.batch;
        xfree(g);
    }
    const double off = relative_l2(ours, sum, count);
    *loss = fabs(losses / mean - 1);
    xfree(ours);
    xfree(sum);
    whole_close(&whole);
    whole_close(&apart);
    return off;
}
