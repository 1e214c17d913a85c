/* fused.c - runs of nodes that the CPU does in one step; see host.h's struct fusion.
 *
 *   resize_concat_conv  the decoder's 3x3 behind an upsampling: see decoder.c
 *   batchnorm_relu      backward reads x alone: the ReLU's mask is computed again
 *   batchnorm_add_relu  the end of a bottleneck; y is kept for its mask (the next layer
 *                       keeps it anyway)
 *   add_relu            the same where no batch norm stands right before the addition */
#include "model/cpu/batchnorm.h"
#include "model/cpu/decoder.h"
#include "model/cpu/threads.h"
#include "model/cpu/vec.h"
#include "model/runs.h"

/* ---- batch norm, ReLU ---- */

static struct batchnorm with_relu(const struct call *calls, int n) {
    struct batchnorm b = batchnorm_of(&calls[0]);
    b.relu = 1;
    b.y = calls[n - 1].y;
    b.dy = calls[n - 1].dy;
    return b;
}

static void relu_forward(const struct call *calls, int n) {
    struct batchnorm b = with_relu(calls, n);
    batchnorm_forward(&b);
}

static void relu_backward(const struct call *calls, int n) {
    struct batchnorm b = with_relu(calls, n);
    batchnorm_backward(&b);
}

static size_t saved_of_norm(const struct call *calls, int n) {
    (void)n;
    return cpu_batchnorm_saved(&calls[0]);
}

/* ---- batch norm, addition, ReLU ---- */

static void bottleneck_forward(const struct call *calls, int n) {
    struct batchnorm b = with_relu(calls, n);
    b.shortcut = calls[1].x[run_outer_input(&calls[1])];
    batchnorm_forward(&b);
}

static void bottleneck_backward(const struct call *calls, int n) {
    struct batchnorm b = with_relu(calls, n);
    int k = run_outer_input(&calls[1]);
    b.added = 1;
    b.dshortcut = calls[1].dx[k];
    b.sum_shortcut = calls[1].sum[k];
    batchnorm_backward(&b);
}

/* ---- addition, ReLU ---- */

struct sum {
    const struct call *add, *relu;
    size_t n;
    int parts;
};

static struct sum sum_of(const struct call *calls) {
    size_t n = (size_t)calls->N * shape_count(calls->ys);
    return (struct sum){&calls[0], &calls[1], n, parts_of(n)};
}

FAST static void sum_range(const struct sum *s, size_t from, size_t to) {
    const float *a = s->add->x[0], *b = s->add->x[1];
    for (size_t i = from; i < to; i += LANES) {
        vec v, w;
        get(&v, a + i, to - i);
        get(&w, b + i, to - i);
        v += w;
        v = (vec)(~(v <= 0) & (ivec)v);
        put((float *)s->relu->y + i, &v, to - i);
    }
}

FAST static void sum_back_range(const struct sum *s, size_t from, size_t to) {
    const float *y = s->relu->y, *dy = s->relu->dy;
    for (size_t i = from; i < to; i += LANES) {
        vec v, g, old;
        get(&v, y + i, to - i);
        get(&g, dy + i, to - i);
        g = (vec)((v > 0) & (ivec)g);
        for (int k = 0; k < 2; k++) {
            float *dx = s->add->dx[k];
            if (!dx) continue;
            v = g;
            if (s->add->sum[k]) {
                get(&old, dx + i, to - i);
                v += old;
            }
            put(dx + i, &v, to - i);
        }
    }
}

static void sum_task(void *arg, int task, int worker) {
    const struct sum *s = arg;
    (void)worker;
    sum_range(s, cut_elements(s->n, s->parts, task),
              cut_elements(s->n, s->parts, task + 1));
}

static void sum_back_task(void *arg, int task, int worker) {
    const struct sum *s = arg;
    (void)worker;
    sum_back_range(s, cut_elements(s->n, s->parts, task),
                   cut_elements(s->n, s->parts, task + 1));
}

static void sum_forward(const struct call *calls, int n) {
    struct sum s = sum_of(calls);
    (void)n;
    parallel(s.parts, sum_task, &s);
}

static void sum_backward(const struct call *calls, int n) {
    struct sum s = sum_of(calls);
    (void)n;
    parallel(s.parts, sum_back_task, &s);
}

const struct fusion cpu_fusions[CPU_FUSIONS] = {
    {.name = "resize_concat_conv",
     .about = "the part behind the upsampling is convolved at the small size; neither "
              "the large map nor the concatenation is written",
     .match = run_resize_concat_conv,
     .keep = 1 << 0 | 1 << 1,
     .forward = decoder_forward,
     .backward = decoder_backward,
     .scratch = decoder_scratch},
    {.name = "batchnorm_add_relu",
     .about = "the end of a bottleneck: neither the norm nor the sum is written",
     .match = run_norm_add_relu,
     .keep = 1 << 0 | RUN_KEEP_Y,
     .forward = bottleneck_forward,
     .backward = bottleneck_backward,
     .saved = saved_of_norm},
    {.name = "batchnorm_relu",
     .about = "the norm is not written; backward makes the mask again from its input",
     .match = run_norm_relu,
     .keep = 1 << 0,
     .cheap = 1,
     .forward = relu_forward,
     .backward = relu_backward,
     .saved = saved_of_norm},
    {.name = "add_relu",
     .about = "the sum is not written",
     .match = run_add_relu,
     .keep = RUN_KEEP_Y,
     .forward = sum_forward,
     .backward = sum_backward},
};
