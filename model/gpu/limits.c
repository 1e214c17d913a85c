/* limits.c - what the kernels assume of a graph and no kernel checks: refused once, before
 * anything is allocated. No network of ours comes near; a graph built otherwise must not
 * compute wrong numbers. */
#include "model/gpu/machine.h"
#include "core/die.h"

enum {
    HEAD = 128, /* attention.cu: values of a head that a row's four threads hold */
    BITS = 8,   /* a mask begins at a whole byte */
};

static void refuse(const struct graph *g, int node, const char *what, long found,
                   const char *wanted) {
    const struct node *n = &g->node[node];
    die_no("gpu: node %d (%s%s%s): %s %ld, wanted %s; use --device cpu", node,
           op_name(n->op), n->name ? " " : "", n->name ? n->name : "", what, found, wanted);
}

void gpu_limits(const struct graph *g) {
    for (int i = 0; i < g->nodes; i++) {
        const struct node *n = &g->node[i];
        const struct attr *a = &n->attr;
        if (n->op == OP_input && n->shape.dim[1] * n->shape.dim[2] % BITS)
            refuse(g, i, "pixels of a picture:", (long)n->shape.dim[1] * n->shape.dim[2],
                   "a multiple of 8, as a mask's bits fill bytes");
        if (n->op == OP_conv && a->groups > 1 && g->node[n->in[0]].op == OP_input)
            refuse(g, i, "groups of a convolution of the picture itself:", a->groups, "1");
        if (n->op == OP_attention && n->shape.dim[1] / a->heads > HEAD)
            refuse(g, i, "values a head:", n->shape.dim[1] / a->heads, "128 at most");
    }
}
