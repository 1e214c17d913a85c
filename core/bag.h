/* bag.h - named tensors in one file: packs, weights, checkpoints, goldens.
 *
 * A bag is a safetensors file (8-byte little-endian header length, JSON header, one
 * buffer), so PyTorch, numpy and every viewer read it. The reader maps it and checks
 * everything: header at most 16 MB and 100,000 tensors, no duplicate key, known type,
 * offsets from 0 contiguous without hole or overlap up to the end, shape times size equal
 * to the span, nothing negative or fractional. Refusal is die_no: "path: found, wanted;
 * delete it and run make again". A bag is foreign bytes: nothing in it is trusted until
 * checked. */
#ifndef CORE_BAG_H
#define CORE_BAG_H
#include "file.h"

enum type {
    T_BOOL,
    T_U8,
    T_I8,
    T_I16,
    T_U16,
    T_F16,
    T_BF16,
    T_I32,
    T_U32,
    T_F32,
    T_F64,
    T_I64,
    T_U64,
    T_COUNT
};
enum { TENSOR_DIMS = 8 };

size_t type_size(enum type type);      /* bytes an element */
const char *type_name(enum type type); /* "F32" ... as safetensors spells them */

/* A view: never owns its memory. Outermost dimension first (N,C,H,W). ndim 0 is a
 * scalar. */
struct tensor {
    const char *name;
    enum type type;
    int ndim;
    int dim[TENSOR_DIMS];
    void *data; /* not to be written through when it comes from a bag */
};
size_t tensor_count(const struct tensor *t); /* elements */
size_t tensor_bytes(const struct tensor *t);
/* "[64,3,7,7]" in one of eight static buffers in turn. */
const char *tensor_shape(const struct tensor *t);
/* Converts F16, BF16, F32, F64 to double or float; die_no naming the tensor for other
 * types. */
void tensor_to_f64(const struct tensor *t, double *out);
void tensor_to_f32(const struct tensor *t, float *out);
/* IEEE half and bfloat16, rounding to nearest even, overflow to infinity. */
uint16_t half_from_f32(float x);
float half_to_f32(uint16_t h);
uint16_t bfloat_from_f32(float x);
float bfloat_to_f32(uint16_t h);

struct bag {
    struct map map;
    int count;
    struct tensor *tensor; /* in order of offset; borrowed until bag_close */
    int metas;
    char **meta; /* key, value, key, value ... in file order */
    char *text;  /* owns names, metas and the path */
    char *path;  /* for messages */
    void *copy;  /* owns the data of tensors that stand unaligned in the file */
};
void bag_open(struct bag *bag, const char *path);
/* The same checks on bytes in memory (borrowed until bag_close); `path` only names it. */
void bag_parse(struct bag *bag, const void *bytes, size_t n, const char *path);
void bag_close(struct bag *bag);
const struct tensor *bag_find(const struct bag *bag, const char *name); /* NULL if absent */
/* die_no naming bag, tensor, found and wanted type or ndim (ndim -1: any). */
const struct tensor *bag_need(const struct bag *bag, const char *name, enum type type,
                              int ndim);
const char *bag_meta(const struct bag *bag, const char *key); /* NULL if absent */
const char *bag_need_meta(const struct bag *bag, const char *key);

/* Writing, in call order; same calls, same bytes. Data begins at a multiple of 64 bytes,
 * the header is padded with blanks: to 256 KiB where there are more than 4 MiB of data,
 * because these are written before the header is known (a longer header shifts them). */
struct bag_writer;
struct bag_writer *bag_create(const char *path);
void bag_add_meta(struct bag_writer *w, const char *key, const char *value);
void bag_add(struct bag_writer *w, const struct tensor *t);
/* A tensor written piece by piece, its shape told at the end: bag_begin, bag_write...,
 * bag_end. */
void bag_begin(struct bag_writer *w, const char *name, enum type type);
void bag_write(struct bag_writer *w, const void *bytes, size_t n);
void bag_end(struct bag_writer *w, int ndim, const int *dim);
void bag_commit(struct bag_writer *w); /* atomic; frees w */
void bag_drop(struct bag_writer *w);
#endif
