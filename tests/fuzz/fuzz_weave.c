/* fuzz_weave.c - libFuzzer target: any bytes as a paper are woven or refused, and refusing
 * says why. What stands behind the first zero byte is a file it may quote or include. */
#include "core/die.h"
#include "report/weave.h"
#include "tests/fuzz/place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size, paper;
};

static void add(struct results *r, const char *key, double value, const char *reason) {
    struct result *row = results_add(r, xstrdup(key));
    row->ok = !reason;
    row->value = value;
    row->reason = reason ? xstrdup(reason) : NULL;
    row->published = reason ? NULL : xstrdup("0.870");
    row->method = reason ? NULL : xstrdup("printed");
    row->text = xprintf("%g", value);
}

static void target(void *arg) {
    const struct input *in = arg;
    const char *folder = place("");
    const struct weave_options options = {.root = folder,
                                          .include = folder,
                                          .notice = in->size % 5 ? NULL : "notice",
                                          .draft = in->size % 2,
                                          .strict = in->size % 3 == 0};
    struct results r = {0};
    char *failures = NULL;
    add(&r, "main/a-b-c/random/dice", -.5, NULL);
    add(&r, "main/all/random/wins", 6, NULL);
    add(&r, "main/all/random/x", 0, "$\\input{x}$");
    add(&r, "published/a-b-c/random/dice", .87, NULL);
    add(&r, "published/c/random/pictures", 49136, NULL);
    char *text =
        weave((const char *)in->data, in->paper, "fuzz.md", &r, &options, &failures);
    if (!text == !failures) abort();
    xfree(text);
    xfree(failures);
    results_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size, strnlen((const char *)data, size)};
    char message[2048] = "", raw[64];
    size_t behind = in.paper < size ? in.paper + 1 : size;
    place_put("raw", data + behind, size - behind);
    snprintf(raw, sizeof raw, "%s", place("raw"));
    static const char *const names[] = {"a.c", "a.cu", "Makefile"};
    for (int i = 0; i < 3; i++) /* the same file; fails from the second time on */
        if (link(raw, place(names[i]))) continue;
    int code = die_catch(target, &in, message, sizeof message);
    if (code && (code == EXIT_USAGE || !*message)) abort();
    return 0;
}
