/* h5.h - a Keras file (HDF5) to a bag with the datasets' paths as names.
 *
 * HDF5 can read other files, load plugins and follow links; none of it is wanted here.
 * Accepted: groups and datasets reached by hard links, at most 16 deep and 100,000 in all;
 * IEEE floats of 4 or 2 bytes, little-endian; at most 8 dimensions and 2^30 elements;
 * stored contiguously, with exactly the bytes that the shape wants, or in chunks no larger
 * than the dataset, all written, through at most the filters deflate, shuffle and
 * fletcher32; all together at most 16 times the file's bytes. Soft and external links,
 * external storage, virtual datasets, compact or other layouts, other types: die_no naming
 * the object.
 *
 * A whole model (Keras's model.save) has its weights under /model_weights: then only those
 * are taken, and the optimizer's are left out. Names are paths, "conv1_conv/conv1_conv/
 * kernel"; TensorFlow's ":0" at their end is dropped. Metadata: format "repolyp hdf5 1",
 * sha256 of the file. What the bag means is convert/names/keras_*.tsv's to say. */
#ifndef CONVERT_H5_H
#define CONVERT_H5_H

enum { H5_DEPTH = 16, H5_LINKS = 100000, H5_ELEMENTS = 1 << 30, H5_GROWTH = 16 };

/* Switches plugins off; before the library's first other call. */
void h5_start(void);
void h5_convert(const char *path, const char *out);
#endif
