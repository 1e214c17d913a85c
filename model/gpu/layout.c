/* layout.c - how maps and parameters lie in the GPU's memory; see gpu.h. */
#include "model/gpu/gpu.h"
#include "model/precision.h"

int gpu_channels(const struct graph *g, int node) {
    const struct node *n = &g->node[node];
    if (n->op == OP_input && n->shape.dim[0] == 3) return GPU_PICTURE;
    return n->shape.ndim == 3 ? n->shape.dim[0] : 0;
}

size_t gpu_element(enum precision precision, int channels) {
    return precision_is_16bit(precision) && channels != 1 ? 2 : 4;
}

size_t gpu_node_bytes(const struct graph *g, int node, int batch,
                      enum precision precision) {
    const struct shape s = g->node[node].shape;
    int channels = gpu_channels(g, node);
    size_t count = shape_count(s);
    if (channels) count = count / (size_t)s.dim[0] * (size_t)channels;
    if (s.ndim == 0) channels = 1; /* the loss is float */
    return count * (size_t)batch * gpu_element(precision, channels);
}

size_t gpu_bytes_hook(const struct kernels *k, const struct graph *g, int node, int batch) {
    const struct gpu *gpu = k->machine;
    return gpu_node_bytes(g, node, batch, gpu->precision);
}

struct gpu_layout gpu_layout(const struct graph *g, int param) {
    const struct param *p = &g->param[param];
    struct gpu_layout l = {.count = p->count, .all = p->count};
    for (int i = 0; i < g->nodes; i++) {
        const struct node *n = &g->node[i];
        if (n->param[0] != param || (n->op != OP_conv && n->op != OP_linear)) continue;
        l.matrix = 1;
        if (n->op != OP_conv) continue;
        l.K = p->dim[0], l.C = l.padded = p->dim[1], l.R = p->dim[2], l.S = p->dim[3];
        if (g->node[n->in[0]].op == OP_input) l.padded = gpu_channels(g, n->in[0]);
        l.all = l.count / (size_t)l.C * (size_t)l.padded;
    }
    return l;
}

size_t gpu_place(const struct gpu_layout *l, size_t i) {
    if (!l->C) return i;
    const size_t C = (size_t)l->C, R = (size_t)l->R, S = (size_t)l->S;
    const size_t s = i % S, r = i / S % R, c = i / S / R % C, k = i / S / R / C;
    return ((k * R + r) * S + s) * (size_t)l->padded + c;
}
