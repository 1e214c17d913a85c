/* overlay.c - tint and contour. It decides nothing: the mask is given. */
#include "overlay.h"

enum { R = 64, G = 224, B = 96 }; /* green: the colour a colon does not have */

static int inside(const struct image *p, const uint8_t *mask, int y, int x) {
    if (y < 0 || x < 0 || y >= p->height || x >= p->width) return 0;
    return mask[(size_t)y * (size_t)p->width + (size_t)x] != 0;
}

/* In the mask, with a pixel outside it (or the picture's edge) within `thick` along a row
 * or column. */
static int on_contour(const struct image *p, const uint8_t *mask, int y, int x, int thick) {
    for (int d = 1; d <= thick; d++)
        if (!inside(p, mask, y - d, x) || !inside(p, mask, y + d, x) ||
            !inside(p, mask, y, x - d) || !inside(p, mask, y, x + d))
            return 1;
    return 0;
}

static uint8_t blend(int from, int to, int quarters) {
    return (uint8_t)((from * (4 - quarters) + to * quarters + 2) / 4);
}

void overlay(struct image *picture, const uint8_t *mask, int thick) {
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++) {
            if (!inside(picture, mask, y, x)) continue;
            int quarters = on_contour(picture, mask, y, x, thick) ? 4 : 1;
            uint8_t *v =
                picture->pixel + 3 * ((size_t)y * (size_t)picture->width + (size_t)x);
            v[0] = blend(v[0], R, quarters);
            v[1] = blend(v[1], G, quarters);
            v[2] = blend(v[2], B, quarters);
        }
}
