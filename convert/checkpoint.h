/* checkpoint.h - a checkpoint in any accepted container as a list of tensors.
 *
 * The container is told by its first bytes, never by the file's name: torch.save's zip,
 * safetensors. What is known but not read (PyTorch's formats before 1.6, bare pickles,
 * Keras HDF5, numpy .npz, web pages) is refused by its name, with the remedy. */
#ifndef CONVERT_CHECKPOINT_H
#define CONVERT_CHECKPOINT_H
#include "convert/pth.h"

struct checkpoint {
    int count;
    struct tensor
        *tensor; /* in the file's order, contiguous; borrowed until checkpoint_close */
    struct bag bag;
    struct pth pth;
    int is_bag;
    struct map map;
};
void checkpoint_open(struct checkpoint *c, const char *path);
/* The same from bytes, which must outlive it; `path` only names them. */
void checkpoint_parse(struct checkpoint *c, const uint8_t *bytes, size_t n,
                      const char *path);
void checkpoint_close(struct checkpoint *c);
#endif
