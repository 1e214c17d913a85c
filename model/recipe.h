/* recipe.h - what a run does, as `key value` lines: every choice the paper leaves open is a
 * key.
 *
 * A recipe file begins with `preset NAME`, which reads NAME.conf beside it (the decoder's
 * keys); later lines override. Every key is required, an unknown key is fatal, no
 * hyper-parameter has a default in C. Every key is honoured by every machine. */
#ifndef MODEL_RECIPE_H
#define MODEL_RECIPE_H
#include <stddef.h>

enum precision { FP32, FP16, BF16, TF32 };

/* One row a key: field, key, values allowed (for words, in the order of their numbers),
 * meaning. WORD fields hold the word's number; INT and REAL have bounds; LIST holds up to 3
 * integers. */
/* clang-format off */
#define RECIPE_WORDS(W)                                                                      \
    W(stride_position, "encoder.stride_position", "v15 v1")   /* stride in the 3x3 | first 1x1 */ \
    W(first_dilated, "encoder.first_dilated", "no yes") /* first 3x3 of a dilated stage: torchvision | smp */ \
    W(pos_embed, "encoder.pos_embed", "exact resample")                                      \
    W(skip_norm, "encoder.skip_norm", "no yes")         /* ViT: final norm on the skip too */ \
    W(last_norm, "encoder.last_norm", "yes no")         /* ViT: final norm on the last block */ \
    W(conv_bias, "encoder.conv_bias", "drop keep fold") /* biases in front of batch norms */ \
    W(separable, "decoder.separable", "no yes")                                              \
    W(extra_convs, "decoder.extra_convs", "none before after") /* a 3x3 more: before the upsampling (smp) | after the concat (Chen) */ \
    W(concat, "decoder.concat", "skip_first aspp_first")                                     \
    W(align_corners, "decoder.align_corners", "no yes")                                      \
    W(skip_scale, "decoder.skip_scale", "none after before") /* ViT skip x4: after | before its projection */ \
    W(init, "decoder.init", "kaiming torch")                                                 \
    W(norm, "norm", "source target")          /* mean and std: of the weights | of the training pictures */ \
    W(scale, "scale", "source imagenet unit pm1 caffe caffe255 raw")                         \
    W(channels, "channels", "source rgb bgr")                                                \
    W(gray, "gray", "no yes")                                                                \
    W(load, "load", "strict partial none")                                                   \
    W(bn, "bn", "train frozen reestimate")    /* the encoder's batch norms */                \
    W(freeze, "freeze", "none encoder")                                                      \
    W(loss, "loss", "bce dice bce_dice")                                                     \
    W(drop_last, "drop_last", "no yes")                                                      \
    W(augment, "augment", "none flips")                                                      \
    W(pick, "pick", "val last loss heldout")  /* which epoch's model is kept */              \
    W(metric, "metric", "image pooled")       /* Dice a picture, then mean | of summed counts */ \
    W(precision, "precision", "fp32 fp16 bf16 tf32")

#define RECIPE_INTS(I)                                                                       \
    I(output_stride, "encoder.output_stride", 8, 32)   /* 8 16 32 */                         \
    I(skip_block, "encoder.skip_block", -1, 11)        /* ViT: block whose output is the skip; -1 patches */ \
    I(width, "decoder.width", 1, 4096)                                                       \
    I(skip_width, "decoder.skip_width", 1, 4096)                                             \
    I(warmup, "warmup", 0, 1000000)                    /* steps of linear rise */            \
    I(batch, "batch", 1, 4096)                                                               \
    I(accumulate, "accumulate", 1, 4096)               /* equal parts that a batch is computed in */ \
    I(epochs, "epochs", 1, 100000)                                                           \
    I(steps, "steps", 0, 100000000)                    /* 0: epochs decide; else stop after so many */ \
    I(checkpoint_seconds, "checkpoint_seconds", 1, 86400)

#define RECIPE_REALS(R)                                                                      \
    R(dropout, "decoder.dropout", 0, 0.999)                                                  \
    R(bn_momentum, "bn_momentum", 0, 1)                /* PyTorch's meaning: share of the new batch */ \
    R(bn_eps, "bn_eps", 1e-12, 1)                                                            \
    R(lr, "lr", 0, 1e3)                                                                      \
    R(lr_encoder, "lr_encoder", -1, 1e3)               /* "same" reads as -1 */              \
    R(eps, "eps", 1e-30, 1)                                                                  \
    R(weight_decay, "weight_decay", 0, 1e3)            /* L2 inside Adam, as torch.optim.Adam */
/* clang-format on */

struct recipe {
#define W(field, key, words) int field;
#define I(field, key, low, high) int field;
#define R(field, key, low, high) double field;
    RECIPE_WORDS(W)
    RECIPE_INTS(I)
    RECIPE_REALS(R)
#undef W
#undef I
#undef R
        int rates[3]; /* decoder.rates "6 12 18" */
    double betas[2];  /* betas "0.9 0.999" */
    char preset[32];
};

/* Pictures that a machine is given at once: batch / accumulate. */
int recipe_part(const struct recipe *recipe);

/* Reads the file and its preset; then applies `overrides` ("key=value", n of them). Every
 * refusal is die_no "path:line: unknown key 'x', did you mean 'y'; see train/paper.conf" or
 * die_usage for an override. */
void recipe_read(struct recipe *recipe, const char *path, char *const *overrides, int n);
/* The flattened recipe: one `key value` line a key in the table's order, no comment. Caller
 * frees. recipe_parse(recipe_text(r)) gives r back; its sha256 is the run's recipe hash. */
char *recipe_text(const struct recipe *recipe);
void recipe_parse(struct recipe *recipe, const char *text, const char *what);
/* Sets one key from text; false if there is no such key, die_no naming `where` if the value
 * is bad. */
int recipe_set(struct recipe *recipe, const char *key, const char *value,
               const char *where);
/* All keys, NULL-ended, and the words of a WORD key (NULL for others): for tests and
 * help. */
const char *const *recipe_keys(void);
const char *recipe_words(const char *key);
#endif
