/* floor.c - counts; see floor.h. */
#include "model/floor.h"
#include "core/die.h"
#include <string.h>

struct count {
    const struct graph *g;
    const struct node *n;
    const struct floor_work *work;
    double X, Y, W; /* bytes of all inputs, the output, the parameters, of the batch */
};

static double bytes_of(const struct count *c, const struct node *n) {
    int element = n->op == OP_loss || n->shape.dim[0] == 1 ? 4 : c->work->element;
    return (double)shape_count(n->shape) * c->work->batch * element;
}

static const struct node *input(const struct count *c, int i) {
    return &c->g->node[c->n->in[i]];
}

/* The one node that reads this one; NULL: several do, or none. */
static const struct node *reader(const struct graph *g, int node) {
    const struct node *found = NULL;
    for (int i = node + 1; i < g->nodes; i++)
        for (int k = 0; k < g->node[i].inputs; k++)
            if (g->node[i].in[k] == node) {
                if (found) return NULL;
                found = &g->node[i];
            }
    return found;
}

static int is(const struct node *n, enum op op) {
    return n && n->op == op;
}

/* ---- convolutions that read an upsampled map ---- */

struct upsampled {
    int channels;         /* 0: none */
    double pixels, bytes; /* of the small map, a picture; of the batch, as stored */
};

static struct upsampled upsampled_of(const struct count *c, const struct node *x) {
    struct upsampled u = {0, 0, 0};
    if (x->op == OP_resize) {
        const struct node *small = &c->g->node[x->in[0]];
        double pixels = (double)small->shape.dim[1] * small->shape.dim[2];
        if (pixels < (double)x->shape.dim[1] * x->shape.dim[2])
            u = (struct upsampled){x->shape.dim[0], pixels, bytes_of(c, small)};
    }
    for (int i = 0; x->op == OP_concat && i < x->inputs; i++) {
        struct upsampled part = upsampled_of(c, &c->g->node[x->in[i]]);
        if (part.channels > u.channels) u = part;
    }
    return u;
}

/* ---- products: FLOP and bytes ---- */

static void product(const struct count *c, struct floor *f) {
    const struct attr *a = &c->n->attr;
    int backward = c->work->train, dx = input(c, 0)->op != OP_input;
    double times = backward ? 2 + dx : 1;
    struct cost cost = graph_cost(c->g, (int)(c->n - c->g->node), 4);
    f->dense = cost.dense * c->work->batch * times;
    f->useful = f->saved = cost.useful * c->work->batch * times;
    /* Forward x, w -> y; the gradients dy, w -> dx and dy, x -> dw. */
    double forward = c->X + c->W + c->Y;
    f->apart = f->fused = f->fused_saved = forward * times;
    if (backward && is(reader(c->g, (int)(c->n - c->g->node)), OP_batchnorm)) {
        f->fused +=
            (1 + dx) * c->Y; /* each gradient reads y too: it applies the norm's backward */
        f->fused_saved = f->fused;
    }
    struct upsampled u = upsampled_of(c, input(c, 0));
    if (!u.channels || c->n->op != OP_conv || a->groups != 1 || a->stride != 1) return;
    int in = input(c, 0)->shape.dim[0], out = c->n->shape.dim[0],
        taps = a->kernel * a->kernel;
    double share = (double)u.channels / in, between = 0;
    double small = 2.0 * u.channels * out * taps * u.pixels * c->work->batch;
    if (taps > 1)
        between = (double)out * taps * u.pixels * c->work->batch * c->work->element;
    f->saved = (1 - share) * f->useful + small * times;
    f->fused_saved -= share * c->X * times;
    f->fused_saved += (u.bytes + 2 * between) * times;
}

static void attention(const struct count *c, struct floor *f) {
    struct cost cost = graph_cost(c->g, (int)(c->n - c->g->node), 4);
    double times = c->work->train ? 3.5 : 1;
    f->dense = f->useful = f->saved = cost.dense * c->work->batch * times;
    /* q, k, v -> y; those, y and dy -> dq, dk, dv. */
    f->apart = f->fused = f->fused_saved = (c->work->train ? 12 : 4) * c->Y;
}

/* ---- all else: bytes, in outputs' sizes ---- */

struct passes {
    double apart_forward, apart_backward, fused_forward, fused_backward; /* times Y */
};

static struct passes passes_of(const struct count *c) {
    int node = (int)(c->n - c->g->node);
    double x = c->X / c->Y; /* the inputs' size in outputs */
    switch (c->n->op) {
    case OP_input:
        x = 1 + 1.0 / c->work->element; /* bytes in, stored numbers out */
        return (struct passes){x, 0, x, 0};
    case OP_batchnorm:
        return (struct passes){3, 5, 0, 0};
    case OP_relu: /* y and dy in, dx out */
        return (struct passes){2, 3, 0, 0};
    case OP_add: /* with the ReLU behind it, if there is one */
        return (struct passes){3, 0, 3, is(reader(c->g, node), OP_relu) ? 3 : 0};
    case OP_maxpool:
        return (struct passes){x + 1, x + 1.5, x + 1, x + 1.5};
    case OP_gap:
        return (struct passes){x + 1, x + 1, x + 1, 1};
    case OP_resize:
        if (node == c->g->logits) return (struct passes){x + 1, x + 1, x, x};
        return (struct passes){x + 1, x + 1, 0, 0};
    case OP_concat:
    case OP_tokens:
    case OP_grid:
        return (struct passes){2, 2, 0, 0};
    case OP_dropout:
        return (struct passes){2.5, 2.5, 0, 0};
    /* the sum before it is in memory anyway; backward adds the shortcut's */
    case OP_layernorm:
        return (struct passes){2, 3 + 3, 1, 4};
    case OP_gelu:
        return (struct passes){2, 3, 1, 1};
    /* reads the logits, reads and writes them; inside the upsampling where fused */
    case OP_loss:
        return (struct passes){x, 2 * x, 0, 0};
    default:
        return (struct passes){0, 0, 0, 0};
    }
}

struct floor floor_of(const struct graph *g, int node, const struct floor_work *work) {
    struct floor f = {0, 0, 0, 0, 0, 0};
    struct count c = {.g = g, .n = &g->node[node], .work = work};
    c.Y = bytes_of(&c, c.n);
    for (int i = 0; i < c.n->inputs; i++) c.X += bytes_of(&c, input(&c, i));
    for (int i = 0; i < NODE_PARAMS; i++)
        if (c.n->param[i] >= 0)
            c.W += (double)g->param[c.n->param[i]].count * work->element;
    if (c.n->op == OP_conv || c.n->op == OP_linear) {
        product(&c, &f);
    } else if (c.n->op == OP_attention) {
        attention(&c, &f);
    } else {
        struct passes p = passes_of(&c);
        f.apart = (p.apart_forward + (work->train ? p.apart_backward : 0)) * c.Y;
        f.fused = (p.fused_forward + (work->train ? p.fused_backward : 0)) * c.Y;
        f.fused_saved = f.fused;
    }
    return f;
}

struct floor floor_of_adam(const struct graph *g, const struct floor_work *work) {
    struct floor f = {0, 0, 0, 0, 0, 0};
    if (!work->train) return f;
    /* Float w, m, v in and out, the gradient in; in 16 bits a copy of w out. */
    double each = 24 + work->element + (work->element == 2 ? 2 : 0), dead = 0;
    for (int i = 0; i < g->nodes; i++) {
        const struct node *n = &g->node[i];
        const struct attr *a = &n->attr;
        if (n->op != OP_conv || a->kernel < 3) continue;
        if (a->dilation >= g->node[n->in[0]].shape.dim[1]) /* all taps but the middle */
            dead +=
                (double)g->param[n->param[0]].count * (1 - 1.0 / (a->kernel * a->kernel));
    }
    f.apart = f.fused = (double)g->weights * each;
    f.fused_saved = f.fused - dead * each;
    return f;
}

void floor_add(struct floor *sum, const struct floor *more) {
    sum->dense += more->dense;
    sum->useful += more->useful;
    sum->saved += more->saved;
    sum->apart += more->apart;
    sum->fused += more->fused;
    sum->fused_saved += more->fused_saved;
}

static double greater(double flop, double bytes, const struct floor_rates *r) {
    double a = flop / r->flop, b = bytes / r->bytes;
    return a > b ? a : b;
}

double floor_apart(const struct floor *f, const struct floor_rates *r) {
    return greater(f->dense, f->apart, r);
}

double floor_fused(const struct floor *f, const struct floor_rates *r) {
    return greater(f->dense, f->fused, r);
}

double floor_saved(const struct floor *f, const struct floor_rates *r) {
    return greater(f->saved, f->fused_saved, r);
}

char *floor_stage(const struct graph *g, int node) {
    const char *name = NULL;
    for (int i = node; i >= 0 && !name;
         i--) /* what has no name belongs to what stands before it */
        if (strcmp(g->node[i].name, op_name(g->node[i].op))) name = g->node[i].name;
    if (!name || !strncmp(name, "conv1", 5) || !strncmp(name, "bn1", 3))
        return xstrdup("stem");
    if (node == g->loss || node == g->logits) return xstrdup("loss");
    return xprintf("%.*s", (int)strcspn(name, "."), name);
}
