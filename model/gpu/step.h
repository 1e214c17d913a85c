/* step.h - the kernels around a network: the order of an epoch, a batch, counts behind
 * Dice, the update. All are enqueued in the order of the calls; none waits. What changes
 * from step to step is read from gpu->now, so that they may be captured. */
#ifndef MODEL_GPU_STEP_H
#define MODEL_GPU_STEP_H
#include "model/gpu/gpu.h"
#ifdef __cplusplus
extern "C" {
#endif

/* order[0..n) = rng_permutation(seed, STREAM_ORDER, epoch, n); draw [n] is room. */
void gpu_order(struct gpu *gpu, uint64_t seed, uint32_t epoch, int n, uint64_t *draw,
               int *order);

/* now.epoch, now.at; now.passes 0. */
void gpu_start(struct gpu *gpu, uint32_t epoch, int at);
/* now.steps, loss_scale, good: a fresh or a loaded state; nothing is halted. */
void gpu_restore(struct gpu *gpu, int64_t steps, float loss_scale, int good);
/* The batch after this one: now.at, now.passes. */
void gpu_advance(struct gpu *gpu);

/* Fills item, position and flip for batch now.at. order: the epoch's, flips by stream 4 if
 * `augment`; NULL: as they stand, unflipped, the last picture repeated where the set
 * ends. */
struct gpu_batch {
    int N, each, count; /* pictures of this batch, of a full one, of the set */
    int first;          /* a part of a batch: its first picture's place in the batch */
    const int *order;
    uint64_t seed;
    int augment;
};
void gpu_begin(struct gpu *gpu, const struct gpu_batch *b);

/* Pixels of batch now.at with logit > 0, of its masks, of both: counts [count][3] (inter,
 * pred, truth) of the set's pictures, and their losses, if both pointers are given. */
struct gpu_tally {
    int N, each, count, pixels;
    const float *logits; /* [N][pixels] */
    const double *loss;  /* [N] */
    int *counts;
    double *losses; /* [count] */
};
void gpu_count(struct gpu *gpu, const struct gpu_tally *t);

/* All there is to train, elements: matrices first, then vectors; in each the encoder's
 * first. Every parameter starts at a multiple of GPU_ALIGN elements; what lies between is
 * zero and stays so. */
enum { GPU_ALIGN = 128, GPU_LOSSES = 4096 };
struct gpu_weights {
    size_t matrices, all;      /* elements of the first part, of both */
    size_t encoder[2], end[2]; /* in each part: where the decoder's begin, where it ends */
    float *w, *m, *v;          /* [all] */
    void *copy;                /* [matrices] of the storage type; NULL: kernels read w */
    void *gradient;            /* [matrices] of the storage type */
    float *vector_gradient;    /* [all - matrices] */
};
/* The recipe's numbers of an update. */
struct gpu_update {
    double lr, lr_encoder, beta1, beta2, eps, weight_decay;
    int64_t warmup;
    int freeze, scaling; /* scaling 1: fp16's loss scale lives */
};
/* A step in parts: one of `n` of a step's `of` pictures, from `first` on, has left its
 * gradient and its losses. Adds the gradient, weighted by n / of, to sum [all], which is
 * the gradient after the last part; copies loss [n] to losses [of]. Equals
 * host_add_part. */
struct gpu_part {
    int n, first, of;
    float *sum;
    const double *loss;
    double *losses;
};
void gpu_add_part(struct gpu *gpu, const struct gpu_weights *w, const struct gpu_part *p);
/* now.overflow = 1 if a gradient is not finite. */
void gpu_finite(struct gpu *gpu, const struct gpu_weights *w);
/* Writes the batch's mean loss to losses[now.at % GPU_LOSSES]; decides on this step's
 * update, counts it, moves the loss scale as host.c does, and goes on to the next batch. */
void gpu_judge(struct gpu *gpu, const struct gpu_update *u, const double *loss, int N,
               double *losses);
/* torch.optim.Adam over all there is, by the decision in `now`. */
void gpu_adam(struct gpu *gpu, const struct gpu_update *u, const struct gpu_weights *w);
/* Elements at .. at+count of the storage-type copy, from the masters. Does nothing where
 * there is none. */
void gpu_copy(struct gpu *gpu, const struct gpu_weights *w, size_t at, size_t count);
/* a[0..n) and b[0..n) change places. */
void gpu_swap(struct gpu *gpu, float *a, float *b, size_t n);
#ifdef __cplusplus
}
#endif
#endif
