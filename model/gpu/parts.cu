/* parts.cu - a step's batch taken in parts; see gpu_add_part in step.h. Sums are float
 * whatever the gradients' type. Bytes of n elements of e bytes: n (e + 8) a part, the last
 * one ne more. */
#include "model/gpu/step.h"
#include "model/gpu/element.h"

enum { V = 4 }; /* elements moved at once: counts are multiples of GPU_ALIGN */

/* A thread: V elements after V others. */
template <typename T>
KERNEL BOUNDS(THREADS)
    add_part(float *sum, T *g, size_t count, float share, int begins, int ends) {
    for (size_t i = grid_first() * V; i < count; i += grid_stride() * V) {
        float all[V] = {}, v[V];
        if (!begins) take<V>(all, sum + i);
        take<V>(v, g + i);
        for (int k = 0; k < V; k++) all[k] += share * v[k];
        if (ends)
            give<V>(g + i, all);
        else
            give<V>(sum + i, all);
    }
}

/* One block. */
KERNEL BOUNDS(THREADS) copy_losses(const double *loss, double *losses, int n) {
    for (int i = (int)threadIdx.x; i < n; i += THREADS) losses[i] = loss[i];
}

template <typename T>
static void add(struct gpu *gpu, const struct gpu_part *p, float *sum, T *g, size_t count) {
    const size_t blocks = (count / V + THREADS - 1) / THREADS,
                 most = (size_t)gpu->device->processors * 16;
    if (!count) return;
    LAUNCH(add_part<T>, (unsigned)(blocks < most ? blocks : most), THREADS, 0, gpu->device,
           sum, g, count, (float)((double)p->n / p->of), p->first == 0,
           p->first + p->n == p->of);
}

template <typename T>
static void add_matrices(struct gpu *gpu, const struct gpu_weights *w,
                         const struct gpu_part *p) {
    add(gpu, p, p->sum, (T *)w->gradient, w->matrices);
}

extern "C" void gpu_add_part(struct gpu *gpu, const struct gpu_weights *w,
                             const struct gpu_part *p) {
    BY_TYPE(gpu->precision, add_matrices, gpu, w, p);
    add(gpu, p, p->sum + w->matrices, w->vector_gradient, w->all - w->matrices);
    LAUNCH(copy_losses, 1, THREADS, 0, gpu->device, p->loss, p->losses + p->first, p->n);
}
