/* survey.c - see survey.h. */
#include "model/gpu/survey.h"
#include "model/gpu/gpu.h"
#include "model/gpu/library_struct.h"
#include <string.h>

int survey_possible(void) {
    return 1;
}

/* 1, and the shape: this node is a convolution of the library's. */
static int shape_of(const struct graph *g, int node, int batch,
                    struct convolution_shape *s) {
    const struct node *n = &g->node[node];
    const struct attr *a = &n->attr;
    if (n->op != OP_conv || a->groups != 1) return 0;
    const int *x = g->node[n->in[0]].shape.dim, *y = n->shape.dim;
    *s = (struct convolution_shape){
        batch,  x[1],        x[2],      gpu_channels(g, n->in[0]),
        y[0],   a->kernel,   a->kernel, a->stride,
        a->pad, a->dilation, y[1],      y[2]};
    return s->C > 1 && s->K > 1;
}

static void count_plan(const struct convolution_plan *p, struct survey_count *count) {
    size_t scratch = convolution_scratch(p);
    count->products++;
    if (scratch > count->scratch) count->scratch = scratch;
}

void survey(const struct graph *g, const int *batch, int batches,
            const struct survey_device *device, enum precision precision, const char *plans,
            struct survey_count *count) {
    struct library *l = library_of(device->properties, device->capability, device->name,
                                   precision, 1, plans);
    for (int b = 0; b < batches; b++) {
        for (int i = 0; i < g->nodes; i++) {
            struct convolution_shape s;
            if (!shape_of(g, i, batch[b], &s)) continue;
            count->convolutions++;
            for (enum convolution_part part = CONV_Y; part <= CONV_DW; part++)
                count_plan(library_convolution(l, &s, part), count);
        }
    }
    convolutions_count(l, &count->chosen, &count->recalled);
    library_save(l);
    library_close(l);
}

int survey_joins(const struct graph *g, int batch, const struct survey_device *device,
                 enum precision precision, int joined[SURVEY_JOINS]) {
    static const enum convolution_part part[SURVEY_JOINS] = {CONV_Y_SUMS, CONV_NORM_Y_SUMS,
                                                             CONV_NORM_DW, CONV_DX_DNORM};
    struct library *l = library_of(device->properties, device->capability, device->name,
                                   precision, 1, NULL);
    int all = 0;
    memset(joined, 0, SURVEY_JOINS * sizeof *joined);
    for (int i = 0; i < g->nodes; i++) {
        struct convolution_shape s;
        if (!shape_of(g, i, batch, &s) || g->node[g->node[i].in[0]].op == OP_input)
            continue;
        for (int k = 0; k < SURVEY_JOINS; k++)
            joined[k] += library_convolution(l, &s, part[k]) != NULL;
        all++;
    }
    library_close(l);
    return all;
}
