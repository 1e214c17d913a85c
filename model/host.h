/* host.h - a machine whose memory is the host's: all of backend.h but the kernels.
 *
 * ref and cpu are two tables of kernels (and fused steps) handed to host_machine. The host
 * owns the program: the schedule of forward, backward and again-steps, one planned arena,
 * the flat blocks of parameters, gradients and moments, the resident data, Adam, loss
 * scaling, save and load. */
#ifndef MODEL_HOST_H
#define MODEL_HOST_H
#include "backend.h"

/* One fused step in place of a run of nodes. The run is nodes first .. first+n-1 of the
 * graph, in order; no node outside it reads an inner output, so inner outputs (call[i].y, i
 * < n-1), their gradients and what only they need are never given memory: those pointers
 * are NULL. call[i].x and call[i].dx point to memory for inputs from outside the run.
 * `keep` says for the run what op.h's columns say for an op: bit i: backward reads x of
 * call i's outer inputs; RUN_KEEP_Y: reads the last call's y. saved and scratch of call 0
 * are the run's.
 *
 * `open`, bit i: inner output i may be read outside, so it has memory: forward writes
 * call[i].y, and backward finds in call[i].dy what outside readers gave it, NULL where none
 * did; RUN_KEEP_OPEN: backward reads those y. `train` 1: only in plans for training, where
 * nobody asks for the logits: they may be an inner output. `about` is for readers: the run,
 * and what is saved. `can`: has the device what the step is made of; NULL: every device
 * has. */
enum { RUN_KEEP_Y = 1 << 30, RUN_KEEP_OPEN = 1 << 29 };
struct fusion {
    const char *name, *about;
    /* nodes in the run, 0: does not apply */
    int (*match)(const struct graph *g, int first);
    int keep, cheap;
    void (*forward)(const struct call *calls, int n);
    void (*backward)(const struct call *calls, int n);
    size_t (*saved)(const struct call *calls, int n);
    size_t (*scratch)(const struct call *calls, int n);
    int open, train;
    int (*can)(const struct call *calls, int n);
};

struct adam { /* one block of parameters, elements of the machine's type */
    size_t count;
    void *w, *m, *v;
    const void *g;
    double lr, beta1, beta2, eps, weight_decay;
    double correction1, correction2; /* 1 - beta^t */
    double unscale;                  /* factor on g: 1 / loss scale */
};

struct kernels {
    const char *name;
    enum type real; /* T_F64 or T_F32: element type of every array */
    struct kernel op[OP_COUNT];
    const struct fusion *fusion; /* tried in order at each node */
    int fusions;
    void (*adam)(const struct adam *a);
    /* x[0..n) rounded in place: precision_round. */
    void (*round)(void *x, size_t n, enum precision precision);
    int (*finite)(const void *x, size_t n); /* 1 if no NaN or infinity */
    const char *(*describe)(void);
    /* Bytes of a batch of node's output, or of its gradient; NULL: all are arrays of
     * `real`. */
    size_t (*node_bytes)(const struct kernels *k, const struct graph *g, int node,
                         int batch);
    /* Is a fused step that fits the nodes of the use for a batch: 0 leaves them to the rest
     * of the table. NULL: always. */
    int (*worth)(const struct kernels *k, const struct graph *g, const struct fusion *f,
                 int first, int batch, int train);
    /* channels that a picture's map has in memory; 0: as many as its shape says */
    int picture;
    void *machine; /* given to every call; NULL on the host */
};
/* The kernels of each host machine, for op tests; cpu's need cpu_start(threads) before
 * use. */
extern const struct kernels ref_kernels, cpu_kernels;
/* 0: all cores; sets BLAS's core type and threads; die_world without OpenBLAS */
void cpu_start(int threads);

struct machine *host_machine(const struct kernels *k);
#endif
