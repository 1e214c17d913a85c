/* columns.h - sums over the rows of arrays [rows][C], a column each, in two launches and
 * one fixed order: batch norm's statistics and gradients, gradients of biases and of layer
 * norm's weights.
 *
 * First launch: a block is `lanes` threads across (V columns each) and THREADS / lanes
 * down; it sums a chunk of the rows of its columns to part[chunk][K][C]. Second: a block
 * sums all chunks of 8 columns. How many chunks depends on the array's size alone, so that
 * a device's size never shows in the bits. */
#ifndef MODEL_GPU_COLUMNS_H
#define MODEL_GPU_COLUMNS_H
#include "model/gpu/element.h"

struct columns {
    size_t rows;
    int C, lanes, groups, chunks; /* blocks of the first launch: groups * chunks */
};

static inline struct columns columns_of(size_t rows, int C, int V) {
    enum { BLOCKS = 1024, CHUNKS = 512, EACH = 4 }; /* rows a thread sums at least */
    struct columns s = {rows, C, 1, 1, 1};
    int across = (C + V - 1) / V;
    while (s.lanes < WARP && s.lanes < across) s.lanes *= 2;
    s.groups = (across + s.lanes - 1) / s.lanes;
    size_t down = (size_t)(THREADS / s.lanes) * EACH, most = (rows + down - 1) / down;
    int chunks = BLOCKS / s.groups;
    if (chunks > CHUNKS) chunks = CHUNKS;
    if ((size_t)chunks > most) chunks = (int)most;
    s.chunks = chunks < 1 ? 1 : chunks;
    return s;
}

/* Bytes of part for K sums. */
static inline size_t columns_bytes(struct columns s, int K) {
    return pad256((size_t)s.chunks * (size_t)K * (size_t)s.C * sizeof(float));
}

/* Where a block and a thread of it stand. */
struct column_place {
    int column, down;  /* first of V columns; place in the block's height */
    size_t begin, end; /* rows of the block's chunk */
};
DEVICE struct column_place column_place(struct columns s, int V) {
    int group = (int)(blockIdx.x % (unsigned)s.groups);
    size_t chunk = blockIdx.x / (unsigned)s.groups;
    struct column_place p;
    p.column = (group * s.lanes + (int)threadIdx.x % s.lanes) * V;
    p.down = (int)threadIdx.x / s.lanes;
    p.begin = s.rows * chunk / (size_t)s.chunks;
    p.end = s.rows * (chunk + 1) / (size_t)s.chunks;
    return p;
}

/* F: void add(size_t row, int column, float sum[K][V]) const, on the device. */
template <int V, int K, typename F>
KERNEL BOUNDS(THREADS) columns_first(struct columns s, F f, float *part) {
    SHARED(float, slot, [K][THREADS * V]);
    struct column_place p = column_place(s, V);
    float sum[K][V] = {};
    if (p.column < s.C)
        for (size_t row = p.begin + p.down; row < p.end; row += THREADS / s.lanes)
            f.add(row, p.column, sum);
    int wide = s.lanes * V, at = p.down * wide + (int)threadIdx.x % s.lanes * V;
    for (int k = 0; k < K; k++)
        for (int i = 0; i < V; i++) slot[k][at + i] = sum[k][i];
    BARRIER(); /* every thread's sums stand before some thread adds up a column of them */
    size_t chunk = blockIdx.x / (unsigned)s.groups;
    int left = (int)(blockIdx.x % (unsigned)s.groups) * wide;
    for (int j = (int)threadIdx.x; j < wide && left + j < s.C; j += THREADS)
        for (int k = 0; k < K; k++) {
            float total = 0;
            for (int y = 0; y < THREADS / s.lanes; y++) total += slot[k][y * wide + j];
            part[(chunk * K + k) * (size_t)s.C + (size_t)(left + j)] = total;
        }
}

enum { FINISH_COLUMNS = 8, FINISH_DOWN = THREADS / FINISH_COLUMNS };

/* F: void finish(int column, const double total[K]) const, on the device, once a column. */
template <int K, typename F>
KERNEL BOUNDS(THREADS) columns_second(struct columns s, F f, const float *part) {
    SHARED(double, slot, [K][FINISH_DOWN][FINISH_COLUMNS]);
    int j = (int)threadIdx.x % FINISH_COLUMNS, down = (int)threadIdx.x / FINISH_COLUMNS;
    int column = (int)blockIdx.x * FINISH_COLUMNS + j;
    double sum[K] = {};
    if (column < s.C)
        for (int chunk = down; chunk < s.chunks; chunk += FINISH_DOWN)
            for (int k = 0; k < K; k++)
                sum[k] += part[((size_t)chunk * K + k) * (size_t)s.C + (size_t)column];
    for (int k = 0; k < K; k++) slot[k][down][j] = sum[k];
    BARRIER(); /* all sums of chunks stand before the first row of threads adds them up */
    if (down > 0 || column >= s.C) return;
    for (int k = 0; k < K; k++)
        for (int i = 1; i < FINISH_DOWN; i++) sum[k] += slot[k][i][j];
    f.finish(column, sum);
}

/* Both launches. */
template <int V, int K, typename First, typename Second>
static void columns_sum(struct device *device, struct columns s, First first, Second second,
                        float *part) {
    LAUNCH((columns_first<V, K, First>), (unsigned)(s.groups * s.chunks), THREADS, 0,
           device, s, first, part);
    LAUNCH((columns_second<K, Second>),
           (unsigned)((s.C + FINISH_COLUMNS - 1) / FINISH_COLUMNS), THREADS, 0, device, s,
           second, (const float *)part);
}

/* A bias's gradient: db[column] = the sum of dy's column. */
template <typename T, int V> struct bias_rows {
    const T *dy;
    int C;
    METHOD void add(size_t row, int column, float sum[1][V]) const {
        float g[V];
        take<V>(g, dy + row * (size_t)C + (size_t)column);
        for (int i = 0; i < V; i++) sum[0][i] += g[i];
    }
};
struct bias_store {
    float *db;
    METHOD void finish(int column, const double total[1]) const {
        db[column] = (float)total[0];
    }
};
template <typename T>
static void bias_gradient(const struct call *c, const void *dy, size_t rows, int C,
                          float *db, void *part) {
    constexpr int V = WIDE<T>;
    struct device *d = gpu_of(c)->device;
    if (C % V == 0)
        columns_sum<V, 1>(d, columns_of(rows, C, V), bias_rows<T, V>{(const T *)dy, C},
                          bias_store{db}, (float *)part);
    else
        columns_sum<1, 1>(d, columns_of(rows, C, 1), bias_rows<T, 1>{(const T *)dy, C},
                          bias_store{db}, (float *)part);
}
static inline size_t bias_gradient_bytes(enum precision type, size_t rows, int C) {
    int V = type == FP16 || type == BF16 ? 8 : 4;
    return columns_bytes(columns_of(rows, C, C % V == 0 ? V : 1), 1);
}
#endif
