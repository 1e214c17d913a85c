/* resnet.c - ResNet-50 as torchvision builds it, with output stride and stride position by
 * recipe. It is an encoder only: no pooling, no classifier. */
#include "model/parts.h"
#include "core/die.h"

struct stage {
    int planes, blocks, stride, dilation, first_dilation;
};

static int conv_bn(struct graph *g, int x, const char *conv, const char *bn,
                   struct convolution c, const struct recipe *r) {
    c.init = INIT_KAIMING_OUT;
    c.pad = -1;
    c.bias = r->conv_bias == 1
                 ? 2
                 : 0; /* keep: Keras's biases, zero where the weights have none */
    x = add_conv(g, x, conv, c);
    return add_batchnorm(g, x, bn, r->bn_eps, r->bn_momentum, r->bn != 0);
}

/* torchvision's Bottleneck: 1x1, 3x3, 1x1 to four times the planes, and the shortcut. */
static int bottleneck(struct graph *g, int x, int layer, int block, const struct stage *s,
                      const struct recipe *r) {
    int first = block == 0;
    int stride = first ? s->stride : 1;
    int dilation = first ? s->first_dilation : s->dilation;
    int in_first = r->stride_position == 1; /* v1: the 1x1 strides */
    char *name[4], *bn[4];
    for (int i = 0; i < 3; i++) {
        name[i] = xprintf("layer%d.%d.conv%d", layer, block, i + 1);
        bn[i] = xprintf("layer%d.%d.bn%d", layer, block, i + 1);
    }
    name[3] = xprintf("layer%d.%d.downsample.0", layer, block);
    bn[3] = xprintf("layer%d.%d.downsample.1", layer, block);

    int y = conv_bn(g, x, name[0], bn[0],
                    (struct convolution){
                        .out = s->planes, .kernel = 1, .stride = in_first ? stride : 1},
                    r);
    y = add_relu(g, y);
    y = conv_bn(g, y, name[1], bn[1],
                (struct convolution){.out = s->planes,
                                     .kernel = 3,
                                     .stride = in_first ? 1 : stride,
                                     .dilation = dilation},
                r);
    y = add_relu(g, y);
    int shortcut = x;
    if (first)
        shortcut = conv_bn(
            g, x, name[3], bn[3],
            (struct convolution){.out = 4 * s->planes, .kernel = 1, .stride = stride}, r);
    y = conv_bn(g, y, name[2], bn[2],
                (struct convolution){.out = 4 * s->planes, .kernel = 1}, r);
    y = add_relu(g, add_add(g, y, shortcut));
    for (int i = 0; i < 4; i++) {
        xfree(name[i]);
        xfree(bn[i]);
    }
    return y;
}

struct taps add_resnet(struct graph *g, int x, const struct resnet *shape,
                       const struct recipe *r) {
    struct taps taps = {0, 0};
    g->in_encoder = 1;
    x = conv_bn(g, x, "conv1", "bn1",
                (struct convolution){.out = shape->width, .kernel = 7, .stride = 2}, r);
    x = add_maxpool(g, add_relu(g, x), 3, 2, 1);
    int stride = 4, dilation = 1;
    for (int layer = 1; layer <= 4; layer++) {
        struct stage s = {shape->width << (layer - 1), shape->blocks[layer - 1],
                          layer == 1 ? 1 : 2, dilation, dilation};
        if (s.stride == 2 &&
            stride == r->output_stride) { /* replace_stride_with_dilation */
            s.stride = 1;
            s.dilation = dilation *= 2;
            if (r->first_dilated) s.first_dilation = dilation; /* smp's make_dilated */
        }
        stride *= s.stride;
        for (int block = 0; block < s.blocks; block++)
            x = bottleneck(g, x, layer, block, &s, r);
        if (layer == 1) taps.skip = x;
    }
    taps.last = x;
    return taps;
}
