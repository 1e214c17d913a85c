/* graph.h - a network as a list of nodes, in an order in which it can be computed.
 *
 * Built by C that reads like the figure: x = conv(g, x, "layer1.0.conv1", 64, 3, ...). A
 * node's shape is a picture's; the batch is a machine's business. Parameters carry
 * PyTorch's names. */
#ifndef MODEL_GRAPH_H
#define MODEL_GRAPH_H
#include "op.h"
#include <stdio.h>

enum init {
    INIT_ZERO,
    INIT_ONE,
    INIT_KAIMING_OUT, /* normal, std sqrt(2 / fan_out): torchvision's ResNet */
    INIT_KAIMING_IN,  /* normal, std sqrt(2 / fan_in): kaiming_normal_'s default */
    /* uniform +-1/sqrt(fan_in): PyTorch's default for conv and linear, and biases */
    INIT_UNIFORM_IN,
    INIT_TRUNC, /* truncated normal, std .02: timm's ViT */
};

struct param {
    char *name; /* "encoder.layer1.0.conv1.weight" */
    int ndim, dim[4];
    size_t count;  /* elements */
    size_t offset; /* elements from the start of its block: parameters or buffers */
    int buffer;    /* 1: running statistics, moved by batch norm, not by Adam */
    int encoder;   /* 1: lr_encoder and freeze apply */
    enum init init;
    int fan; /* fan_in or fan_out, for init */
};

struct node {
    enum op op;
    char *name;
    int inputs, in[NODE_INPUTS]; /* node numbers */
    struct shape shape;
    int param[NODE_PARAMS]; /* parameter numbers, -1: none */
    struct attr attr;
};

struct graph {
    int nodes, params;
    struct node *node;
    struct param *param;
    size_t weights, buffers; /* elements of the two flat blocks */
    int logits, loss;        /* node numbers; -1 before they exist */
    int ordinal;             /* dropouts so far */
    int in_encoder;          /* parameters added now are the encoder's */
    int room_nodes, room_params;
};
struct graph *graph_new(void);
void graph_free(struct graph *g);
int graph_param(const struct graph *g, const char *name); /* -1 if absent */

/* Builders: each appends one node and returns its number. `name` may be NULL where the op
 * has no parameters. They assert on shapes: a wrong graph is our mistake. */
struct convolution {
    int out, kernel, stride, dilation, groups; /* 0: stride 1, dilation 1, groups 1 */
    int pad;                                   /* -1: dilation * (kernel - 1) / 2 */
    int bias; /* 1: as PyTorch's default, 2: starting at zero */
    enum init init;
};
int add_input(struct graph *g, int side, const struct attr *norm);
int add_conv(struct graph *g, int x, const char *name, struct convolution c);
int add_batchnorm(struct graph *g, int x, const char *name, double eps, double momentum,
                  int frozen);
int add_relu(struct graph *g, int x);
int add_add(struct graph *g, int a, int b);
int add_maxpool(struct graph *g, int x, int kernel, int stride, int pad);
int add_gap(struct graph *g, int x);
int add_resize(struct graph *g, int x, int height, int width, int align);
int add_concat(struct graph *g, const int *x, int n);
int add_dropout(struct graph *g, int x, double rate); /* rate 0: returns x */
int add_tokens(struct graph *g, int x, const char *cls, const char *pos);
int add_grid(struct graph *g, int x);
int add_linear(struct graph *g, int x, const char *name, int out, enum init init);
int add_layernorm(struct graph *g, int x, const char *name, double eps);
/* The same parameters as layernorm node `other` once more. */
int add_layernorm_shared(struct graph *g, int x, int other);
int add_gelu(struct graph *g, int x);
int add_attention(struct graph *g, int x, int heads);
int add_loss(struct graph *g, int logits, int kind);

/* FLOP of one picture's forward (2 a multiply-add; dense: every tap; useful: without taps
 * that fall into padding), and bytes read and written at `size` bytes an element. */
struct cost {
    double dense, useful, bytes, params;
};
struct cost graph_cost(const struct graph *g, int node, int size);
/* darknet's aligned line per node: name, op, shape, parameters, FLOP, bytes. */
void graph_print(const struct graph *g, FILE *out);
#endif
