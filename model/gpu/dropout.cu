/* dropout.cu - F.dropout; equals ref_dropout_*: an element's bit is op.h's dropout_keeps at
 * its place in the picture's [C][H][W] (or [T][D]), whatever the order in memory. The epoch
 * is read on the device, so that a captured step draws anew.
 *
 * A thread takes four elements one behind the other in that order, which share a block of
 * random words but for a picture's odd beginning; in a map they are a row's neighbours. */
#include "model/gpu/random.h"
#include <math.h>

template <typename T> struct dropping {
    const T *from;
    T *to;
    size_t E; /* elements a picture */
    int C, plane, N, sum;
    uint64_t seed, ordinal; /* in place */
    uint32_t limit;         /* kept: words not below */
    float scale;
    const struct gpu_now *now;
    const int64_t *position; /* [N] */
};

template <typename T>
DEVICE void drop_one(const struct dropping<T> &d, size_t at, int kept) {
    float v = kept ? to_float(d.from[at]) * d.scale : 0;
    if (d.sum) v += to_float(d.to[at]);
    put_float(&d.to[at], v);
}

/* Launch: blocks stride over the blocks of four words that hold each picture's bits. */
template <typename T> KERNEL BOUNDS(THREADS) drop_all(struct dropping<T> d) {
    size_t quads = d.E / 4 + 2;
    for (size_t i = grid_first(); i < quads * (size_t)d.N; i += grid_stride()) {
        size_t n = i / quads;
        uint64_t first = d.ordinal + (uint64_t)d.position[n] * d.E,
                 block = first / 4 + i % quads;
        uint32_t word[4];
        random_block(d.seed, STREAM_DROPOUT, d.now->epoch, block, word);
        for (int k = 0; k < 4; k++) {
            uint64_t index = block * 4 + k;
            if (index < first || index - first >= d.E) continue;
            size_t e = (size_t)(index - first);
            size_t channel = e / (size_t)d.plane, place = e % (size_t)d.plane;
            drop_one(d, n * d.E + place * (size_t)d.C + channel, word[k] >= d.limit);
        }
    }
}

template <typename T> KERNEL BOUNDS(THREADS) copy_all(const T *from, T *to, size_t n) {
    for (size_t i = grid_first(); i < n; i += grid_stride()) to[i] = from[i];
}

template <typename T>
static void drop(const struct call *c, const void *from, void *to, int sum) {
    struct gpu *gpu = gpu_of(c);
    struct dropping<T> d = {};
    int map = c->ys.ndim == 3;
    d.from = (const T *)from, d.to = (T *)to, d.sum = sum;
    d.E = shape_count(c->ys);
    d.C = map ? c->ys.dim[0] : 1;
    d.plane = (int)(d.E / (size_t)d.C);
    d.N = c->N;
    d.seed = c->seed, d.ordinal = (uint64_t)c->attr->ordinal << 56;
    d.limit = (uint32_t)ceil(c->attr->rate * 4294967296.0); /* rate < 1 */
    d.scale = (float)(1 / (1 - c->attr->rate));
    d.now = gpu->now, d.position = gpu->position;
    LAUNCH((drop_all<T>), blocks_for(c, (d.E / 4 + 2) * (size_t)d.N), THREADS, 0,
           gpu->device, d);
}

template <typename T> static void forward(const struct call *c) {
    size_t n = (size_t)c->N * shape_count(c->ys);
    if (c->phase == PHASE_TRAIN || c->phase == PHASE_AGAIN)
        drop<T>(c, c->x[0], c->y, 0);
    else
        LAUNCH((copy_all<T>), blocks_for(c, n), THREADS, 0, gpu_of(c)->device,
               (const T *)c->x[0], (T *)c->y, n);
}
template <typename T> static void backward(const struct call *c) {
    drop<T>(c, c->dy, c->dx[0], c->sum[0]);
}

void gpu_dropout_forward(const struct call *c) {
    BY_TYPE(type_of(c, map_channels(c->ys)), forward, c);
}
void gpu_dropout_backward(const struct call *c) {
    BY_TYPE(type_of(c, map_channels(c->ys)), backward, c);
}
