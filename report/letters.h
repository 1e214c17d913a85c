/* letters.h - labels on pictures: our own letters of straight strokes, drawn smooth. */
#ifndef REPORT_LETTERS_H
#define REPORT_LETTERS_H
#include "core/image.h"

/* Width in pixels of a text whose capitals are `height` pixels high. */
int letters_width(const char *text, double height);
/* Draws text in an RGB picture: x is the left edge, y the baseline, colour 0xRRGGBB. Signs
 * without a letter (anything but printable ASCII's commoner part) become a box; what leaves
 * the picture is cut. */
void letters_draw(struct image *image, const char *text, int x, int y, double height,
                  unsigned colour);
#endif
