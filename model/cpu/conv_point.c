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

/* dw[K][block] = sum over a group's pictures of dy[K][HW] x[block][HW]'. */
static int blocks_of(const struct conv *v) {
    return ceil_div(v->C, CHANNELS);
}

static void weight_task(void *arg, int task, int worker) {
    const struct conv *v = arg;
    (void)worker;
    int blocks = blocks_of(v), groups = picture_groups(v, blocks), g = task / blocks,
        out = (int)v->out;
    int c0 = cut(v->C, blocks, task % blocks), c1 = cut(v->C, blocks, task % blocks + 1);
    int first = cut(v->N, groups, g);
    float *dw =
        groups == 1 ? v->dw : (float *)v->scratch + (size_t)g * (size_t)v->K * (size_t)v->C;
    for (int n = first; n < cut(v->N, groups, g + 1); n++)
        gemm(PLAIN, TRANSPOSED, v->K, c1 - c0, out,
             v->dy + (size_t)n * (size_t)v->K * v->out, out,
             v->x + ((size_t)n * (size_t)v->C + (size_t)c0) * v->out, out,
             n == first ? 0 : 1, dw + c0, v->C);
}

void point_backward(const struct conv *v) {
    if (v->dx) parallel(v->N * column_parts(v), input_task, (void *)v);
    if (!v->dw) return;
    int groups = picture_groups(v, blocks_of(v));
    parallel(blocks_of(v) * groups, weight_task, (void *)v);
    if (groups > 1)
        groups_sum((float *)v->scratch, groups, (size_t)v->K * (size_t)v->C, v->dw);
}

size_t point_scratch(const struct conv *v) {
    int groups = picture_groups(v, blocks_of(v));
    return groups == 1 ? 0 : (size_t)groups * (size_t)v->K * (size_t)v->C * sizeof(float);
}
