/* adam.cu - what is done to all parameters at once, a launch each over flat arrays: the
 * search for gradients that are not finite and torch.optim.Adam (they equal cpu_finite and
 * cpu_adam of model/cpu/adam.c), copies in the storage type. */
#include "model/gpu/step.h"
#include "model/gpu/element.h"

enum {
    V = 4,
    ROUNDS = 2,
    BLOCK = THREADS * V * ROUNDS
}; /* elements a block; V divides GPU_ALIGN */

/* ---- finite ---- */

template <typename T> DEVICE int finite_in(const T *x, size_t n) {
    int bad = 0;
    for (size_t i = grid_first() * V; i < n; i += grid_stride() * V) {
        float v[V];
        take<V>(v, x + i);
        /* 0 for finite numbers, NaN for the rest */
        for (int k = 0; k < V; k++) bad |= v[k] - v[k] != 0;
    }
    return bad;
}

template <typename T>
KERNEL BOUNDS(THREADS) finite_kernel(const T *matrix, size_t matrices, const float *vector,
                                     size_t vectors, struct gpu_now *now) {
    const int bad = finite_in(matrix, matrices) | finite_in(vector, vectors);
    if (VOTE_ANY(bad) && threadIdx.x % WARP == 0) ATOMIC_OR(&now->overflow, 1);
}

template <typename T>
static void finite_launch(struct gpu *gpu, const struct gpu_weights *w) {
    const unsigned blocks = (unsigned)gpu->device->processors * 4;
    LAUNCH(finite_kernel<T>, blocks, THREADS, 0, gpu->device, (const T *)w->gradient,
           w->matrices, w->vector_gradient, w->all - w->matrices, gpu->now);
}

extern "C" void gpu_finite(struct gpu *gpu, const struct gpu_weights *w) {
    BY_TYPE(gpu->precision, finite_launch, gpu, w);
}

/* ---- Adam ---- */

enum { PARTS = 4 };
/* A stretch of the flat arrays whose elements are treated alike. */
struct part {
    size_t at, count; /* elements; multiples of GPU_ALIGN */
    unsigned first;   /* its first block */
    int matrix, encoder;
};
struct adam_call {
    struct gpu_weights w;
    struct part part[PARTS];
    int parts;
    float decay, beta1, beta2, rest1, rest2, eps;
};

template <typename T>
DEVICE void adam_few(const struct adam_call &a, const struct gpu_now *now,
                     const struct part &p, size_t at) {
    float w[V], m[V], v[V], g[V];
    take<V>(w, a.w.w + at);
    take<V>(m, a.w.m + at);
    take<V>(v, a.w.v + at);
    if (p.matrix)
        take<V>(g, (const T *)a.w.gradient + at);
    else
        take<V>(g, a.w.vector_gradient + (at - a.w.matrices));
    const float rate = now->rate[p.encoder];
    for (int k = 0; k < V; k++) {
        g[k] = g[k] * now->unscale + w[k] * a.decay;
        m[k] = m[k] * a.beta1 + g[k] * a.rest1;
        v[k] = v[k] * a.beta2 + g[k] * g[k] * a.rest2;
        w[k] -= rate * m[k] / (sqrtf(v[k] * now->root) + a.eps);
    }
    give<V>(a.w.w + at, w);
    give<V>(a.w.m + at, m);
    give<V>(a.w.v + at, v);
    if (p.matrix && a.w.copy) give<V>((T *)a.w.copy + at, w);
}

template <typename T>
KERNEL BOUNDS(THREADS) adam_kernel(struct adam_call a, const struct gpu_now *now) {
    if (now->skip) return;
    int which = 0;
    while (which + 1 < a.parts && a.part[which + 1].first <= blockIdx.x) which++;
    const struct part &p = a.part[which];
    const size_t from = (size_t)(blockIdx.x - p.first) * BLOCK;
    for (int round = 0; round < ROUNDS; round++) {
        const size_t i = from + ((size_t)round * THREADS + threadIdx.x) * V;
        if (i < p.count) adam_few<T>(a, now, p, p.at + i);
    }
}

static void add_part(struct adam_call *a, unsigned *blocks, size_t at, size_t end,
                     int matrix, int encoder) {
    if (at == end) return;
    a->part[a->parts++] = {at, end - at, *blocks, matrix, encoder};
    *blocks += (unsigned)((end - at + BLOCK - 1) / BLOCK);
}

template <typename T>
static void adam_launch(struct gpu *gpu, const struct adam_call *a, unsigned blocks) {
    LAUNCH(adam_kernel<T>, blocks, THREADS, 0, gpu->device, *a, gpu->now);
}

extern "C" void gpu_adam(struct gpu *gpu, const struct gpu_update *u,
                         const struct gpu_weights *w) {
    struct adam_call a = {*w,
                          {},
                          0,
                          (float)u->weight_decay,
                          (float)u->beta1,
                          (float)u->beta2,
                          (float)(1 - u->beta1),
                          (float)(1 - u->beta2),
                          (float)u->eps};
    unsigned blocks = 0;
    size_t start = 0;
    for (int k = 0; k < 2; k++) {
        if (!u->freeze) add_part(&a, &blocks, start, w->encoder[k], k == 0, 1);
        add_part(&a, &blocks, w->encoder[k], w->end[k], k == 0, 0);
        start = w->end[k];
    }
    if (blocks) BY_TYPE(gpu->precision, adam_launch, gpu, &a, blocks);
}

/* ---- copies ---- */

template <typename T>
KERNEL BOUNDS(THREADS) copy_kernel(T *to, const float *from, size_t n) {
    for (size_t i = grid_first() * V; i < n; i += grid_stride() * V) {
        float w[V];
        take<V>(w, from + i);
        give<V>(to + i, w);
    }
}

static unsigned blocks_of(const struct gpu *gpu, size_t n) {
    const size_t blocks = (n + THREADS * V - 1) / (THREADS * V),
                 most = (size_t)gpu->device->processors * 8;
    return (unsigned)(blocks < most ? blocks : most);
}

template <typename T>
static void copy_launch(struct gpu *gpu, const struct gpu_weights *w, size_t at,
                        size_t count) {
    LAUNCH(copy_kernel<T>, blocks_of(gpu, count), THREADS, 0, gpu->device,
           (T *)w->copy + at, w->w + at, count);
}

extern "C" void gpu_copy(struct gpu *gpu, const struct gpu_weights *w, size_t at,
                         size_t count) {
    if (w->copy && count) BY_TYPE(gpu->precision, copy_launch, gpu, w, at, count);
}

KERNEL BOUNDS(THREADS) swap_kernel(float *a, float *b, size_t n) {
    for (size_t i = grid_first(); i < n; i += grid_stride()) {
        const float x = a[i];
        a[i] = b[i];
        b[i] = x;
    }
}

extern "C" void gpu_swap(struct gpu *gpu, float *a, float *b, size_t n) {
    if (n) LAUNCH(swap_kernel, blocks_of(gpu, n), THREADS, 0, gpu->device, a, b, n);
}
