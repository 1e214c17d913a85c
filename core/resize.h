/* resize.h - the one resampler: Pillow's Image.resize, bit for bit.
 *
 * Bilinear and bicubic (a = -.5) with antialias: two passes, coefficients in fixed point of
 * 22 bits, rounded to 8 bits between the passes (Pillow, Resample.c). Across first, or down
 * first where Pillow 13 does so; Pillow 12 never did: see resize.c. Nearest by Pillow's
 * centre rule (Geometry.c). resize_plane and resize_bicubic are the float forms used for
 * logits. */
#ifndef CORE_RESIZE_H
#define CORE_RESIZE_H
#include "image.h"
enum filter { FILTER_NEAREST, FILTER_BILINEAR, FILTER_BICUBIC };
/* out->pixel is new memory (image_free); in and out must differ. */
void resize(const struct image *in, int width, int height, enum filter filter,
            struct image *out);
/* PyTorch's F.interpolate(mode="bilinear", antialias=False) of one plane, in double
 * inside. */
void resize_plane(const float *in, int height, int width, float *out, int out_height,
                  int out_width, int align_corners);
/* PyTorch's F.interpolate(mode="bicubic", antialias=True, align_corners=False) (a = -.5):
 * one plane. */
void resize_bicubic(const double *in, int height, int width, double *out, int out_height,
                    int out_width);
int filter_parse(const char *text); /* nearest bilinear bicubic; -1 otherwise */
#endif
