/* memory.c - is there room on the device, and if not, what would fit. */
#include "model/gpu/machine.h"
#include "core/die.h"

void *gpu_take(struct machine *m, size_t bytes, const char *what) {
    gpu_room(m, bytes, what);
    m->bytes += bytes;
    return device_alloc(m->gpu.device, bytes, what);
}

static double mb(size_t bytes) {
    return (double)bytes / 1e6;
}

/* The largest batch with which `more` bytes too many would be saved. Activations grow with the batch;
 * parameters, gradients, moments and pictures do not. 0: none. */
static int batch_that_fits(const struct machine *m, size_t arena, size_t lacking) {
    if (lacking >= arena) return 0;
    const double each = (double)arena / m->job.batch;
    return (int)((double)(arena - lacking) / each);
}

/* A batch taken in parts (gradient accumulation) is no way out: each part's batch norms would see the
 * part alone, which is another network's function. A smaller batch is that too, but says so. */
void gpu_room(const struct machine *m, size_t more, const char *what) {
    const struct device *d = m->gpu.device;
    if (more <= d->memory_free) return;
    size_t arena = m->train.plan.bytes > m->infer.plan.bytes ? m->train.plan.bytes
                                                             : m->infer.plan.bytes;
    int fits = batch_that_fits(m, arena, more - d->memory_free);
    char *batch = fits ? xprintf("batch %d would fit (--set batch=%d%s)", fits, fits,
                                 m->job.train ? ": another experiment, its batch norms see "
                                                "fewer pictures"
                                              : "")
                       : xstrdup("no batch would fit");
    die_world("gpu: %s: %s: %.0f MB wanted, %.0f of %.0f MB are free (%.0f held for batch %d); "
              "%s; or use precision fp16 or bf16, end other programs on the GPU, or take another "
              "with --device gpu:N",
              d->name, what, mb(more), mb(d->memory_free), mb(d->memory), mb(m->bytes),
              m->job.batch, batch);
}
