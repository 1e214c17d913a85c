/* fuzz_image.c - libFuzzer target: any bytes as a picture are refused with a message or
 * decoded, resized and turned to grey. */
#include "core/die.h"
#include "core/image.h"
#include "core/resize.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *bytes;
    size_t n;
};

/* What we write we read again; the same where nothing is lost. */
static void write_and_read(const struct image *image) {
    struct image back;
    for (int form = 0; form < 3; form++) {
        size_t n, all = (size_t)(image->width * image->height * image->channels);
        uint8_t *bytes = form == 0   ? image_encode_png(image, &n)
                         : form == 1 ? image_encode_tiff(image, &n)
                                     : image_encode_jpeg(image, 75, &n);
        image_decode(&back, bytes, n, "again");
        if (back.width != image->width || back.channels != image->channels) abort();
        if (form < 2 && memcmp(back.pixel, image->pixel, all)) abort();
        image_free(&back);
        xfree(bytes);
    }
}

static void target(void *arg) {
    const struct input *in = arg;
    struct image image, small;
    image_decode(&image, in->bytes, in->n, "fuzz");
    if (image.width > IMAGE_SIDE || image.height > IMAGE_SIDE) abort();
    if (image.width * image.height < 1 << 20) {
        resize(&image, 9, 7, FILTER_BICUBIC, &small);
        image_free(&small);
    }
    if (image.width * image.height < 1 << 12) write_and_read(&image);
    if (in->n % 2) image_to_rgb(&image);
    image_to_grey(&image);
    image_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size};
    char message[2048] = "";
    int code = die_catch(target, &in, message, sizeof message);
    if (code && (code != EXIT_NO || !*message)) abort();
    return 0;
}
