/* probe.c - puts a measuring batch norm beside every batch norm, runs, and reads them.
 *
 * It judges nothing. */
#include "probe.h"
#include "core/die.h"
#include <stdlib.h>
#include <string.h>

enum { BATCH = 16 }; /* pictures at a time: statistics are the mean of the batches' */
static const char PREFIX[] = "encoder.";

/* A parameter's tensor in the bag, which has the encoder's own names; NULL if not there. */
static const struct tensor *stored(const struct bag *weights, const struct param *p) {
    size_t n = sizeof PREFIX - 1;
    const struct tensor *t =
        strncmp(p->name, PREFIX, n) ? NULL : bag_find(weights, p->name + n);
    return t && param_fits(p, t) ? t : NULL;
}

/* A bias may be absent: then it is 0. */
static int node_stored(const struct graph *g, const struct node *n, const struct bag *w) {
    for (int k = 0; k < NODE_PARAMS; k++) {
        int optional = n->op == OP_conv && k == 1;
        if (n->param[k] >= 0 && !optional && !stored(w, &g->param[n->param[k]])) return 0;
    }
    return 1;
}

/* Which nodes can be computed from what the bag holds. */
static char *find_known(const struct graph *g, const struct bag *w) {
    char *known = xcalloc((size_t)g->nodes, 1);
    for (int i = 0; i < g->nodes; i++) {
        known[i] = (char)node_stored(g, &g->node[i], w);
        for (int k = 0; k < g->node[i].inputs; k++) known[i] &= known[g->node[i].in[k]];
    }
    return known;
}

/* "layer3.0.bn1" is of stage 3; what comes before the stages is of 0. */
static int stage_of(const char *name) {
    return strncmp(name, "layer", 5) ? 0 : atoi(name + 5);
}

static int wants_probe(const struct node *n, int upto) {
    if (n->op == OP_batchnorm) return stage_of(n->name) <= upto;
    return n->op == OP_conv && !strcmp(n->name, "patch_embed.proj");
}

/* Behind each node that is probed, a measuring batch norm on its input (a ViT's patches: on
 * its output), and nothing behind the last of them. Returns how many. */
static int add_probes(struct graph *g, const char *known, int upto) {
    int n = g->nodes, probes = 0, kept = 0, last = 0;
    int *probe = xcalloc((size_t)n, sizeof *probe),
        *place = xcalloc(2 * (size_t)n, sizeof *place);
    g->in_encoder = 1;
    for (int i = 0; i < n; i++) {
        if (!known[i] || !wants_probe(&g->node[i], upto)) continue;
        int in = g->node[i].op == OP_conv ? i : g->node[i].in[0];
        char *name = xprintf("probe.%s", g->node[i].name);
        probe[i] = add_batchnorm(g, in, name, 1e-5, 0, 1);
        xfree(name);
        probes++;
        last = i;
    }
    struct node *ordered = xcalloc((size_t)g->nodes, sizeof *ordered);
    for (int i = 0; i < n; i++) {
        int wanted = i <= last && probes;
        place[i] = kept;
        if (!wanted) xfree(g->node[i].name);
        if (wanted) ordered[kept++] = g->node[i];
        if (probe[i]) ordered[kept++] = g->node[probe[i]];
    }
    for (int i = 0; i < kept; i++)
        for (int k = 0; k < ordered[i].inputs; k++)
            ordered[i].in[k] = place[ordered[i].in[k]];
    xfree(g->node);
    g->node = ordered;
    g->nodes = g->room_nodes = kept;
    g->logits = kept - 1;
    g->loss = -1;
    xfree(probe);
    xfree(place);
    return probes;
}

static int is_probe(const struct node *n) {
    return !strncmp(n->name, "probe.", 6);
}

static void put_weights(const struct graph *g, const struct bag *weights,
                        const struct backend *b, struct machine *m) {
    for (int i = 0; i < g->params; i++) {
        const struct tensor *t = stored(weights, &g->param[i]);
        if (!t) continue;
        struct tensor named = *t;
        float *value = xmalloc(tensor_count(t) * sizeof *value + 1);
        tensor_to_f32(t, value);
        named.name = g->param[i].name;
        named.type = T_F32;
        named.data = value;
        b->put(m, &named);
        xfree(value);
    }
}

static float *get(const struct param *p, const struct backend *b, struct machine *m) {
    struct tensor t = param_tensor(p, xmalloc(p->count * sizeof(float)));
    b->get(m, p->name, &t);
    return t.data;
}

static void read_probe(struct probe *out, const struct graph *g, int node,
                       const struct backend *b, struct machine *m) {
    const struct node *n = &g->node[node], *of = &g->node[node - 1];
    out->name = xstrdup(of->name);
    out->channels = n->shape.dim[0];
    out->mean = get(&g->param[n->param[2]], b, m);
    out->var = get(&g->param[n->param[3]], b, m);
    if (of->op != OP_batchnorm) return;
    out->kept_mean = get(&g->param[of->param[2]], b, m);
    out->kept_var = get(&g->param[of->param[3]], b, m);
}

/* The network of the bag's encoder; what lies in the decoder is cut off. */
static void build(struct model *model, const struct bag *weights,
                  const struct recipe *recipe, int side) {
    struct cell cell;
    struct norm norm;
    char *name = xprintf("%s-probe-probe", bag_need_meta(weights, "encoder"));
    cell_parse(&cell, name);
    norm_from_bag(&norm, weights);
    model_build(model, &cell, recipe, &norm, side);
    xfree(name);
}

void probe_run(struct probes *out, const struct bag *weights, const struct recipe *recipe,
               const struct pictures *pictures, int upto, int threads) {
    struct model model;
    struct machine *m;
    *out = (struct probes){0, NULL};
    build(&model, weights, recipe, pictures->side);
    struct graph *g = model.graph;
    char *known = find_known(g, weights);
    int probes = add_probes(g, known, upto);
    xfree(known);
    if (probes) {
        const struct backend *b = backend_open("cpu", threads, &m);
        b->prepare(m, &(struct job){.graph = g, .recipe = recipe, .batch = BATCH});
        b->data(m, SET_TRAIN, pictures);
        put_weights(g, weights, b, m);
        b->estimate(m);
        out->probe = xcalloc((size_t)probes, sizeof *out->probe);
        for (int i = 0; i < g->nodes; i++)
            if (is_probe(&g->node[i])) read_probe(&out->probe[out->count++], g, i, b, m);
        b->close(m);
    }
    model_free(&model);
}

void probe_free(struct probes *p) {
    for (int i = 0; i < p->count; i++) {
        xfree(p->probe[i].name);
        xfree(p->probe[i].mean);
        xfree(p->probe[i].var);
        xfree(p->probe[i].kept_mean);
        xfree(p->probe[i].kept_var);
    }
    xfree(p->probe);
}
