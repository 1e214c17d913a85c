/* conv_point.c - 1x1 convolutions: products on the tensor as it lies, nothing copied. */
#include "model/cpu/conv.h"

enum { COLUMNS = 800, CHANNELS = 512 };

static int column_parts(const struct conv *v) {
    return ceil_div((int)v->out, COLUMNS);
}

/* y[K][columns] = w[K][C] x[C][columns], a stretch of columns of a picture a task. */
static void forward_task(void *arg, int task, int worker) {
    const struct conv *v = arg;
    (void)worker;
    int parts = column_parts(v), n = task / parts, out = (int)v->out;
    int from = cut(out, parts, task % parts), to = cut(out, parts, task % parts + 1);
    const float *x = v->x + (size_t)n * (size_t)v->C * v->out + from;
    float *y = v->y + (size_t)n * (size_t)v->K * v->out + from;
    gemm(PLAIN, PLAIN, v->K, to - from, v->C, v->w, v->C, x, out, v->add ? 1 : 0, y, out);
}

void point_forward(const struct conv *v) {
    parallel(v->N * column_parts(v), forward_task, (void *)v);
}

/* dx[C][columns] = w' dy. */
static void input_task(void *arg, int task, int worker) {
    const struct conv *v = arg;
    (void)worker;
    int parts = column_parts(v), n = task / parts, out = (int)v->out;
    int from = cut(out, parts, task % parts), to = cut(out, parts, task % parts + 1);
    const float *dy = v->dy + (size_t)n * (size_t)v->K * v->out + from;
    float *dx = v->dx + (size_t)n * (size_t)v->C * v->out + from;
    gemm(TRANSPOSED, PLAIN, v->C, to - from, v->K, v->w, v->C, dy, out, v->sum ? 1 : 0, dx,
         out);
}

/* dw[rows][block] = sum over a group's pictures of dy[rows][HW] x[block][HW]'. */
struct pieces {
    const struct conv *v;
    int rows, blocks, groups;
};

static struct pieces pieces_of(const struct conv *v) {
    struct pieces p = {v, ceil_div(v->K, CHANNELS), ceil_div(v->C, CHANNELS), 0};
    p.groups = picture_groups(v, p.rows * p.blocks);
    return p;
}

static void weight_task(void *arg, int task, int worker) {
    const struct pieces *p = arg;
    const struct conv *v = p->v;
    (void)worker;
    int block = task % p->blocks, row = task / p->blocks % p->rows;
    int g = task / p->blocks / p->rows, out = (int)v->out, first = cut(v->N, p->groups, g);
    int c0 = cut(v->C, p->blocks, block), c1 = cut(v->C, p->blocks, block + 1);
    int k0 = cut(v->K, p->rows, row), k1 = cut(v->K, p->rows, row + 1);
    size_t K = (size_t)v->K, C = (size_t)v->C;
    float *dw = p->groups == 1 ? v->dw : (float *)v->scratch + (size_t)g * K * C;
    for (int n = first; n < cut(v->N, p->groups, g + 1); n++)
        gemm(PLAIN, TRANSPOSED, k1 - k0, c1 - c0, out,
             v->dy + ((size_t)n * K + (size_t)k0) * v->out, out,
             v->x + ((size_t)n * C + (size_t)c0) * v->out, out, n == first ? 0 : 1,
             dw + (size_t)k0 * C + (size_t)c0, v->C);
}

void point_backward(const struct conv *v) {
    if (v->dx) parallel(v->N * column_parts(v), input_task, (void *)v);
    if (!v->dw) return;
    struct pieces p = pieces_of(v);
    parallel(p.blocks * p.rows * p.groups, weight_task, &p);
    if (p.groups > 1)
        groups_sum((float *)v->scratch, p.groups, (size_t)v->K * (size_t)v->C, v->dw);
}

size_t point_scratch(const struct conv *v) {
    int groups = pieces_of(v).groups;
    return groups == 1 ? 0 : (size_t)groups * (size_t)v->K * (size_t)v->C * sizeof(float);
}
