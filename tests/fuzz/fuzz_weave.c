/* fuzz_weave.c - libFuzzer target: any bytes as a paper are woven or refused, and refusing
 * says why. */
#include "core/die.h"
#include "report/weave.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size;
};

static void target(void *arg) {
    const struct input *in = arg;
    const struct weave_options options = {
        .root = "report", .include = "report", .draft = true};
    struct results r = {0};
    char *failures = NULL;
    struct result *row = results_add(&r, xstrdup("main/a-b-c/random/dice"));
    row->value = .5;
    row = results_add(&r, xstrdup("main/all/random/x"));
    row->ok = false;
    row->reason = xstrdup("$\\input{x}$");
    char *text =
        weave((const char *)in->data, in->size, "fuzz.md", &r, &options, &failures);
    if (!text == !failures) abort();
    xfree(text);
    xfree(failures);
    results_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size};
    char message[2048];
    die_catch(target, &in, message, sizeof message);
    return 0;
}
