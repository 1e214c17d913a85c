/* fuzz_bag.c - libFuzzer target: any bytes as a bag are refused with a message or read;
 * what is read covers its buffer exactly. */
#include "core/bag.h"
#include "core/die.h"
#include "tests/fuzz/place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *bytes;
    size_t n;
};

/* Every byte of every tensor is in the bag. */
static void check_tensors(const struct bag *bag, size_t room) {
    size_t sum = 0;
    volatile uint8_t last = 0;
    for (int i = 0; i < bag->count; i++) {
        const struct tensor *t = &bag->tensor[i];
        size_t n = tensor_bytes(t);
        sum += n;
        if ((uintptr_t)t->data % type_size(t->type)) abort();
        if (n) last = ((const uint8_t *)t->data)[n - 1];
        if (bag_need(bag, t->name, t->type, t->ndim) != t) abort();
    }
    (void)last;
    if (sum > room) abort();
}

static void target(void *arg) {
    const struct input *in = arg;
    struct bag bag;
    bag_parse(&bag, in->bytes, in->n, "fuzz.bag");
    check_tensors(&bag, in->n);
    for (int i = 0; i < bag.metas; i++)
        if (!bag_need_meta(&bag, bag.meta[2 * i])) abort();
    const struct tensor *a = bag_find(&bag, "a"); /* asked for: it dies or is so */
    if (in->n % 4 == 1 && bag_need(&bag, "a", T_F32, 1)->type != T_F32) abort();
    if (in->n % 4 == 2 && a && bag_need(&bag, "a", T_F32, -1) != a) abort();
    if (in->n % 4 == 3 && !bag_need_meta(&bag, "format")) abort();
    bag_close(&bag);
}

static void target_in_a_file(void *arg) {
    (void)arg;
    struct bag bag;
    bag_open(&bag, place("raw"));
    bag_close(&bag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size};
    char message[2048] = "";
    int code = die_catch(target, &in, message, sizeof message);
    if (code && (code != EXIT_NO || !*message)) abort();
    if (size % 64) return 0; /* now and then as a file */
    place_put("raw", data, size);
    code = die_catch(target_in_a_file, NULL, message, sizeof message);
    if (code && (code != EXIT_NO || !*message)) abort();
    return 0;
}
