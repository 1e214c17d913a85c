/* model.h - the paper's networks: an encoder by name, a DeepLabV3+ decoder by recipe, one
 * graph.
 *
 * A trained model is one bag: parameters and running statistics (F32) with PyTorch's names,
 * "encoder.*" and "decoder.*", and metadata cell, side, recipe (flattened text), mean, std,
 * order, range, seed, epoch, format "repolyp model 1". */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H
#include "backend.h"
#include "core/cell.h"

/* How the weights' makers scaled a picture: v' = (v / range - mean) / std by channel, in
 * `order`. As a weights bag's metadata has it: mean "0.485 0.456 0.406", std, order
 * "rgb|bgr", range "255|1" (the divisor before mean and std apply). */
struct norm {
    double mean[3], std[3]; /* in the order of `bgr` */
    double range;           /* 255: values in [0,1] before mean and std; 1: in 0..255 */
    int bgr;
};
void norm_from_bag(struct norm *norm, const struct bag *weights);
/* norm target: mean and standard deviation of each channel over training pictures, range
 * 255. */
void norm_from_pictures(struct norm *norm, const struct pictures *p);

/* The input node's attributes: keys scale, channels, gray. A mean belongs to its colour,
 * whatever the order of the planes. */
struct attr input_attr(const struct norm *norm, const struct recipe *recipe);

struct model {
    struct cell cell;
    struct recipe recipe;
    struct norm norm;
    int side; /* pixels */
    struct graph *graph;
};
/* Builds the graph. side must be a multiple of 16 (die_no otherwise). */
void model_build(struct model *model, const struct cell *cell, const struct recipe *recipe,
                 const struct norm *norm, int side);
void model_free(struct model *model);
/* As model_build, from a trained model's metadata; refuses a bag that is not one. */
void model_open(struct model *model, const struct bag *bag);
/* A parameter's name and shape as an F32 tensor over `data`, which stays the caller's. */
struct tensor param_tensor(const struct param *param, void *data);
/* 1 if the tensor has the parameter's shape. */
int param_fits(const struct param *param, const struct tensor *t);
/* Writes metadata and all parameters of machine m. `extra` adds key, value pairs,
 * NULL-ended. */
void model_save(const struct model *model, const struct backend *b, struct machine *m,
                const char *path, const char *const *extra);
/* Puts every parameter of a trained model's bag into m; all must be there. */
void model_put(const struct model *model, const struct bag *bag, const struct backend *b,
               struct machine *m);
/* Fresh parameters from stream 2, then the encoder's from `weights` (a bag with the
 * encoder's own names: "layer1.0.conv1.weight") as recipe key `load` says;
 * num_batches_tracked and the classifier head (fc.*, head.*) are not wanted. Returns a line
 * "loaded 318 of 318, 0 missing, 0 unexpected" (caller frees); die_no listing every
 * missing, unexpected or misshaped tensor unless `load partial`. Biases of convolutions
 * that are not zero and that `encoder.conv_bias drop` would lose are such a fault too. The
 * line also says how many were dropped, and where the bag's metadata `stride` (v1, v15)
 * differs from the recipe's encoder.stride_position. */
char *model_init(const struct model *model, uint64_t seed, const struct bag *weights,
                 const struct backend *b, struct machine *m);
#endif
