/* vit.c - the Vision Transformer as timm builds it: patches, class token, pre-norm blocks.
 * It is an encoder only: the class token is dropped at the taps, there is no head. */
#include "model/parts.h"
#include "core/die.h"
#include <assert.h>

static const double EPS = 1e-6; /* timm: partial(nn.LayerNorm, eps=1e-6) */

static int norm(struct graph *g, int x, int block, int which) {
    char *name = xprintf("blocks.%d.norm%d", block, which);
    x = add_layernorm(g, x, name, EPS);
    xfree(name);
    return x;
}

static int linear(struct graph *g, int x, int block, const char *part, int out) {
    char *name = xprintf("blocks.%d.%s", block, part);
    x = add_linear(g, x, name, out, INIT_TRUNC);
    xfree(name);
    return x;
}

/* x + attention(norm1(x)), then x + mlp(norm2(x)). */
static int transformer_block(struct graph *g, int x, int block, const struct vit *shape) {
    int y = linear(g, norm(g, x, block, 1), block, "attn.qkv", 3 * shape->dim);
    y = linear(g, add_attention(g, y, shape->heads), block, "attn.proj", shape->dim);
    x = add_add(g, x, y);
    y = add_gelu(g, linear(g, norm(g, x, block, 2), block, "mlp.fc1", 4 * shape->dim));
    return add_add(g, x, linear(g, y, block, "mlp.fc2", shape->dim));
}

struct taps add_vit(struct graph *g, int x, const struct vit *shape,
                    const struct recipe *r) {
    assert(r->skip_block < shape->depth);
    g->in_encoder = 1;
    x = add_conv(g, x, "patch_embed.proj",
                 (struct convolution){.out = shape->dim,
                                      .kernel = shape->patch,
                                      .stride = shape->patch,
                                      .bias = 1,
                                      .init = INIT_UNIFORM_IN});
    x = add_tokens(g, x, "cls_token", "pos_embed");
    int skip = x, last_norm = -1;
    for (int block = 0; block < shape->depth; block++) {
        x = transformer_block(g, x, block, shape);
        if (block == r->skip_block) skip = x;
    }
    if (r->last_norm == 0) x = last_norm = add_layernorm(g, x, "norm", EPS);
    if (r->skip_norm == 1) /* the one final norm serves both taps */
        skip = last_norm < 0 ? add_layernorm(g, skip, "norm", EPS)
                             : add_layernorm_shared(g, skip, last_norm);
    struct taps taps = {.last = add_grid(g, x)};
    taps.skip = add_grid(g, skip);
    return taps;
}
