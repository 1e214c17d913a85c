/* step.cu - the kernels between steps: order, batch, counts, the loss and what follows from
 * it. All are small; none depends on how many blocks there are. */
#include "model/gpu/step.h"
#include "model/gpu/element.h"
#include "model/gpu/random.h"

/* ---- the order of an epoch: core/rng.c's rng_permutation ---- */

KERNEL BOUNDS(THREADS) draw_kernel(uint64_t seed, uint32_t epoch, int n, uint64_t *draw) {
    const int k = (int)grid_first();
    if (k < n) draw[k] = random_u64(seed, STREAM_ORDER, epoch, (uint64_t)k);
}

/* Picture k's place is the number of draws before its own: n * n comparisons, a millisecond
 * or two for the largest set, once an epoch. */
KERNEL BOUNDS(THREADS) rank_kernel(const uint64_t *draw, int n, int *order) {
    SHARED(uint64_t, tile, [THREADS]);
    const int k = (int)grid_first(), me = (int)threadIdx.x;
    const uint64_t mine = k < n ? draw[k] : 0;
    int rank = 0;
    for (int from = 0; from < n; from += THREADS) {
        if (from + me < n) tile[me] = draw[from + me];
        BARRIER(); /* the tile is whole before anyone compares with it */
        const int end = n - from < THREADS ? n - from : THREADS;
        for (int j = 0; j < end; j++)
            rank += tile[j] < mine || (tile[j] == mine && from + j < k);
        BARRIER(); /* all have compared before the next tile overwrites this one */
    }
    if (k < n) order[rank] = k;
}

extern "C" void gpu_order(struct gpu *gpu, uint64_t seed, uint32_t epoch, int n,
                          uint64_t *draw, int *order) {
    const unsigned blocks = (unsigned)((n + THREADS - 1) / THREADS);
    LAUNCH(draw_kernel, blocks, THREADS, 0, gpu->device, seed, epoch, n, draw);
    LAUNCH(rank_kernel, blocks, THREADS, 0, gpu->device, draw, n, order);
}

/* ---- the state that the device keeps ---- */

KERNEL start_kernel(struct gpu_now *now, uint32_t epoch, int at) {
    now->epoch = epoch;
    now->at = at;
    now->passes = 0;
}

extern "C" void gpu_start(struct gpu *gpu, uint32_t epoch, int at) {
    LAUNCH(start_kernel, 1, 1, 0, gpu->device, gpu->now, epoch, at);
}

KERNEL restore_kernel(struct gpu_now *now, int64_t steps, float loss_scale, int good) {
    now->steps = steps;
    now->loss_scale = loss_scale;
    now->unscale = 1 / loss_scale;
    now->good = good;
    now->overflow = now->halted = 0;
}

extern "C" void gpu_restore(struct gpu *gpu, int64_t steps, float loss_scale, int good) {
    LAUNCH(restore_kernel, 1, 1, 0, gpu->device, gpu->now, steps, loss_scale, good);
}

KERNEL advance_kernel(struct gpu_now *now) {
    now->at++;
    now->passes++;
}

extern "C" void gpu_advance(struct gpu *gpu) {
    LAUNCH(advance_kernel, 1, 1, 0, gpu->device, gpu->now);
}

/* ---- a batch: batch_of and flips_of of model/backend.c ---- */

KERNEL BOUNDS(THREADS) begin_kernel(struct gpu_batch b, struct gpu_now *now, int *item,
                                    int64_t *position, uint8_t *flip) {
    for (int i = (int)threadIdx.x; i < b.N; i += THREADS) {
        const int64_t place = (int64_t)now->at * b.each + b.first + i;
        const int last = b.count - 1, k = place < last ? (int)place : last;
        const int which = b.order ? b.order[k] : k;
        item[i] = which;
        position[i] = place;
        flip[i] = b.augment
                      ? random_u32(b.seed, STREAM_AUGMENT, now->epoch, (uint64_t)which) & 3
                      : 0;
    }
    if (threadIdx.x == 0) now->overflow = 0;
}

extern "C" void gpu_begin(struct gpu *gpu, const struct gpu_batch *b) {
    LAUNCH(begin_kernel, 1, THREADS, 0, gpu->device, *b, gpu->now, gpu->item, gpu->position,
           gpu->flip);
}

/* ---- counts ---- */

/* A block a picture. Whole numbers: their sums have no order. */
KERNEL BOUNDS(THREADS) count_kernel(struct gpu_tally t, const struct gpu_now *now,
                                    const int *item, const uint8_t *masks) {
    SHARED(int, part, [3][THREADS / WARP]);
    const int n = (int)blockIdx.x, place = now->at * t.each + n;
    const float *z = t.logits + (size_t)n * t.pixels;
    const uint8_t *mask = masks + (size_t)item[n] * (t.pixels / 8);
    int sum[3] = {0, 0, 0};
    for (int i = (int)threadIdx.x; i < t.pixels; i += THREADS) {
        const int pred = z[i] > 0, truth = mask[i / 8] >> (i % 8) & 1;
        sum[0] += pred & truth;
        sum[1] += pred;
        sum[2] += truth;
    }
    for (int k = 0; k < 3; k++) {
        for (int m = WARP / 2; m > 0; m /= 2) sum[k] += SHUFFLE_XOR(sum[k], m);
        if (threadIdx.x % WARP == 0) part[k][threadIdx.x / WARP] = sum[k];
    }
    BARRIER();                    /* every warp's sums stand before they are added up */
    if (place >= t.count) return; /* the last picture once more, to fill the batch */
    const int k = (int)threadIdx.x;
    if (k < 3) {
        int total = 0;
        for (int i = 0; i < THREADS / WARP; i++) total += part[k][i];
        t.counts[3 * (size_t)place + k] = total;
    }
    if (k == 0 && t.losses) t.losses[place] = t.loss[n];
}

extern "C" void gpu_count(struct gpu *gpu, const struct gpu_tally *t) {
    LAUNCH(count_kernel, (unsigned)t->N, THREADS, 0, gpu->device, *t, gpu->now, gpu->item,
           gpu->mask);
}

/* ---- the loss, and what follows from it: update and host_train of model/host.c ---- */

DEVICE double rate_at(const struct gpu_update &u, int64_t t, int encoder) {
    const double lr = encoder && u.lr_encoder >= 0 ? u.lr_encoder : u.lr;
    return t < u.warmup ? lr * (double)t / (double)u.warmup : lr;
}

/* Halved where gradients overflow, doubled after 2000 steps without, as PyTorch's
 * GradScaler does. */
DEVICE void move_scale(struct gpu_now *now) {
    now->good = now->overflow ? 0 : now->good + 1;
    if (now->overflow) {
        now->loss_scale /= 2;
        if (now->loss_scale < 1.0f / 65536) now->halted = 2;
    } else if (now->good == 2000) {
        now->good = 0;
        if (now->loss_scale < 65536) now->loss_scale *= 2;
    }
}

KERNEL judge_kernel(struct gpu_update u, struct gpu_now *now, const double *loss, int N,
                    double *losses) {
    double sum = 0;
    for (int i = 0; i < N; i++) sum += loss[i];
    const double mean = sum / N;
    losses[now->at % GPU_LOSSES] = mean;
    if (!now->halted && mean - mean != 0) now->halted = 1;
    now->skip = now->halted || now->overflow;
    now->unscale = 1 / now->loss_scale;
    if (!now->skip) {
        const int64_t t = ++now->steps;
        const double correction = 1 - pow(u.beta1, (double)t);
        now->rate[0] = (float)(rate_at(u, t, 0) / correction);
        now->rate[1] = (float)(rate_at(u, t, 1) / correction);
        now->root = (float)(1 / (1 - pow(u.beta2, (double)t)));
    }
    if (u.scaling && !now->halted) move_scale(now);
    now->at++;
}

extern "C" void gpu_judge(struct gpu *gpu, const struct gpu_update *u, const double *loss,
                          int N, double *losses) {
    LAUNCH(judge_kernel, 1, 1, 0, gpu->device, *u, gpu->now, loss, N, losses);
}
