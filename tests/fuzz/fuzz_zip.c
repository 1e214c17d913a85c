/* fuzz_zip.c - libFuzzer target: PyTorch's zip and numpy's on any bytes; what is accepted,
 * libzip's consistency check must accept too, with the same members. */
#include "core/die.h"
#include "tests/libzip.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size;
    struct members members;
};

static void torch(void *arg) {
    struct input *in = arg;
    members_open(&in->members, in->data, in->size, "fuzz.zip");
}

static void numpy(void *arg) {
    struct input *in = arg;
    members_open_numpy(&in->members, in->data, in->size, "fuzz.zip");
}

static void give(void (*target)(void *), const uint8_t *data, size_t size) {
    struct input in = {.data = data, .size = size};
    char message[2048] = "";
    int code = die_catch(target, &in, message, sizeof message);
    if (code && (code != EXIT_NO || !*message)) abort();
    if (code) return;
    for (int i = 0; i < in.members.count; i++) {
        const struct member *m = &in.members.member[i];
        if (members_find(&in.members, m->name) != m) abort();
    }
    if (libzip_differs(data, size, &in.members)) abort();
    members_close(&in.members);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    give(torch, data, size);
    give(numpy, data, size);
    return 0;
}
