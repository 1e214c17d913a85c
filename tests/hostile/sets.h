/* sets.h - harmless sets, checkpoints and pictures: what hostile ones are made of. */
#ifndef TESTS_HOSTILE_SETS_H
#define TESTS_HOSTILE_SETS_H
#include "core/image.h"
#include "tests/hostile/hostile.h"

/* Two to four pairs of pictures and masks, i/N.png and m/N.png. */
void set_fill(struct stage *s, struct box *box);
/* The set as a stored zip, a deflated one, a tar of members with that mode; all use the
 * box up. */
void set_zip(struct box *box, const char *passphrase, struct bytes *to);
void set_deflated(struct box *box, struct bytes *to);
/* As a program writes that does not know what comes: sizes behind the data, and all of them
 * in ZIP64's records. */
void set_wide(struct box *box, struct bytes *to);
void set_tar(struct box *box, unsigned mode, struct bytes *to);
/* A compressed copy: gzip or xz. Frees what it was made of. */
void set_gzip(struct bytes *b);
void set_xz(struct bytes *b);

/* The two tensors of the encoder that stage.c describes, drawn. */
struct honest {
    float conv[6], var[2];
    struct tensor tensor[2];
};
void honest_draw(struct stage *s, struct honest *h);

/* Noise of 16x12, the size of its mask. */
struct image noise_draw(struct stage *s, int channels);
#endif
