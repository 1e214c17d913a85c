/* graph.c - the builders: each appends one node, works out its shape and adds its
 * parameters. A wrong graph is our mistake, so shapes are asserted, not refused. */
#include "model/graph.h"
#include "core/die.h"
#include <assert.h>
#include <string.h>

struct graph *graph_new(void) {
    struct graph *g = xcalloc(1, sizeof *g);
    g->logits = g->loss = -1;
    return g;
}

void graph_free(struct graph *g) {
    if (!g) return;
    for (int i = 0; i < g->nodes; i++) xfree(g->node[i].name);
    for (int i = 0; i < g->params; i++) xfree(g->param[i].name);
    xfree(g->node);
    xfree(g->param);
    xfree(g);
}

int graph_param(const struct graph *g, const char *name) {
    for (int i = 0; i < g->params; i++)
        if (strcmp(g->param[i].name, name) == 0) return i;
    return -1;
}

static struct shape map_shape(int c, int h, int w) {
    return (struct shape){3, {c, h, w}};
}
static struct shape token_shape(int t, int d) {
    return (struct shape){2, {t, d, 1}};
}

/* Appends a node; the caller fills shape, parameters and attributes. */
static struct node *append(struct graph *g, enum op op, const int *in, int inputs,
                           const char *name) {
    if (g->nodes == g->room_nodes) {
        g->room_nodes = g->room_nodes ? 2 * g->room_nodes : 256;
        g->node = xrealloc(g->node, (size_t)g->room_nodes, sizeof *g->node);
    }
    struct node *n = &g->node[g->nodes++];
    memset(n, 0, sizeof *n);
    n->op = op;
    n->name = name ? xstrdup(name) : xprintf("%s", op_name(op));
    n->inputs = inputs;
    assert(inputs <= NODE_INPUTS);
    for (int i = 0; i < inputs; i++) n->in[i] = in[i];
    for (int i = 0; i < NODE_PARAMS; i++) n->param[i] = -1;
    return n;
}

static int last(const struct graph *g) {
    return g->nodes - 1;
}
static struct shape shape_of(const struct graph *g, int x) {
    return g->node[x].shape;
}

/* Appends parameter "name.suffix" (or "name" where suffix is NULL) and returns its
 * number. */
static int parameter(struct graph *g, const char *name, const char *suffix, int ndim,
                     const int *dim, enum init init, int fan, int buffer) {
    if (g->params == g->room_params) {
        g->room_params = g->room_params ? 2 * g->room_params : 512;
        g->param = xrealloc(g->param, (size_t)g->room_params, sizeof *g->param);
    }
    struct param *p = &g->param[g->params];
    *p = (struct param){
        .ndim = ndim, .init = init, .fan = fan, .buffer = buffer, .encoder = g->in_encoder};
    const char *room = g->in_encoder ? "encoder" : "decoder";
    p->name =
        suffix ? xprintf("%s.%s.%s", room, name, suffix) : xprintf("%s.%s", room, name);
    p->count = 1;
    for (int i = 0; i < ndim; i++) {
        p->dim[i] = dim[i];
        p->count *= (size_t)dim[i];
    }
    /* Blocks of 16 elements keep every tensor on a cache line of its own. */
    size_t *block = buffer ? &g->buffers : &g->weights;
    p->offset = *block;
    *block += (p->count + 15) / 16 * 16;
    return g->params++;
}

int add_input(struct graph *g, int side, const struct attr *norm) {
    struct node *n = append(g, OP_input, NULL, 0, NULL);
    n->attr = *norm;
    n->shape = map_shape(3, side, side);
    return last(g);
}

int add_conv(struct graph *g, int x, const char *name, struct convolution c) {
    struct shape in = shape_of(g, x);
    assert(in.ndim == 3);
    int stride = c.stride ? c.stride : 1, dilation = c.dilation ? c.dilation : 1;
    int groups = c.groups ? c.groups : 1;
    int pad = c.pad >= 0 ? c.pad : dilation * (c.kernel - 1) / 2;
    int span = dilation * (c.kernel - 1) + 1;
    assert(in.dim[0] % groups == 0 && c.out % groups == 0);
    int per_group = in.dim[0] / groups;
    int fan_in = per_group * c.kernel * c.kernel, fan_out = c.out * c.kernel * c.kernel;
    struct node *n = append(g, OP_conv, &x, 1, name);
    n->attr = (struct attr){.kernel = c.kernel,
                            .stride = stride,
                            .pad = pad,
                            .dilation = dilation,
                            .groups = groups};
    n->shape = map_shape(c.out, (in.dim[1] + 2 * pad - span) / stride + 1,
                         (in.dim[2] + 2 * pad - span) / stride + 1);
    assert(n->shape.dim[1] > 0 && n->shape.dim[2] > 0);
    int node = last(g);
    g->node[node].param[0] =
        parameter(g, name, "weight", 4, (int[]){c.out, per_group, c.kernel, c.kernel},
                  c.init, c.init == INIT_KAIMING_OUT ? fan_out : fan_in, 0);
    if (c.bias)
        g->node[node].param[1] =
            parameter(g, name, "bias", 1, &c.out, c.bias == 2 ? INIT_ZERO : INIT_UNIFORM_IN,
                      fan_in, 0);
    return node;
}

int add_batchnorm(struct graph *g, int x, const char *name, double eps, double momentum,
                  int frozen) {
    struct shape in = shape_of(g, x);
    assert(in.ndim == 3);
    struct node *n = append(g, OP_batchnorm, &x, 1, name);
    n->attr = (struct attr){.eps = eps, .momentum = momentum, .frozen = frozen};
    n->shape = in;
    int node = last(g), c = in.dim[0];
    g->node[node].param[0] = parameter(g, name, "weight", 1, &c, INIT_ONE, c, 0);
    g->node[node].param[1] = parameter(g, name, "bias", 1, &c, INIT_ZERO, c, 0);
    g->node[node].param[2] = parameter(g, name, "running_mean", 1, &c, INIT_ZERO, c, 1);
    g->node[node].param[3] = parameter(g, name, "running_var", 1, &c, INIT_ONE, c, 1);
    return node;
}

/* An op whose output has its input's shape and which has no parameters. */
static int add_alike(struct graph *g, enum op op, int x, struct attr attr) {
    struct shape in = shape_of(g, x);
    struct node *n = append(g, op, &x, 1, NULL);
    n->attr = attr;
    n->shape = in;
    return last(g);
}

int add_relu(struct graph *g, int x) {
    return add_alike(g, OP_relu, x, (struct attr){0});
}
int add_gelu(struct graph *g, int x) {
    return add_alike(g, OP_gelu, x, (struct attr){0});
}

int add_dropout(struct graph *g, int x, double rate) {
    if (rate == 0) return x;
    return add_alike(g, OP_dropout, x,
                     (struct attr){.rate = rate, .ordinal = g->ordinal++});
}

int add_add(struct graph *g, int a, int b) {
    struct shape in = shape_of(g, a);
    assert(memcmp(&in, &g->node[b].shape, sizeof in) == 0);
    struct node *n = append(g, OP_add, (int[]){a, b}, 2, NULL);
    n->shape = in;
    return last(g);
}

int add_maxpool(struct graph *g, int x, int kernel, int stride, int pad) {
    struct shape in = shape_of(g, x);
    assert(kernel <= 16); /* machines keep a place of the window in a byte */
    struct node *n = append(g, OP_maxpool, &x, 1, NULL);
    n->attr = (struct attr){.kernel = kernel, .stride = stride, .pad = pad};
    n->shape = map_shape(in.dim[0], (in.dim[1] + 2 * pad - kernel) / stride + 1,
                         (in.dim[2] + 2 * pad - kernel) / stride + 1);
    return last(g);
}

int add_gap(struct graph *g, int x) {
    struct shape in = shape_of(g, x);
    append(g, OP_gap, &x, 1, NULL)->shape = map_shape(in.dim[0], 1, 1);
    return last(g);
}

int add_resize(struct graph *g, int x, int height, int width, int align) {
    struct shape in = shape_of(g, x);
    if (in.dim[1] == height && in.dim[2] == width) return x;
    struct node *n = append(g, OP_resize, &x, 1, NULL);
    n->attr.align = align;
    n->shape = map_shape(in.dim[0], height, width);
    return last(g);
}

int add_concat(struct graph *g, const int *x, int inputs) {
    struct shape out = shape_of(g, x[0]);
    for (int i = 1; i < inputs; i++) {
        struct shape s = shape_of(g, x[i]);
        assert(s.dim[1] == out.dim[1] && s.dim[2] == out.dim[2]);
        out.dim[0] += s.dim[0];
    }
    append(g, OP_concat, x, inputs, NULL)->shape = out;
    return last(g);
}

int add_tokens(struct graph *g, int x, const char *cls, const char *pos) {
    struct shape in = shape_of(g, x);
    int d = in.dim[0], t = 1 + in.dim[1] * in.dim[2];
    append(g, OP_tokens, &x, 1, NULL)->shape = token_shape(t, d);
    int node = last(g);
    g->node[node].param[0] = parameter(g, cls, NULL, 3, (int[]){1, 1, d}, INIT_TRUNC, d, 0);
    g->node[node].param[1] = parameter(g, pos, NULL, 3, (int[]){1, t, d}, INIT_TRUNC, d, 0);
    return node;
}

int add_grid(struct graph *g, int x) {
    struct shape in = shape_of(g, x);
    int side = 1;
    while (side * side < in.dim[0] - 1) side++;
    assert(side * side == in.dim[0] - 1);
    append(g, OP_grid, &x, 1, NULL)->shape = map_shape(in.dim[1], side, side);
    return last(g);
}

int add_linear(struct graph *g, int x, const char *name, int out, enum init init) {
    struct shape in = shape_of(g, x);
    assert(in.ndim == 2);
    append(g, OP_linear, &x, 1, name)->shape = token_shape(in.dim[0], out);
    int node = last(g);
    g->node[node].param[0] =
        parameter(g, name, "weight", 2, (int[]){out, in.dim[1]}, init, in.dim[1], 0);
    g->node[node].param[1] = parameter(g, name, "bias", 1, &out, INIT_ZERO, in.dim[1], 0);
    return node;
}

int add_layernorm(struct graph *g, int x, const char *name, double eps) {
    struct shape in = shape_of(g, x);
    assert(in.ndim == 2);
    struct node *n = append(g, OP_layernorm, &x, 1, name);
    n->attr.eps = eps;
    n->shape = in;
    int node = last(g), d = in.dim[1];
    g->node[node].param[0] = parameter(g, name, "weight", 1, &d, INIT_ONE, d, 0);
    g->node[node].param[1] = parameter(g, name, "bias", 1, &d, INIT_ZERO, d, 0);
    return node;
}

int add_layernorm_shared(struct graph *g, int x, int other) {
    struct attr attr = g->node[other].attr;
    struct node *n = append(g, OP_layernorm, &x, 1, g->node[other].name);
    n->attr = attr;
    n->shape = shape_of(g, x);
    for (int i = 0; i < 2; i++) n->param[i] = g->node[other].param[i];
    return last(g);
}

int add_attention(struct graph *g, int x, int heads) {
    struct shape in = shape_of(g, x);
    assert(in.ndim == 2 && in.dim[1] % (3 * heads) == 0);
    struct node *n = append(g, OP_attention, &x, 1, NULL);
    n->attr.heads = heads;
    n->shape = token_shape(in.dim[0], in.dim[1] / 3);
    return last(g);
}

int add_loss(struct graph *g, int logits, int kind) {
    struct node *n = append(g, OP_loss, &logits, 1, NULL);
    n->attr.loss = kind;
    n->shape = (struct shape){0, {1, 1, 1}};
    g->logits = logits;
    return g->loss = last(g);
}
