/* overlay.h - a mask drawn over its picture: what a person looks at first. */
#ifndef EVAL_OVERLAY_H
#define EVAL_OVERLAY_H
#include "core/image.h"

/* Tints the pixels of mask (a byte a pixel, 0 or not) in an RGB picture of the same size,
 * in place, and draws the mask's inner contour, `thick` pixels wide. */
void overlay(struct image *picture, const uint8_t *mask, int thick);
#endif
