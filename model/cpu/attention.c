/* attention.c - F.scaled_dot_product_attention on timm's packed qkv [T,3D], a head of a
 * picture a task. Saved: the log of each softmax's sum; the probabilities themselves are
 * computed again in backward. */
#include "model/cpu/blas.h"
#include "model/cpu/kernels.h"
#include "model/cpu/threads.h"
#include "model/cpu/vmath.h"
#include <math.h>

struct attention {
    const struct call *c;
    int T, D, heads, d;
    float scale;
};

static struct attention attention_of(const struct call *c) {
    struct attention a = {c, c->ys.dim[0], c->ys.dim[1], c->attr->heads, 0, 0};
    a.d = a.D / a.heads;
    a.scale = (float)(1 / sqrt(a.d));
    return a;
}

size_t cpu_attention_saved(const struct call *c) {
    return (size_t)c->N * (size_t)c->attr->heads * (size_t)c->ys.dim[0] * sizeof(float);
}

static size_t square_bytes(const struct call *c) {
    return pad64((size_t)c->ys.dim[0] * (size_t)c->ys.dim[0] * sizeof(float));
}

size_t cpu_attention_scratch(const struct call *c) {
    return 2 * square_bytes(c) * (size_t)threads_count();
}

/* The greatest of s[0..n). */
INLINE float greatest(const float *s, size_t n) {
    float most = s[0];
    size_t i = 0;
    if (n >= LANES) {
        vec best = LOAD(s), v;
        for (i = LANES; i + LANES <= n; i += LANES) {
            v = LOAD(s + i);
            best = SELECT(v > best, v, best);
        }
        for (int k = 0; k < LANES; k++) most = best[k] > most ? best[k] : most;
    }
    for (; i < n; i++) most = s[i] > most ? s[i] : most;
    return most;
}

/* s[0..n) becomes exp(s - greatest); *share is what makes their sum 1. Returns the log of
 * the sum of exponentials. */
FAST static float softmax(float *s, size_t n, float *share) {
    const float most = greatest(s, n);
    vec sum = {0}, v;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        v = LOAD(s + i) - most;
        exp8(&v);
        STORE(s + i, v);
        sum += v;
    }
    double total = lanes_sum(&sum);
    if (i < n) {
        get(&v, s + i, n - i);
        v -= most;
        exp8(&v);
        put(s + i, &v, n - i);
        for (size_t k = 0; k < n - i; k++) total += v[k];
    }
    *share = (float)(1 / total);
    return (float)(most + log(total));
}

FAST static void scale_row(float *y, size_t n, float factor) {
    for (size_t i = 0; i < n; i++) y[i] *= factor;
}

struct head {
    const float *q, *k, *v;
    size_t at, out;
    float *p, *ds, *log_sum;
};

/* Head number `task`: where it begins in qkv and in y, its probabilities' room. */
static struct head head_of(const struct attention *a, int task, int worker) {
    int n = task / a->heads, h = task % a->heads;
    size_t T = (size_t)a->T, D = (size_t)a->D;
    struct head s = {.at = (size_t)n * T * 3 * D + (size_t)(h * a->d),
                     .out = (size_t)n * T * D + (size_t)(h * a->d)};
    s.q = (const float *)a->c->x[0] + s.at;
    s.k = s.q + D;
    s.v = s.k + D;
    s.p = (float *)((uint8_t *)a->c->scratch + 2 * square_bytes(a->c) * (size_t)worker);
    s.ds = (float *)((uint8_t *)s.p + square_bytes(a->c));
    s.log_sum = (float *)a->c->saved + (size_t)task * T;
    return s;
}

static void forward_task(void *arg, int task, int worker) {
    const struct attention *a = arg;
    struct head s = head_of(a, task, worker);
    int T = a->T, D = a->D;
    gemm_scaled(PLAIN, TRANSPOSED, T, T, a->d, a->scale, s.q, 3 * D, s.k, 3 * D, 0, s.p, T);
    for (int t = 0; t < T; t++)
        s.log_sum[t] = softmax(s.p + (size_t)t * (size_t)T, (size_t)T, &s.ds[t]);
    float *y = (float *)a->c->y + s.out;
    gemm(PLAIN, PLAIN, T, a->d, T, s.p, T, s.v, 3 * D, 0, y, D);
    for (int t = 0; t < T; t++) scale_row(y + (size_t)t * (size_t)D, (size_t)a->d, s.ds[t]);
}

void cpu_attention_forward(const struct call *c) {
    struct attention a = attention_of(c);
    parallel(c->N * a.heads, forward_task, &a);
}

/* Row t: p = exp(s - log sum); ds = p (dp - dot) scale, where dot = sum of dy y. */
FAST static void back_row(float *p, float *ds, size_t n, float log_sum, float dot,
                          float scale) {
    for (size_t i = 0; i < n; i += LANES) {
        vec v, g;
        get(&v, p + i, n - i);
        get(&g, ds + i, n - i);
        v -= log_sum;
        exp8(&v);
        put(p + i, &v, n - i);
        g = v * (g - dot) * scale;
        put(ds + i, &g, n - i);
    }
}

FAST static double dot(const float *a, const float *b, size_t n) {
    vec sum = {0}, v, w;
    for (size_t i = 0; i < n; i += LANES) {
        get(&v, a + i, n - i);
        get(&w, b + i, n - i);
        sum += v * w;
    }
    return lanes_sum(&sum);
}

static void backward_task(void *arg, int task, int worker) {
    const struct attention *a = arg;
    struct head s = head_of(a, task, worker);
    int T = a->T, D = a->D, d = a->d;
    const float *dy = (const float *)a->c->dy + s.out, *y = (const float *)a->c->y + s.out;
    float *dq = (float *)a->c->dx[0] + s.at, beta = a->c->sum[0] ? 1 : 0;
    gemm_scaled(PLAIN, TRANSPOSED, T, T, d, a->scale, s.q, 3 * D, s.k, 3 * D, 0, s.p, T);
    gemm(PLAIN, TRANSPOSED, T, T, d, dy, D, s.v, 3 * D, 0, s.ds, T);
    for (int t = 0; t < T; t++)
        back_row(
            s.p + (size_t)t * (size_t)T, s.ds + (size_t)t * (size_t)T, (size_t)T,
            s.log_sum[t],
            (float)dot(dy + (size_t)t * (size_t)D, y + (size_t)t * (size_t)D, (size_t)d),
            a->scale);
    gemm(PLAIN, PLAIN, T, d, T, s.ds, T, s.k, 3 * D, beta, dq, 3 * D);
    gemm(TRANSPOSED, PLAIN, T, d, T, s.ds, T, s.q, 3 * D, beta, dq + D, 3 * D);
    gemm(TRANSPOSED, PLAIN, T, d, T, s.p, T, dy, D, beta, dq + 2 * D, 3 * D);
}

void cpu_attention_backward(const struct call *c) {
    struct attention a = attention_of(c);
    parallel(c->N * a.heads, backward_task, &a);
}
