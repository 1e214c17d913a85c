/* probe.h - what arrives at a network's layers when it sees pictures: mean and variance of
 * each channel, without changing anything.
 *
 * The network runs as it would answer: batch norms use the statistics they keep. Beside
 * each of them stands a second one that measures (PHASE_ESTIMATE). Only layers whose
 * weights, and all that lies before them, are in the bag are probed, so that a checkpoint
 * of which a part is missing speaks for the part that is there. */
#ifndef EVAL_PROBE_H
#define EVAL_PROBE_H
#include "model/model.h"

struct probe {  /* one layer's input */
    char *name; /* "layer1.0.bn1" */
    int channels;
    float *mean, *var;           /* over pictures and places; unbiased */
    float *kept_mean, *kept_var; /* running statistics; NULL: no batch norm */
};
struct probes {
    int count;
    struct probe *probe;
};
/* `recipe` says how the pictures are scaled and where stages stride; `upto` cuts a ResNet
 * behind its stage layer<upto>. A ViT has one probe, behind the patch embedding, named
 * "patch_embed.proj". Runs on the cpu. */
void probe_run(struct probes *out, const struct bag *weights, const struct recipe *recipe,
               const struct pictures *pictures, int upto, int threads);
void probe_free(struct probes *p);
#endif
