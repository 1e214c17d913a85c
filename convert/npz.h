/* npz.h - the arrays of a numpy .npz (np.savez, np.savez_compressed), as Google publishes
 * its Vision Transformers.
 *
 * zip.h checks the container, npy.h each array; a tensor's name is its member's without
 * ".npy". Members that are deflated are inflated into memory: to exactly the size that the
 * directory says, with its CRC-32, and all together to at most 16 times the file's bytes
 * (weights hardly shrink; a bomb does). */
#ifndef CONVERT_NPZ_H
#define CONVERT_NPZ_H
#include "core/bag.h"

enum { NPZ_GROWTH = 16 };
struct npz {
    int count;
    struct tensor *tensor; /* sorted by name; data at any address; until npz_close */
    char *names;
    uint8_t *inflated; /* owns what was deflated */
};
/* `bytes` must outlive the npz. */
void npz_open(struct npz *npz, const uint8_t *bytes, size_t n, const char *path);
void npz_close(struct npz *npz);
#endif
