/* resize_plane.c - PyTorch's interpolate of one plane, for logits; knows no bytes. */
#include "resize.h"
#include "die.h"
#include "taps.h"

/* Where output i reads: inputs `low` and `high`, the second with weight `part`. */
struct place {
    int low, high;
    double part;
};

/* PyTorch, UpSample.h: area_pixel_compute_scale and area_pixel_compute_source_index. */
static struct place *places(int in, int out, int align_corners) {
    struct place *place = xcalloc((size_t)out, sizeof *place);
    double scale = (double)in / out;
    if (align_corners) scale = out > 1 ? (double)(in - 1) / (out - 1) : 0;
    for (int i = 0; i < out; i++) {
        double at = align_corners ? scale * i : scale * (i + 0.5) - 0.5;
        if (at < 0) at = 0;
        int low = (int)at < in - 1 ? (int)at : in - 1;
        place[i] = (struct place){low, low < in - 1 ? low + 1 : low, at - low};
    }
    return place;
}

void resize_plane(const float *in, int height, int width, float *out, int out_height,
                  int out_width, int align_corners) {
    struct place *y = places(height, out_height, align_corners);
    struct place *x = places(width, out_width, align_corners);
    for (int j = 0; j < out_height; j++) {
        const float *above = in + (size_t)y[j].low * (size_t)width;
        const float *below = in + (size_t)y[j].high * (size_t)width;
        double v = y[j].part;
        for (int i = 0; i < out_width; i++) {
            double u = x[i].part;
            double top = (1 - u) * (double)above[x[i].low] + u * (double)above[x[i].high];
            double bottom =
                (1 - u) * (double)below[x[i].low] + u * (double)below[x[i].high];
            *out++ = (float)((1 - v) * top + v * bottom);
        }
    }
    xfree(y);
    xfree(x);
}

void resize_bicubic(const double *in, int height, int width, double *out, int out_height,
                    int out_width) {
    struct taps x, y;
    taps_make(&x, width, out_width, FILTER_BICUBIC);
    taps_make(&y, height, out_height, FILTER_BICUBIC);
    size_t row = (size_t)out_width, n = size_mul(row, (size_t)height, "resize");
    double *between = xcalloc(n, sizeof *between); /* [height][out_width] */
    for (int j = 0; j < height; j++)
        for (int i = 0; i < out_width; i++)
            for (int k = 0; k < x.room && x.first[i] + k < width; k++)
                between[(size_t)j * row + (size_t)i] +=
                    x.weight[i * x.room + k] *
                    in[(size_t)j * (size_t)width + (size_t)(x.first[i] + k)];
    for (int j = 0; j < out_height; j++)
        for (int i = 0; i < out_width; i++) {
            double sum = 0;
            for (int k = 0; k < y.room && y.first[j] + k < height; k++)
                sum += y.weight[j * y.room + k] *
                       between[(size_t)(y.first[j] + k) * row + (size_t)i];
            *out++ = sum;
        }
    xfree(between);
    taps_free(&x);
    taps_free(&y);
}
