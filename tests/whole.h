/* whole.h - networks of tests/golden/models.safetensors built again: same widths,
 * parameters and pictures by the formulas of tests/golden/README.md, held to what PyTorch
 * said. */
#ifndef TESTS_WHOLE_H
#define TESTS_WHOLE_H
#include "model/model.h"
#include "model/parts.h"

struct whole {
    struct bag bag;
    const char *name; /* "resnet.plain" */
    struct recipe recipe;
    struct graph *graph;
    const struct backend *backend;
    struct machine *machine;
    struct pictures pictures;
    int side, batch;
    uint64_t seed;
};
/* tap: NULL whole network with its loss; else "skip", "last", "aspp": the graph ends there.
 * Opens the machine and fills it by the formulas. plans: a plan file, by which machines
 * opened one after another compute alike on a GPU; NULL: each chooses for itself. */
void whole_open(struct whole *w, const char *name, const char *tap, const char *device,
                const char *fusions_off);
/* The whole network in another precision than its recipe's. */
void whole_open_as(struct whole *w, const char *name, const char *precision,
                   const char *device, const char *fusions_off, const char *plans);
/* With a key of its recipe changed ("decoder.skip_width=8"; NULL: none): the goldens are
 * not its. */
void whole_open_changed(struct whole *w, const char *name, char *change, const char *device,
                        const char *fusions_off, const char *plans);
/* The whole network on a machine that takes `part` pictures at once, for one step over the
 * batch (`apart` 0), or for a step a part that learns nothing (1). */
void whole_open_parts(struct whole *w, const char *name, const char *precision,
                      const char *device, int part, int apart, const char *plans);
void whole_close(struct whole *w);

/* A golden tensor beside ours: relative distance over the stored sample, a norm below
 * `floor` counted as `floor`; and PyTorch's own float32's. */
struct distance {
    double ours, theirs, norm;
};
struct distance whole_distance(const struct whole *w, const char *key, const double *ours,
                               size_t n, double floor);
#endif
