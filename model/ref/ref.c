/* ref.c - the reference machine's table, its Adam and its rounding. */
#include "model/ref/ref.h"
#include "model/host.h"
#include "model/precision.h"
#include <math.h>

/* torch.optim.Adam: L2 decay inside the gradient, eps outside the corrected root. */
static void ref_adam(const struct adam *a) {
    double *w = a->w, *m = a->m, *v = a->v;
    const double *gradient = a->g;
    for (size_t i = 0; i < a->count; i++) {
        double g = gradient[i] * a->unscale + a->weight_decay * w[i];
        m[i] = a->beta1 * m[i] + (1 - a->beta1) * g;
        v[i] = a->beta2 * v[i] + (1 - a->beta2) * g * g;
        w[i] -= a->lr / a->correction1 * m[i] / (sqrt(v[i] / a->correction2) + a->eps);
    }
}

static void ref_round(void *x, size_t n, enum precision precision) {
    double *d = x;
    for (size_t i = 0; i < n; i++) d[i] = precision_round(precision, (float)d[i]);
}

static int ref_finite(const void *x, size_t n) {
    const double *d = x;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(d[i])) return 0;
    return 1;
}

static const char *ref_describe(void) {
    return "ref, plain loops, double, one thread";
}

const struct kernels ref_kernels = {
    .name = "ref",
    .real = T_F64,
    .op =
        {
#define OP(name, x, y, cheap)                                                              \
    [OP_##name].forward = ref_##name##_forward,                                            \
    [OP_##name].backward = ref_##name##_backward,
            OPS(OP)
#undef OP
                [OP_batchnorm]
                    .saved = ref_batchnorm_saved,
            [OP_maxpool].saved = ref_maxpool_saved,
        },
    .adam = ref_adam,
    .round = ref_round,
    .finite = ref_finite,
    .describe = ref_describe,
};
