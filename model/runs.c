/* runs.c - see runs.h. */
#include "model/runs.h"

static int is(const struct graph *g, int node, enum op op) {
    return node < g->nodes && g->node[node].op == op;
}

/* Nodes first and first+1, the second reading the first alone. */
static int pair(const struct graph *g, int first, enum op a, enum op b) {
    return is(g, first, a) && is(g, first + 1, b) && g->node[first + 1].inputs == 1 &&
           g->node[first + 1].in[0] == first;
}

int run_norm_relu(const struct graph *g, int first) {
    return pair(g, first, OP_batchnorm, OP_relu) ? 2 : 0;
}

int run_norm_add_relu(const struct graph *g, int first) {
    if (!is(g, first, OP_batchnorm) || !pair(g, first + 1, OP_add, OP_relu)) return 0;
    const int *in = g->node[first + 1].in;
    if ((in[0] == first) == (in[1] == first)) return 0;
    int shortcut = in[0] == first ? in[1] : in[0];
    return shortcut != g->node[first].in[0] ? 3 : 0;
}

int run_add_relu(const struct graph *g, int first) {
    return pair(g, first, OP_add, OP_relu) ? 2 : 0;
}

enum { PICTURE = 3 }; /* its planes */

static int joins(const struct graph *g, int node) {
    if (!is(g, node, OP_conv)) return 0;
    const struct node *n = &g->node[node], *in = &g->node[n->in[0]];
    return n->attr.groups == 1 && in->shape.dim[0] > PICTURE && n->shape.dim[0] > 1 &&
           n->param[1] < 0;
}

/* A convolution and the batch norm behind it. */
static int conv_norm(const struct graph *g, int first) {
    return joins(g, first) && pair(g, first, OP_conv, OP_batchnorm) &&
           !g->node[first + 1].attr.frozen;
}

int run_conv_norm_relu(const struct graph *g, int first) {
    return conv_norm(g, first) && run_norm_relu(g, first + 1) ? 3 : 0;
}

int run_conv_norm_add_relu(const struct graph *g, int first) {
    return conv_norm(g, first) && run_norm_add_relu(g, first + 1) ? 4 : 0;
}

int run_norm_relu_conv(const struct graph *g, int first) {
    if (!run_norm_relu(g, first) || g->node[first].attr.frozen) return 0;
    return pair(g, first + 1, OP_relu, OP_conv) && joins(g, first + 2) ? 3 : 0;
}

int run_conv_chain(const struct graph *g, int first) {
    enum { MOST = 3, LINK = 3 };
    int at = first, convolutions = 1;
    if (!conv_norm(g, at)) return 0;
    while (convolutions < MOST && run_norm_relu_conv(g, at + 1) &&
           conv_norm(g, at + LINK)) {
        at += LINK;
        convolutions++;
    }
    if (convolutions == 1) return 0;
    if (run_norm_add_relu(g, at + 1)) return at + 4 - first;
    return at + (run_norm_relu(g, at + 1) ? 3 : 2) - first;
}

int run_resize_concat_conv(const struct graph *g, int first) {
    enum { MAX_KERNEL = 7 };
    if (!is(g, first, OP_resize) || !pair(g, first + 1, OP_concat, OP_conv)) return 0;
    const struct node *resize = &g->node[first], *concat = resize + 1, *conv = resize + 2;
    if (concat->inputs != 2 || (concat->in[0] == first) == (concat->in[1] == first))
        return 0;
    int skip = concat->in[concat->in[0] == first];
    const struct attr *a = &conv->attr;
    const struct shape *small = &g->node[resize->in[0]].shape, *large = &resize->shape;
    if (skip == resize->in[0] || a->groups != 1 || a->stride != 1) return 0;
    if (a->kernel < 2 || a->kernel > MAX_KERNEL) return 0;
    return 4 * small->dim[1] * small->dim[2] <= large->dim[1] * large->dim[2] ? 3 : 0;
}

int run_resize_conv(const struct graph *g, int first) {
    if (!pair(g, first, OP_resize, OP_conv)) return 0;
    const struct node *resize = &g->node[first], *conv = resize + 1;
    const struct attr *a = &conv->attr;
    const struct shape *small = &g->node[resize->in[0]].shape, *large = &resize->shape;
    if (a->kernel != 1 || a->stride != 1 || a->pad != 0 || a->groups != 1) return 0;
    if (conv->shape.dim[0] > large->dim[0]) return 0;
    return 2 * small->dim[1] * small->dim[2] <= large->dim[1] * large->dim[2] ? 2 : 0;
}

int run_add_layernorm(const struct graph *g, int first) {
    if (!pair(g, first, OP_add, OP_layernorm)) return 0;
    return g->node[first].in[0] != g->node[first].in[1] ? 2 : 0;
}

int run_linear_gelu(const struct graph *g, int first) {
    return pair(g, first, OP_linear, OP_gelu) ? 2 : 0;
}

int run_resize_loss(const struct graph *g, int first) {
    return pair(g, first, OP_resize, OP_loss) ? 2 : 0;
}

int run_outer_input(const struct call *inner) {
    return inner->x[0] || inner->dx[0] ? 0 : 1;
}
