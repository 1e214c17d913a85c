/* attention.cu - F.scaled_dot_product_attention on timm's packed qkv [T][3D], with plain multiply-adds:
 * any device, any storage type; equals ref_attention_*. Scores are never written: forward keeps the log
 * of each row's sum of exponentials, backward computes the probabilities again from it.
 *
 * A row of the map of scores (a query; a key in attention_keys) belongs to four neighbouring threads, its
 * head's d values dealt to them four at a time; what they multiply with comes in tiles of TILE rows to
 * shared memory, where the four read 64 bytes side by side and all rows of a warp the same ones. */
#include "model/gpu/columns.h"
#include <assert.h>
#include <math.h>

enum { PARTS = 4, ROWS = THREADS / PARTS, TILE = 32, GROUP = 8 };

struct heads {
    int N, T, D, heads, d, blocks; /* blocks of ROWS rows a head */
    float scale;
    int sum;
};

/* One head of one picture, by block: where q, k, v begin in qkv, y in y, and the head's rows in what
 * is saved. */
struct head {
    size_t qkv, y, row;
    int first; /* row of the block's first four threads */
};
DEVICE struct head head_of(const struct heads &h) {
    size_t block = blockIdx.x, head = block / (unsigned)h.blocks;
    size_t n = head / (unsigned)h.heads, column = head % (unsigned)h.heads * (size_t)h.d;
    struct head s;
    s.qkv = n * (size_t)h.T * 3 * (size_t)h.D + column;
    s.y = n * (size_t)h.T * (size_t)h.D + column;
    s.row = head * (size_t)h.T;
    s.first = (int)(block % (unsigned)h.blocks) * ROWS;
    return s;
}

/* The dimension that value i of a part stands for. */
DEVICE int dim_of(int part, int i) {
    return (i / 4 * PARTS + part) * 4 + i % 4;
}

/* This thread's share of a row of d values; zeros beyond d and beyond the last row. */
template <int DP, typename T> DEVICE void load_part(float *v, const T *row, int d, int some) {
    int part = (int)threadIdx.x % PARTS;
    for (int i = 0; i < DP; i++)
        v[i] = some && dim_of(part, i) < d ? to_float(row[dim_of(part, i)]) : 0;
}
template <int DP, typename T> DEVICE void store_part(T *row, const float *v, int d, int sum) {
    int part = (int)threadIdx.x % PARTS;
    for (int i = 0; i < DP; i++)
        if (dim_of(part, i) < d) give_gradient<1>(row + dim_of(part, i), v + i, sum);
}

/* TILE rows from `first` on, zeros beyond d and T. The caller's barriers stand around it. */
template <int DP, typename T>
DEVICE void load_tile(float (*tile)[PARTS * DP], const T *from, size_t stride, int first, int rows, int d) {
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

/* y = softmax(q k' scale) v, by groups of keys: what was summed is scaled down when a greater score
 * comes. log_sum [N][heads][T]. */
template <typename T, int DP>
KERNEL BOUNDS(THREADS) attention_first(struct heads h, const T *qkv, T *y, float *log_sum) {
    SHARED(float, key, [TILE][PARTS * DP]);
    SHARED(float, value, [TILE][PARTS * DP]);
    struct head s = head_of(h);
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

/* dq = ds k, ds = p (dy v' - dot) scale; dot [N][heads][T] = dy y, for attention_keys too. */
template <typename T, int DP>
KERNEL BOUNDS(THREADS) attention_queries(struct heads h, const T *qkv, const T *y, const T *dy,
                                         const float *log_sum, float *dot, T *dqkv) {
    SHARED(float, key, [TILE][PARTS * DP]);
    SHARED(float, value, [TILE][PARTS * DP]);
    struct head s = head_of(h);
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
KERNEL BOUNDS(THREADS) attention_keys(struct heads h, const T *qkv, const T *dy, const float *log_sum,
                                      const float *dot, T *dqkv) {
    SHARED(float, query, [TILE][PARTS * DP]);
    SHARED(float, gradient, [TILE][PARTS * DP]);
    SHARED(float, known, [2][TILE]); /* log_sum and dot of the tile's queries */
    struct head s = head_of(h);
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

static struct heads heads_of(const struct call *c) {
    int T = c->ys.dim[0], D = c->ys.dim[1], d = D / c->attr->heads;
    return {c->N, T, D, c->attr->heads, d, (T + ROWS - 1) / ROWS, (float)(1 / sqrt((double)d)),
            c->sum[0]};
}

size_t gpu_attention_saved(const struct call *c) {
    return (size_t)c->N * (size_t)c->attr->heads * (size_t)c->ys.dim[0] * sizeof(float);
}
size_t gpu_attention_scratch(const struct call *c) {
    return gpu_attention_saved(c); /* dot */
}

template <typename T, int DP> static void forward_wide(const struct call *c) {
    struct heads h = heads_of(c);
    LAUNCH((attention_first<T, DP>), (unsigned)(h.N * h.heads * h.blocks), THREADS, 0,
           gpu_of(c)->device, h, (const T *)c->x[0], (T *)c->y, (float *)c->saved);
}
template <typename T, int DP> static void backward_wide(const struct call *c) {
    struct heads h = heads_of(c);
    struct device *d = gpu_of(c)->device;
    unsigned blocks = (unsigned)(h.N * h.heads * h.blocks);
    const T *qkv = (const T *)c->x[0], *dy = (const T *)c->dy;
    float *dot = (float *)c->scratch;
    LAUNCH((attention_queries<T, DP>), blocks, THREADS, 0, d, h, qkv, (const T *)c->y, dy,
           (const float *)c->saved, dot, (T *)c->dx[0]);
    LAUNCH((attention_keys<T, DP>), blocks, THREADS, 0, d, h, qkv, dy, (const float *)c->saved,
           (const float *)dot, (T *)c->dx[0]);
}

enum { SMALL = 8, USUAL = 16, LARGE = 32 }; /* values a thread: d up to 32, 64, 128 */
template <typename T> static void forward(const struct call *c) {
    int d = heads_of(c).d;
    assert(d <= PARTS * LARGE);
    if (d <= PARTS * SMALL)
        forward_wide<T, SMALL>(c);
    else if (d <= PARTS * USUAL)
        forward_wide<T, USUAL>(c);
    else
        forward_wide<T, LARGE>(c);
}
template <typename T> static void backward(const struct call *c) {
    int d = heads_of(c).d;
    if (d <= PARTS * SMALL)
        backward_wide<T, SMALL>(c);
    else if (d <= PARTS * USUAL)
        backward_wide<T, USUAL>(c);
    else
        backward_wide<T, LARGE>(c);
}
void gpu_attention_forward(const struct call *c) {
    BY_TYPE(type_of(c, 0), forward, c);
}
void gpu_attention_backward(const struct call *c) {
    BY_TYPE(type_of(c, 0), backward, c);
}
