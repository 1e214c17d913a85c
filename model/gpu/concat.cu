/* concat.cu - torch.cat over channels; equals ref_concat_*. A launch an input: rows of its
 * channels are copied to or from their place in the rows of all. A map of one channel is
 * float beside others of 16 bits (gpu.h). */
#include "model/gpu/element.h"

/* rows of `part` channels at column `at` of rows of C. A thread: V channels of a row. */
template <typename FROM, typename TO, int V>
KERNEL BOUNDS(THREADS) concat_copy(const FROM *from, TO *to, size_t rows, int part,
                                   int from_width, int to_width, int sum) {
    size_t across = (size_t)(part / V);
    for (size_t i = grid_first(); i < rows * across; i += grid_stride()) {
        size_t row = i / across, c = i % across * V;
        float v[V];
        take<V>(v, from + row * (size_t)from_width + c);
        give_gradient<V>(to + row * (size_t)to_width + c, v, sum);
    }
}

template <typename FROM, typename TO>
static void copy(const struct call *c, const FROM *from, TO *to, int k, int from_width,
                 int to_width, int at, int sum) {
    size_t rows = (size_t)c->N * (size_t)c->ys.dim[1] * (size_t)c->ys.dim[2];
    int part = c->xs[k].dim[0];
    constexpr int V = WIDE < FROM >> WIDE<TO> ? WIDE<FROM> : WIDE<TO>;
    struct device *d = gpu_of(c)->device;
    if (part % V || at % V || c->ys.dim[0] % V)
        LAUNCH((concat_copy<FROM, TO, 1>), blocks_for(c, rows * (size_t)part), THREADS, 0,
               d, from, to, rows, part, from_width, to_width, sum);
    else
        LAUNCH((concat_copy<FROM, TO, V>), blocks_for(c, rows * (size_t)(part / V)),
               THREADS, 0, d, from, to, rows, part, from_width, to_width, sum);
}

/* T: the type of the whole. */
template <typename T> static void forward(const struct call *c) {
    int C = c->ys.dim[0], at = 0;
    for (int k = 0; k < c->inputs; at += c->xs[k++].dim[0]) {
        int part = c->xs[k].dim[0];
        T *to = (T *)c->y + at;
        if (part == 1)
            copy(c, (const float *)c->x[k], to, k, part, C, at, 0);
        else
            copy(c, (const T *)c->x[k], to, k, part, C, at, 0);
    }
}
template <typename T> static void backward(const struct call *c) {
    int C = c->ys.dim[0], at = 0;
    for (int k = 0; k < c->inputs; at += c->xs[k++].dim[0]) {
        int part = c->xs[k].dim[0];
        const T *from = (const T *)c->dy + at;
        if (!c->dx[k]) continue;
        if (part == 1)
            copy(c, from, (float *)c->dx[k], k, C, part, at, c->sum[k]);
        else
            copy(c, from, (T *)c->dx[k], k, C, part, at, c->sum[k]);
    }
}

void gpu_concat_forward(const struct call *c) {
    BY_TYPE(type_of(c, c->ys.dim[0]), forward, c);
}
void gpu_concat_backward(const struct call *c) {
    BY_TYPE(type_of(c, c->ys.dim[0]), backward, c);
}
