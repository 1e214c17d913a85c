/* survey.h - the convolution plans of a network for a GPU that is not here. They are chosen
 * by what training calls (library_convolution), from cuDNN's JSON of a device's properties;
 * only that they cannot be timed is different: the best by cuDNN's guess is taken. */
#ifndef MODEL_GPU_SURVEY_H
#define MODEL_GPU_SURVEY_H
#include "model/graph.h"
#include "model/recipe.h"

struct survey_device {
    const char *name, *properties; /* "H100"; the JSON */
    int capability;                /* 90 */
};
struct survey_count {
    /* nodes that are the library's: one group, several channels in and out */
    int convolutions;
    int products; /* plans asked for: y, dx, dw of each; the same shape twice is two */
    int chosen, recalled; /* of the different ones: chosen now, found in the plan file */
    size_t scratch;       /* bytes, the greatest */
};
/* 1: this build has cuDNN. */
int survey_possible(void);
/* Plans of every convolution of g at each of `batches`, kept in the plan file `plans`; adds
 * to *count. die_world names the first convolution that has no plan, as training would. */
void survey(const struct graph *g, const int *batch, int batches,
            const struct survey_device *device, enum precision precision, const char *plans,
            struct survey_count *count);

/* Of the network's convolutions, how many the library can join to the batch norm beside
 * them on this device, in each of the ways of library.h: sums, prologue of y, prologue of
 * dw, dx with the norm's own gradients. Returns how many there are: one group, several
 * channels in and out, none of a picture. */
enum { SURVEY_JOINS = 4 };
int survey_joins(const struct graph *g, int batch, const struct survey_device *device,
                 enum precision precision, int joined[SURVEY_JOINS]);
#endif
