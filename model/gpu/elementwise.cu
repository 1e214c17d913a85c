/* elementwise.cu - one element in, one element out: relu, add, gelu with the exact erf;
 * equals ref_relu_*, ref_add_*, ref_gelu_*. Arrays are taken as they lie, V elements at
 * once and the rest one by one, so any count will do. add_relu is both in one pass.
 *
 * Bytes of n elements of e bytes: relu, gelu forward 2ne, backward 3ne; add 3ne and 1 + 2
 * of each; add_relu 3ne and 4ne. */
#include "model/gpu/gelu.h"

/* What a pass reads and writes; NULL: nothing. */
template <typename T> struct pass {
    const T *a, *b;
    T *to[2];
    int sum[2];
    size_t n;
};

struct relu {
    METHOD float operator()(float x, float) const { return x <= 0 ? 0 : x; /* NaN stays */ }
};
struct relu_back { /* y, dy */
    METHOD float operator()(float y, float dy) const { return y > 0 ? dy : 0; }
};
struct gelu {
    METHOD float operator()(float x, float) const { return gelu_of(x); }
};
struct gelu_back { /* x, dy */
    METHOD float operator()(float x, float dy) const { return dy * gelu_slope(x); }
};
struct total {
    METHOD float operator()(float a, float b) const { return a + b; }
};
struct total_relu {
    METHOD float operator()(float a, float b) const { return a + b <= 0 ? 0 : a + b; }
};
struct same {
    METHOD float operator()(float a, float) const { return a; }
};

template <int V, typename T, typename F>
DEVICE void pass_step(const struct pass<T> &p, const F &f, size_t at) {
    float a[V], b[V] = {};
    take<V>(a, p.a + at);
    if (p.b) take<V>(b, p.b + at);
    for (int i = 0; i < V; i++) a[i] = f(a[i], b[i]);
    for (int k = 0; k < 2; k++)
        if (p.to[k]) give_gradient<V>(p.to[k] + at, a, p.sum[k]);
}

/* Launch: any number of blocks of THREADS. */
template <typename T, typename F> KERNEL BOUNDS(THREADS) pass_all(struct pass<T> p, F f) {
    constexpr int V = WIDE<T>;
    size_t whole = p.n / V;
    for (size_t i = grid_first(); i < whole; i += grid_stride()) pass_step<V>(p, f, i * V);
    for (size_t i = whole * V + grid_first(); i < p.n; i += grid_stride())
        pass_step<1>(p, f, i);
}

template <typename T, typename F>
static void run(const struct call *c, const void *a, const void *b, void *to0, void *to1) {
    struct pass<T> p = {};
    p.a = (const T *)a, p.b = (const T *)b;
    p.to[0] = (T *)to0, p.to[1] = (T *)to1;
    p.n = (size_t)c->N * shape_count(c->ys);
    for (int k = 0; k < 2 && to0 != c->y; k++) p.sum[k] = c->sum[k];
    LAUNCH((pass_all<T, F>), blocks_for(c, p.n / WIDE<T> + 1), THREADS, 0,
           gpu_of(c)->device, p, F{});
}

template <typename T> static void relu_forward(const struct call *c) {
    run<T, struct relu>(c, c->x[0], NULL, c->y, NULL);
}
template <typename T> static void relu_backward(const struct call *c) {
    run<T, struct relu_back>(c, c->y, c->dy, c->dx[0], NULL);
}
template <typename T> static void gelu_forward(const struct call *c) {
    run<T, struct gelu>(c, c->x[0], NULL, c->y, NULL);
}
template <typename T> static void gelu_backward(const struct call *c) {
    run<T, struct gelu_back>(c, c->x[0], c->dy, c->dx[0], NULL);
}
template <typename T> static void add_forward(const struct call *c) {
    run<T, struct total>(c, c->x[0], c->x[1], c->y, NULL);
}
template <typename T> static void add_backward(const struct call *c) {
    run<T, struct same>(c, c->dy, NULL, c->dx[0], c->dx[1]);
}

/* The addition's call, and y and dy of the ReLU behind it. */
template <typename T> static void add_relu_forward(const struct call *c) {
    run<T, struct total_relu>(c, c->x[0], c->x[1], c->y, NULL);
}
template <typename T> static void add_relu_backward(const struct call *c) {
    run<T, struct relu_back>(c, c->y, c->dy, c->dx[0], c->dx[1]);
}

#define PAIR(name)                                                                         \
    void gpu_##name##_forward(const struct call *c) {                                      \
        BY_TYPE(type_of(c, map_channels(c->ys)), name##_forward, c);                       \
    }                                                                                      \
    void gpu_##name##_backward(const struct call *c) {                                     \
        BY_TYPE(type_of(c, map_channels(c->ys)), name##_backward, c);                      \
    }
PAIR(relu)
PAIR(gelu)
PAIR(add)
PAIR(add_relu)
