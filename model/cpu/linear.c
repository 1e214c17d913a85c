/* linear.c - F.linear over all tokens of a batch: y[rows][O] = x[rows][I] w[O][I]' + b.
 * Products are cut into pieces of some 400 x 400, as many as shapes say. */
#include "model/cpu/blas.h"
#include "model/cpu/kernels.h"
#include "model/cpu/threads.h"
#include "model/cpu/vec.h"

enum { PIECE = 400, COLUMNS = 64 };

struct linear {
    const struct call *c;
    int rows, I, O;
    int down, across; /* pieces of the product at hand */
    float *part;      /* dw of groups of rows */
    int groups;
};

/* The smallest power of two of pieces no larger than PIECE: even shares for two and four
 * cores. */
static int pieces(int n) {
    int k = 1;
    while (ceil_div(n, k) > PIECE) k *= 2;
    return k;
}

static struct linear linear_of(const struct call *c) {
    return (struct linear){
        .c = c, .rows = c->N * c->ys.dim[0], .I = c->xs[0].dim[1], .O = c->ys.dim[1]};
}

static void forward_task(void *arg, int task, int worker) {
    const struct linear *l = arg;
    (void)worker;
    int r0 = cut(l->rows, l->down, task / l->across),
        r1 = cut(l->rows, l->down, task / l->across + 1);
    int o0 = cut(l->O, l->across, task % l->across),
        o1 = cut(l->O, l->across, task % l->across + 1);
    const float *x = (const float *)l->c->x[0] + (size_t)r0 * (size_t)l->I;
    const float *w = (const float *)l->c->w[0] + (size_t)o0 * (size_t)l->I, *b = l->c->w[1];
    float *y = (float *)l->c->y + (size_t)r0 * (size_t)l->O + o0;
    for (int r = 0; b && r < r1 - r0; r++)
        memcpy(y + (size_t)r * (size_t)l->O, b + o0, (size_t)(o1 - o0) * sizeof *y);
    gemm(PLAIN, TRANSPOSED, r1 - r0, o1 - o0, l->I, x, l->I, w, l->I, b ? 1 : 0, y, l->O);
}

void cpu_linear_forward(const struct call *c) {
    struct linear l = linear_of(c);
    l.down = pieces(l.rows);
    l.across = pieces(l.O);
    parallel(l.down * l.across, forward_task, &l);
}

static void input_task(void *arg, int task, int worker) {
    const struct linear *l = arg;
    (void)worker;
    int r0 = cut(l->rows, l->down, task / l->across),
        r1 = cut(l->rows, l->down, task / l->across + 1);
    int i0 = cut(l->I, l->across, task % l->across),
        i1 = cut(l->I, l->across, task % l->across + 1);
    gemm(PLAIN, PLAIN, r1 - r0, i1 - i0, l->O,
         (const float *)l->c->dy + (size_t)r0 * (size_t)l->O, l->O,
         (const float *)l->c->w[0] + i0, l->I, l->c->sum[0] ? 1 : 0,
         (float *)l->c->dx[0] + (size_t)r0 * (size_t)l->I + i0, l->I);
}

/* dw[O][I] = dy' x over a group of rows. */
static void weight_task(void *arg, int task, int worker) {
    const struct linear *l = arg;
    (void)worker;
    int g = task / (l->down * l->across), piece = task % (l->down * l->across);
    int r0 = cut(l->rows, l->groups, g), r1 = cut(l->rows, l->groups, g + 1);
    int o0 = cut(l->O, l->down, piece / l->across),
        o1 = cut(l->O, l->down, piece / l->across + 1);
    int i0 = cut(l->I, l->across, piece % l->across),
        i1 = cut(l->I, l->across, piece % l->across + 1);
    float *dw =
        l->groups == 1 ? l->c->dw[0] : l->part + (size_t)g * (size_t)l->O * (size_t)l->I;
    gemm(TRANSPOSED, PLAIN, o1 - o0, i1 - i0, r1 - r0,
         (const float *)l->c->dy + (size_t)r0 * (size_t)l->O + o0, l->O,
         (const float *)l->c->x[0] + (size_t)r0 * (size_t)l->I + i0, l->I, 0,
         dw + (size_t)o0 * (size_t)l->I + i0, l->I);
}

FAST static void columns_sum(const float *dy, int rows, int O, int n, float *db) {
    double total[COLUMNS] = {0};
    for (int r0 = 0; r0 < rows; r0 += 64) { /* short float sums, added up in double */
        float part[COLUMNS] = {0};
        for (int r = r0; r < rows && r < r0 + 64; r++)
            for (int i = 0; i < n; i++) part[i] += dy[(size_t)r * (size_t)O + (size_t)i];
        for (int i = 0; i < n; i++) total[i] += part[i];
    }
    for (int i = 0; i < n; i++) db[i] = (float)total[i];
}

static void bias_task(void *arg, int task, int worker) {
    const struct linear *l = arg;
    int o = task * COLUMNS, n = l->O - o < COLUMNS ? l->O - o : COLUMNS;
    (void)worker;
    columns_sum((const float *)l->c->dy + o, l->rows, l->O, n, (float *)l->c->dw[1] + o);
}

static int groups_of(const struct linear *l) {
    int tasks = pieces(l->O) * pieces(l->I), groups = ceil_div(4, tasks);
    return groups < l->rows ? groups : l->rows;
}

static void sum_groups(const struct linear *l, float *dw);

void cpu_linear_backward(const struct call *c) {
    struct linear l = linear_of(c);
    if (c->dw[1]) parallel(ceil_div(l.O, COLUMNS), bias_task, &l);
    if (c->dx[0]) {
        l.down = pieces(l.rows);
        l.across = pieces(l.I);
        parallel(l.down * l.across, input_task, &l);
    }
    if (!c->dw[0]) return;
    l.down = pieces(l.O);
    l.across = pieces(l.I);
    l.groups = groups_of(&l);
    l.part = c->scratch;
    parallel(l.groups * l.down * l.across, weight_task, &l);
    if (l.groups > 1) sum_groups(&l, c->dw[0]);
}

static void sum_groups(const struct linear *l, float *dw) {
    size_t count = (size_t)l->O * (size_t)l->I;
    for (size_t i = 0; i < count; i++) {
        float sum = l->part[i];
        for (int g = 1; g < l->groups; g++) sum += l->part[(size_t)g * count + i];
        dw[i] = sum;
    }
}

size_t cpu_linear_scratch(const struct call *c) {
    struct linear l = linear_of(c);
    int groups = groups_of(&l);
    return groups == 1 ? 0 : (size_t)groups * (size_t)l.O * (size_t)l.I * sizeof(float);
}
