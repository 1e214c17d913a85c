/* fuzz_story.c - libFuzzer target: a zip whose headers tell one story to us tells it to
 * libzip too, with as many members. */
#include "convert/zip_story.h"
#include "core/die.h"
#include "tests/libzip.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size, members;
};

static void target(void *arg) {
    struct input *in = arg;
    in->members = zip_story_check(in->data, in->size, "fuzz.zip");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size, 0};
    char message[2048] = "";
    int code = die_catch(target, &in, message, sizeof message);
    if (code && (code != EXIT_NO || !*message)) abort();
    if (code) return 0;
    if (libzip_counts_other(data, size, in.members)) abort();
    return 0;
}
