/* fuzz_image.c - libFuzzer target: any bytes as a picture are refused with a message or
 * decoded, resized and turned to grey. Good files of every format are made at the first
 * call. */
#include "core/die.h"
#include "core/image.h"
#include "core/resize.h"
#include "tests/fuzz/patch.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { GOOD = 6 };

static const struct good *good_files(void) {
    static struct good good[GOOD];
    for (int i = 0; i < GOOD && !good[i].bytes; i++) {
        struct image image;
        image_make(&image, 20, 18, i % 2 ? 3 : 1, "seed");
        for (int k = 0; k < 20 * 18 * image.channels; k++)
            image.pixel[k] = (uint8_t)(k * k / 7);
        if (i < 2)
            good[i].bytes = image_encode_jpeg(&image, 80, &good[i].n);
        else if (i < 4)
            good[i].bytes = image_encode_png(&image, &good[i].n);
        else
            good[i].bytes = image_encode_tiff(&image, &good[i].n);
        image_free(&image);
    }
    return good;
}

static void target(void *arg) {
    const struct good *in = arg;
    struct image image, small;
    image_decode(&image, in->bytes, in->n, "fuzz");
    if (image.width > IMAGE_SIDE || image.height > IMAGE_SIDE) abort();
    if ((size_t)image.width * (size_t)image.height < 1 << 20) {
        resize(&image, 9, 7, FILTER_BICUBIC, &small);
        image_free(&small);
    }
    image_to_grey(&image);
    image_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct good in;
    char message[2048] = "";
    uint8_t *bytes = patch(good_files(), GOOD, data, size, &in.n);
    in.bytes = bytes;
    int code = die_catch(target, &in, message, sizeof message);
    if (code && (code != EXIT_NO || !*message)) abort();
    xfree(bytes);
    return 0;
}
