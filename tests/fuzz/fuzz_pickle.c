/* fuzz_pickle.c - libFuzzer target: the pickle reader on any bytes either refuses or
 * returns. */
#include "convert/pickle.h"
#include "core/die.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size;
};

static void target(void *arg) {
    const struct input *in = arg;
    struct pickle pickle;
    pickle_read(&pickle, in->data, in->size, "fuzz.pkl");
    pickle_free(&pickle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size};
    char message[2048] = "";
    int code = die_catch(target, &in, message, sizeof message);
    if (code && (code == EXIT_USAGE || !*message)) abort();
    return 0;
}
