/* doctor.h - how a checkpoint wants its pictures, asked of the checkpoint itself: scaling,
 * order of channels, position of strides. Nothing is trained.
 *
 * A ResNet keeps, in its batch norms, mean and variance of what arrived there in training.
 * For each reading of the pictures the network runs on them, and each channel of each batch
 * norm is a comparison: of the Gaussian that is kept with the one that arrives, by their
 * Kullback-Leibler divergence, .5 (v/V + (m-M)^2/V - 1 - log(v/V)). A layer's distance is
 * the mean of its channels' logarithms; one reading is nearer than another by the mean
 * difference over layers, and that is believed if it is at least NEARER and T times its
 * standard error over layers. Everything else is undecided: pictures from another world
 * than the training's shift every reading, and layers are no independent witnesses.
 *   scaling, order   conv1 and layer1, which no reading of the strides touches
 *   strides          the layers behind, in the best scaling and order
 * A ViT keeps no statistics. What is left is size: patches arrive beside positions that
 * were learned with them, and a scaling that makes them SIZE times larger or smaller is not
 * the one of the training. That tells 0..255 from -1..1 and nothing finer. */
#ifndef EVAL_DOCTOR_H
#define EVAL_DOCTOR_H
#include "probe.h"

enum { READINGS_SCALES = 7 }; /* the words of recipe key `scale`: "source" is number 0 */
#define DOCTOR_NEARER 0.1     /* in logarithms: a tenth */
#define DOCTOR_T 3.0
#define DOCTOR_FAR 0.0 /* mean logarithm of a divergence beyond which nothing fits: 1 nat */
#define DOCTOR_SIZE 16.0

struct opinion {
    int found;  /* number of the word; -1: no witness at all */
    int second; /* the next best, or -1 */
    int decided;
    int layers;       /* witnesses */
    double nearer, t; /* found against second */
    double distance;  /* of found: mean over layers of log divergence */
};
struct diagnosis {
    int vit;
    int stated;                          /* scale word that the bag's mean, std and
                                                    range are; 0: a scaling of its own */
    int stated_bgr, stated_v1;           /* v1: -1 where the bag does not say */
    double distance[READINGS_SCALES][2]; /* [scale][rgb bgr]; NAN: not tried */
    double stride_distance[2];           /* [v15 v1] */
    struct opinion scale, order, stride;
    double size[READINGS_SCALES][2]; /* ViT: patches over positions, rms */
    double energy[3], chroma;        /* of the first convolution: shares */
};
/* `recipe` gives what a reading does not vary (bn_eps is the bag's, where it says one). */
void doctor_examine(struct diagnosis *d, const struct bag *weights,
                    const struct recipe *recipe, const struct pictures *pictures,
                    int threads);
/* The words of scale and stride_position. Borrowed. */
const char *doctor_scale(int scale);
const char *doctor_stride(int v1);
int doctor_size_fits(double size); /* a ViT's patches over positions */
/* 1 if a decided opinion is another than what the bag states. */
int doctor_contradicts(const struct diagnosis *d);
/* `key value` lines; the last ones, `verdict`, in words. `recipe_v1`: how it reads
 * strides. */
void doctor_print(const struct diagnosis *d, const struct bag *weights, int recipe_v1,
                  FILE *out);
#endif
