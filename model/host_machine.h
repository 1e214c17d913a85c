/* host_machine.h - the inside of a host machine, shared by host.c (running) and
 * host_state.c (parameters in and out). Nobody else includes it. */
#ifndef MODEL_HOST_MACHINE_H
#define MODEL_HOST_MACHINE_H
#include "model/plan.h"
#include "model/precision.h"

struct program { /* a plan with its calls filled in: pointers fixed once */
    struct plan plan;
    struct call **calls; /* [actions][nodes of the step] */
};

struct machine {
    const struct kernels *k;
    struct job job;
    size_t real; /* bytes an element */
    struct program train, infer;
    uint8_t *arena;
    size_t arena_bytes;
    /* flat blocks, elements: weights as trained, rounded copy for 16 bits and tf32,
     * gradient, moments */
    void *weights, *rounded, *gradient, *m, *v;
    void *parts;      /* sum of the gradients of a step's parts; NULL: a step is one part */
    void *buffers;    /* running statistics */
    void *kept;       /* weights, then buffers, as host_keep found them */
    void *operand[2]; /* tf32: x and dy of the product under way */
    unsigned char *frozen; /* [params] wants no gradient */
    struct pictures set[SET_COUNT];
    /* the batch */
    int *order, *item;
    int64_t *position;
    const uint8_t **image, **mask;
    uint8_t *flip;
    double *loss;
    int order_epoch;
    int64_t step;               /* optimizer steps taken */
    double loss_scale, unscale; /* fp16: of the next step, 1 / of the last; 1 otherwise */
    int64_t good_steps;         /* since the last overflow */
};

void host_put(struct machine *m, const struct tensor *t);
void host_get(struct machine *m, const char *name, struct tensor *t);
void host_gradient(struct machine *m, const char *name, struct tensor *t);
void host_save(struct machine *m, struct bag_writer *bag);
void host_load(struct machine *m, const struct bag *bag);
void host_keep(struct machine *m);
void host_exchange(struct machine *m);
/* host_parts.c: a step in parts. One of `n` of a step's `of` pictures has left its
 * gradient: adds it to the sum; after the last one the gradient is that sum. */
void host_add_part(struct machine *m, int n, int first, int of);
/* host_round.c: what each precision does to arrays; the copies of weights that kernels
 * read. */
void host_round_results(struct machine *m, const struct plan *p, const struct action *a,
                        const struct call *calls);
void host_make_operands(struct machine *m);
struct call host_operands(struct machine *m, const struct call *c);
void host_round_weights(struct machine *m);
#endif
