/* checkpoint.h - a checkpoint in any accepted container as a list of tensors.
 *
 * The container is told by its first bytes, never by the file's name: torch.save's zip,
 * safetensors, numpy's .npz. What is known but not read (PyTorch's formats before 1.6, bare
 * pickles, Keras HDF5, which the tool h5 turns into a bag first, web pages) is refused by
 * its name, with the remedy. */
#ifndef CONVERT_CHECKPOINT_H
#define CONVERT_CHECKPOINT_H
#include "convert/npz.h"
#include "convert/pth.h"

enum container { ZIP, NPZ, SAFETENSORS, HDF5, STACKED, TAR, PICKLE, PAGE, UNKNOWN };

struct checkpoint {
    enum container kind; /* the first three */
    int count;
    struct tensor *tensor; /* contiguous, data at any address; until checkpoint_close */
    struct bag bag;
    struct pth pth;
    struct npz npz;
    struct map map;
};
void checkpoint_open(struct checkpoint *c, const char *path);
/* The same from bytes, which must outlive it; `path` only names them. */
void checkpoint_parse(struct checkpoint *c, const uint8_t *bytes, size_t n,
                      const char *path);
void checkpoint_close(struct checkpoint *c);
#endif
