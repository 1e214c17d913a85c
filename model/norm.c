/* norm.c - how a picture's bytes become the network's input: what the weights expect, and
 * what the recipe makes of it. */
#include "model/model.h"
#include "core/die.h"
#include "core/table.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void three(const char *text, double out[3], const char *where, const char *key) {
    char rest;
    if (sscanf(text, "%lf %lf %lf %c", &out[0], &out[1], &out[2], &rest) != 3)
        die_no("%s: %s is '%s', wanted three numbers", where, key, quoted(text));
}

void norm_from_bag(struct norm *norm, const struct bag *weights) {
    const char *path = weights->map.path;
    three(bag_need_meta(weights, "mean"), norm->mean, path, "mean");
    three(bag_need_meta(weights, "std"), norm->std, path, "std");
    const char *order = bag_need_meta(weights, "order"),
               *range = bag_need_meta(weights, "range");
    if (strcmp(order, "rgb") && strcmp(order, "bgr"))
        die_no("%s: order is '%s', wanted rgb or bgr", path, quoted(order));
    norm->bgr = strcmp(order, "bgr") == 0;
    if (!number_parse(range, &norm->range) || norm->range <= 0)
        die_no("%s: range is '%s', wanted 255 or 1", path, quoted(range));
    for (int c = 0; c < 3; c++)
        if (!(norm->std[c] > 0))
            die_no("%s: std is %g, wanted more than 0", path, norm->std[c]);
}

void norm_from_pictures(struct norm *norm, const struct pictures *p) {
    double sum[3] = {0}, squares[3] = {0};
    size_t pixels = (size_t)p->side * (size_t)p->side;
    for (int i = 0; i < p->count; i++) {
        int64_t s[3] = {0}, q[3] = {0};
        for (size_t k = 0; k < pixels; k++)
            for (int c = 0; c < 3; c++) {
                int v = p->image[i][3 * k + (size_t)c];
                s[c] += v;
                q[c] += v * v;
            }
        for (int c = 0; c < 3; c++) {
            sum[c] += (double)s[c];
            squares[c] += (double)q[c];
        }
    }
    double n = (double)pixels * p->count;
    *norm = (struct norm){.range = 255};
    for (int c = 0; c < 3; c++) {
        double mean = sum[c] / n, variance = squares[c] / n - mean * mean;
        norm->mean[c] = mean / 255;
        norm->std[c] = sqrt(variance > 1 ? variance : 1) / 255;
    }
}

/* The scalings by name, by colour R G B, in 0..255 units. */
static void named_scale(int scale, double mean[3], double std[3]) {
    static const double imagenet_mean[3] = {.485, .456, .406},
                        imagenet_std[3] = {.229, .224, .225};
    static const double caffe_mean[3] = {123.68, 116.779, 103.939};
    enum { SOURCE, IMAGENET, UNIT, PM1, CAFFE, CAFFE255, RAW };
    for (int c = 0; c < 3; c++) {
        if (scale == IMAGENET)
            mean[c] = 255 * imagenet_mean[c], std[c] = 255 * imagenet_std[c];
        if (scale == UNIT) mean[c] = 0, std[c] = 255;
        if (scale == PM1) mean[c] = 127.5, std[c] = 127.5;
        if (scale == CAFFE) mean[c] = caffe_mean[c], std[c] = 255;
        if (scale == CAFFE255) mean[c] = caffe_mean[c], std[c] = 1;
        if (scale == RAW) mean[c] = 0, std[c] = 1;
    }
}

struct attr input_attr(const struct norm *norm, const struct recipe *r) {
    double mean[3], std[3]; /* by colour */
    for (int plane = 0; plane < 3; plane++) {
        int colour = norm->bgr ? 2 - plane : plane;
        mean[colour] = norm->mean[plane] * norm->range;
        std[colour] = norm->std[plane] * norm->range;
    }
    named_scale(r->scale, mean, std);
    int bgr = r->channels == 0 ? norm->bgr : r->channels == 2;
    struct attr attr = {.gray = r->gray};
    for (int plane = 0; plane < 3; plane++) {
        int colour = bgr ? 2 - plane : plane;
        attr.plane[plane] = colour;
        attr.mean[plane] = mean[colour];
        attr.std[plane] = std[colour];
    }
    return attr;
}
