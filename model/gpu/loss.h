/* loss.h - the loss's arithmetic on the device: BCE with logits, soft Dice or both, a
 * picture at a time; ends.cu computes it from the logits' map, upsampled.cu from the map
 * they are interpolated from. */
#ifndef MODEL_GPU_LOSS_H
#define MODEL_GPU_LOSS_H
#include "model/gpu/element.h"

enum { LOSS_BCE, LOSS_DICE, LOSS_BCE_DICE }; /* the recipe's words */
enum { LOSS_SUMS = 4, LOSS_CHUNKS = 16 };    /* bce, p t, p, t; blocks a picture */

struct loss {
    const uint8_t *mask;
    const int *item;
    const uint8_t *flip;
    const struct gpu_now *now;
    int N, S, kind;
};

static inline struct loss loss_of(const struct call *c, int S) {
    struct gpu *gpu = gpu_of(c);
    return {gpu->mask, gpu->item, gpu->flip, gpu->now, c->N, S, c->attr->loss};
}
static inline size_t loss_saved(int N) {
    return (size_t)N * LOSS_SUMS * sizeof(double);
}
static inline size_t loss_scratch(int N) {
    return (size_t)N * LOSS_CHUNKS * LOSS_SUMS * sizeof(double);
}

/* Place in the stored picture of place (h, w) of the network's. */
DEVICE size_t flipped(int flip, int h, int w, int S) {
    if (flip & 1) w = S - 1 - w;
    if (flip & 2) h = S - 1 - h;
    return (size_t)h * (size_t)S + (size_t)w;
}
DEVICE float truth_at(const struct loss &l, size_t n, int h, int w) {
    size_t i = flipped(l.flip[n], h, w, l.S);
    const uint8_t *mask = l.mask + (size_t)l.item[n] * ((size_t)l.S * (size_t)l.S / 8);
    return (float)(mask[i / 8] >> (i % 8) & 1);
}
DEVICE float logistic(float z) {
    return 1 / (1 + expf(-z));
}

/* Sums of a stretch of a picture's pixels: LOSS_CHUNKS blocks a picture, of which a thread
 * takes every THREADS-th pixel; F: float operator()(n, h, w), the logit. part
 * [N][LOSS_CHUNKS][LOSS_SUMS]. */
template <typename F>
KERNEL BOUNDS(THREADS) loss_first(struct loss l, F logit, double *part) {
    SHARED(double, slot, [LOSS_SUMS][THREADS / WARP]);
    size_t n = blockIdx.x / LOSS_CHUNKS;
    int chunk = (int)(blockIdx.x % LOSS_CHUNKS), pixels = l.S * l.S;
    int begin = (int)((int64_t)pixels * chunk / LOSS_CHUNKS),
        end = (int)((int64_t)pixels * (chunk + 1) / LOSS_CHUNKS);
    float sum[LOSS_SUMS] = {};
    for (int i = begin + (int)threadIdx.x; i < end; i += THREADS) {
        float z = logit(n, i / l.S, i % l.S), t = truth_at(l, n, i / l.S, i % l.S);
        float p = logistic(z);
        sum[0] += (z > 0 ? z : 0) - z * t + log1pf(expf(-fabsf(z)));
        sum[1] += p * t;
        sum[2] += p;
        sum[3] += t;
    }
    for (int k = 0; k < LOSS_SUMS; k++) {
        float all = warp_sum(sum[k]);
        if (threadIdx.x % WARP == 0) slot[k][threadIdx.x / WARP] = all;
    }
    BARRIER(); /* the warps' sums stand before one thread a sum adds them up */
    if (threadIdx.x >= LOSS_SUMS) return;
    double all = 0;
    for (int i = 0; i < THREADS / WARP; i++) all += slot[threadIdx.x][i];
    part[(size_t)blockIdx.x * LOSS_SUMS + threadIdx.x] = all;
}

/* A thread a picture: its sums, its loss. Their mean over the batch is the machine's
 * business. */
KERNEL BOUNDS(THREADS)
    loss_second(struct loss l, const double *part, double *sums, double *loss, float *y) {
    for (size_t n = grid_first(); n < (size_t)l.N; n += grid_stride()) {
        double s[LOSS_SUMS] = {};
        for (int chunk = 0; chunk < LOSS_CHUNKS; chunk++)
            for (int k = 0; k < LOSS_SUMS; k++)
                s[k] += part[(n * LOSS_CHUNKS + (size_t)chunk) * LOSS_SUMS + (size_t)k];
        for (int k = 0; k < LOSS_SUMS; k++) sums[n * LOSS_SUMS + (size_t)k] = s[k];
        double bce = s[0] / l.S / l.S, dice = 1 - (2 * s[1] + 1) / (s[2] + s[3] + 1);
        loss[n] = (l.kind != LOSS_DICE ? bce : 0) + (l.kind != LOSS_BCE ? dice : 0);
        y[n] = (float)loss[n];
    }
}

/* c: the loss's call. */
template <typename F> static void loss_sums(const struct call *c, struct loss l, F logit) {
    struct device *d = gpu_of(c)->device;
    LAUNCH((loss_first<F>), (unsigned)(l.N * LOSS_CHUNKS), THREADS, 0, d, l, logit,
           (double *)c->scratch);
    LAUNCH(loss_second, blocks_for(c, (size_t)l.N), THREADS, 0, d, l,
           (const double *)c->scratch, (double *)c->saved, c->loss, (float *)c->y);
}

/* dz = bce (p - t) + (flat - hit t) p (1 - p). */
struct slopes {
    float bce, flat, hit;
};
DEVICE struct slopes slopes_of(const struct loss &l, const double *sums) {
    double scale = (double)l.now->loss_scale / l.N;
    struct slopes s = {0, 0, 0};
    if (l.kind != LOSS_DICE) s.bce = (float)(scale / l.S / l.S);
    if (l.kind != LOSS_BCE) {
        double bottom = sums[2] + sums[3] + 1, top = 2 * sums[1] + 1;
        s.flat = (float)(scale * top / (bottom * bottom));
        s.hit = (float)(scale * 2 / bottom);
    }
    return s;
}
DEVICE float loss_slope(struct slopes s, float z, float t) {
    float p = logistic(z);
    return s.bce * (p - t) + (s.flat - s.hit * t) * p * (1 - p);
}
#endif
