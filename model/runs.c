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
