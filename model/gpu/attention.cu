/* attention.cu - F.scaled_dot_product_attention on timm's packed qkv [T][3D], with plain
 * multiply-adds: any device, any storage type; and the choice between it and
 * attention_matrix.cu, by time. Equals ref_attention_*. Scores are never written: forward
 * keeps the log of each row's sum of exponentials, backward computes the probabilities
 * again from it.
 *
 * A row of the map of scores (a query; a key in attention_keys) belongs to four
 * neighbouring threads, its head's d values dealt to them four at a time; what they
 * multiply with comes in tiles of TILE rows to shared memory, where the four read 64
 * bytes side by side and all rows of a warp the same ones. */
#include "model/gpu/attention.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>

enum { PARTS = 4, ROWS = THREADS / PARTS, TILE = 32, GROUP = 8 };

/* The dimension that value i of a part stands for. */
DEVICE int dim_of(int part, int i) {
    return (i / 4 * PARTS + part) * 4 + i % 4;
}

/* This thread's share of a row of d values; zeros beyond d and beyond the last row. */
template <int DP, typename T>
DEVICE void load_part(float *v, const T *row, int d, int some) {
    int part = (int)threadIdx.x % PARTS;
    for (int i = 0; i < DP; i++)
        v[i] = some && dim_of(part, i) < d ? to_float(row[dim_of(part, i)]) : 0;
}
template <int DP, typename T>
DEVICE void store_part(T *row, const float *v, int d, int sum) {
    int part = (int)threadIdx.x % PARTS;
    for (int i = 0; i < DP; i++)
        if (dim_of(part, i) < d) give_gradient<1>(row + dim_of(part, i), v + i, sum);
}

/* TILE rows from `first` on, zeros beyond d and T. The caller's barriers stand around
 * it. */
template <int DP, typename T>
DEVICE void load_tile(float (*tile)[PARTS * DP], const T *from, size_t stride, int first,
                      int rows, int d) {
    for (int i = (int)threadIdx.x; i < TILE * PARTS * DP; i += THREADS) {
        int row = i / (PARTS * DP), k = i % (PARTS * DP);
        tile[row][k] = first + row < rows && k < d
                           ? to_float(from[(size_t)(first + row) * stride + (size_t)k])
                           : 0;
    }
}

/* The product of two rows, of which this thread holds a share of one. */
template <int DP> DEVICE float row_product(const float *own, const float *row) {
    int part = (int)threadIdx.x % PARTS;
    float sum = 0;
    for (int i = 0; i < DP; i++) sum += own[i] * row[dim_of(part, i)];
    sum += SHUFFLE_XOR(sum, 1);
    return sum + SHUFFLE_XOR(sum, 2);
}
template <int DP> DEVICE void add_row(float *own, float factor, const float *row) {
    int part = (int)threadIdx.x % PARTS;
    for (int i = 0; i < DP; i++) own[i] += factor * row[dim_of(part, i)];
}

/* y = softmax(q k' scale) v, by groups of keys: what was summed is scaled down when a
 * greater score comes. log_sum [N][heads][T]. */
template <typename T, int DP>
KERNEL BOUNDS(THREADS) attention_first(struct heads h, const T *qkv, T *y, float *log_sum) {
    SHARED(float, key, [TILE][PARTS * DP]);
    SHARED(float, value, [TILE][PARTS * DP]);
    struct head s = head_of(h, ROWS);
    size_t stride = 3 * (size_t)h.D;
    int t = s.first + (int)threadIdx.x / PARTS;
    const T *from = qkv + s.qkv;
    float q[DP], out[DP] = {}, most = -INFINITY, total = 0;
    load_part<DP>(q, from + (size_t)t * stride, h.d, t < h.T);
    for (int first = 0; first < h.T; first += TILE) {
        BARRIER(); /* nobody reads the last tile any more */
        load_tile<DP>(key, from + h.D, stride, first, h.T, h.d);
        load_tile<DP>(value, from + 2 * h.D, stride, first, h.T, h.d);
        BARRIER(); /* the tile stands */
        for (int u = 0; u < TILE && first + u < h.T; u += GROUP) {
            float score[GROUP], greatest = most;
            for (int i = 0; i < GROUP; i++) {
                score[i] = row_product<DP>(q, key[u + i]) * h.scale;
                if (first + u + i >= h.T) score[i] = -INFINITY;
                greatest = fmaxf(greatest, score[i]);
            }
            float shrink = expf(most - greatest);
            most = greatest;
            total *= shrink;
            for (int i = 0; i < DP; i++) out[i] *= shrink;
            for (int i = 0; i < GROUP; i++) {
                float p = expf(score[i] - most);
                total += p;
                add_row<DP>(out, p, value[u + i]);
            }
        }
    }
    if (t >= h.T) return;
    for (int i = 0; i < DP; i++) out[i] /= total;
    store_part<DP>(y + s.y + (size_t)t * (size_t)h.D, out, h.d, 0);
    if (threadIdx.x % PARTS == 0) log_sum[s.row + (size_t)t] = most + logf(total);
}

/* dq = ds k, ds = p (dy v' - dot) scale; dot [N][heads][T] = dy y, for attention_keys
 * too. */
template <typename T, int DP>
KERNEL BOUNDS(THREADS)
    attention_queries(struct heads h, const T *qkv, const T *y, const T *dy,
                      const float *log_sum, float *dot, T *dqkv) {
    SHARED(float, key, [TILE][PARTS * DP]);
    SHARED(float, value, [TILE][PARTS * DP]);
    struct head s = head_of(h, ROWS);
    size_t stride = 3 * (size_t)h.D;
    int t = s.first + (int)threadIdx.x / PARTS, some = t < h.T;
    const T *from = qkv + s.qkv;
    size_t at = s.y + (size_t)t * (size_t)h.D;
    float q[DP], g[DP], dq[DP] = {}, own = 0;
    load_part<DP>(dq, y + at, h.d, some);
    load_part<DP>(g, dy + at, h.d, some);
    for (int i = 0; i < DP; i++) own += dq[i] * g[i], dq[i] = 0;
    own += SHUFFLE_XOR(own, 1);
    own += SHUFFLE_XOR(own, 2);
    load_part<DP>(q, from + (size_t)t * stride, h.d, some);
    float log_total = some ? log_sum[s.row + (size_t)t] : 0;
    for (int first = 0; first < h.T; first += TILE) {
        BARRIER(); /* nobody reads the last tile any more */
        load_tile<DP>(key, from + h.D, stride, first, h.T, h.d);
        load_tile<DP>(value, from + 2 * h.D, stride, first, h.T, h.d);
        BARRIER(); /* the tile stands */
        for (int u = 0; u < TILE && first + u < h.T; u++) {
            float p = expf(row_product<DP>(q, key[u]) * h.scale - log_total);
            float ds = p * (row_product<DP>(g, value[u]) - own) * h.scale;
            add_row<DP>(dq, ds, key[u]);
        }
    }
    if (!some) return;
    store_part<DP>(dqkv + s.qkv + (size_t)t * stride, dq, h.d, h.sum);
    if (threadIdx.x % PARTS == 0) dot[s.row + (size_t)t] = own;
}

/* dk = ds' q, dv = p' dy: a row is a key, tiles are of queries. */
template <typename T, int DP>
KERNEL BOUNDS(THREADS) attention_keys(struct heads h, const T *qkv, const T *dy,
                                      const float *log_sum, const float *dot, T *dqkv) {
    SHARED(float, query, [TILE][PARTS * DP]);
    SHARED(float, gradient, [TILE][PARTS * DP]);
    SHARED(float, known, [2][TILE]); /* log_sum and dot of the tile's queries */
    struct head s = head_of(h, ROWS);
    size_t stride = 3 * (size_t)h.D;
    int t = s.first + (int)threadIdx.x / PARTS;
    const T *from = qkv + s.qkv;
    float k[DP], v[DP], dk[DP] = {}, dv[DP] = {};
    load_part<DP>(k, from + h.D + (size_t)t * stride, h.d, t < h.T);
    load_part<DP>(v, from + 2 * h.D + (size_t)t * stride, h.d, t < h.T);
    for (int first = 0; first < h.T; first += TILE) {
        BARRIER(); /* nobody reads the last tile any more */
        load_tile<DP>(query, from, stride, first, h.T, h.d);
        load_tile<DP>(gradient, dy + s.y, (size_t)h.D, first, h.T, h.d);
        if (threadIdx.x < TILE && first + (int)threadIdx.x < h.T) {
            known[0][threadIdx.x] = log_sum[s.row + (size_t)first + threadIdx.x];
            known[1][threadIdx.x] = dot[s.row + (size_t)first + threadIdx.x];
        }
        BARRIER(); /* the tile stands */
        for (int u = 0; u < TILE && first + u < h.T; u++) {
            float p = expf(row_product<DP>(k, query[u]) * h.scale - known[0][u]);
            float ds = p * (row_product<DP>(v, gradient[u]) - known[1][u]) * h.scale;
            add_row<DP>(dv, p, gradient[u]);
            add_row<DP>(dk, ds, query[u]);
        }
    }
    if (t >= h.T) return;
    store_part<DP>(dqkv + s.qkv + h.D + (size_t)t * stride, dk, h.d, h.sum);
    store_part<DP>(dqkv + s.qkv + 2 * h.D + (size_t)t * stride, dv, h.d, h.sum);
}

/* ---- host ---- */

struct heads attention_heads(const struct call *c, int rows) {
    int T = c->ys.dim[0], D = c->ys.dim[1], d = D / c->attr->heads;
    return {c->N,
            T,
            D,
            c->attr->heads,
            d,
            (T + rows - 1) / rows,
            (float)(1 / sqrt((double)d)),
            c->sum[0]};
}

template <typename T, int DP> static void forward_wide(const struct call *c) {
    struct heads h = attention_heads(c, ROWS);
    LAUNCH((attention_first<T, DP>), (unsigned)(h.N * h.heads * h.blocks), THREADS, 0,
           gpu_of(c)->device, h, (const T *)c->x[0], (T *)c->y, (float *)c->saved);
}
template <typename T, int DP> static void backward_wide(const struct call *c) {
    struct heads h = attention_heads(c, ROWS);
    struct device *d = gpu_of(c)->device;
    unsigned blocks = (unsigned)(h.N * h.heads * h.blocks);
    const T *qkv = (const T *)c->x[0], *dy = (const T *)c->dy;
    float *dot = (float *)c->scratch;
    LAUNCH((attention_queries<T, DP>), blocks, THREADS, 0, d, h, qkv, (const T *)c->y, dy,
           (const float *)c->saved, dot, (T *)c->dx[0]);
    LAUNCH((attention_keys<T, DP>), blocks, THREADS, 0, d, h, qkv, dy,
           (const float *)c->saved, (const float *)dot, (T *)c->dx[0]);
}

enum { SMALL = 8, USUAL = 16, LARGE = 32 }; /* values a thread: d up to 32, 64, 128 */
template <typename T> static void forward(const struct call *c) {
    int d = attention_heads(c, ROWS).d;
    if (d <= PARTS * SMALL)
        forward_wide<T, SMALL>(c);
    else if (d <= PARTS * USUAL)
        forward_wide<T, USUAL>(c);
    else
        forward_wide<T, LARGE>(c);
}
template <typename T> static void backward(const struct call *c) {
    int d = attention_heads(c, ROWS).d;
    if (d <= PARTS * SMALL)
        backward_wide<T, SMALL>(c);
    else if (d <= PARTS * USUAL)
        backward_wide<T, USUAL>(c);
    else
        backward_wide<T, LARGE>(c);
}

/* ---- which of the two ---- */

enum direction { FORWARD, BACKWARD };
enum way { PLAIN, MATRIX };

void gpu_attention_plain_forward(const struct call *c) {
    BY_TYPE(type_of(c, 0), forward, c);
}
void gpu_attention_plain_backward(const struct call *c) {
    BY_TYPE(type_of(c, 0), backward, c);
}

static void run(const struct call *c, enum direction direction, int way) {
    static void (*const ways[2][2])(const struct call *c) = {
        {gpu_attention_plain_forward, gpu_attention_matrix_forward},
        {gpu_attention_plain_backward, gpu_attention_matrix_backward}};
    ways[direction][way](c);
}

/* A trial of both ways on memory of its own, taken once somebody asks. */
struct contest {
    struct call call;
    enum direction direction;
    void *memory;
};
static void contest_begin(struct contest *s) {
    struct call *c = &s->call;
    struct device *d = gpu_of(c)->device;
    size_t map = pad256((size_t)c->N * (size_t)c->ys.dim[0] * (size_t)c->ys.dim[1] * 2),
           row = pad256(gpu_attention_saved(c));
    char *at = (char *)(s->memory = device_alloc(d, 8 * map + 2 * row, "timing attention"));
    c->x[0] = at, c->dx[0] = at + 3 * map, c->y = at + 6 * map;
    c->dy = at + 7 * map, c->saved = at + 8 * map, c->scratch = at + 8 * map + row;
}
static void contest_run(void *arg, int way) {
    struct contest *s = (struct contest *)arg;
    if (!s->memory) contest_begin(s);
    run(&s->call, s->direction, way);
}

/* A name without the batch's size: asked again at the launch, it has been answered at
 * the plan. */
static int choose(const struct call *c, enum direction direction) {
    if (!gpu_attention_matrix_fits(c)) return PLAIN;
    struct contest s = {*c, direction, NULL};
    char name[100];
    snprintf(name, sizeof name, "attention %s, %d tokens, %d heads",
             direction == FORWARD ? "forward" : "backward", c->ys.dim[0], c->attr->heads);
    int way = library_choose(gpu_of(c)->library, name, 2, contest_run, &s);
    if (s.memory) device_free(gpu_of(c)->device, s.memory);
    return way;
}

size_t gpu_attention_saved(const struct call *c) {
    return (size_t)c->N * (size_t)c->attr->heads * (size_t)c->ys.dim[0] * sizeof(float);
}
size_t gpu_attention_scratch(const struct call *c) {
    assert(c->ys.dim[1] / c->attr->heads <= PARTS * LARGE);
    choose(c, FORWARD);
    if (c->phase == PHASE_TRAIN) choose(c, BACKWARD);
    return gpu_attention_saved(c); /* dot */
}
void gpu_attention_forward(const struct call *c) {
    run(c, FORWARD, choose(c, FORWARD));
}
void gpu_attention_backward(const struct call *c) {
    run(c, BACKWARD, choose(c, BACKWARD));
}
