/* machine.h - the inside of the GPU machine, shared by gpu.c (open to close), program.c
 * (plans, calls, captures), pass.c (training and forward passes), state.c (parameters in
 * and out), limits.c (is the graph one of ours), memory.c (is there room). Nobody else
 * includes it. */
#ifndef MODEL_GPU_MACHINE_H
#define MODEL_GPU_MACHINE_H
#include "model/gpu/seat.h"
#include "model/gpu/step.h"
#include "model/plan.h"
#include "model/precision.h"

/* A plan for batches of exactly N pictures, with its calls filled in. */
struct gpu_program {
    int N; /* 0: not made */
    struct plan plan;
    struct call **calls; /* [actions][nodes of the step] */
};

/* Pictures on the device, and what a pass over them leaves. */
struct gpu_set {
    int count, side;
    uint8_t *image, *mask; /* u8 [count][S][S][3], bits [count][S*S/8] */
    int *counts;           /* [count][3] */
    double *losses;        /* [count] */
    struct captured *pass; /* one batch of score */
};

struct machine {
    struct gpu gpu; /* what kernels see */
    struct kernels kernels;
    struct job job;
    struct seat seat;
    char *about;
    /* parameters */
    struct gpu_layout *layout; /* [params] */
    size_t *at;                /* [params] elements into the flat arrays, or into buffers */
    unsigned char *frozen;     /* [params] wants no gradient */
    struct gpu_weights weights;
    struct gpu_update update;
    float *buffers; /* running statistics */
    size_t buffer_count;
    float *kept, *kept_buffers; /* as gpu_keep found them; NULL without training */
    float *parts; /* [weights.all] sum of the gradients of a step's parts; NULL: one part */
    /* programs: a full batch (or part of one), the short last one, forward only, forward
     * only of a set smaller than a batch */
    struct gpu_program train, tail, infer, small;
    struct captured *train_step, *tail_step, *infer_pass;
    uint8_t *arena;
    size_t arena_bytes;
    struct gpu_set set[SET_COUNT], staged; /* staged: pictures to infer */
    double *loss;                          /* [batch] of each picture */
    double *part_losses; /* [the recipe's batch] of each picture, where a step has parts */
    double *losses;      /* [GPU_LOSSES] of the last steps */
    uint64_t *draw;
    int *order, order_epoch;
    size_t bytes; /* held, pictures not counted */
};

/* limits.c. Dies where the graph holds what no kernel here computes. */
void gpu_limits(const struct graph *g);

/* memory.c. device_alloc, counted in m->bytes. */
void *gpu_take(struct machine *m, size_t bytes, const char *what);
/* Dies where the device has no room for `more` bytes, saying which batch would fit. */
void gpu_room(const struct machine *m, size_t more, const char *what);

/* program.c */
void gpu_program_make(struct machine *m, struct gpu_program *p, int N, int train);
void gpu_program_free(struct gpu_program *p);
/* Enqueues forward, and backward where the program has it. */
void gpu_program_run(struct machine *m, const struct gpu_program *p, enum phase phase);
void gpu_program_action(struct machine *m, const struct gpu_program *p, int action,
                        enum phase phase);
/* What `enqueue` enqueues is kept instead of done. The batch's set is `set`, whose
 * pictures' addresses are kept with it, as are those of the arena: gpu_drop_captures before
 * either moves. */
struct captured *gpu_capture(struct machine *m, const struct gpu_set *set,
                             void (*enqueue)(struct machine *m, const void *arg),
                             const void *arg);
void gpu_drop_captures(struct machine *m);

/* state.c */
void gpu_arrange(struct machine *m); /* at, layout, sizes of the flat arrays */
void gpu_put(struct machine *m, const struct tensor *t);
void gpu_get(struct machine *m, const char *name, struct tensor *t);
void gpu_gradient(struct machine *m, const char *name, struct tensor *t);
void gpu_save(struct machine *m, struct bag_writer *bag);
void gpu_load(struct machine *m, const struct bag *bag);
void gpu_keep(struct machine *m);
void gpu_exchange(struct machine *m);

/* pass.c */
int gpu_train(struct machine *m, uint32_t epoch, int first, int last, double *losses,
              const volatile sig_atomic_t *stop);
void gpu_estimate(struct machine *m);
void gpu_score(struct machine *m, enum set set, struct counts *counts, double *loss);
void gpu_infer(struct machine *m, const uint8_t *const *image, int n, float *logits);
#endif
