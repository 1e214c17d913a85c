/* fuzz_checkpoint.c - libFuzzer target: a checkpoint in any container, whole: told by its
 * first bytes, opened, every tensor's bytes read. A bare pickle is given as it is, and as
 * the pickle of a torch.save file: changed bytes seldom get past a CRC-32. */
#include "convert/checkpoint.h"
#include "core/die.h"
#include "tests/torch_save.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size;
    unsigned sum;
};

static void target(void *arg) {
    struct input *in = arg;
    struct checkpoint c;
    checkpoint_parse(&c, in->data, in->size, "fuzz.pth");
    for (int i = 0; i < c.count; i++) {
        const uint8_t *byte = c.tensor[i].data;
        for (size_t k = 0; k < tensor_bytes(&c.tensor[i]); k++) in->sum += byte[k];
    }
    checkpoint_close(&c);
}

static void give(const uint8_t *data, size_t size) {
    struct input in = {data, size, 0};
    char message[2048] = "";
    int code = die_catch(target, &in, message, sizeof message);
    if (code && (code == EXIT_USAGE || !*message)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    give(data, size);
    if (size < 2 || data[0] != 0x80) return 0;
    struct bytes file = torch_wrap(data, size);
    give(file.data, file.n);
    xfree(file.data);
    return 0;
}
