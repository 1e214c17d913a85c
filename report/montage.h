/* montage.h - a grid of pictures: picture, ground truth, each arm's prediction with its
 * Dice.
 *
 * Which pictures: those at the lower quartile, the median and the upper quartile of the
 * first arm's Dice (ties by name), so that nobody chooses them. Of a pack whose metadata
 * say `redistribute no` none is shown, only that it is so: the sheet is there to be
 * published. */
#ifndef REPORT_MONTAGE_H
#define REPORT_MONTAGE_H
#include "core/image.h"
#include "core/pack.h"
#include "report/names.h"

enum { MONTAGE_ARMS = 12 };

/* One arm's masks as eval --masks writes them: `pred` U8 [n, S*S/8], `name` n lines;
 * metadata cell and pack, the sha256 of the pack they were predicted from. */
struct masks {
    struct bag bag;
    int count;
    const uint8_t *pred;
    int *item;                  /* [count] pack indices */
    char *encoder, *arm, *data; /* of the metadata's cell */
};
/* die_no if it is no such bag or belongs to another pack. */
void masks_open(struct masks *masks, const char *path, const struct pack *pack,
                const char *pack_sha);
void masks_close(struct masks *masks);

/* One data set's block: all arms must hold the same pictures. */
struct block {
    struct pack pack;
    struct masks arm[MONTAGE_ARMS];
    int arms;
    int restricted; /* show the pictures of a pack whose terms forbid passing them on too */
};
/* Blocks below each other, of `blocks` >= 0. The picture is RGB: image_free. */
void montage(const struct block *block, int blocks, const struct names *names,
             struct image *out);
#endif
