/* pack.h - a data set as one bag: picture, mask, name and group of item i.
 *
 * Tensors: image U8 [N,S,S,3] (RGB); mask U8 [N,S*S/8] bits, row-major, bit k of byte j is
 * pixel 8j+k (lowest bit first), 1 = polyp; orig_rle U32 [R], orig_index U64 [N+1],
 * orig_size I32 [N,2] (height, width): masks at original size as run lengths in row-major
 * order, alternating background, polyp, background ..., starting with background (its first
 * run may be 0), item i in orig_rle[orig_index[i] .. orig_index[i+1]); name, group U8
 * [bytes]: N lines each ended by '\n'. Metadata: data, source, content (of the raw files),
 * conf. No split inside. */
#ifndef CORE_PACK_H
#define CORE_PACK_H
#include "bag.h"

struct pack {
    struct bag bag;
    int count; /* N */
    int side;  /* S, pixels; a multiple of 8 */
    const uint8_t *image;
    const uint8_t *mask;
    const uint32_t *rle;
    const uint64_t *rle_index;
    const int32_t *size; /* [N][2] height, width */
    char **name, **group;
};
void pack_open(struct pack *pack, const char *path); /* die_no on anything inconsistent */
void pack_close(struct pack *pack);
const uint8_t *pack_image(const struct pack *pack, int i); /* [S][S][3] */
const uint8_t *pack_mask(const struct pack *pack, int i);  /* [S*S/8] */
/* Mask at original size, a byte a pixel, 0 or 1: out[height*width]. */
void pack_original(const struct pack *pack, int i, uint8_t *out);
/* -1 if absent; names are unique */
int pack_find(const struct pack *pack, const char *name);
/* Name order: digits compare as numbers, all else by bytes ("2" < "10" < "10a"). */
int name_compare(const char *a, const char *b);
#endif
