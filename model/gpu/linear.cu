/* linear.cu - F.linear over all tokens of a batch, y[rows][O] = x[rows][I] w[O][I]' + b,
 * alone or with F.gelu behind it; equals ref_linear_* (ref_gelu_* after it). The products
 * are the library's, the bias's gradient is a sum of columns.
 *
 * With gelu the product is kept without its bias (z), which the passes that read z add in
 * float: forward reads z, writes y; backward reads z and dy, writes dz and sums its columns
 * on the way. Bytes of n elements of e bytes, besides the products: forward 2ne, backward
 * 3ne (one by one 4ne). */
#include "model/gpu/columns.h"
#include "model/gpu/gelu.h"

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

static void multiply(const struct call *c, const struct product &p, const void *a,
                     const void *b, void *out, const void *bias) {
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
        BY_TYPE(type_of(c, 0), bias_gradient, c, c->dy, (size_t)l.rows, l.O,
                (float *)c->dw[1], c->scratch);
    if (c->dx[0]) multiply(c, product_dx(l, c->sum[0]), c->dy, c->w[0], c->dx[0], NULL);
    if (c->dw[0]) multiply(c, product_dw(l), c->dy, c->x[0], c->dw[0], NULL);
}

/* ---- with gelu ---- */

/* y = gelu(z + b), V columns of a row a thread. */
template <typename T, int V>
KERNEL BOUNDS(THREADS) gelu_first(const T *z, const float *b, T *y, size_t rows, int O) {
    size_t across = (size_t)(O / V);
    for (size_t i = grid_first(); i < rows * across; i += grid_stride()) {
        float v[V], add[V] = {};
        take<V>(v, z + i * V);
        if (b) take<V>(add, b + i % across * V);
        for (int k = 0; k < V; k++) v[k] = gelu_of(v[k] + add[k]);
        give<V>(y + i * V, v);
    }
}

/* dz = dy gelu'(z + b) is written while its columns are summed; each element is one
 * thread's. */
template <typename T, int V> struct gelu_rows {
    const T *z, *dy;
    const float *b;
    T *dz;
    int O;
    METHOD void add(size_t row, int column, float sum[1][V]) const {
        size_t at = row * (size_t)O + (size_t)column;
        float v[V], g[V], more[V] = {};
        take<V>(v, z + at);
        take<V>(g, dy + at);
        if (b) take<V>(more, b + column);
        for (int k = 0; k < V; k++) {
            g[k] *= gelu_slope(v[k] + more[k]);
            sum[0][k] += g[k];
        }
        give<V>(dz + at, g);
    }
};
struct gelu_store {
    float *db; /* NULL: not wanted */
    METHOD void finish(int column, const double total[1]) const {
        if (db) db[column] = (float)total[0];
    }
};

static size_t element_bytes(const struct call *c) {
    return type_of(c, 0) == FP32 ? sizeof(float) : 2;
}
static size_t z_bytes(const struct call *linear) {
    struct linear l = linear_of(linear);
    return pad256((size_t)l.rows * (size_t)l.O * element_bytes(linear));
}

size_t gpu_linear_gelu_saved(const struct call *calls, int n) {
    (void)n;
    return z_bytes(&calls[0]);
}
/* dz, then what the products and the sums want. */
size_t gpu_linear_gelu_scratch(const struct call *calls, int n) {
    size_t more = gpu_linear_scratch(&calls[0]), plain;
    (void)n;
    plain = wanted(&calls[0], product_y(linear_of(&calls[0]), 0));
    if (plain > more) more = plain;
    return (calls[0].phase == PHASE_TRAIN ? z_bytes(&calls[0]) : 0) + more;
}

template <typename T> static void gelu_forward(const struct call *c, void *y) {
    struct linear l = linear_of(c);
    struct device *d = gpu_of(c)->device;
    const T *z = (const T *)c->saved;
    const float *b = (const float *)c->w[1];
    size_t rows = (size_t)l.rows, all = rows * (size_t)l.O;
    if (l.O % WIDE<T>)
        LAUNCH((gelu_first<T, 1>), blocks_for(c, all), THREADS, 0, d, z, b, (T *)y, rows,
               l.O);
    else
        LAUNCH((gelu_first<T, WIDE<T>>), blocks_for(c, all / WIDE<T>), THREADS, 0, d, z, b,
               (T *)y, rows, l.O);
}

void gpu_linear_gelu_forward(const struct call *calls, int n) {
    const struct call *c = &calls[0];
    if (c->phase != PHASE_AGAIN)
        multiply(c, product_y(linear_of(c), 0), c->x[0], c->w[0], c->saved, NULL);
    BY_TYPE(type_of(c, 0), gelu_forward, c, calls[n - 1].y);
}

template <typename T, int V>
static void gelu_backward_wide(const struct call *c, const void *dy, void *dz, void *part) {
    struct linear l = linear_of(c);
    columns_sum<V, 1>(gpu_of(c)->device, columns_of((size_t)l.rows, l.O, V),
                      gelu_rows<T, V>{(const T *)c->saved, (const T *)dy,
                                      (const float *)c->w[1], (T *)dz, l.O},
                      gelu_store{(float *)c->dw[1]}, (float *)part);
}
template <typename T>
static void gelu_backward(const struct call *c, const void *dy, void *dz, void *part) {
    if (linear_of(c).O % WIDE<T>)
        gelu_backward_wide<T, 1>(c, dy, dz, part);
    else
        gelu_backward_wide<T, WIDE<T>>(c, dy, dz, part);
}

void gpu_linear_gelu_backward(const struct call *calls, int n) {
    struct call c = calls[0];
    struct linear l = linear_of(&c);
    void *dz = c.scratch;
    c.scratch = (uint8_t *)c.scratch + z_bytes(&c);
    BY_TYPE(type_of(&c, 0), gelu_backward, &c, calls[n - 1].dy, dz, c.scratch);
    if (c.dx[0]) multiply(&c, product_dx(l, c.sum[0]), dz, c.w[0], c.dx[0], NULL);
    if (c.dw[0]) multiply(&c, product_dw(l), dz, c.x[0], c.dw[0], NULL);
}
