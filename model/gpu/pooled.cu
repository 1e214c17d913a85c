/* pooled.cu - the ASPP's branch of the whole map, conv1x1(concat(..., resize(v))) with
 * v [1x1]: resized it is the same everywhere, so its part of the product is one row a
 * picture, added like a bias; equals ref_resize_*, ref_concat_*, ref_conv_* one after
 * the other. The broadcast is never written, read or multiplied.
 *
 *     forward   row[n][K] = v w[v]';  y = others w[others]' (the library); y += row
 *     backward  s[n][K] = dy summed over the map (pool.cu); dv = s w[v], dw[v] = s' v;
 *               the others' as of a concatenation and a 1x1 convolution
 *
 * w: [K][channels], a part's columns beside each other, v's behind the others'. */
#include "model/gpu/conv.h"
extern "C" {
#include "model/runs.h"
}

enum { EIGHT = 8, CALLS = 3 };

struct pooled {
    int N, places, K, A, C,
        channels; /* A: v's, C: the others', channels: both; v's begin at C */
};

/* y[n][place] += row[n] (+ bias). A thread: V channels of a place. */
template <typename T, int V>
KERNEL BOUNDS(THREADS)
    add_rows(T *y, const float *row, const float *bias, size_t rows, int places, int K) {
    size_t across = (size_t)(K / V);
    for (size_t i = grid_first(); i < rows * across; i += grid_stride()) {
        float v[V], add[V];
        size_t k = i % across * V;
        take<V>(v, y + i * V);
        take<V>(add, row + i / across / places * K + k);
        for (int j = 0; j < V; j++) v[j] += add[j];
        if (bias) take<V>(add, bias + k);
        for (int j = 0; bias && j < V; j++) v[j] += add[j];
        give<V>(y + i * V, v);
    }
}

/* ---- host ---- */

/* From one place, the last of a concatenation, all in whole eights of channels; a 1x1
 * behind it. */
extern "C" int gpu_pooled_match(const struct graph *g, int first) {
    if (first + CALLS > g->nodes) return 0;
    const struct node *resize = &g->node[first], *concat = resize + 1, *conv = resize + 2;
    if (resize->op != OP_resize || concat->op != OP_concat || conv->op != OP_conv) return 0;
    const int *v = g->node[resize->in[0]].shape.dim, last = concat->inputs - 1;
    if (v[1] * v[2] != 1 || conv->in[0] != first + 1 || last < 1) return 0;
    if (concat->in[last] != first) return 0;
    for (int i = 0; i <= last; i++)
        if ((i < last && concat->in[i] == first) ||
            g->node[concat->in[i]].shape.dim[0] % EIGHT)
            return 0;
    const struct attr *a = &conv->attr;
    return a->kernel == 1 && a->stride == 1 && a->pad == 0 && a->groups == 1 &&
                   conv->shape.dim[0] % EIGHT == 0
               ? CALLS
               : 0;
}

static struct pooled pooled_of(const struct call *calls) {
    const int *y = calls[2].ys.dim, A = calls[0].ys.dim[0], both = calls[1].ys.dim[0];
    return {calls->N, y[1] * y[2], y[0], A, both - A, both};
}

enum part { ROW, OTHERS, DV, DWV, DOTHERS, DWOTHERS, PARTS };
static struct product product_of(const struct pooled &d, enum part part, int sum) {
    struct product p = {};
    const int whole = part == OTHERS || part == DOTHERS || part == DWOTHERS;
    const int rows = whole ? d.N * d.places : d.N, in = whole ? d.C : d.A;
    p.batch = 1;
    if (part == ROW || part == OTHERS) {
        p.M = rows, p.N = d.K, p.K = in;
        p.tb = 1, p.lda = in, p.ldb = d.channels, p.ldc = d.K;
        p.c = part == ROW ? ELEMENT_F32 : ELEMENT_STORAGE;
    } else if (part == DV || part == DOTHERS) {
        p.M = rows, p.N = in, p.K = d.K;
        p.lda = d.K, p.ldb = d.channels, p.ldc = in, p.sum = sum;
    } else {
        p.M = d.K, p.N = in, p.K = rows;
        p.ta = 1, p.lda = d.K, p.ldb = in, p.ldc = d.channels;
    }
    return p;
}

static size_t others_bytes(const struct call *c, const struct pooled &d) {
    return pad256((size_t)d.N * d.places * d.C * gpu_element(gpu_of(c)->precision, 0));
}
static size_t rows_bytes(const struct pooled &d) {
    return pad256((size_t)d.N * d.K * sizeof(float));
}

size_t gpu_pooled_saved(const struct call *calls, int n) {
    (void)n;
    return others_bytes(calls, pooled_of(calls));
}

/* The rows or their gradients, the others' gradients, the library's. */
size_t gpu_pooled_scratch(const struct call *calls, int n) {
    const struct pooled d = pooled_of(calls);
    const int train = calls[0].phase == PHASE_TRAIN;
    size_t most = conv_bias_scratch(&calls[2], conv_of(&calls[2]));
    (void)n;
    for (int part = ROW; part < (train ? PARTS : DV); part++)
        for (int sum = 0; sum <= (part == DV); sum++) {
            struct product p = product_of(d, (enum part)part, sum);
            size_t next = product_scratch(library_product(gpu_of(calls)->library, &p));
            if (next > most) most = next;
        }
    return rows_bytes(d) + (train ? others_bytes(calls, d) : 0) + most;
}

static void multiply(const struct call *c, const struct product &p, const void *a,
                     const void *b, void *out, void *scratch) {
    struct library *l = gpu_of(c)->library;
    product_run(l, library_product(l, &p), a, b, out, NULL, scratch);
}

/* The concatenation of the others alone, in `all`. */
static struct call others_of(const struct call *calls, const struct pooled &d, void *all) {
    struct call c = calls[1];
    c.inputs--;
    c.ys.dim[0] = d.C;
    c.y = all;
    c.dy = all;
    return c;
}

template <typename T> static void forward(const struct call *calls, struct pooled d) {
    const struct call *c = &calls[2];
    const T *w = (const T *)c->w[0];
    float *row = (float *)calls[0].scratch;
    uint8_t *rest = (uint8_t *)calls[0].scratch + rows_bytes(d);
    const struct call others = others_of(calls, d, calls[0].saved);
    const size_t rows = (size_t)d.N * d.places;
    gpu_concat_forward(&others);
    multiply(c, product_of(d, ROW, 0), calls[0].x[0], w + d.C, row, rest);
    multiply(c, product_of(d, OTHERS, 0), others.y, w, c->y, rest);
    LAUNCH((add_rows<T, WIDE<T>>), blocks_for(c, rows * (size_t)(d.K / WIDE<T>)), THREADS,
           0, gpu_of(c)->device, (T *)c->y, (const float *)row, (const float *)c->w[1],
           rows, d.places, d.K);
}

void gpu_pooled_forward(const struct call *calls, int n) {
    (void)n;
    BY_TYPE(type_of(calls, 0), forward, calls, pooled_of(calls));
}

static int wants_others(const struct call *concat) {
    for (int k = 0; k < concat->inputs; k++)
        if (concat->dx[k]) return 1; /* v's has no memory */
    return 0;
}

template <typename T> static void backward(const struct call *calls, struct pooled d) {
    const struct call *c = &calls[2];
    const T *w = (const T *)c->w[0];
    T *dw = (T *)c->dw[0];
    uint8_t *s = (uint8_t *)calls[0].scratch, *all = s + rows_bytes(d),
            *rest = all + others_bytes(c, d);
    struct call sums = *c, bias = *c;
    bias.scratch = rest;
    conv_bias_gradient(&bias, conv_of(&bias));
    sums.xs[0] = c->ys, sums.x[0] = c->dy, sums.y = s;
    gpu_map_sums(&sums);
    if (calls[0].dx[0])
        multiply(c, product_of(d, DV, calls[0].sum[0]), s, w + d.C, calls[0].dx[0], rest);
    if (dw) multiply(c, product_of(d, DWV, 0), s, calls[0].x[0], dw + d.C, rest);
    if (dw) multiply(c, product_of(d, DWOTHERS, 0), c->dy, calls[0].saved, dw, rest);
    if (!wants_others(&calls[1])) return;
    multiply(c, product_of(d, DOTHERS, 0), c->dy, w, all, rest);
    const struct call others = others_of(calls, d, all);
    gpu_concat_backward(&others);
}

void gpu_pooled_backward(const struct call *calls, int n) {
    (void)n;
    BY_TYPE(type_of(calls, 0), backward, calls, pooled_of(calls));
}
