/* decoder.cu - conv(concat(resize(a), skip)) without the resized map and the
 * concatenation; equals ref_resize_*, ref_concat_*, ref_conv_* one after the other.
 *
 * Convolution and interpolation are linear and a 1x1 map commutes with interpolation,
 * so the resized part is the sum over the nine taps of: a times the tap's weights at
 * a's own size, interpolated, shifted by the tap, cut off where it leaves the map.
 * Exact, padding included; 16 times fewer multiplications where the resize is 14 to 56.
 * The skip's channels are convolved as usual, their weights packed beside each other
 * first.
 *
 *     forward   z[row][tap][K] = a[row][A] w[.][tap][up]'   the library, nine in a launch
 *               y = conv(skip) + sum of taps of z           tap_sum
 *     backward  dz[row][K][tap] = what of dy reads z        tap_gather
 *               da = dz w[up],  dw[up] = dz' a   the library: rows of w are (k, tap)
 *
 * row: a place of a's map, w: [K][9][channels]. z is of the storage type, but float
 * under bf16, whose eight bits would round what is summed up nine times. */
#include "model/gpu/between.h"
#include "model/gpu/conv.h"
extern "C" {
#include "model/runs.h"
}

enum { SIDE = 3, TAPS = SIDE * SIDE, SCALE = 16, REACH = 2 * SCALE + 8, EIGHT = 8 };

struct decoder {
    struct axis v, h;         /* a's map to the large one */
    int N, K, A, C, channels; /* C: the skip's; channels: A + C */
    int up_at, skip_at;       /* where each part begins among the channels */
    size_t rows;              /* places of a's maps */
};

/* ---- kernels ---- */

/* `part` columns of rows, from one width to another. A thread: V of them; part, widths
 * and places are multiples of V. */
template <typename T, int V>
KERNEL BOUNDS(THREADS)
    copy_part(const T *from, int from_width, T *to, int to_width, size_t rows, int part) {
    size_t across = (size_t)(part / V);
    for (size_t i = grid_first(); i < rows * across; i += grid_stride()) {
        float v[V];
        take<V>(v, from + i / across * (size_t)from_width + i % across * V);
        give<V>(to + i / across * (size_t)to_width + i % across * V, v);
    }
}

/* y += bias + the taps of z: a thread V channels of a place of the large map, 36 reads
 * of z from the caches. */
template <typename T, typename Z, int V>
KERNEL BOUNDS(THREADS) tap_sum(struct decoder d, const Z *z, const float *bias, T *y) {
    size_t across = (size_t)(d.K / V), all = (size_t)d.N * d.v.out * d.h.out * across;
    const size_t wide = (size_t)TAPS * d.K, line = wide * d.h.in;
    for (size_t i = grid_first(); i < all; i += grid_stride()) {
        size_t k = i % across * V, place = i / across;
        int q = (int)(place % d.h.out), p = (int)(place / d.h.out % d.v.out);
        const Z *map = z + place / d.h.out / d.v.out * d.v.in * line + k;
        float sum[V], a[V], b[V];
        take<V>(sum, y + i * V);
        if (bias) take<V>(a, bias + k);
        for (int j = 0; bias && j < V; j++) sum[j] += a[j];
        for (int tap = 0; tap < TAPS; tap++) {
            int down = p + tap / SIDE - 1, right = q + tap % SIDE - 1;
            if (down < 0 || down >= d.v.out || right < 0 || right >= d.h.out) continue;
            struct between v = between(d.v, down), h = between(d.h, right);
            for (int end = 0; end < 2; end++) {
                const Z *row =
                    map + (size_t)(end ? v.high : v.low) * line + (size_t)tap * d.K;
                float weight = end ? v.weight : 1 - v.weight;
                take<V>(a, row + (size_t)h.low * wide);
                take<V>(b, row + (size_t)h.high * wide);
                for (int j = 0; j < V; j++)
                    sum[j] += weight * (a[j] * (1 - h.weight) + b[j] * h.weight);
            }
        }
        give<V>(y + i * V, sum);
    }
}

/* weight[tap][o - first] of large place o behind the tap's shift at source place `at`.
 * One thread an entry. */
DEVICE void fill_weights(float (*weight)[REACH], struct axis a, int at, int first,
                         int count) {
    for (int i = (int)threadIdx.x; i < SIDE * count; i += THREADS) {
        int o = first + i % count + i / count - 1;
        weight[i / count][i % count] = o < 0 || o >= a.out ? 0 : share(a, o, at);
    }
}

/* A block: one source place; a thread: one k, all nine taps, in row order. Launch: a
 * block a row, THREADS. */
template <typename T>
KERNEL BOUNDS(THREADS) tap_gather(struct decoder d, const T *dy, T *dz) {
    SHARED(float, down, [SIDE][REACH]);
    SHARED(float, right, [SIDE][REACH]);
    size_t row = blockIdx.x;
    int j = (int)(row % d.h.in), i = (int)(row / d.h.in % d.v.in);
    struct reach v = reach(d.v, i), h = reach(d.h, j);
    int top = v.first > 0 ? v.first - 1 : 0, left = h.first > 0 ? h.first - 1 : 0;
    int bottom = v.last < d.v.out - 1 ? v.last + 1 : v.last,
        end = h.last < d.h.out - 1 ? h.last + 1 : h.last;
    fill_weights(down, d.v, i, top, bottom - top + 1);
    fill_weights(right, d.h, j, left, end - left + 1);
    BARRIER(); /* all weights stand before any thread reads those that another has made */
    const T *map = dy + row / d.h.in / d.v.in * d.v.out * d.h.out * d.K;
    for (int k = (int)threadIdx.x; k < d.K; k += THREADS) {
        float sum[TAPS] = {};
        for (int p = top; p <= bottom; p++) {
            const T *line = map + (size_t)p * d.h.out * d.K + k;
            float across[SIDE] = {};
            for (int q = left; q <= end; q++) {
                float g = to_float(line[(size_t)q * d.K]);
                for (int s = 0; s < SIDE; s++) across[s] += g * right[s][q - left];
            }
            for (int t = 0; t < TAPS; t++)
                sum[t] += down[t / SIDE][p - top] * across[t % SIDE];
        }
        for (int t = 0; t < TAPS; t++) put_float(&dz[(row * d.K + k) * TAPS + t], sum[t]);
    }
}

/* ---- host ---- */

/* What runs.h says, 3x3, nothing dilated, whole groups of eight channels, and a reach
 * that has room. */
extern "C" int gpu_decoder_match(const struct graph *g, int first) {
    if (!run_resize_concat_conv(g, first)) return 0;
    const struct node *resize = &g->node[first], *conv = resize + 2;
    const struct attr *a = &conv->attr;
    const int *small = g->node[resize->in[0]].shape.dim, *large = resize->shape.dim;
    if (a->kernel != SIDE || a->dilation != 1 || a->pad != 1) return 0;
    if (small[0] % EIGHT || g->node[conv->in[0]].shape.dim[0] % EIGHT ||
        conv->shape.dim[0] % EIGHT)
        return 0;
    for (int i = 1; i < 3; i++)
        if (small[i] < 2 || large[i] > SCALE * (small[i] - 1)) return 0;
    return 3;
}

static struct decoder decoder_of(const struct call *calls, int skip) {
    const struct call *resize = &calls[0], *concat = &calls[1], *conv = &calls[2];
    const int *a = resize->xs[0].dim, *y = conv->ys.dim, C = concat->xs[skip].dim[0],
              align = resize->attr->align;
    return {{a[1], y[1], align},
            {a[2], y[2], align},
            conv->N,
            y[0],
            a[0],
            C,
            a[0] + C,
            skip == 0 ? C : 0,
            skip == 0 ? 0 : a[0],
            (size_t)conv->N * a[1] * a[2]};
}

static enum element type_of_z(const struct call *c) {
    return gpu_of(c)->precision == BF16 ? ELEMENT_F32 : ELEMENT_STORAGE;
}

enum part { Z, DA, DW };
static struct product product_of(const struct call *c, const struct decoder &d,
                                 enum part part, int sum) {
    struct product p = {};
    const int rows = (int)d.rows, wide = TAPS * d.K;
    p.batch = 1;
    if (part == Z) { /* a product a tap: z's columns are [tap][K] */
        p.M = rows, p.N = d.K, p.K = d.A, p.batch = TAPS;
        p.tb = 1, p.lda = d.A, p.ldb = TAPS * d.channels, p.ldc = wide;
        p.stride_b = d.channels, p.stride_c = d.K, p.c = type_of_z(c);
    } else if (part == DA) {
        p.M = rows, p.N = d.A, p.K = wide;
        p.lda = wide, p.ldb = d.channels, p.ldc = d.A, p.sum = sum;
    } else {
        p.M = wide, p.N = d.A, p.K = rows;
        p.ta = 1, p.lda = wide, p.ldb = d.A, p.ldc = d.channels;
    }
    return p;
}

static const struct convolution_plan *
skip_plan(const struct call *c, const struct decoder &d, enum convolution_part part) {
    struct convolution_shape s = {d.N,  d.v.out, d.h.out, d.C, d.K,     SIDE,
                                  SIDE, 1,       1,       1,   d.v.out, d.h.out};
    return library_convolution(gpu_of(c)->library, &s, part);
}

/* Where things stand in the scratch. */
struct room {
    uint8_t *weights, *dweights, *z,
        *rest; /* the skip's, packed; z or dz; the libraries' */
};
static struct room room_of(const struct call *c, const struct decoder &d, size_t *bytes) {
    const size_t element = gpu_element(gpu_of(c)->precision, 0), wide = d.rows * TAPS * d.K;
    const size_t packed = pad256((size_t)d.K * TAPS * d.C * element);
    struct room r = {(uint8_t *)c->scratch, NULL, NULL, NULL};
    r.dweights = r.weights + packed;
    r.z = r.dweights + (c->phase == PHASE_TRAIN ? packed : 0);
    r.rest = r.z + pad256(wide * (type_of_z(c) == ELEMENT_F32 ? sizeof(float) : element));
    if (bytes) *bytes = (size_t)(r.rest - r.weights);
    return r;
}

static size_t greater(size_t a, size_t b) {
    return a > b ? a : b;
}
static size_t scratch_of(const struct call *calls, int skip) {
    const struct call *c = &calls[2];
    struct decoder d = decoder_of(calls, skip);
    size_t bytes, most = convolution_scratch(skip_plan(c, d, CONV_Y));
    room_of(calls, d, &bytes);
    for (int part = Z; part <= (c->phase == PHASE_TRAIN ? DW : Z); part++)
        for (int sum = 0; sum <= (part == DA); sum++) {
            struct product p = product_of(c, d, (enum part)part, sum);
            most = greater(most, product_scratch(library_product(gpu_of(c)->library, &p)));
        }
    if (c->phase != PHASE_TRAIN) return bytes + most;
    most = greater(most, convolution_scratch(skip_plan(c, d, CONV_DX)));
    most = greater(most, convolution_scratch(skip_plan(c, d, CONV_DW)));
    return bytes + greater(most, conv_bias_scratch(c, conv_of(c)));
}
/* Which of the two inputs is the skip is not told with the sizes: room for both. */
size_t gpu_decoder_scratch(const struct call *calls, int n) {
    size_t a = scratch_of(calls, 0);
    (void)n;
    return calls[1].xs[0].dim[0] == calls[1].xs[1].dim[0]
               ? a
               : greater(a, scratch_of(calls, 1));
}

template <typename T>
static void copy(const struct call *c, const void *from, int from_width, void *to,
                 int to_width, size_t rows, int part, int from_at, int to_at) {
    LAUNCH((copy_part<T, WIDE<T>>), blocks_for(c, rows * (size_t)(part / WIDE<T>)), THREADS,
           0, gpu_of(c)->device, (const T *)from + from_at, from_width, (T *)to + to_at,
           to_width, rows, part);
}

static void multiply(const struct call *c, const struct product &p, const void *a,
                     const void *b, void *out, void *scratch) {
    struct library *l = gpu_of(c)->library;
    product_run(l, library_product(l, &p), a, b, out, NULL, scratch);
}

template <typename T>
static void forward(const struct call *calls, struct decoder d, const void *skip,
                    struct room r) {
    const struct call *c = &calls[2];
    struct gpu *gpu = gpu_of(c);
    const size_t work = (size_t)d.N * d.v.out * d.h.out * (size_t)(d.K / WIDE<T>);
    const float *bias = (const float *)c->w[1];
    copy<T>(c, c->w[0], d.channels, r.weights, d.C, (size_t)d.K * TAPS, d.C, d.skip_at, 0);
    convolution_run(gpu->library, skip_plan(c, d, CONV_Y), skip, r.weights, c->y, 0,
                    r.rest);
    multiply(c, product_of(c, d, Z, 0), calls[0].x[0], (const T *)c->w[0] + d.up_at, r.z,
             r.rest);
    if (type_of_z(c) == ELEMENT_F32)
        LAUNCH((tap_sum<T, float, WIDE<T>>), blocks_for(c, work), THREADS, 0, gpu->device,
               d, (const float *)r.z, bias, (T *)c->y);
    else
        LAUNCH((tap_sum<T, T, WIDE<T>>), blocks_for(c, work), THREADS, 0, gpu->device, d,
               (const T *)r.z, bias, (T *)c->y);
}

void gpu_decoder_forward(const struct call *calls, int n) {
    const int skip = run_outer_input(&calls[1]);
    const struct decoder d = decoder_of(calls, skip);
    (void)n;
    BY_TYPE(type_of(calls, 0), forward, calls, d, calls[1].x[skip],
            room_of(calls, d, NULL));
}

/* The resized part's gradients. */
template <typename T>
static void back_up(const struct call *calls, struct decoder d, struct room r) {
    const struct call *c = &calls[2];
    void *da = calls[0].dx[0];
    if (!da && !c->dw[0]) return;
    LAUNCH(tap_gather<T>, (unsigned)d.rows, THREADS, 0, gpu_of(c)->device, d,
           (const T *)c->dy, (T *)r.z);
    if (da)
        multiply(c, product_of(c, d, DA, calls[0].sum[0]), r.z,
                 (const T *)c->w[0] + d.up_at, da, r.rest);
    if (c->dw[0])
        multiply(c, product_of(c, d, DW, 0), r.z, calls[0].x[0], (T *)c->dw[0] + d.up_at,
                 r.rest);
}

template <typename T>
static void backward(const struct call *calls, struct decoder d, int skip, struct room r) {
    const struct call *c = &calls[2];
    struct library *l = gpu_of(c)->library;
    const size_t rows = (size_t)d.K * TAPS;
    if (calls[1].dx[skip]) {
        copy<T>(c, c->w[0], d.channels, r.weights, d.C, rows, d.C, d.skip_at, 0);
        convolution_run(l, skip_plan(c, d, CONV_DX), c->dy, r.weights, calls[1].dx[skip],
                        calls[1].sum[skip], r.rest);
    }
    if (c->dw[0]) {
        convolution_run(l, skip_plan(c, d, CONV_DW), c->dy, calls[1].x[skip], r.dweights, 0,
                        r.rest);
        copy<T>(c, r.dweights, d.C, c->dw[0], d.channels, rows, d.C, 0, d.skip_at);
    }
    back_up<T>(calls, d, r);
}

void gpu_decoder_backward(const struct call *calls, int n) {
    const int skip = run_outer_input(&calls[1]);
    const struct decoder d = decoder_of(calls, skip);
    const struct room r = room_of(calls, d, NULL);
    struct call bias = calls[2];
    (void)n;
    bias.scratch = r.rest;
    conv_bias_gradient(&bias, conv_of(&bias));
    BY_TYPE(type_of(calls, 0), backward, calls, d, skip, r);
}
