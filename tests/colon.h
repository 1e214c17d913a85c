/* colon.h - draws a colon with a polyp: made-up pictures for the demo and the tests.
 *
 * Folded, shaded, glistening mucosa round a dark lumen; one low-contrast lump whose sign is
 * its shading, a finer texture and a slight tint; crescent folds and highlights that are no
 * polyps. A scene may be seen several times, each view turned, shifted and lit a little
 * differently, as the frames of a video are. Everything is a function of (look, scene,
 * view). */
#ifndef TESTS_COLON_H
#define TESTS_COLON_H
#include "core/image.h"
#include <stdint.h>

struct colon_look {
    double base[3];  /* colour of the mucosa, 0..1 */
    double tint[3];  /* factor of the polyp's colour */
    double vignette; /* 0..1, how dark the corners are */
    double folds;    /* strength of the folds */
    double texture;  /* of the polyp */
    int octagon;     /* corners cut off black, as some video processors do */
    int inset;       /* a green square at the lower left, as Kvasir's ScopeGuide */
};
/* mask: grey, 0..255 = share of the pixel that the polyp covers. image_free both. */
void colon_draw(const struct colon_look *look, uint64_t scene, int view, int width,
                int height, struct image *picture, struct image *mask);
#endif
