/* fuzz_bag.c - libFuzzer target: any bytes as a bag are refused with a message or read;
 * what is read covers its buffer exactly. */
#include "core/bag.h"
#include "core/die.h"
#include "tests/fuzz/patch.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER(n, text) n "\0\0\0\0\0\0\0" text
#define GOOD(s)                                                                            \
    { (const uint8_t *)s, sizeof s - 1 }
static const struct good good[] = {
    GOOD(HEADER("\x02", "{}")),
    GOOD(HEADER("\x36", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"
                        "abcdefgh")),
    GOOD(HEADER("\x90", "{\"__metadata__\":{\"k\":\"v\"},"
                        "\"a\":{\"dtype\":\"U8\",\"shape\":[1,3],\"data_offsets\":[0,3]},"
                        "\"b\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[3,11]}}"
                        "           abcdefghijk")),
};

struct input {
    const uint8_t *bytes;
    size_t n;
};

static void target(void *arg) {
    const struct input *in = arg;
    struct bag bag;
    bag_parse(&bag, in->bytes, in->n, "fuzz.bag");
    size_t sum = 0;
    volatile uint8_t last = 0;
    for (int i = 0; i < bag.count; i++) {
        const struct tensor *t = &bag.tensor[i];
        size_t n = tensor_bytes(t);
        sum += n;
        if ((uintptr_t)t->data % type_size(t->type)) abort();
        if (n) last = ((const uint8_t *)t->data)[n - 1];
        if (bag_find(&bag, t->name) != t) abort();
    }
    (void)last;
    if (sum > in->n) abort();
    bag_close(&bag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in;
    char message[2048] = "";
    uint8_t *bytes = patch(good, sizeof good / sizeof *good, data, size, &in.n);
    in.bytes = bytes;
    int code = die_catch(target, &in, message, sizeof message);
    if (code && (code != EXIT_NO || !*message)) abort();
    xfree(bytes);
    return 0;
}
