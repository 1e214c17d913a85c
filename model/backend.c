/* backend.c - what every machine must do alike: choosing one, the order of pictures, flips,
 * rates. */
#include "model/backend.h"
#include "core/die.h"
#include "core/rng.h"
#include <string.h>

const struct backend *backend_open(const char *device, int threads, struct machine **m) {
    static const struct backend *const all[] = {&backend_gpu, &backend_cpu, &backend_ref};
    char why[256] = "";
    const char *wish = device + strcspn(device, ":");
    const size_t n = (size_t)(wish - device);
    int any = n == 4 && memcmp(device, "auto", n) == 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!any && (strlen(all[i]->name) != n || memcmp(device, all[i]->name, n)))
            continue;
        int gpu = all[i] == &backend_gpu;
        if (*wish && !gpu && !any)
            die_usage("device %s: %s has no '%s'; only a gpu has", quoted(device),
                      all[i]->name, quoted(wish));
        *m = all[i]->open(gpu ? wish : "", threads, why, sizeof why);
        if (*m) return all[i];
        if (!any) die_world("device %s: %s; use --device cpu", device, why);
        if (gpu) warn("device auto: no gpu (%s); using cpu", why);
    }
    die_usage("device %s: wanted auto, gpu, cpu or ref, as gpu:1", quoted(device));
}

int epoch_steps(const struct recipe *recipe, int pictures) {
    return recipe->drop_last ? pictures / recipe->batch
                             : (pictures + recipe->batch - 1) / recipe->batch;
}

int batch_of(const struct recipe *recipe, const int *order, int pictures, int step,
             int *item, int64_t *position) {
    int n = 0;
    for (int i = step * recipe->batch; i < pictures && n < recipe->batch; i++, n++) {
        item[n] = order[i];
        position[n] = i;
    }
    return n;
}

uint8_t flips_of(const struct recipe *recipe, uint64_t seed, uint32_t epoch, int item) {
    if (!recipe->augment) return 0;
    return rng_u32(seed, STREAM_AUGMENT, epoch, (uint64_t)item) & 3;
}

double rate_of(const struct recipe *recipe, int64_t t, int encoder) {
    double lr = encoder && recipe->lr_encoder >= 0 ? recipe->lr_encoder : recipe->lr;
    return t < recipe->warmup ? lr * (double)t / recipe->warmup : lr;
}
