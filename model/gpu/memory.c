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

/* About the largest batch with which `lacking` bytes would be saved: activations grow with
 * the batch; parameters, gradients, moments and pictures do not. 0: none. */
static int batch_that_fits(const struct machine *m, size_t arena, size_t lacking) {
    if (lacking >= arena) return 0;
    const double each = (double)arena / m->job.batch;
    return (int)((double)(arena - lacking) / each);
}

/* The fewest equal parts of a batch of which one has room for `fits` pictures at most; 0:
 * none. A part of one picture would give batch norms nothing to go by. */
static int parts_that_fit(int batch, int fits) {
    for (int parts = 2; parts <= batch / 2; parts++)
        if (batch % parts == 0 && batch / parts <= fits) return parts;
    return 0;
}

/* What to do, in the words of the recipe. Caller frees. */
static char *way_out(const struct machine *m, int fits) {
    const int batch = m->job.recipe->batch, parts = parts_that_fit(batch, fits);
    if (!m->job.train)
        return fits ? xprintf("about %d pictures at a time would fit", fits)
                    : xstrdup("not one picture would fit");
    if (!parts) return xstrdup("no part of a batch would fit");
    return xprintf(
        "about batch %d would fit: --set accumulate=%d takes the batch of %d in parts of %d and adds up "
        "their gradients (another experiment: batch norms see %d pictures)",
        fits, parts, batch, batch / parts, batch / parts);
}

void gpu_room(const struct machine *m, size_t more, const char *what) {
    const struct device *d = m->gpu.device;
    if (more <= d->memory_free) return;
    size_t arena = m->train.plan.bytes > m->infer.plan.bytes ? m->train.plan.bytes
                                                             : m->infer.plan.bytes;
    size_t lacking = more - d->memory_free;
    if (m->job.train && !m->parts) lacking += m->weights.all * sizeof *m->parts;
    char *way = way_out(m, batch_that_fits(m, arena, lacking));
    die_world(
        "gpu: %s: %s: %.0f MB wanted, %.0f of %.0f MB are free (%.0f held for batch %d); "
        "%s; or use precision fp16 or bf16, end other programs on the GPU, or take another "
        "with --device gpu:N",
        d->name, what, mb(more), mb(d->memory_free), mb(d->memory), mb(m->bytes),
        m->job.batch, way);
}
