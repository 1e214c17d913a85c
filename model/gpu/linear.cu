/* linear.cu - F.linear over all tokens of a batch, y[rows][O] = x[rows][I] w[O][I]' + b; equals
 * ref_linear_*. The products are the library's, the bias's gradient is a sum of columns. */
#include "model/gpu/columns.h"

struct linear {
    int rows, I, O;
};
static struct linear linear_of(const struct call *c) {
    return {c->N * c->ys.dim[0], c->xs[0].dim[1], c->ys.dim[1]};
}

static struct product product_y(const struct linear &l, int bias) {
    struct product p = {};
    p.M = l.rows, p.N = l.O, p.K = l.I, p.batch = 1;
    p.tb = 1, p.lda = l.I, p.ldb = l.I, p.ldc = l.O;
    p.c = ELEMENT_STORAGE, p.bias = bias;
    return p;
}
static struct product product_dx(const struct linear &l, int sum) {
    struct product p = {};
    p.M = l.rows, p.N = l.I, p.K = l.O, p.batch = 1;
    p.lda = l.O, p.ldb = l.I, p.ldc = l.I;
    p.c = ELEMENT_STORAGE, p.sum = sum;
    return p;
}
static struct product product_dw(const struct linear &l) {
    struct product p = {};
    p.M = l.O, p.N = l.I, p.K = l.rows, p.batch = 1;
    p.ta = 1, p.lda = l.O, p.ldb = l.I, p.ldc = l.I;
    p.c = ELEMENT_STORAGE;
    return p;
}

static void multiply(const struct call *c, const struct product &p, const void *a, const void *b,
                     void *out, const void *bias) {
    struct library *l = gpu_of(c)->library;
    product_run(l, library_product(l, &p), a, b, out, (const float *)bias, c->scratch);
}

static size_t wanted(const struct call *c, const struct product &p) {
    return product_scratch(library_product(gpu_of(c)->library, &p));
}

size_t gpu_linear_scratch(const struct call *c) {
    struct linear l = linear_of(c);
    size_t most = wanted(c, product_y(l, 1)), next;
    if (c->phase != PHASE_TRAIN) return most;
    for (int sum = 0; sum < 2; sum++)
        if ((next = wanted(c, product_dx(l, sum))) > most) most = next;
    if ((next = wanted(c, product_dw(l))) > most) most = next;
    next = bias_gradient_bytes(type_of(c, 0), (size_t)l.rows, l.O);
    return next > most ? next : most;
}

void gpu_linear_forward(const struct call *c) {
    struct linear l = linear_of(c);
    multiply(c, product_y(l, c->w[1] != NULL), c->x[0], c->w[0], c->y, c->w[1]);
}

void gpu_linear_backward(const struct call *c) {
    struct linear l = linear_of(c);
    if (c->dw[1])
        BY_TYPE(type_of(c, 0), bias_gradient, c, c->dy, (size_t)l.rows, l.O, (float *)c->dw[1],
                c->scratch);
    if (c->dx[0]) multiply(c, product_dx(l, c->sum[0]), c->dy, c->w[0], c->dx[0], NULL);
    if (c->dw[0]) multiply(c, product_dw(l), c->dy, c->x[0], c->dw[0], NULL);
}
