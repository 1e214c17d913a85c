/* backend.h - a machine: turns a graph into a program and runs it.
 *
 * ref: plain loops in double, the meaning of every op. cpu: OpenBLAS and vector kernels,
 * float. gpu: CUDA and cuDNN (none.c where the build has none). A machine holds the data
 * set, shuffles, normalises, augments, steps and counts by itself: the caller hears from it
 * once an epoch or when it asks for a stop. Nothing is allocated between prepare and close.
 * Same calls, same bytes.
 *
 * All functions die (die.h) on failure; names in messages are PyTorch's. */
#ifndef MODEL_BACKEND_H
#define MODEL_BACKEND_H
#include "core/bag.h"
#include "core/metric.h"
#include "graph.h"
#include "recipe.h"
#include <signal.h>

enum set { SET_TRAIN, SET_VAL, SET_PICK, SET_COUNT };

struct pictures { /* one set, resident: borrowed until close */
    int count, side;
    const uint8_t *const *image; /* [count] u8 [S][S][3] */
    const uint8_t *const *mask;  /* [count] bits [S*S/8] */
};

struct job {
    const struct graph *graph;   /* borrowed until close */
    const struct recipe *recipe; /* borrowed until close */
    uint64_t seed;
    /* Largest batch of train, score and infer. A recipe's batch may be a multiple of it: a
     * training step then takes its pictures in parts of so many, each part's batch norms
     * seeing the part alone, and the parts' gradients, weighted by their pictures, are
     * added up in the order of the parts. */
    int batch;
    int train; /* 0: forward only, no room for gradients */
    /* names of fused steps not to use, comma between; "all"; NULL */
    const char *fusions_off;
    const char *plans; /* stored plan file (gpu); NULL */
    int relaxed; /* 1: sums may come in any order, the same bytes are not promised (gpu) */
};

struct machine; /* each backend's own */
struct kernels;
struct backend {
    const char *name; /* "ref" "cpu" "gpu" */
    /* model/host.h: its fused steps, for tables; NULL: not in this build */
    const struct kernels *kernels;
    /* NULL with a reason in `why` where this machine is not here. threads 0: all. wish:
     * which device, as stands behind the name in --device: "" or, for a gpu, ":1", ":0,1x1"
     * (model/gpu/seat.h). */
    struct machine *(*open)(const char *wish, int threads, char *why, size_t size);
    void (*prepare)(struct machine *m, const struct job *job);
    void (*data)(struct machine *m, enum set set, const struct pictures *p);
    /* Parameters and running statistics by name; F32 or F64 tensors of the right shape. */
    void (*put)(struct machine *m, const struct tensor *t);
    /* fills t->data; t->type F32 or F64 */
    void (*get)(struct machine *m, const char *name, struct tensor *t);
    /* Gradient of the last step, of a parameter by name, without fp16's loss scale
     * (tests). */
    void (*gradient)(struct machine *m, const char *name, struct tensor *t);
    /* Everything a resumed run needs, in the machine's own precision: parameters,
     * statistics, moments, step count, loss scale: as tensors "state.*" of a bag being
     * written or read. */
    void (*save)(struct machine *m, struct bag_writer *bag);
    void (*load)(struct machine *m, const struct bag *bag);
    /* keep: remembers parameters and running statistics as they are now, in the machine
     * itself; exchange: swaps them with the remembered ones. Only with job.train. */
    void (*keep)(struct machine *m);
    void (*exchange)(struct machine *m);
    /* Steps first..last-1 of an epoch over SET_TRAIN (in the order of stream 3, batch of
     * the recipe, short last batch kept or dropped as it says); losses[step - first] = the
     * batch's mean loss. Returns the number of steps done: fewer if *stop became nonzero,
     * or if a loss was not finite (then losses[done] holds it). stop may be NULL. */
    int (*train)(struct machine *m, uint32_t epoch, int first, int last, double *losses,
                 const volatile sig_atomic_t *stop);
    /* bn reestimate: one pass over SET_TRAIN in order, running statistics of the encoder =
     * mean of the batches'; afterwards they are frozen (the graph says so). */
    void (*estimate)(struct machine *m);
    /* One forward over a set: counts[i] at the network's size for logit > 0, loss[i] of
     * picture i (loss may be NULL). A metric is made of them elsewhere. */
    void (*score)(struct machine *m, enum set set, struct counts *counts, double *loss);
    /* Logits [n][S][S] of n pictures, n any. */
    void (*infer)(struct machine *m, const uint8_t *const *image, int n, float *logits);
    size_t (*memory)(const struct machine *m); /* bytes held, data set not counted */
    /* One line for host.tsv: BLAS, its core type, threads; driver, device. Borrowed. */
    const char *(*describe)(const struct machine *m);
    /* sha256 of the plans this machine chose by timing, once prepared and given its data:
     * with the same plans the same bytes. "none" where nothing is timed. Borrowed. */
    const char *(*plans)(const struct machine *m);
    void (*close)(struct machine *m);
};
extern const struct backend backend_ref, backend_cpu, backend_gpu;

/* device: "ref", "cpu", "gpu" or "auto" (gpu, else cpu, saying so once on stderr), the last
 * two with a wish behind them ("gpu:1"). Opens the machine; die_world with the reason where
 * "gpu" was asked for and there is none: never a silent CPU run. */
const struct backend *backend_open(const char *device, int threads, struct machine **m);
int epoch_steps(const struct recipe *recipe, int pictures); /* steps an epoch has */
/* Which pictures make up a step, by place in SET_TRAIN: fills item[] and position[],
 * returns their number; and their flips (bit 0 left-right, bit 1 up-down) from stream 4 by
 * place and epoch. */
int batch_of(const struct recipe *recipe, const int *order, int pictures, int step,
             int *item, int64_t *position);
uint8_t flips_of(const struct recipe *recipe, uint64_t seed, uint32_t epoch, int item);
/* Learning-rate factor of step t (from 1): warm-up. */
double rate_of(const struct recipe *recipe, int64_t t, int encoder);
#endif
