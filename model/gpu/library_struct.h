/* library_struct.h - the library's own struct, for the files that make it up: library.c,
 * cudnn*.c, cublas.c. Everybody else sees library.h. */
#ifndef MODEL_GPU_LIBRARY_STRUCT_H
#define MODEL_GPU_LIBRARY_STRUCT_H
#include "model/gpu/cudnn_graph.h"
#include "model/gpu/plans.h"
#include <cublasLt.h>

struct library {
    struct device *device; /* NULL: plans are made, nothing is run */
    int capability;        /* 75, 80, ... */
    enum precision precision;
    int deterministic;
    /* NULL without a device; then `properties` says what one would be */
    cudnnHandle_t cudnn;
    descriptor properties;
    cublasLtHandle_t lt;
    void *stream; /* the one that cudnn's handle has now */
    struct plan_file *plans;
    struct convolution_plan *convolution; /* lists */
    struct product_plan *product;
    void *arena; /* timing: operands and scratch */
    size_t arena_bytes;
    void *flush; /* timing: written between runs, larger than any cache */
    char about[200];
};

/* A library without a device, for plans that another one would use: properties is cuDNN's
 * JSON of it. */
struct library *library_of(const char *properties, int capability, const char *name,
                           enum precision precision, int deterministic, const char *plans);

/* ---- cudnn_engine.c: one of cuDNN's engines, and how its knobs stand ---- */
enum { KNOBS = 48 };
struct engine {
    int64_t number;
    int knobs;
    cudnnBackendKnobType_t knob[KNOBS];
    int64_t value[KNOBS];
};
/* Whether this library may use it; see there. */
int engine_allowed(const struct library *l, struct bunch *b, descriptor engine);
descriptor engine_of(struct bunch *b, descriptor config);
void engine_read(struct bunch *b, descriptor config, descriptor engine, struct engine *e);
/* "engine 62 3=1 5=2"; caller frees. 0: it is no such text. */
char *engine_text(const struct engine *e);
int engine_parse(const char *text, struct engine *e);
/* A configuration of the graph; NULL: not of this graph, on this device, or not allowed. */
descriptor engine_config(const struct library *l, struct bunch *b, descriptor graph,
                         const struct engine *e);

/* ---- cudnn_choose.c: one of cuDNN's plans ---- */
struct executable {
    descriptor plan;
    size_t scratch; /* bytes */
    int engine;     /* cuDNN's number, with its knobs in the plan */
    int candidates; /* how many were allowed; 0: it came from the file */
    double seconds; /* as timed; 0: was not */
};
/* The stored plan of this operation, else the best. 0, with the reason in `why`: there is
 * none. */
int executable_choose(struct library *l, const struct operation *o, struct executable *e,
                      char *why, size_t size);
void executable_free(struct executable *e);
/* at[AT_COUNT]: the operands' memory; scratch 256-byte aligned. */
void executable_run(struct library *l, const struct executable *e, void *const *at,
                    void *scratch);

/* ---- library.c: timing ---- */
/* Median seconds of run(arg) with cold caches; negative where it returns 0: it cannot be
 * run. */
double library_time(struct library *l, int (*run)(void *arg), void *arg);
/* Zeroed memory for operands while timing, at least `bytes`; its own until the next
 * call. */
void *library_arena(struct library *l, size_t bytes);

/* cublas.c, cudnn.c: what library_close ends. */
void products_free(struct library *l);
void convolutions_free(struct library *l);
/* Adds how many plans were chosen by this process, and how many came from the plan file. */
void convolutions_count(const struct library *l, int *chosen, int *recalled);
_Noreturn void cudnn_died(const struct library *l, cudnnStatus_t status, const char *doing);
#endif
