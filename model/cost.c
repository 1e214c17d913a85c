/* cost.c - what a node costs: FLOP with and without taps that only meet padding, bytes; and
 * the network printed, a line a node. */
#include "model/graph.h"
#include <string.h>

/* Of `out` places along an axis, how many times some tap of the kernel lies on the
 * picture. */
static double taps_on_axis(int in, int out, const struct attr *a) {
    long on = 0;
    for (int p = 0; p < out; p++)
        for (int r = 0; r < a->kernel; r++) {
            int at = p * a->stride - a->pad + r * a->dilation;
            on += at >= 0 && at < in;
        }
    return (double)on;
}

static void flop(const struct graph *g, const struct node *n, struct cost *c) {
    const struct attr *a = &n->attr;
    struct shape in = n->inputs ? g->node[n->in[0]].shape : n->shape;
    const int *x = in.dim, *y = n->shape.dim;
    if (n->op == OP_conv) {
        double per_tap = 2.0 * y[0] * x[0] / a->groups;
        c->dense = per_tap * y[1] * y[2] * a->kernel * a->kernel;
        c->useful = per_tap * taps_on_axis(x[1], y[1], a) * taps_on_axis(x[2], y[2], a);
    } else if (n->op == OP_linear) {
        c->dense = c->useful = 2.0 * y[0] * y[1] * x[1];
    } else if (n->op == OP_attention) {
        c->dense = c->useful = 4.0 * y[0] * y[0] * y[1];
    }
}

struct cost graph_cost(const struct graph *g, int node, int size) {
    const struct node *n = &g->node[node];
    struct cost c = {0, 0, 0, 0};
    flop(g, n, &c);
    c.bytes = (double)shape_count(n->shape) * size;
    for (int k = 0; k < n->inputs; k++)
        c.bytes += (double)shape_count(g->node[n->in[k]].shape) * size;
    for (int k = 0; k < NODE_PARAMS; k++)
        if (n->param[k] >= 0 && !g->param[n->param[k]].buffer)
            c.params += (double)g->param[n->param[k]].count;
    return c;
}

static void print_shape(const struct shape *s, char *out, size_t size) {
    if (s->ndim == 3)
        snprintf(out, size, "%d x %d x %d", s->dim[0], s->dim[1], s->dim[2]);
    else if (s->ndim == 2)
        snprintf(out, size, "%d x %d", s->dim[0], s->dim[1]);
    else
        snprintf(out, size, "scalar");
}

static void print_attr(const struct node *n, char *out, size_t size) {
    const struct attr *a = &n->attr;
    out[0] = 0;
    if (n->op == OP_conv || n->op == OP_maxpool) {
        int at = snprintf(out, size, "%dx%d", a->kernel, a->kernel);
        if (a->stride > 1) at += snprintf(out + at, size - (size_t)at, " /%d", a->stride);
        if (a->dilation > 1)
            at += snprintf(out + at, size - (size_t)at, " d%d", a->dilation);
        if (a->groups > 1) snprintf(out + at, size - (size_t)at, " g%d", a->groups);
    } else if (n->op == OP_attention) {
        snprintf(out, size, "%d heads", a->heads);
    } else if (n->op == OP_dropout) {
        snprintf(out, size, "%g", a->rate);
    } else if (n->op == OP_resize) {
        snprintf(out, size, "%s", a->align ? "corners" : "");
    }
}

void graph_print(const struct graph *g, FILE *out) {
    struct cost sum = {0, 0, 0, 0};
    fprintf(out, "%4s  %-28s %-10s %-12s %-16s %12s %11s %11s %9s\n", "node", "name", "op",
            "", "output", "parameters", "MFLOP", "useful", "MB fp32");
    for (int i = 0; i < g->nodes; i++) {
        const struct node *n = &g->node[i];
        struct cost c = graph_cost(g, i, 4);
        char shape[48], attr[48];
        print_shape(&n->shape, shape, sizeof shape);
        print_attr(n, attr, sizeof attr);
        fprintf(out, "%4d  %-28s %-10s %-12s %-16s %12.0f %11.1f %11.1f %9.2f\n", i,
                strcmp(n->name, op_name(n->op)) ? n->name : "", op_name(n->op), attr, shape,
                c.params, c.dense / 1e6, c.useful / 1e6, c.bytes / 1e6);
        sum.dense += c.dense;
        sum.useful += c.useful;
        sum.bytes += c.bytes;
        sum.params += c.params;
    }
    fprintf(out, "%4s  %-28s %-10s %-12s %-16s %12.0f %11.1f %11.1f %9.2f\n", "",
            "a picture, forward", "", "", "", sum.params, sum.dense / 1e6, sum.useful / 1e6,
            sum.bytes / 1e6);
}
