/* projected.c - conv1x1(resize(x)) as resize(conv1x1(x)): a 1x1 map commutes with
 * interpolation, whose weights sum to 1, a bias too. Equals ref_resize_*, ref_conv_*
 * one after the other; the product is over the small map, and only its channels are
 * interpolated. */
#include "model/gpu/kernels.h"
#include "model/runs.h"

enum { RESIZE, CONV, CALLS };

static struct shape small_shape(const struct call *calls) {
    const int *x = calls[RESIZE].xs[0].dim;
    return (struct shape){3, {calls[CONV].ys.dim[0], x[1], x[2]}};
}

static size_t small_bytes(const struct call *calls) {
    const struct gpu *gpu = calls->machine;
    const struct shape s = small_shape(calls);
    const size_t bytes =
        (size_t)calls->N * shape_count(s) * gpu_element(gpu->precision, s.dim[0]);
    return (bytes + 255) / 256 * 256;
}

/* The convolution at the small size; the small map stands first in the scratch. */
static struct call small_conv(const struct call *calls) {
    struct call c = calls[CONV];
    c.xs[0] = calls[RESIZE].xs[0], c.ys = small_shape(calls);
    c.x[0] = calls[RESIZE].x[0], c.dx[0] = calls[RESIZE].dx[0];
    c.sum[0] = calls[RESIZE].sum[0];
    c.y = calls[RESIZE].scratch, c.dy = c.y;
    c.scratch = (uint8_t *)c.y + small_bytes(calls);
    return c;
}

/* The resize of what it has made. */
static struct call large_resize(const struct call *calls) {
    struct call c = calls[RESIZE];
    c.xs[0] = small_shape(calls), c.ys = calls[CONV].ys;
    c.x[0] = c.dx[0] = c.scratch, c.sum[0] = 0;
    c.y = calls[CONV].y, c.dy = calls[CONV].dy;
    return c;
}

size_t gpu_projected_scratch(const struct call *calls, int n) {
    struct call c = calls[CONV];
    (void)n;
    c.xs[0] = calls[RESIZE].xs[0], c.ys = small_shape(calls);
    return small_bytes(calls) + gpu_conv_scratch(&c);
}

void gpu_projected_forward(const struct call *calls, int n) {
    const struct call conv = small_conv(calls), resize = large_resize(calls);
    (void)n;
    gpu_conv_forward(&conv);
    gpu_resize_forward(&resize);
}

void gpu_projected_backward(const struct call *calls, int n) {
    const struct call conv = small_conv(calls), resize = large_resize(calls);
    (void)n;
    gpu_resize_backward(&resize);
    gpu_conv_backward(&conv);
}
