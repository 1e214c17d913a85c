/* batchnorm.cu - F.batch_norm over (N,H,W), alone or with what follows it; equals
 * ref_batchnorm_forward, _backward (with ref_add_*, ref_relu_* where fused). Maps are rows
 * of C channels, rows = N*H*W.
 *
 * Forward: read x for the statistics, write nothing but partial sums; read x, write y.
 * Backward: read x and dy (and y behind an addition) for the sums; read them again, write
 * dx (and the shortcut's). Bytes of n = rows * C elements of e bytes: forward 3ne (+ ne
 * with a shortcut), backward 5ne (+ 3ne). */
#include "model/gpu/batchnorm.h"
#include "model/gpu/columns.h"

/* What the passes over x see. T: storage; V elements a thread, C divisible by V. */
template <typename T> struct norm_pass {
    const T *x, *shortcut, *dy, *masked;
    T *y, *dx, *dshortcut;
    const float *w, *b, *mean, *invstd; /* [C] */
    const float *offset, *slope;        /* [C], backward: see norm_sums */
    int C, relu, sum, sum_shortcut;
};

/* ---- statistics ---- */

/* Sums of x - shift and of its square. The shift is the channel's value in the middle of
 * the first picture: near the mean, so that the squares do not drown it. */
template <typename T, int V> struct moment_rows {
    const T *x;
    size_t middle; /* row */
    int C;
    METHOD void add(size_t row, int column, float sum[2][V]) const {
        float v[V], shift[V];
        take<V>(v, x + row * (size_t)C + (size_t)column);
        take<V>(shift, x + middle * (size_t)C + (size_t)column);
        for (int i = 0; i < V; i++) {
            float d = v[i] - shift[i];
            sum[0][i] += d;
            sum[1][i] += d * d;
        }
    }
};

/* Mean and 1/sqrt(variance + eps); running statistics move, the variance's unbiased
 * form. */
template <typename T> struct moments {
    const T *x;
    size_t middle;
    double count, eps, momentum;
    const struct gpu_now *now; /* PHASE_ESTIMATE: the mean over batches; else NULL */
    int C;
    float *saved, *running_mean, *running_var;
    METHOD void finish(int column, const double total[2]) const {
        double off = total[0] / count, variance = total[1] / count - off * off;
        double mean = off + to_float(x[middle * (size_t)C + (size_t)column]);
        if (variance < 0) variance = 0;
        double share = now ? 1.0 / (now->passes + 1) : momentum;
        double unbiased = count > 1 ? variance * count / (count - 1) : variance;
        double rm = running_mean[column], rv = running_var[column];
        running_mean[column] = (float)(rm + share * (mean - rm));
        running_var[column] = (float)(rv + share * (unbiased - rv));
        saved[column] = (float)mean;
        saved[C + column] = (float)(1 / sqrt(variance + eps));
    }
};

/* The running statistics instead: a thread a channel. */
KERNEL BOUNDS(THREADS) running_statistics(const float *mean, const float *variance,
                                          double eps, int C, float *saved) {
    for (size_t k = grid_first(); k < (size_t)C; k += grid_stride()) {
        saved[k] = mean[k];
        saved[(size_t)C + k] = (float)(1 / sqrt(variance[k] + eps));
    }
}

/* ---- forward: y = relu((x - mean) invstd w + b + shortcut) ---- */

/* Launch: columns.h's grid, no sums. */
template <typename T, int V>
KERNEL BOUNDS(THREADS) norm_apply(struct columns s, struct norm_pass<T> n) {
    struct column_place p = column_place(s, V);
    if (p.column >= n.C) return;
    float mean[V], scale[V], shift[V];
    for (int i = 0; i < V; i++) {
        int k = p.column + i;
        mean[i] = n.mean[k], scale[i] = n.invstd[k] * n.w[k], shift[i] = n.b[k];
    }
    for (size_t row = p.begin + p.down; row < p.end; row += THREADS / s.lanes) {
        size_t at = row * (size_t)n.C + (size_t)p.column;
        float v[V], add[V];
        take<V>(v, n.x + at);
        for (int i = 0; i < V; i++) v[i] = (v[i] - mean[i]) * scale[i] + shift[i];
        if (n.shortcut) {
            take<V>(add, n.shortcut + at);
            for (int i = 0; i < V; i++) v[i] += add[i];
        }
        for (int i = 0; n.relu && i < V; i++) v[i] = v[i] <= 0 ? 0 : v[i]; /* NaN stays */
        give<V>(n.y + at, v);
    }
}

/* ---- backward ---- */

/* x - mean and the gradient behind the ReLU of V elements. */
template <typename T, int V>
DEVICE void norm_gradient(const struct norm_pass<T> &n, size_t at, const float *mean,
                          const float *scale, const float *shift, float *x, float *g) {
    take<V>(x, n.x + at);
    take<V>(g, n.dy + at);
    for (int i = 0; i < V; i++) x[i] -= mean[i];
    if (!n.relu) return;
    float y[V];
    if (n.masked)
        take<V>(y, n.masked + at);
    else
        for (int i = 0; i < V; i++) y[i] = x[i] * scale[i] + shift[i];
    for (int i = 0; i < V; i++) g[i] = y[i] > 0 ? g[i] : 0;
}

/* Sums of g and of g (x - mean). */
template <typename T, int V> struct gradient_rows {
    struct norm_pass<T> n;
    METHOD void add(size_t row, int column, float sum[2][V]) const {
        float x[V], g[V], mean[V], scale[V], shift[V];
        for (int i = 0; i < V; i++) {
            int k = column + i;
            mean[i] = n.mean[k], scale[i] = n.invstd[k] * n.w[k], shift[i] = n.b[k];
        }
        norm_gradient<T, V>(n, row * (size_t)n.C + (size_t)column, mean, scale, shift, x,
                            g);
        for (int i = 0; i < V; i++) {
            sum[0][i] += g[i];
            sum[1][i] += g[i] * x[i];
        }
    }
};

/* Gradients of weight and bias, and what dx needs of the sums: nothing where the statistics
 * were constants. */
struct norm_sums {
    const float *invstd;
    double count;
    int frozen;
    float *dw, *db, *offset, *slope;
    METHOD void finish(int column, const double total[2]) const {
        double r = invstd[column];
        if (dw) dw[column] = (float)(total[1] * r);
        if (db) db[column] = (float)total[0];
        offset[column] = frozen ? 0 : (float)(total[0] / count);
        slope[column] = frozen ? 0 : (float)(total[1] * r * r / count);
    }
};

/* dx = scale (g - offset - (x - mean) slope), and the shortcut's g on the way. Launch as
 * norm_apply. */
template <typename T, int V>
KERNEL BOUNDS(THREADS) norm_back(struct columns s, struct norm_pass<T> n) {
    struct column_place p = column_place(s, V);
    if (p.column >= n.C) return;
    float mean[V], scale[V], shift[V], offset[V], slope[V];
    for (int i = 0; i < V; i++) {
        int k = p.column + i;
        mean[i] = n.mean[k], scale[i] = n.invstd[k] * n.w[k], shift[i] = n.b[k];
        offset[i] = n.offset[k], slope[i] = n.slope[k];
    }
    for (size_t row = p.begin + p.down; row < p.end; row += THREADS / s.lanes) {
        size_t at = row * (size_t)n.C + (size_t)p.column;
        float x[V], g[V];
        norm_gradient<T, V>(n, at, mean, scale, shift, x, g);
        if (n.dshortcut) give_gradient<V>(n.dshortcut + at, g, n.sum_shortcut);
        if (!n.dx) continue;
        for (int i = 0; i < V; i++) g[i] = (g[i] - offset[i] - x[i] * slope[i]) * scale[i];
        give_gradient<V>(n.dx + at, g, n.sum);
    }
}

/* ---- host ---- */

struct batchnorm gpu_norm_of(const struct call *c) {
    struct batchnorm b = {};
    b.c = c;
    b.y = c->y;
    b.dy = c->dy;
    return b;
}

static size_t rows_of(const struct call *c) {
    return (size_t)c->N * (size_t)c->ys.dim[1] * (size_t)c->ys.dim[2];
}
static int lanes_wide(const struct call *c) {
    int C = c->ys.dim[0], V = type_of(c, C) == FP32 ? 4 : 8;
    return C % V == 0 ? V : 1;
}

size_t gpu_batchnorm_saved(const struct call *c) {
    return 2 * (size_t)c->ys.dim[0] * sizeof(float);
}
/* Partial sums, then offset and slope. */
size_t gpu_batchnorm_scratch(const struct call *c) {
    struct columns s = columns_of(rows_of(c), c->ys.dim[0], lanes_wide(c));
    return columns_bytes(s, 2) + gpu_batchnorm_saved(c);
}

template <typename T> static struct norm_pass<T> pass_of(const struct batchnorm *b) {
    const struct call *c = b->c;
    struct norm_pass<T> n = {};
    n.x = (const T *)c->x[0], n.shortcut = (const T *)b->shortcut;
    n.dy = (const T *)b->dy, n.masked = (const T *)b->masked;
    n.y = (T *)b->y, n.dx = (T *)c->dx[0], n.dshortcut = (T *)b->dshortcut;
    n.C = c->ys.dim[0];
    n.w = (const float *)c->w[0], n.b = (const float *)c->w[1];
    n.mean = (const float *)c->saved, n.invstd = n.mean + n.C;
    n.relu = b->relu, n.sum = c->sum[0], n.sum_shortcut = b->sum_shortcut;
    return n;
}

static size_t
middle_of(const struct call *c) {
    return (size_t)(c->ys.dim[1] / 2) * (size_t)c->ys.dim[2] + (size_t)(c->ys.dim[2] / 2);
}

template <typename T, int V>
static void statistics(const struct call *c, struct columns s) {
    struct gpu *gpu = gpu_of(c);
    struct moments<T> m = {};
    m.x = (const T *)c->x[0], m.middle = middle_of(c), m.C = s.C;
    m.count = (double)s.rows, m.eps = c->attr->eps, m.momentum = c->attr->momentum;
    m.now = c->phase == PHASE_ESTIMATE ? gpu->now : NULL;
    m.saved = (float *)c->saved;
    m.running_mean = (float *)c->w[2], m.running_var = (float *)c->w[3];
    columns_sum<V, 2>(gpu->device, s, moment_rows<T, V>{m.x, m.middle, s.C}, m,
                      (float *)c->scratch);
}

template <typename T> static void statistics_of(const struct call *c) {
    const size_t rows = rows_of(c);
    const int C = c->ys.dim[0];
    if (lanes_wide(c) == 1)
        statistics<T, 1>(c, columns_of(rows, C, 1));
    else
        statistics<T, WIDE<T>>(c, columns_of(rows, C, WIDE<T>));
}
void gpu_norm_statistics(const struct call *c) {
    BY_TYPE(type_of(c, c->ys.dim[0]), statistics_of, c);
}

template <typename T, int V> static void forward_wide(const struct batchnorm *b) {
    const struct call *c = b->c;
    struct device *d = gpu_of(c)->device;
    int C = c->ys.dim[0];
    struct columns s = columns_of(rows_of(c), C, V);
    enum phase moving = c->attr->frozen ? PHASE_ESTIMATE : PHASE_TRAIN;
    if (c->phase == moving)
        statistics<T, V>(c, s);
    else if (c->phase != PHASE_AGAIN)
        LAUNCH(running_statistics, blocks_for(c, (size_t)C), THREADS, 0, d,
               (const float *)c->w[2], (const float *)c->w[3], c->attr->eps, C,
               (float *)c->saved);
    LAUNCH((norm_apply<T, V>), (unsigned)(s.groups * s.chunks), THREADS, 0, d, s,
           pass_of<T>(b));
}

template <typename T, int V> static void backward_wide(const struct batchnorm *b) {
    const struct call *c = b->c;
    struct device *d = gpu_of(c)->device;
    struct columns s = columns_of(rows_of(c), c->ys.dim[0], V);
    struct norm_pass<T> n = pass_of<T>(b);
    float *part = (float *)c->scratch;
    float *offset = (float *)((uint8_t *)c->scratch + columns_bytes(s, 2));
    struct norm_sums sums = {n.invstd,          (double)s.rows,    c->attr->frozen,
                             (float *)c->dw[0], (float *)c->dw[1], offset,
                             offset + n.C};
    n.offset = sums.offset, n.slope = sums.slope;
    columns_sum<V, 2>(d, s, gradient_rows<T, V>{n}, sums, part);
    if (n.dx || n.dshortcut)
        LAUNCH((norm_back<T, V>), (unsigned)(s.groups * s.chunks), THREADS, 0, d, s, n);
}

template <typename T> static void forward(const struct batchnorm *b) {
    if (lanes_wide(b->c) == 1)
        forward_wide<T, 1>(b);
    else
        forward_wide<T, WIDE<T>>(b);
}
template <typename T> static void backward(const struct batchnorm *b) {
    if (lanes_wide(b->c) == 1)
        backward_wide<T, 1>(b);
    else
        backward_wide<T, WIDE<T>>(b);
}

void gpu_norm_forward(const struct batchnorm *b) {
    BY_TYPE(type_of(b->c, b->c->ys.dim[0]), forward, b);
}
void gpu_norm_backward(const struct batchnorm *b) {
    BY_TYPE(type_of(b->c, b->c->ys.dim[0]), backward, b);
}

void gpu_batchnorm_forward(const struct call *c) {
    struct batchnorm b = gpu_norm_of(c);
    gpu_norm_forward(&b);
}
void gpu_batchnorm_backward(const struct call *c) {
    struct batchnorm b = gpu_norm_of(c);
    gpu_norm_backward(&b);
}
