/* npy.h - one array in numpy's .npy form (NEP 1; numpy/lib/format.py), read where it lies.
 *
 * "\x93NUMPY", a version, the length of a header, a Python dict as text, the elements. The
 * dict is read by a grammar of exactly what numpy writes: the keys descr, fortran_order and
 * shape, once each, in any order; nothing is evaluated. Accepted: versions 1.0 and 2.0,
 * little-endian floats of 2, 4 or 8 bytes ('<f2' '<f4' '<f8'), C order, at most 8
 * dimensions, and exactly the bytes that the shape wants. All else is die_no. */
#ifndef CONVERT_NPY_H
#define CONVERT_NPY_H
#include "core/bag.h"

/* Fills all of t but its name; t->data points into `bytes`, at any address. `path` and
 * `name` are for messages. */
void npy_parse(struct tensor *t, const uint8_t *bytes, size_t n, const char *path,
               const char *name);
#endif
