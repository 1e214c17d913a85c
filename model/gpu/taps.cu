/* taps.cu - a 3x3 convolution whose dilation is near its map's size or beyond it, as
 * the ASPP's at 14x14; equals ref_conv_*. A tap that reaches nothing but padding is
 * left out, its gradient is 0; one that reaches a few places is a product over those;
 * the centre is a 1x1 convolution. Nothing is approximated: what is left out is
 * multiplied by zeros.
 *
 *     forward   columns = x at the sources of a tap times its weights; y = their sum
 *     backward  columns of dy at the outputs of a tap; dx = the centre's + what taps owe;
 *               dw of a tap = columns of dy' times columns of x
 *
 * Weights are read and written where they lie, [K][9][C]: taps at equal distances, with
 * as many places, are one batched product. Columns of y are float, of dx the storage
 * type. */
#include "model/gpu/conv.h"

enum { SIDE = 3, TAPS = SIDE * SIDE, CENTRE = TAPS / 2, EIGHT = 8 };

struct dilated {
    int N, H, W, C, K, dilation;
    int live;        /* bit t: tap t reaches something; without the centre */
    size_t at[TAPS]; /* places before tap t's columns, group by group */
    size_t places;   /* of all live taps */
};

/* Outputs that tap t reaches, and how far its sources are from them. */
struct rectangle {
    int p, q, h, w, down, right;
};
__host__ DEVICE struct rectangle rectangle_of(const struct dilated &d, int tap) {
    struct rectangle r;
    r.down = (tap / SIDE - 1) * d.dilation, r.right = (tap % SIDE - 1) * d.dilation;
    r.p = r.down < 0 ? -r.down : 0, r.q = r.right < 0 ? -r.right : 0;
    r.h = d.H - (r.down < 0 ? -r.down : r.down),
    r.w = d.W - (r.right < 0 ? -r.right : r.right);
    return r;
}

/* ---- kernels ---- */

/* Taps first, first + step, ...: `taps` of them with `each` places a picture. */
struct group {
    int first, step, taps, each;
};

/* columns[tap of the group][n][its places][C] from map [N][H][W][C], read at the
 * outputs or, `sources`, at their sources. A thread: V channels of a place. */
template <typename T, int V>
KERNEL BOUNDS(THREADS)
    gather(struct dilated d, struct group g, const T *map, int C, int sources, T *columns) {
    size_t across = (size_t)(C / V), places = (size_t)d.N * g.each;
    for (size_t i = grid_first(); i < g.taps * places * across; i += grid_stride()) {
        size_t place = i / across, n = place / g.each % d.N;
        struct rectangle r = rectangle_of(d, g.first + (int)(place / places) * g.step);
        int p = r.p + (int)(place % g.each) / r.w, q = r.q + (int)(place % g.each) % r.w;
        if (sources) p += r.down, q += r.right;
        float v[V];
        take<V>(v, map + ((n * d.H + p) * d.W + q) * C + i % across * V);
        give<V>(columns + i * V, v);
    }
}

/* Where tap's column for output (n, p, q) stands, in places; 0 with *none 1: it reaches
 * nothing there. */
DEVICE size_t column_of(const struct dilated &d, int tap, size_t n, int p, int q,
                        int *none) {
    struct rectangle r = rectangle_of(d, tap);
    p -= r.p, q -= r.q;
    *none = !(d.live >> tap & 1) || p < 0 || p >= r.h || q < 0 || q >= r.w;
    return *none ? 0 : d.at[tap] + (n * r.h + p) * r.w + q;
}

/* y = bias + centre + columns, float sums in the order of taps. A thread: V channels of
 * an output. */
template <typename T, int V>
KERNEL BOUNDS(THREADS) sum_taps(struct dilated d, const float *centre, const float *columns,
                                const float *bias, T *y) {
    size_t across = (size_t)(d.K / V), all = (size_t)d.N * d.H * d.W * across;
    for (size_t i = grid_first(); i < all; i += grid_stride()) {
        size_t place = i / across, k = i % across * V;
        int q = (int)(place % d.W), p = (int)(place / d.W % d.H), none;
        float sum[V] = {}, v[V];
        if (bias) take<V>(sum, bias + k);
        for (int tap = 0; tap < TAPS; tap++) {
            size_t at = column_of(d, tap, place / d.W / d.H, p, q, &none);
            if (none && tap != CENTRE) continue;
            take<V>(v, tap == CENTRE ? centre + i * V : columns + at * d.K + k);
            for (int j = 0; j < V; j++) sum[j] += v[j];
        }
        give<V>(y + i * V, sum);
    }
}

/* dx += columns of the outputs that read it. A thread: V channels of a source; most
 * have none. */
template <typename T, int V>
KERNEL BOUNDS(THREADS) add_columns(struct dilated d, const T *columns, T *dx) {
    size_t across = (size_t)(d.C / V), all = (size_t)d.N * d.H * d.W * across;
    for (size_t i = grid_first(); i < all; i += grid_stride()) {
        size_t place = i / across;
        int w = (int)(place % d.W), h = (int)(place / d.W % d.H), some = 0;
        float sum[V] = {}, v[V];
        for (int tap = 0; tap < TAPS; tap++) {
            int down = (tap / SIDE - 1) * d.dilation, right = (tap % SIDE - 1) * d.dilation,
                none;
            size_t at = column_of(d, tap, place / d.W / d.H, h - down, w - right, &none);
            if (none) continue;
            take<V>(v, columns + at * d.C + i % across * V);
            for (int j = 0; j < V; j++) sum[j] += v[j];
            some = 1;
        }
        if (some) give_gradient<V>(dx + i * V, sum, 1);
    }
}

/* Zeros for the gradients of dead taps. A thread: V channels of a tap. */
template <typename T, int V> KERNEL BOUNDS(THREADS) clear_dead(struct dilated d, T *dw) {
    size_t across = (size_t)(d.C / V);
    const float zero[V] = {};
    for (size_t i = grid_first(); i < (size_t)d.K * TAPS * across; i += grid_stride()) {
        int tap = (int)(i / across % TAPS);
        if (tap != CENTRE && !(d.live >> tap & 1)) give<V>(dw + i * V, zero);
    }
}

/* ---- host ---- */

/* The n-th group of live taps; 0: there are no more. */
static int group_of(const struct dilated &d, int n, struct group *g) {
    static const struct group square[] = {{1, 2, 4, 0}, {0, 2, 2, 0}, {6, 2, 2, 0}};
    static const struct group oblong[] = {
        {1, 6, 2, 0}, {3, 2, 2, 0}, {0, 2, 2, 0}, {6, 2, 2, 0}};
    const int all = d.H == d.W ? 3 : 4;
    for (int i = 0; i < all; i++) {
        *g = d.H == d.W ? square[i] : oblong[i];
        if (d.live >> g->first & 1 && n-- == 0) {
            struct rectangle r = rectangle_of(d, g->first);
            g->each = r.h * r.w;
            return 1;
        }
    }
    return 0;
}
static struct dilated dilated_of(int N, const int *x, int K, int dilation) {
    struct dilated d = {N, x[1], x[2], x[0], K, dilation, 0, {}, 0};
    struct group g;
    for (int tap = 0; tap < TAPS; tap++) {
        struct rectangle r = rectangle_of(d, tap);
        if (tap != CENTRE && r.h > 0 && r.w > 0) d.live |= 1 << tap;
    }
    for (int i = 0; group_of(d, i, &g); i++)
        for (int k = 0; k < g.taps; k++) {
            d.at[g.first + k * g.step] = d.places;
            d.places += (size_t)N * g.each;
        }
    return d;
}
static struct dilated dilated_of(const struct call *c) {
    return dilated_of(c->N, c->xs[0].dim, c->ys.dim[0], c->attr->dilation);
}

/* One group, whole eights of channels, the map keeps its size, a quarter of the
 * products is saved. */
extern "C" int gpu_taps_match(const struct graph *g, int first) {
    const struct node *n = &g->node[first];
    const struct attr *a = &n->attr;
    if (n->op != OP_conv || a->groups != 1 || a->kernel != SIDE || a->stride != 1) return 0;
    const int *x = g->node[n->in[0]].shape.dim;
    if (a->pad != a->dilation || x[0] % EIGHT || n->shape.dim[0] % EIGHT) return 0;
    const size_t all = (size_t)x[1] * x[2];
    return 4 * (dilated_of(1, x, n->shape.dim[0], a->dilation).places + all) <=
           3 * TAPS * all;
}

static const struct group centre = {CENTRE, 0, 1, 0};

enum part { Y, DX, DW };
/* A group's products; the centre's where g.each is 0: its columns are the maps
 * themselves. */
static struct product product_of(const struct dilated &d, struct group g, enum part part,
                                 int sum) {
    struct product p = {};
    const int rows = d.N * (g.each ? g.each : d.H * d.W);
    p.batch = g.taps;
    if (part == Y) {
        p.M = rows, p.N = d.K, p.K = d.C;
        p.tb = 1, p.lda = d.C, p.ldb = TAPS * d.C, p.ldc = d.K;
        p.stride_a = (int64_t)rows * d.C, p.stride_b = (int64_t)g.step * d.C;
        p.stride_c = (int64_t)rows * d.K;
        p.c = d.live ? ELEMENT_F32 : ELEMENT_STORAGE;
    } else if (part == DX) {
        p.M = rows, p.N = d.C, p.K = d.K;
        p.lda = d.K, p.ldb = TAPS * d.C, p.ldc = d.C, p.sum = sum;
        p.stride_a = (int64_t)rows * d.K, p.stride_b = (int64_t)g.step * d.C;
        p.stride_c = (int64_t)rows * d.C;
    } else {
        p.M = d.K, p.N = d.C, p.K = rows;
        p.ta = 1, p.lda = d.K, p.ldb = d.C, p.ldc = TAPS * d.C;
        p.stride_a = (int64_t)rows * d.K, p.stride_b = (int64_t)rows * d.C;
        p.stride_c = (int64_t)g.step * d.C;
    }
    return p;
}

/* Where things stand in the scratch. */
struct room {
    uint8_t *x, *dy, *centre, *columns, *rest; /* a group's columns; sums; the library's */
};
static struct room room_of(const struct call *c, const struct dilated &d) {
    const size_t element = gpu_element(gpu_of(c)->precision, 0),
                 places = (size_t)d.N * d.H * d.W;
    const size_t maps = d.live ? places * d.K * sizeof(float) : 0;
    const size_t y = d.places * d.K * sizeof(float), dx = d.places * d.C * element;
    size_t most = 0;
    struct group g;
    for (int i = 0; group_of(d, i, &g); i++)
        if ((size_t)g.taps * d.N * g.each > most) most = (size_t)g.taps * d.N * g.each;
    struct room r = {(uint8_t *)c->scratch, NULL, NULL, NULL, NULL};
    r.dy = r.x + pad256(most * d.C * element);
    r.centre = r.dy + pad256(most * d.K * element);
    r.columns = r.centre + pad256(maps);
    r.rest = r.columns + pad256(y > dx ? y : dx);
    return r;
}

size_t gpu_taps_scratch(const struct call *c, int n) {
    const struct dilated d = dilated_of(c);
    struct group g = centre;
    size_t most = conv_bias_scratch(c, conv_of(c));
    (void)n;
    for (int i = -1; i < 0 || group_of(d, i, &g); i++)
        for (int part = Y; part <= (c->phase == PHASE_TRAIN ? DW : Y); part++)
            for (int sum = 0; sum <= (part == DX); sum++) {
                struct product p = product_of(d, g, (enum part)part, sum);
                size_t next = product_scratch(library_product(gpu_of(c)->library, &p));
                if (next > most) most = next;
            }
    return (size_t)(room_of(c, d).rest - (uint8_t *)c->scratch) + most;
}

static void multiply(const struct call *c, const struct product &p, const void *a,
                     const void *b, void *out, void *scratch) {
    struct library *l = gpu_of(c)->library;
    product_run(l, library_product(l, &p), a, b, out, NULL, scratch);
}

template <typename T>
static void collect(const struct call *c, const struct dilated &d, struct group g,
                    const void *map, int C, int sources, void *columns) {
    const size_t work = (size_t)g.taps * d.N * g.each * (size_t)(C / WIDE<T>);
    LAUNCH((gather<T, WIDE<T>>), blocks_for(c, work), THREADS, 0, gpu_of(c)->device, d, g,
           (const T *)map, C, sources, (T *)columns);
}

template <typename T>
static void forward(const struct call *c, struct dilated d, struct room r) {
    const T *w = (const T *)c->w[0];
    struct group g;
    multiply(c, product_of(d, centre, Y, 0), c->x[0], w + CENTRE * d.C,
             d.live ? r.centre : c->y, r.rest);
    if (!d.live) {
        conv_add_bias(c, conv_of(c));
        return;
    }
    for (int i = 0; group_of(d, i, &g); i++) {
        collect<T>(c, d, g, c->x[0], d.C, 1, r.x);
        multiply(c, product_of(d, g, Y, 0), r.x, w + (size_t)g.first * d.C,
                 (float *)r.columns + d.at[g.first] * d.K, r.rest);
    }
    LAUNCH((sum_taps<T, WIDE<T>>),
           blocks_for(c, (size_t)d.N * d.H * d.W * (size_t)(d.K / WIDE<T>)), THREADS, 0,
           gpu_of(c)->device, d, (const float *)r.centre, (const float *)r.columns,
           (const float *)c->w[1], (T *)c->y);
}

template <typename T>
static void backward(const struct call *c, struct dilated d, struct room r) {
    struct device *device = gpu_of(c)->device;
    const T *w = (const T *)c->w[0];
    T *dx = (T *)c->dx[0], *dw = (T *)c->dw[0];
    struct group g;
    if (dx)
        multiply(c, product_of(d, centre, DX, c->sum[0]), c->dy, w + CENTRE * d.C, dx,
                 r.rest);
    if (dw)
        multiply(c, product_of(d, centre, DW, 0), c->dy, c->x[0], dw + CENTRE * d.C,
                 r.rest);
    for (int i = 0; group_of(d, i, &g); i++) {
        collect<T>(c, d, g, c->dy, d.K, 0, r.dy);
        if (dx)
            multiply(c, product_of(d, g, DX, 0), r.dy, w + (size_t)g.first * d.C,
                     (T *)r.columns + d.at[g.first] * d.C, r.rest);
        if (!dw) continue;
        collect<T>(c, d, g, c->x[0], d.C, 1, r.x);
        multiply(c, product_of(d, g, DW, 0), r.dy, r.x, dw + (size_t)g.first * d.C, r.rest);
    }
    const size_t work = (size_t)d.N * d.H * d.W * (size_t)(d.C / WIDE<T>);
    if (dx && d.live)
        LAUNCH((add_columns<T, WIDE<T>>), blocks_for(c, work), THREADS, 0, device, d,
               (const T *)r.columns, dx);
    if (dw)
        LAUNCH((clear_dead<T, WIDE<T>>),
               blocks_for(c, (size_t)d.K * TAPS * (size_t)(d.C / WIDE<T>)), THREADS, 0,
               device, d, dw);
}

void gpu_taps_forward(const struct call *c, int n) {
    const struct dilated d = dilated_of(c);
    (void)n;
    BY_TYPE(type_of(c, 0), forward, c, d, room_of(c, d));
}

void gpu_taps_backward(const struct call *c, int n) {
    const struct dilated d = dilated_of(c);
    struct call bias = *c;
    (void)n;
    bias.scratch = room_of(c, d).rest;
    conv_bias_gradient(&bias, conv_of(&bias));
    BY_TYPE(type_of(c, 0), backward, c, d, room_of(c, d));
}
