/* pth.h - a state dict out of a torch.save file (the zip form, PyTorch 1.6 and later).
 *
 * zip.h checks the container, pickle.h the pickle; here they are joined: the members' names
 * are those torch.save writes under one folder, `byteorder` says little, each storage has
 * exactly the bytes its description says, all tensors together have no more elements than
 * the file bytes. Training checkpoints are descended into by the keys state_dict, model,
 * model_state_dict, teacher, net. TorchScript files are refused. All refusals are die_no
 * with the remedy. */
#ifndef CONVERT_PTH_H
#define CONVERT_PTH_H
#include "core/bag.h"

struct pth {
    int count;
    struct tensor
        *tensor; /* in the file's order, contiguous, the file's type; data at any address */
    char *names;
    uint8_t *gathered; /* owns the data of what lies strided in the file */
};
/* `bytes` must outlive the pth: most tensors' data stay where they are. */
void pth_open(struct pth *pth, const uint8_t *bytes, size_t n, const char *path);
void pth_close(struct pth *pth);
#endif
