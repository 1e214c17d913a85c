/* parts.h - encoders and decoder as functions that extend a graph. Widths are arguments, so
 * that the tests can hold reduced networks to PyTorch's in double. */
#ifndef MODEL_PARTS_H
#define MODEL_PARTS_H
#include "graph.h"
#include "recipe.h"

struct taps {
    int skip, last;
}; /* nodes: earliest feature map, last feature map */

/* torchvision's ResNet of bottlenecks (He et al. 2016; v1.5: stride in the 3x3). Parameters
 * "encoder.conv1.weight" ... "encoder.layer4.2.bn3.bias"; taps: layer1, layer4. */
struct resnet {
    int blocks[4], width;
}; /* ResNet-50: 3 4 6 3, 64 */
struct taps add_resnet(struct graph *g, int x, const struct resnet *shape,
                       const struct recipe *r);

/* timm's VisionTransformer (Dosovitskiy et al. 2021), pre-norm, exact GELU, eps 1e-6.
 * Parameters "encoder.patch_embed.proj.weight" ... "encoder.norm.bias"; taps: block
 * `skip_block`, last block. */
struct vit {
    int dim, depth, heads, patch;
}; /* ViT-Small/16: 384 12 6 16 */
struct taps add_vit(struct graph *g, int x, const struct vit *shape,
                    const struct recipe *r);

/* DeepLabV3+ (Chen et al. 2018) in the recipe's reading; returns the logits' node
 * [1,side,side]. */
int add_deeplab(struct graph *g, struct taps taps, int side, const struct recipe *r);
#endif
