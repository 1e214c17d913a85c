/* little.h - a data set, a split, a recipe and weights small enough to train on in a
 * second.
 *
 * Pictures are dark noise with one bright disc; the mask is the disc. All is written into
 * the current (fresh) directory and is a function of its arguments. */
#ifndef TESTS_LITTLE_H
#define TESTS_LITTLE_H
#include "train/train.h"

/* n pictures of `side` pixels, named p000, p001 ..., originals of the same size. */
void little_pack(const char *path, int n, int side);
/* 2n pictures: the last n are the first n again. */
void little_twins(const char *path, int n, int side);
/* From picture `turned` on the mask is all but the disc: learning makes the score worse. */
void little_turned(const char *path, int n, int side, int turned);
/* The first `train` pictures train, the next `val` validate, the next `pick` choose. */
void little_split(const char *path, int train, int val, int pick);
/* A whole recipe, small and quick: batch 2, narrow decoder, one epoch; then `lines` on top.
 */
void little_recipe(const char *path, const char *lines);
/* The encoder of `cell` from another seed, as a weights bag with the encoder's own names,
 * made for pictures of `side` pixels. `lack`: a tensor to leave out, or NULL. */
void little_weights(const char *path, const char *cell, int side, const char *lack);
/* p.pack (n = train + val + pick), s.tsv, r.conf. */
void little_files(int train, int val, int pick, int side, const char *lines);
/* Options over those files: cell, device, outdir. */
struct options little_options(const char *cell, const char *device, const char *outdir);

/* A value of run.tsv in `outdir`: caller frees. */
char *little_value(const char *outdir, const char *key);
/* 1 if two files hold the same bytes. */
int same_files(const char *a, const char *b);
/* 1 if dir/name is the same file in both folders. */
int same_in(const char *a, const char *b, const char *name);
#endif
