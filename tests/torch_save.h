/* torch_save.h - writes what torch.save writes: the zip around a state dict, for tests and
 * phantoms.
 *
 * The layout is PyTorch's of today: members stored, data at multiples of 64 bytes by an
 * "FB" extra field, sizes in a descriptor behind each, a ZIP64 end record, date zero.
 * Hostile files are made from it by changing bytes. */
#ifndef TESTS_TORCH_SAVE_H
#define TESTS_TORCH_SAVE_H
#include "core/bag.h"

struct bytes {
    uint8_t *data; /* xfree */
    size_t n, room;
};
void bytes_add(struct bytes *b, const void *data, size_t n);
void bytes_u16(struct bytes *b, unsigned x); /* little-endian */
void bytes_u32(struct bytes *b, uint32_t x);
void bytes_u64(struct bytes *b, uint64_t x);

struct stored {
    const char *name; /* without the top folder */
    const void *data;
    size_t n;
};
/* A zip of the members under folder `top` ("archive"), appended to an empty b. */
void torch_zip(struct bytes *b, const char *top, const struct stored *member, int count);
/* The file of torch.save round any pickle; torch_floats are its only storage, "0". */
extern const float torch_floats[2];
struct bytes torch_wrap(const void *pickle, size_t n);
/* The pickle of an OrderedDict of contiguous tensors; tensor i's storage is "i". */
void torch_pickle(struct bytes *b, const struct tensor *tensor, int count);
/* Both: the whole file. */
void torch_save(struct bytes *b, const char *top, const struct tensor *tensor, int count);
#endif
