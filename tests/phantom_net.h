/* phantom_net.h - an untrained ResNet-50 or ViT-Small as a list of named tensors, F32.
 *
 * Deeper layers are drawn uniformly with the standard deviations of torchvision's kaiming
 * normal (fan out) and timm's .02, by philox: a function of the seed. The first layer holds
 * gratings at many angles and wavelengths, grey or coloured, as trained ones do; positions
 * of the ViT are smooth waves; batch norms carry the statistics that their weights would
 * meet (second moments followed through the net), so that evaluation works before training
 * has replaced them. */
#ifndef TESTS_PHANTOM_NET_H
#define TESTS_PHANTOM_NET_H
#include "core/bag.h"

enum { NET_TENSORS = 400 };
struct net {
    uint64_t seed, block; /* block: next one of the random stream */
    int colour;           /* first layer sees colour; else three equal input channels */
    int count;
    struct tensor tensor[NET_TENSORS]; /* owns names and data until net_free */
    double mean, square;               /* of the activations that the next layer reads */
};
/* head: with the 1000-class classifier, zero. */
void net_resnet50(struct net *net, int head);
void net_vits(struct net *net, int head);
void net_free(struct net *net);
#endif
