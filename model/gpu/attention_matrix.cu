/* attention_matrix.cu - F.scaled_dot_product_attention on timm's packed qkv [T][3D] for
 * 16-bit numbers and heads of 64, by a warp's matrix products (matrix.h) with sums, softmax
 * and its derivative in float; equals ref_attention_*. Probabilities and their gradients
 * are rounded to 16 bits where they are multiplied again, nowhere else.
 *
 * A block is four warps, a warp sixteen rows of the map of scores (queries; keys in
 * matrix_keys), whose numbers stay in registers; what they multiply with comes in tiles
 * of 64 rows to shared memory, the next while the last is used: 32 KB (33 in
 * matrix_keys), launches of 128 threads, one block for 64 rows of a head. Backward
 * computes the scores twice, once by queries and once by keys, so that every sum belongs
 * to one thread and comes in one order. Rows begin on 128 bytes (D is a multiple of 64). */
#include "model/gpu/attention.h"
#include "model/gpu/matrix.h"
#include <math.h>

enum {
    DIMS = 64,        /* of a head */
    DEEP = DIMS / 16, /* products that make a score */
    WARPS = 4,
    BLOCK = WARPS * WARP, /* threads */
    OWN = 16,             /* rows of a warp */
    ROWS = WARPS * OWN,   /* of a block */
    TILE = 64,            /* rows that are multiplied with at a time */
    WORDS = TILE * TILE_WORDS,
};
static constexpr float LOG2E = 1.44269504088896341f;

/* The rows of a warp: row of this lane's first numbers, the second ones stand eight rows
 * on. */
DEVICE int own_row(const struct head &s) {
    return s.first + (int)threadIdx.x / WARP * OWN + (int)threadIdx.x % WARP / 4;
}
/* Column of this lane's first two numbers of eight columns. */
DEVICE int own_column(void) {
    return (int)threadIdx.x % 4 * 2;
}
DEVICE float quad_sum(float v) {
    v += SHUFFLE_XOR(v, 1);
    return v + SHUFFLE_XOR(v, 2);
}
DEVICE float quad_max(float v) {
    v = fmaxf(v, SHUFFLE_XOR(v, 1));
    return fmaxf(v, SHUFFLE_XOR(v, 2));
}

/* Operand a of the warp's rows: 16 dimensions of a word of 4 numbers each; zeros beyond
 * the last row. */
template <typename T>
DEVICE void load_own(uint32_t (*a)[4], const T *from, size_t stride, int row, int rows) {
    for (int half = 0; half < 2; half++) {
        const int at = row + 8 * half;
        const T *first = from + (size_t)at * stride + own_column();
        for (int k = 0; k < 2 * DEEP; k++)
            a[k / 2][half + k % 2 * 2] = at < rows ? *(const uint32_t *)(first + 8 * k) : 0;
    }
}
/* Products of d's rows, eight dimensions each, by `factor`. */
template <typename T>
DEVICE void store_own(T *to, size_t stride, int row, int rows, float (*d)[4], float factor,
                      int sum) {
    for (int half = 0; half < 2; half++) {
        const int at = row + 8 * half;
        if (at >= rows) continue;
        T *first = to + (size_t)at * stride + own_column();
        for (int j = 0; j < DIMS / 8; j++) {
            const float v[2] = {d[j][2 * half] * factor, d[j][2 * half + 1] * factor};
            give_gradient<2>(first + 8 * j, v, sum);
        }
    }
}

/* Begins the copy of TILE rows from `first` on, zeros beyond the last. */
template <typename T>
DEVICE void begin_tile(uint4 *tile, const T *from, size_t stride, int first, int rows) {
    for (int i = (int)threadIdx.x; i < WORDS; i += BLOCK) {
        const int row = i / TILE_WORDS, word = i % TILE_WORDS, some = first + row < rows;
        copy_begin(tile + tile_place(row, word),
                   from + (size_t)(some ? first + row : 0) * stride + 8 * word, some);
    }
}

/* d[2][4], scores of the warp's rows with sixteen rows of the tile. */
template <typename T>
DEVICE void scores(float (*d)[4], uint32_t (*own)[4], const uint4 *tile, int row) {
    for (int k = 0; k < DEEP; k++) {
        uint32_t b[4];
        tile_across(b, tile, row, k);
        multiply_add(d[0], own[k], b, T());
        multiply_add(d[1], own[k], b + 2, T());
    }
}
/* d[8][4] += p times sixteen rows of the tile; p[2][4] as scores gives them. */
template <typename T>
DEVICE void add_rows(float (*d)[4], float (*p)[4], const uint4 *tile, int row) {
    const uint32_t a[4] = {pack<T>(p[0][0], p[0][1]), pack<T>(p[0][2], p[0][3]),
                           pack<T>(p[1][0], p[1][1]), pack<T>(p[1][2], p[1][3])};
    for (int k = 0; k < DEEP; k++) {
        uint32_t b[4];
        tile_down(b, tile, row, k);
        multiply_add(d[2 * k], a, b, T());
        multiply_add(d[2 * k + 1], a, b + 2, T());
    }
}

/* ---- forward ---- */

/* A warp's softmax so far: greatest score and sum of exponentials of this lane's two
 * rows (the sum of this lane's columns alone), and what it has summed of v. */
struct softmax {
    float most[2], total[2], out[DIMS / 8][4];
};

/* Scores s of the tile's keys become exponentials, what was summed shrinks where a
 * greater one comes. */
DEVICE void exponentials(struct softmax &m, float (*s)[4], int keys, float scale) {
    const float factor = scale * LOG2E;
    for (int half = 0; half < 2; half++) {
        float most = m.most[half];
#pragma unroll
        for (int j = 0; j < TILE / 8; j++)
            for (int i = 0; i < 2; i++) {
                float *v = &s[j][2 * half + i];
                if (8 * j + own_column() + i >= keys) *v = -INFINITY;
                most = fmaxf(most, *v);
            }
        most = quad_max(most);
        const float shrink = exp2f((m.most[half] - most) * factor);
        m.most[half] = most;
        m.total[half] *= shrink;
#pragma unroll
        for (int j = 0; j < TILE / 8; j++)
            for (int i = 0; i < 2; i++) {
                float *v = &s[j][2 * half + i];
                *v = exp2f((*v - most) * factor);
                m.total[half] += *v;
                m.out[j][2 * half + i] *= shrink;
            }
    }
}

/* The softmax of a warp's rows over a tile of keys, of which `keys` or more are left,
 * and its product with their values. */
template <typename T>
DEVICE void attend(struct softmax &m, uint32_t (*q)[4], const uint4 *key,
                   const uint4 *value, int keys, float scale) {
    float s[TILE / 8][4] = {};
#pragma unroll
    for (int j = 0; j < TILE / 16; j++)
        if (16 * j < keys) scores<T>(s + 2 * j, q, key, 16 * j);
    exponentials(m, s, keys, scale);
#pragma unroll
    for (int j = 0; j < TILE / 16; j++)
        if (16 * j < keys) add_rows<T>(m.out, s + 2 * j, value, 16 * j);
}

/* y = softmax(q k' scale) v; log_sum [N][heads][T]. */
template <typename T>
KERNEL BOUNDS(BLOCK) matrix_first(struct heads h, const T *qkv, T *y, float *log_sum) {
    SHARED(uint4, key, [2][WORDS]);
    SHARED(uint4, value, [2][WORDS]);
    const struct head s = head_of(h, ROWS);
    const size_t stride = 3 * (size_t)h.D;
    const int row = own_row(s), work = s.first + (int)threadIdx.x / WARP * OWN < h.T;
    const T *from = qkv + s.qkv;
    uint32_t q[DEEP][4];
    load_own(q, from, stride, row, h.T);
    struct softmax m = {{-INFINITY, -INFINITY}, {}, {}};
    begin_tile(key[0], from + h.D, stride, 0, h.T);
    begin_tile(value[0], from + 2 * h.D, stride, 0, h.T);
    for (int first = 0, at = 0; first < h.T; first += TILE, at = !at) {
        copy_commit();
        copy_wait<0>();
        BARRIER(); /* all words of this tile have come, nobody reads the other any more */
        if (first + TILE < h.T) {
            begin_tile(key[!at], from + h.D, stride, first + TILE, h.T);
            begin_tile(value[!at], from + 2 * h.D, stride, first + TILE, h.T);
        }
        if (work) attend<T>(m, q, key[at], value[at], h.T - first, h.scale);
    }
    for (int half = 0; half < 2; half++) {
        const float total = quad_sum(m.total[half]);
        const int t = row + 8 * half;
        for (int j = 0; j < DIMS / 8; j++)
            for (int i = 0; i < 2; i++) m.out[j][2 * half + i] /= total;
        if (t < h.T && threadIdx.x % 4 == 0)
            log_sum[s.row + (size_t)t] = m.most[half] * h.scale + logf(total);
    }
    store_own(y + s.y, (size_t)h.D, row, h.T, m.out, 1, 0);
}

/* ---- backward ---- */

/* dq = ds k scale, ds = p (dy v' - dot); dot [N][heads][T] = dy y, for matrix_keys too. */
template <typename T>
DEVICE void query_tile(float (*dq)[4], uint32_t (*q)[4], uint32_t (*g)[4],
                       const float *log_sum, const float *dot, const uint4 *key,
                       const uint4 *value, int keys, float scale) {
#pragma unroll 1
    for (int j = 0; j < TILE / 16 && 16 * j < keys; j++) {
        float p[2][4] = {}, dp[2][4] = {};
        scores<T>(p, q, key, 16 * j);
        scores<T>(dp, g, value, 16 * j);
        for (int i = 0; i < 2; i++)
            for (int e = 0; e < 4; e++) {
                const int some = 16 * j + 8 * i + own_column() + e % 2 < keys;
                const float of = (p[i][e] * scale - log_sum[e / 2]) * LOG2E;
                p[i][e] = some ? exp2f(of) * (dp[i][e] - dot[e / 2]) : 0;
            }
        add_rows<T>(dq, p, key, 16 * j);
    }
}

/* dot of this lane's two rows. */
template <typename T>
DEVICE void dots(float *dot, uint32_t (*g)[4], const T *y, size_t stride, int row,
                 int rows) {
    uint32_t out[DEEP][4];
    load_own(out, y, stride, row, rows);
    dot[0] = dot[1] = 0;
    for (int k = 0; k < DEEP; k++)
        for (int i = 0; i < 4; i++) {
            float a[2], b[2];
            unpack<T>(a, g[k][i]);
            unpack<T>(b, out[k][i]);
            dot[i % 2] += a[0] * b[0] + a[1] * b[1];
        }
    for (int half = 0; half < 2; half++) dot[half] = quad_sum(dot[half]);
}

template <typename T>
KERNEL BOUNDS(BLOCK) matrix_queries(struct heads h, const T *qkv, const T *y, const T *dy,
                                    const float *log_sum, float *dot, T *dqkv) {
    SHARED(uint4, key, [2][WORDS]);
    SHARED(uint4, value, [2][WORDS]);
    const struct head s = head_of(h, ROWS);
    const size_t stride = 3 * (size_t)h.D;
    const int row = own_row(s), work = s.first + (int)threadIdx.x / WARP * OWN < h.T;
    const T *from = qkv + s.qkv;
    begin_tile(key[0], from + h.D, stride, 0, h.T);
    begin_tile(value[0], from + 2 * h.D, stride, 0, h.T);
    uint32_t q[DEEP][4], g[DEEP][4];
    load_own(q, from, stride, row, h.T);
    load_own(g, dy + s.y, (size_t)h.D, row, h.T);
    float own_dot[2], own_log[2], dq[DIMS / 8][4] = {};
    dots(own_dot, g, y + s.y, (size_t)h.D, row, h.T);
    for (int half = 0; half < 2; half++) {
        const int t = row + 8 * half;
        own_log[half] = t < h.T ? log_sum[s.row + (size_t)t] : 0;
        if (t < h.T && threadIdx.x % 4 == 0) dot[s.row + (size_t)t] = own_dot[half];
    }
    for (int first = 0, at = 0; first < h.T; first += TILE, at = !at) {
        copy_commit();
        copy_wait<0>();
        BARRIER(); /* all words of this tile have come, nobody reads the other any more */
        if (first + TILE < h.T) {
            begin_tile(key[!at], from + h.D, stride, first + TILE, h.T);
            begin_tile(value[!at], from + 2 * h.D, stride, first + TILE, h.T);
        }
        if (work)
            query_tile<T>(dq, q, g, own_log, own_dot, key[at], value[at], h.T - first,
                          h.scale);
    }
    store_own(dqkv + s.qkv, stride, row, h.T, dq, h.scale, h.sum);
}

/* dk = ds' q scale, dv = p' dy over the queries of a tile; rows beyond the last are
 * zeros there. */
template <typename T>
DEVICE void key_tile(float (*dk)[4], float (*dv)[4], uint32_t (*k)[4], uint32_t (*v)[4],
                     const uint4 *query, const uint4 *gradient, const float *log_sum,
                     const float *dot, int queries, float scale) {
#pragma unroll 1
    for (int j = 0; j < TILE / 16 && 16 * j < queries; j++) {
        float p[2][4] = {}, ds[2][4] = {};
        scores<T>(p, k, query, 16 * j);
        scores<T>(ds, v, gradient, 16 * j);
        for (int i = 0; i < 2; i++)
            for (int e = 0; e < 4; e++) {
                const int t = 16 * j + 8 * i + own_column() + e % 2;
                p[i][e] = exp2f((p[i][e] * scale - log_sum[t]) * LOG2E);
                ds[i][e] = p[i][e] * (ds[i][e] - dot[t]);
            }
        add_rows<T>(dv, p, gradient, 16 * j);
        add_rows<T>(dk, ds, query, 16 * j);
    }
}

template <typename T>
KERNEL BOUNDS(BLOCK) matrix_keys(struct heads h, const T *qkv, const T *dy,
                                 const float *log_sum, const float *dot, T *dqkv) {
    SHARED(uint4, query, [2][WORDS]);
    SHARED(uint4, gradient, [2][WORDS]);
    SHARED(float, known, [2][2][TILE]); /* log_sum and dot of a tile's queries */
    const struct head s = head_of(h, ROWS);
    const size_t stride = 3 * (size_t)h.D;
    const int row = own_row(s), work = s.first + (int)threadIdx.x / WARP * OWN < h.T;
    const T *from = qkv + s.qkv;
    uint32_t k[DEEP][4], v[DEEP][4];
    load_own(k, from + h.D, stride, row, h.T);
    load_own(v, from + 2 * h.D, stride, row, h.T);
    float dk[DIMS / 8][4] = {}, dv[DIMS / 8][4] = {};
    for (int first = -TILE, at = 1; first < h.T; first += TILE, at = !at) {
        if (first >= 0) {
            copy_commit();
            copy_wait<0>();
        }
        BARRIER(); /* all words of this tile have come, nobody reads the other any more */
        const int next = first + TILE;
        if (next < h.T) {
            begin_tile(query[!at], from, stride, next, h.T);
            begin_tile(gradient[!at], dy + s.y, (size_t)h.D, next, h.T);
            if (threadIdx.x < TILE) {
                const int t = next + (int)threadIdx.x, some = t < h.T;
                known[!at][0][threadIdx.x] = some ? log_sum[s.row + (size_t)t] : 0;
                known[!at][1][threadIdx.x] = some ? dot[s.row + (size_t)t] : 0;
            }
        }
        if (work && first >= 0)
            key_tile<T>(dk, dv, k, v, query[at], gradient[at], known[at][0], known[at][1],
                        h.T - first, h.scale);
    }
    store_own(dqkv + s.qkv + h.D, stride, row, h.T, dk, h.scale, h.sum);
    store_own(dqkv + s.qkv + 2 * h.D, stride, row, h.T, dv, 1, h.sum);
}

/* ---- host ---- */

int gpu_attention_matrix_fits(const struct call *c) {
    return type_of(c, 0) != FP32 && c->ys.dim[1] == DIMS * c->attr->heads;
}

template <typename T> static void forward(const struct call *c) {
    struct heads h = attention_heads(c, ROWS);
    LAUNCH((matrix_first<T>), (unsigned)(h.N * h.heads * h.blocks), BLOCK, 0,
           gpu_of(c)->device, h, (const T *)c->x[0], (T *)c->y, (float *)c->saved);
}
template <typename T> static void backward(const struct call *c) {
    struct heads h = attention_heads(c, ROWS);
    struct device *d = gpu_of(c)->device;
    unsigned blocks = (unsigned)(h.N * h.heads * h.blocks);
    const T *qkv = (const T *)c->x[0], *dy = (const T *)c->dy;
    float *dot = (float *)c->scratch;
    LAUNCH((matrix_queries<T>), blocks, BLOCK, 0, d, h, qkv, (const T *)c->y, dy,
           (const float *)c->saved, dot, (T *)c->dx[0]);
    LAUNCH((matrix_keys<T>), blocks, BLOCK, 0, d, h, qkv, dy, (const float *)c->saved,
           (const float *)dot, (T *)c->dx[0]);
}
void gpu_attention_matrix_forward(const struct call *c) {
    if (type_of(c, 0) == FP16)
        forward<half_t>(c);
    else
        forward<bfloat_t>(c);
}
void gpu_attention_matrix_backward(const struct call *c) {
    if (type_of(c, 0) == FP16)
        backward<half_t>(c);
    else
        backward<bfloat_t>(c);
}
