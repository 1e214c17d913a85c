/* image.h - the one file that sees codecs: bytes to pixels and back.
 *
 * Decoders refuse (die_no naming `what`) anything but: JPEG 1 or 3 components (islow DCT,
 * fancy upsampling, warnings fatal), PNG of at most 8 bits (palette, grey, RGB; alpha
 * refused), TIFF 8-bit uncompressed/LZW/deflate strips of 1 or 3 samples (three samples
 * under photometric tag 1 are RGB, as in CVC-ClinicDB). At most 8192 x 8192. EXIF
 * orientation is ignored. */
#ifndef CORE_IMAGE_H
#define CORE_IMAGE_H
#include <stddef.h>
#include <stdint.h>

enum { IMAGE_SIDE = 8192 }; /* pixels, the longest side of any picture */

struct image {
    int width, height, channels; /* channels 1 or 3 */
    uint8_t *pixel;              /* [height][width][channels]; image_free frees */
};
/* By magic bytes; grey stays one channel. */
void image_decode(struct image *image, const void *bytes, size_t n, const char *what);
/* New memory for that many pixels, not zeroed; die_no naming `what` if a side is not
 * 1..IMAGE_SIDE. */
void image_make(struct image *image, int width, int height, int channels, const char *what);
void image_free(struct image *image);
/* Grey to three equal channels; RGB to Pillow's luma ("L": (19595 R + 38470 G + 7471 B +
 * 0x8000) >> 16). */
void image_to_rgb(struct image *image);
void image_to_grey(struct image *image);
/* PNG file, atomic; fixed compression, no time, so same pixels same bytes. */
void image_write_png(const struct image *image, const char *path);
/* Encoders for tests and the demo's raw data; malloc'd bytes, caller frees with xfree.
 * quality 1..100. TIFF: uncompressed, photometric tag 1 as CVC-ClinicDB has it. */
uint8_t *image_encode_png(const struct image *image, size_t *n);
uint8_t *image_encode_jpeg(const struct image *image, int quality, size_t *n);
uint8_t *image_encode_tiff(const struct image *image, size_t *n);
#endif
