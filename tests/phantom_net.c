/* phantom_net.c - draws the phantom networks' weights.
 *
 * It builds no graph and runs nothing. */
#include "tests/phantom_net.h"
#include "core/die.h"
#include "core/rng.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PI 3.14159265358979323846

enum { GRID = 14, DIM = 384, BLOCKS = 12, CLASSES = 1000 };

/* A new tensor of zeros; `data` is returned. The name is prefix + suffix. */
static void *add(struct net *net, enum type type, const char *prefix, const char *suffix,
                 int ndim, int a, int b, int c, int d) {
    if (net->count == NET_TENSORS) die_usage("phantom: more than %d tensors", NET_TENSORS);
    struct tensor *t = &net->tensor[net->count++];
    int dim[] = {a, b, c, d};
    t->name = xprintf("%s%s", prefix, suffix);
    t->type = type;
    t->ndim = ndim;
    memcpy(t->dim, dim, sizeof dim);
    t->data = xaligned(tensor_bytes(t));
    memset(t->data, 0, tensor_bytes(t));
    return t->data;
}

void net_free(struct net *net) {
    for (int i = 0; i < net->count; i++) {
        xfree((char *)net->tensor[i].name);
        xfree(net->tensor[i].data);
    }
    memset(net, 0, sizeof *net);
}

/* x[i] = middle + uniform of standard deviation std. */
static void draw(struct net *net, float *x, size_t n, double middle, double std) {
    float scale = (float)(2 * sqrt(3.0) * std * 0x1p-32),
          low = (float)(middle - sqrt(3.0) * std);
    for (size_t i = 0; i < n; i += 4) {
        uint32_t word[4];
        rng_block(net->seed, STREAM_INIT, 0, net->block++, word);
        for (size_t k = 0; k < 4 && i + k < n; k++) x[i + k] = low + scale * (float)word[k];
    }
}

/* One number of [0,1). */
static double chance(struct net *net) {
    return rng_uniform(net->seed, STREAM_INIT, 0, net->block++);
}

/* Every input channel of one filter: a grating (or, each eighth filter, a blur) under a
 * Gaussian window, times a colour. Gratings sum to zero; each filter's sum of magnitudes is
 * `gain`. */
static void filter(struct net *net, float *w, int k, int index, double gain) {
    static const double colours[4][3] = {
        {1, 1, 1}, {1, -1, 0}, {0.5, 0.5, -1}, {1, -0.5, -0.5}};
    double angle = PI * chance(net), wave = k * (0.35 + 0.9 * chance(net)),
           phase = 2 * PI * chance(net);
    double width = k * (0.18 + 0.2 * chance(net)), sum = 0, size = 0;
    const double *colour = colours[net->colour ? index % 8 < 4 ? 0 : 1 + index % 3 : 0];
    double middle = (k - 1) / 2.0, window = 0;
    double value[16 * 16];
    for (int i = 0; i < k * k; i++) {
        double y = i / k - middle, x = i % k - middle,
               env = exp(-(x * x + y * y) / (2 * width * width));
        double along = x * cos(angle) + y * sin(angle);
        value[i] = env * (index % 8 == 7 ? 1 : cos(2 * PI * along / wave + phase));
        sum += value[i];
        window += env;
    }
    for (int i = 0; i < k * k && index % 8 != 7; i++) {
        double y = i / k - middle, x = i % k - middle;
        value[i] -= sum / window * exp(-(x * x + y * y) / (2 * width * width));
    }
    for (int i = 0; i < k * k; i++) size += fabs(value[i]);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < k * k; i++)
            w[c * k * k + i] = (float)(gain * colour[c] * value[i] / (3 * size));
}

/* A batch norm whose running statistics are still to be set: returns mean, and variance
 * behind it. */
static void batchnorm(struct net *net, const char *name, int out, double gain, float **mean,
                      float **var) {
    float *weight = add(net, T_F32, name, ".weight", 1, out, 0, 0, 0);
    float *bias = add(net, T_F32, name, ".bias", 1, out, 0, 0, 0);
    *mean = add(net, T_F32, name, ".running_mean", 1, out, 0, 0, 0);
    *var = add(net, T_F32, name, ".running_var", 1, out, 0, 0, 0);
    int64_t *batches = add(net, T_I64, name, ".num_batches_tracked", 0, 0, 0, 0, 0);
    *batches = 1;
    draw(net, weight, (size_t)out, gain, gain / 10);
    draw(net, bias, (size_t)out, 0, gain / 20);
}

/* Statistics behind weights w [out][n] whose inputs have the net's mean and second moment
 * and do not know of each other. */
static void deep_statistics(const struct net *net, const float *w, int out, size_t n,
                            float *mean, float *var) {
    double variance = net->square - net->mean * net->mean;
    for (int c = 0; c < out; c++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < n; i++) {
            sum += w[(size_t)c * n + i];
            squares += (double)w[(size_t)c * n + i] * w[(size_t)c * n + i];
        }
        mean[c] = (float)(net->mean * sum);
        var[c] = (float)(variance * squares);
    }
}

/* Statistics behind the first layer: pictures of mean 0 whose pixels' covariance falls with
 * distance as exp(-d/20), the same in all channels, and .3 of it in each channel by itself.
 * So are colon pictures within a factor of two (12 of Kvasir-SEG, 128 pixels, scaled by
 * ImageNet's std; .2 of it where the scale is [-1,1], as the grey arm's is). */
static void first_statistics(const struct net *net, const float *w, int out, int k,
                             float *var) {
    int n = k * k;
    for (int f = 0; f < out; f++) {
        const float *v = w + (size_t)f * 3 * (size_t)n;
        double sum = 0;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                double near = exp(-hypot(i / k - j / k, i % k - j % k) / 20);
                double a = v[i] + v[n + i] + v[2 * n + i],
                       b = v[j] + v[n + j] + v[2 * n + j];
                double own =
                    v[i] * v[j] + v[n + i] * v[n + j] + v[2 * n + i] * v[2 * n + j];
                sum += near * (a * b + 0.3 * own);
            }
        var[f] = (float)(sum * (net->colour ? 1 : 0.2));
    }
}

/* Convolution without bias and its batch norm, named prefix + conv, prefix + bn. */
static void conv_bn(struct net *net, const char *prefix, const char *conv, const char *bn,
                    int out, int in, int k, double gain) {
    char name[64];
    float *mean, *var;
    snprintf(name, sizeof name, "%s%s", prefix, conv);
    float *w = add(net, T_F32, name, ".weight", 4, out, in, k, k);
    size_t n = (size_t)in * (size_t)k * (size_t)k;
    draw(net, w, (size_t)out * n, 0, sqrt(2.0 / (k * k * out)));
    snprintf(name, sizeof name, "%s%s", prefix, bn);
    batchnorm(net, name, out, gain, &mean, &var);
    deep_statistics(net, w, out, n, mean, var);
}

/* relu of a unit normal: mean .4, second moment .5. */
static void after_relu(struct net *net, double variance) {
    net->mean = sqrt(variance / (2 * PI));
    net->square = variance / 2;
}

/* torchvision's Bottleneck. The branch's gain of .3 keeps the sum of 16 blocks tame, as
 * training does (and torchvision's zero_init_residual at its start). */
static void bottleneck(struct net *net, const char *prefix, int in, int width, int down) {
    const double gain = 0.3;
    double mean = net->mean, square = net->square;
    conv_bn(net, prefix, "conv1", "bn1", width, in, 1, 1);
    after_relu(net, 1);
    conv_bn(net, prefix, "conv2", "bn2", width, width, 3, 1);
    after_relu(net, 1);
    conv_bn(net, prefix, "conv3", "bn3", 4 * width, width, 1, gain);
    net->mean = mean, net->square = square;
    if (down) {
        conv_bn(net, prefix, "downsample.0", "downsample.1", 4 * width, in, 1, 1);
        after_relu(net, 1 + gain * gain);
    } else { /* half of the sums began at 0: there relu keeps the branch's positive half */
        net->mean += 0.2 * gain;
        net->square += 0.75 * gain * gain;
    }
}

static void classifier(struct net *net, const char *prefix, int in) {
    add(net, T_F32, prefix, ".weight", 2, CLASSES, in, 0, 0);
    add(net, T_F32, prefix, ".bias", 1, CLASSES, 0, 0, 0);
}

void net_resnet50(struct net *net, int head) {
    static const int blocks[] = {3, 4, 6, 3};
    float *mean, *var;
    float *w = add(net, T_F32, "conv1", ".weight", 4, 64, 3, 7, 7);
    for (int f = 0; f < 64; f++) filter(net, w + f * 3 * 7 * 7, 7, f, 4);
    batchnorm(net, "bn1", 64, 1, &mean, &var);
    first_statistics(net, w, 64, 7, var);
    net->mean = 0.8, net->square = 1.4; /* relu, then the maximum of nine neighbours */
    for (int stage = 0, in = 64; stage < 4; stage++)
        for (int b = 0; b < blocks[stage]; b++) {
            char prefix[32];
            int width = 64 << stage;
            snprintf(prefix, sizeof prefix, "layer%d.%d.", stage + 1, b);
            bottleneck(net, prefix, in, width, b == 0);
            in = 4 * width;
        }
    if (head) classifier(net, "fc", 2048);
}

static void linear(struct net *net, const char *prefix, const char *name, int out, int in,
                   double std) {
    char full[64];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    float *w = add(net, T_F32, full, ".weight", 2, out, in, 0, 0);
    add(net, T_F32, full, ".bias", 1, out, 0, 0, 0);
    draw(net, w, (size_t)out * (size_t)in, 0, std);
}

static void layernorm(struct net *net, const char *prefix, const char *name) {
    char full[64];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    float *w = add(net, T_F32, full, ".weight", 1, DIM, 0, 0, 0);
    add(net, T_F32, full, ".bias", 1, DIM, 0, 0, 0);
    for (int i = 0; i < DIM; i++) w[i] = 1;
}

/* Even dimensions wave along x, odd ones along y, slow ones first; the class token's place
 * is 0. */
static void positions(struct net *net, float *pos) {
    for (int d = 0; d < DIM; d++) {
        double waves = 0.5 * (1 + d / 2 % 8), phase = 2 * PI * chance(net);
        for (int i = 0; i < GRID * GRID; i++) {
            double at = (d % 2 ? i / GRID : i % GRID) + 0.5;
            pos[(1 + i) * DIM + d] = (float)(0.1 * cos(PI * waves * at / GRID + phase));
        }
    }
}

void net_vits(struct net *net, int head) {
    float *cls = add(net, T_F32, "cls_token", "", 3, 1, 1, DIM, 0);
    draw(net, cls, DIM, 0, 0.02);
    positions(net, add(net, T_F32, "pos_embed", "", 3, 1, 1 + GRID * GRID, DIM, 0));
    float *w = add(net, T_F32, "patch_embed.proj", ".weight", 4, DIM, 3, 16, 16);
    for (int f = 0; f < DIM; f++) filter(net, w + f * 3 * 16 * 16, 16, f, 4);
    add(net, T_F32, "patch_embed.proj", ".bias", 1, DIM, 0, 0, 0);
    for (int b = 0; b < BLOCKS; b++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "blocks.%d.", b);
        layernorm(net, prefix, "norm1");
        linear(net, prefix, "attn.qkv", 3 * DIM, DIM, 0.04);
        linear(net, prefix, "attn.proj", DIM, DIM, 0.02);
        layernorm(net, prefix, "norm2");
        linear(net, prefix, "mlp.fc1", 4 * DIM, DIM, 0.04);
        linear(net, prefix, "mlp.fc2", DIM, 4 * DIM, 0.02);
    }
    layernorm(net, "", "norm");
    if (head) classifier(net, "head", DIM);
}
