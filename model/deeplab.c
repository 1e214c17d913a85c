/* deeplab.c - DeepLabV3+ (Chen et al. 2018) in the readings that circulate: every
 * difference between torchvision's idiom, segmentation_models_pytorch and the original is a
 * recipe key. */
#include "model/parts.h"
#include "core/die.h"

struct decoder {
    struct graph *g;
    const struct recipe *r;
};

static int height(const struct decoder *d, int x) {
    return d->g->node[x].shape.dim[1];
}

/* conv, batch norm, ReLU. `name` is the Sequential's; its members are `first` and first +
 * 1. Where the recipe says separable a k x k convolution is a depthwise and a 1x1, nothing
 * between. */
static int conv_bn_relu(struct decoder *d, int x, const char *name, int first, int out,
                        int kernel, int dilation) {
    enum init init = d->r->init == 0 ? INIT_KAIMING_IN : INIT_UNIFORM_IN;
    char *conv = xprintf("%s.%d", name, first), *bn = xprintf("%s.%d", name, first + 1);
    if (d->r->separable && kernel > 1) {
        int in = d->g->node[x].shape.dim[0];
        char *depth = xprintf("%s.0", conv), *point = xprintf("%s.1", conv);
        x = add_conv(d->g, x, depth,
                     (struct convolution){.out = in,
                                          .kernel = kernel,
                                          .dilation = dilation,
                                          .groups = in,
                                          .pad = -1,
                                          .init = init});
        x = add_conv(d->g, x, point,
                     (struct convolution){.out = out, .kernel = 1, .init = init});
        xfree(depth);
        xfree(point);
    } else {
        x = add_conv(d->g, x, conv,
                     (struct convolution){.out = out,
                                          .kernel = kernel,
                                          .dilation = dilation,
                                          .pad = -1,
                                          .init = init});
    }
    x = add_relu(d->g, add_batchnorm(d->g, x, bn, d->r->bn_eps, d->r->bn_momentum, 0));
    xfree(conv);
    xfree(bn);
    return x;
}

/* Atrous spatial pyramid pooling: 1x1, three dilated 3x3, the picture's mean; concatenated,
 * projected. */
static int aspp(struct decoder *d, int x) {
    int width = d->r->width, side = height(d, x), branch[5];
    branch[0] = conv_bn_relu(d, x, "aspp.convs.0", 0, width, 1, 1);
    for (int i = 0; i < 3; i++) {
        char *name = xprintf("aspp.convs.%d", i + 1);
        branch[i + 1] = conv_bn_relu(d, x, name, 0, width, 3, d->r->rates[i]);
        xfree(name);
    }
    int pool = conv_bn_relu(d, add_gap(d->g, x), "aspp.convs.4", 1, width, 1, 1);
    branch[4] = add_resize(d->g, pool, side, side, 0);
    x = conv_bn_relu(d, add_concat(d->g, branch, 5), "aspp.project", 0, width, 1, 1);
    return add_dropout(d->g, x, d->r->dropout);
}

/* The skip, projected; a skip no larger than the last map (a ViT's) is scaled by 4 where
 * the recipe says so. */
static int skip_path(struct decoder *d, struct taps taps) {
    enum { NONE, AFTER, BEFORE };
    int x = taps.skip, side = height(d, x), align = d->r->align_corners;
    int scale = side > height(d, taps.last) ? NONE : d->r->skip_scale;
    if (scale == BEFORE) x = add_resize(d->g, x, 4 * side, 4 * side, align);
    x = conv_bn_relu(d, x, "skip", 0, d->r->skip_width, 1, 1);
    if (scale == AFTER) x = add_resize(d->g, x, 4 * side, 4 * side, align);
    return x;
}

/* [plain decoder */
int add_deeplab(struct graph *g, struct taps taps, int side, const struct recipe *r) {
    enum { NONE, BEFORE, AFTER };
    struct decoder d = {g, r};
    g->in_encoder = 0;
    int x = aspp(&d, taps.last);
    if (r->extra_convs == BEFORE) x = conv_bn_relu(&d, x, "before", 0, r->width, 3, 1);
    int skip = skip_path(&d, taps);
    x = add_resize(g, x, height(&d, skip), height(&d, skip), r->align_corners);
    x = r->concat == 0 ? add_concat(g, (int[]){skip, x}, 2)
                       : add_concat(g, (int[]){x, skip}, 2);
    x = conv_bn_relu(&d, x, "fuse", 0, r->width, 3, 1);
    if (r->extra_convs == AFTER) x = conv_bn_relu(&d, x, "after", 0, r->width, 3, 1);
    x = add_conv(
        g, x, "head",
        (struct convolution){.out = 1, .kernel = 1, .bias = 1, .init = INIT_UNIFORM_IN});
    return add_resize(g, x, side, side, r->align_corners);
}
/* plain decoder] */
