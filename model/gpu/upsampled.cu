/* upsampled.cu - the logits' upsampling, their loss and its gradient without the large map:
 * equals ref_resize_*, ref_loss_* one after the other. Wherever a logit is needed it is
 * interpolated from the small map, which stays in the caches; backward is a gather, each
 * source place sums what the outputs that read it owe it, in row order.
 *
 * Bytes of n small logits (float): forward 4n, backward 8n, and the masks' bits. */
#include "model/gpu/between.h"
#include "model/gpu/loss.h"

struct small_map { /* z [N][v.in][h.in], one channel */
    const float *z;
    struct axis v, h;
    METHOD float operator()(size_t n, int y, int x) const {
        struct between down = between(v, y), across = between(h, x);
        const float *map = z + n * (size_t)v.in * (size_t)h.in;
        const float *low = map + (size_t)down.low * (size_t)h.in,
                    *high = map + (size_t)down.high * (size_t)h.in;
        float a = low[across.low] * (1 - across.weight) + low[across.high] * across.weight;
        float b =
            high[across.low] * (1 - across.weight) + high[across.high] * across.weight;
        return a * (1 - down.weight) + b * down.weight;
    }
};

/* A thread: one place of the small map. */
KERNEL BOUNDS(THREADS) upsampled_back(struct loss l, struct small_map m, const double *sums,
                                      float *dz, int add) {
    size_t each = (size_t)m.v.in * (size_t)m.h.in;
    for (size_t i = grid_first(); i < (size_t)l.N * each; i += grid_stride()) {
        size_t n = i / each;
        int y = (int)(i % each / (size_t)m.h.in), x = (int)(i % (size_t)m.h.in);
        struct slopes s = slopes_of(l, sums + LOSS_SUMS * n);
        struct reach v = reach(m.v, y), h = reach(m.h, x);
        float sum = 0;
        for (int p = v.first; p <= v.last; p++) {
            float down = share(m.v, p, y);
            if (down == 0) continue;
            for (int q = h.first; q <= h.last; q++) {
                float weight = down * share(m.h, q, x);
                if (weight == 0) continue;
                sum += weight * loss_slope(s, m(n, p, q), truth_at(l, n, p, q));
            }
        }
        give_gradient<1>(dz + i, &sum, add);
    }
}

static struct small_map small_of(const struct call *resize) {
    const int *x = resize->xs[0].dim, *y = resize->ys.dim, align = resize->attr->align;
    return {(const float *)resize->x[0], {x[1], y[1], align}, {x[2], y[2], align}};
}

size_t gpu_resize_loss_saved(const struct call *calls, int n) {
    return gpu_loss_saved(&calls[n - 1]);
}
size_t gpu_resize_loss_scratch(const struct call *calls, int n) {
    return gpu_loss_scratch(&calls[n - 1]);
}

void gpu_resize_loss_forward(const struct call *calls, int n) {
    struct call c = calls[n - 1];
    c.saved = calls[0].saved, c.scratch = calls[0].scratch; /* the run's */
    loss_sums(&c, loss_of(&c, c.xs[0].dim[1]), small_of(&calls[0]));
}

void gpu_resize_loss_backward(const struct call *calls, int n) {
    const struct call *resize = &calls[0], *c = &calls[n - 1];
    LAUNCH(upsampled_back, blocks_for(c, (size_t)c->N * shape_count(resize->xs[0])),
           THREADS, 0, gpu_of(c)->device, loss_of(c, c->xs[0].dim[1]), small_of(resize),
           (const double *)resize->saved, (float *)resize->dx[0], resize->sum[0]);
}
