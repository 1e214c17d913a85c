/* ends.cu - where pictures come in and the loss goes out; equals ref_input_forward,
 * ref_loss_*. What the batch is of is read on the device (struct gpu: item, flip; gpu_now:
 * loss scale), so that a captured step goes on to other pictures. */
#include "model/gpu/loss.h"

/* ---- input ---- */

struct picture {
    const uint8_t *image;
    const int *item;
    const uint8_t *flip;
    int N, S, gray, plane[3];
    float mean[3], std[3];
};

/* A thread: one pixel, all channels, those beyond the third zero. 3 bytes in, 8 elements
 * out. */
template <typename T> KERNEL BOUNDS(THREADS) input_first(struct picture p, T *y) {
    size_t each = (size_t)p.S * (size_t)p.S;
    for (size_t i = grid_first(); i < (size_t)p.N * each; i += grid_stride()) {
        size_t n = i / each;
        int h = (int)(i % each / (size_t)p.S), w = (int)(i % (size_t)p.S);
        const uint8_t *rgb =
            p.image + 3 * ((size_t)p.item[n] * each + flipped(p.flip[n], h, w, p.S));
        float v[GPU_PICTURE] = {};
        for (int k = 0; k < 3; k++) {
            int level = rgb[p.plane[k]];
            if (p.gray) /* Pillow's convert("L") */
                level = (19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 0x8000) >> 16;
            v[k] = ((float)level - p.mean[k]) / p.std[k];
        }
        give<GPU_PICTURE>(y + i * GPU_PICTURE, v);
    }
}

template <typename T> static void input_forward(const struct call *c) {
    struct gpu *gpu = gpu_of(c);
    const struct attr *a = c->attr;
    struct picture p = {};
    p.image = gpu->image, p.item = gpu->item, p.flip = gpu->flip;
    p.N = c->N, p.S = c->ys.dim[1], p.gray = a->gray;
    for (int k = 0; k < 3; k++)
        p.plane[k] = a->plane[k], p.mean[k] = (float)a->mean[k],
        p.std[k] = (float)a->std[k];
    LAUNCH((input_first<T>), blocks_for(c, (size_t)p.N * p.S * p.S), THREADS, 0,
           gpu->device, p, (T *)c->y);
}

void gpu_input_forward(const struct call *c) {
    BY_TYPE(type_of(c, 0), input_forward, c);
}
void gpu_input_backward(const struct call *c) {
    (void)c; /* nothing lies before a picture */
}

/* ---- loss ---- */

struct loss_map { /* the logits as they lie */
    const float *z;
    int S;
    METHOD float operator()(size_t n, int h, int w) const {
        return z[(n * (size_t)S + (size_t)h) * (size_t)S + (size_t)w];
    }
};

/* A thread: one logit's gradient. */
KERNEL BOUNDS(THREADS)
    loss_back(struct loss l, const float *z, const double *sums, float *dz, int add) {
    size_t each = (size_t)l.S * (size_t)l.S;
    for (size_t i = grid_first(); i < (size_t)l.N * each; i += grid_stride()) {
        size_t n = i / each;
        int h = (int)(i % each / (size_t)l.S), w = (int)(i % (size_t)l.S);
        struct slopes s = slopes_of(l, sums + LOSS_SUMS * n);
        float g = loss_slope(s, z[i], truth_at(l, n, h, w));
        give_gradient<1>(dz + i, &g, add);
    }
}

size_t gpu_loss_saved(const struct call *c) {
    return loss_saved(c->N);
}
size_t gpu_loss_scratch(const struct call *c) {
    return loss_scratch(c->N);
}

void gpu_loss_forward(const struct call *c) {
    struct loss l = loss_of(c, c->xs[0].dim[1]);
    loss_sums(c, l, loss_map{(const float *)c->x[0], l.S});
}

void gpu_loss_backward(const struct call *c) {
    struct loss l = loss_of(c, c->xs[0].dim[1]);
    LAUNCH(loss_back, blocks_for(c, (size_t)l.N * l.S * l.S), THREADS, 0, gpu_of(c)->device,
           l, (const float *)c->x[0], (const double *)c->saved, (float *)c->dx[0],
           c->sum[0]);
}
