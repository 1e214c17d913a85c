/* picture.h - one encoded picture or mask to what a pack holds of it, in a spool. */
#ifndef CONVERT_PICTURE_H
#define CONVERT_PICTURE_H
#include "convert/conf.h"
#include "convert/spool.h"

struct picture {
    int height, width; /* original */
    uint64_t at; /* in the spool: size*size*3 bytes RGB; or size*size/8 bytes of mask bits,
                        * then the runs of core/pack.h's orig_rle */
    uint32_t runs;
    int empty; /* mask: no polyp pixel at the network's size / at the original one (bits) */
};
enum { EMPTY_SMALL = 1, EMPTY_ORIGINAL = 2 };

/* Both die_no naming `what` if the bytes are no picture. Any thread. */
void picture_image(const struct conf *conf, const char *what, const uint8_t *data, size_t n,
                   struct spool *spool, struct picture *out);
void picture_mask(const struct conf *conf, const char *what, const uint8_t *data, size_t n,
                  struct spool *spool, struct picture *out);
#endif
