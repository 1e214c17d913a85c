/* fusion_rows.c - see fusion_rows.h. */
#include "tests/fusion_rows.h"

#define MAP(c, h, w)                                                                       \
    {                                                                                      \
        3, {                                                                               \
            c, h, w                                                                        \
        }                                                                                  \
    }
#define TOKENS(t, d)                                                                       \
    {                                                                                      \
        2, {                                                                               \
            t, d, 1                                                                        \
        }                                                                                  \
    }

static void norm_relu(struct graph *g, int last) {
    add_relu(g, add_batchnorm(g, last, "b", 1e-5, .1, 0));
}
static void frozen_relu(struct graph *g, int last) {
    add_relu(g, add_batchnorm(g, last, "b", 1e-3, .1, 1));
}
static void norm_add_relu(struct graph *g, int last) {
    add_relu(g, add_add(g, add_batchnorm(g, 0, "b", 1e-5, .1, 0), last));
}
static void norm_added_relu(struct graph *g, int last) {
    add_relu(g, add_add(g, last, add_batchnorm(g, 0, "b", 1e-5, .1, 0)));
}
static void frozen_add_relu(struct graph *g, int last) {
    add_relu(g, add_add(g, add_batchnorm(g, 0, "b", 1e-5, .1, 1), last));
}
static void just_add_relu(struct graph *g, int last) {
    add_relu(g, add_add(g, 0, last));
}
static void residual_norm(struct graph *g, int last) {
    add_layernorm(g, add_add(g, 0, last), "n", 1e-6);
}
static void upsampled_by_4(struct graph *g, int last) {
    int S = 4 * g->node[last].shape.dim[1];
    add_loss(g, add_resize(g, last, S, S, 0), 0);
}
static void upsampled_aligned(struct graph *g, int last) {
    add_loss(g, add_resize(g, last, 24, 24, 1), 2);
}
static void upsampled_oddly(struct graph *g, int last) {
    add_loss(g, add_resize(g, last, 40, 40, 0), 1);
}
static void hidden(struct graph *g, int last) {
    add_gelu(g, add_linear(g, last, "l", 24, INIT_TRUNC));
}
static void hidden_odd(struct graph *g, int last) {
    add_gelu(g, add_linear(g, last, "l", 19, INIT_UNIFORM_IN));
}
/* Leaf 0 is resized to leaf 1's size. */
static void decoder(struct graph *g, int skip_first, int align, int out, int bias) {
    const struct shape skip = g->node[1].shape;
    const int up = add_resize(g, 0, skip.dim[1], skip.dim[2], align);
    const int both =
        skip_first ? add_concat(g, (int[]){1, up}, 2) : add_concat(g, (int[]){up, 1}, 2);
    add_conv(
        g, both, "c",
        (struct convolution){
            .out = out, .kernel = 3, .pad = -1, .bias = bias, .init = INIT_UNIFORM_IN});
}
static void plain_decoder(struct graph *g, int last) {
    (void)last, decoder(g, 1, 0, 40, 0);
}
static void resized_first(struct graph *g, int last) {
    (void)last, decoder(g, 0, 0, 24, 1);
}
static void aligned_decoder(struct graph *g, int last) {
    (void)last, decoder(g, 1, 1, 264, 0);
}

static void dilated(struct graph *g, int last, int dilation, int bias) {
    add_conv(g, last, "c",
             (struct convolution){.out = 24,
                                  .kernel = 3,
                                  .dilation = dilation,
                                  .pad = -1,
                                  .bias = bias,
                                  .init = INIT_UNIFORM_IN});
}
static void dilated_by_4(struct graph *g, int last) {
    dilated(g, last, 4, 0);
}
static void dilated_by_5(struct graph *g, int last) {
    dilated(g, last, 5, 1);
}

static int convolved(struct graph *g, int x, const char *name, int out, int kernel) {
    return add_conv(g, x, name,
                    (struct convolution){
                        .out = out, .kernel = kernel, .pad = -1, .init = INIT_KAIMING_OUT});
}
static int normed(struct graph *g, int x, const char *name) {
    return add_batchnorm(g, x, name, 1e-5, .1, 0);
}
static void conv_norm_relu(struct graph *g, int last) {
    add_relu(g, normed(g, convolved(g, last, "c", 24, 3), "b"));
}
static void conv_norm_add_relu(struct graph *g, int last) {
    add_relu(g, add_add(g, normed(g, convolved(g, 0, "c", 16, 1), "b"), last));
}
static void norm_relu_conv(struct graph *g, int last) {
    convolved(g, add_relu(g, normed(g, last, "b")), "c", 40, 3);
}
/* Its shortcut is what it reads. */
static void bottleneck(struct graph *g, int last) {
    int x = add_relu(g, normed(g, convolved(g, last, "c1", 8, 1), "b1"));
    x = convolved(g, add_relu(g, normed(g, convolved(g, x, "c2", 8, 3), "b2")), "c3", 16,
                  1);
    add_relu(g, add_add(g, normed(g, x, "b3"), last));
}
static void two_joined(struct graph *g, int last) {
    int x = add_relu(g, normed(g, convolved(g, last, "c1", 16, 1), "b1"));
    add_relu(g, normed(g, convolved(g, x, "c2", 24, 3), "b2"));
}

/* Leaf 0 is one place, behind leaf 1, which stands there twice. */
static void pooled(struct graph *g, int bias) {
    const struct shape large = g->node[1].shape;
    const int up = add_resize(g, 0, large.dim[1], large.dim[2], 0);
    add_conv(g, add_concat(g, (int[]){1, 1, up}, 3), "c",
             (struct convolution){
                 .out = 24, .kernel = 1, .pad = 0, .bias = bias, .init = INIT_UNIFORM_IN});
}
static void pooled_row(struct graph *g, int last) {
    (void)last, pooled(g, 0);
}
static void pooled_biased(struct graph *g, int last) {
    (void)last, pooled(g, 1);
}

static void projected(struct graph *g, int last, int out, int align, int bias) {
    const int *x = g->node[last].shape.dim;
    add_conv(g, add_resize(g, last, 2 * x[1] + 1, 3 * x[2], align), "c",
             (struct convolution){
                 .out = out, .kernel = 1, .pad = 0, .bias = bias, .init = INIT_UNIFORM_IN});
}
static void projected_plain(struct graph *g, int last) {
    projected(g, last, 8, 0, 0);
}
static void projected_oddly(struct graph *g, int last) {
    projected(g, last, 5, 1, 1);
}

const struct fusion_row fusion_row[FUSION_ROWS] = {
    {"resize_conv", 2, {MAP(16, 5, 4)}, projected_plain, "wide moves"},
    {"resize_conv", 3, {MAP(7, 3, 5)}, projected_oddly, "odd channels, aligned, bias"},
    {"pooled_row", 3, {MAP(16, 1, 1), MAP(8, 5, 7)}, pooled_row, "behind two others"},
    {"pooled_row", 2, {MAP(8, 1, 1), MAP(40, 3, 3)}, pooled_biased, "bias"},
    {"conv_norm_relu", 2, {MAP(16, 7, 9)}, conv_norm_relu, "statistics of a 3x3"},
    {"conv_norm_add_relu",
     3,
     {MAP(40, 5, 6), MAP(16, 5, 6)},
     conv_norm_add_relu,
     "of a 1x1"},
    {"norm_relu_conv", 2, {MAP(24, 7, 5)}, norm_relu_conv, "3x3"},
    {"conv_dnorm", 2, {MAP(24, 7, 5)}, norm_relu_conv, "3x3"},
    {"conv_chain", 3, {MAP(16, 5, 7)}, bottleneck, "a whole bottleneck"},
    {"conv_chain", 2, {MAP(8, 6, 5)}, two_joined, "two, no addition"},
    {"dead_taps", 2, {MAP(16, 7, 7)}, dilated_by_4, "all nine reach something"},
    {"dead_taps", 3, {MAP(8, 5, 9)}, dilated_by_4, "not square"},
    {"dead_taps", 2, {MAP(40, 3, 9)}, dilated_by_4, "no row but the middle one"},
    {"dead_taps", 2, {MAP(16, 9, 5)}, dilated_by_5, "no column but the middle one, bias"},
    {"dead_taps", 5, {MAP(16, 5, 3)}, dilated_by_5, "the centre alone, bias"},
    {"resize_concat_conv", 2, {MAP(16, 5, 4), MAP(24, 20, 16)}, plain_decoder, "up by 4"},
    {"resize_concat_conv",
     3,
     {MAP(24, 3, 4), MAP(8, 13, 11)},
     plain_decoder,
     "no whole factor"},
    {"resize_concat_conv",
     2,
     {MAP(16, 5, 3), MAP(8, 20, 13)},
     resized_first,
     "other order, bias"},
    {"resize_concat_conv",
     1,
     {MAP(8, 2, 3), MAP(16, 16, 9)},
     aligned_decoder,
     "corners aligned"},
    {"batchnorm_relu", 3, {MAP(5, 7, 9)}, norm_relu, "odd channels"},
    {"batchnorm_relu", 2, {MAP(40, 12, 12)}, norm_relu, "wide moves, several chunks"},
    {"batchnorm_relu", 4, {MAP(33, 1, 1)}, norm_relu, "behind the mean over the map"},
    {"batchnorm_relu", 2, {MAP(8, 7, 9)}, frozen_relu, "frozen"},
    {"batchnorm_add_relu", 3, {MAP(5, 7, 9), MAP(5, 7, 9)}, norm_add_relu, "norm first"},
    {"batchnorm_add_relu",
     2,
     {MAP(16, 6, 8), MAP(16, 6, 8)},
     norm_added_relu,
     "shortcut first"},
    {"batchnorm_add_relu", 2, {MAP(8, 6, 8), MAP(8, 6, 8)}, frozen_add_relu, "frozen"},
    {"add_relu", 2, {MAP(5, 7, 9), MAP(5, 7, 9)}, just_add_relu, "odd count"},
    {"add_layernorm", 2, {TOKENS(5, 48), TOKENS(5, 48)}, residual_norm, "wide moves"},
    {"add_layernorm", 3, {TOKENS(7, 37), TOKENS(7, 37)}, residual_norm, "odd width"},
    {"add_layernorm",
     2,
     {TOKENS(17, 384), TOKENS(17, 384)},
     residual_norm,
     "ViT-S's width"},
    {"linear_gelu", 2, {TOKENS(5, 48)}, hidden, "wide moves"},
    {"linear_gelu", 3, {TOKENS(7, 37)}, hidden_odd, "odd widths"},
    {"linear_gelu", 2, {TOKENS(150, 16)}, hidden, "several chunks of rows"},
    {"resize_loss", 2, {MAP(1, 8, 8)}, upsampled_by_4, "bce, by 4"},
    {"resize_loss", 2, {MAP(1, 12, 12)}, upsampled_by_4, "bce, two blocks of places"},
    {"resize_loss", 3, {MAP(1, 5, 7)}, upsampled_aligned, "both, corners aligned"},
    {"resize_loss", 2, {MAP(1, 9, 3)}, upsampled_oddly, "dice, no whole factor"},
};
