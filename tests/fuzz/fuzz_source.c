/* fuzz_source.c - libFuzzer target: any bytes as a source file are refused with a message
 * or read; what is read names no file outside its folder. */
#include "core/die.h"
#include "core/source.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *bytes;
    size_t n;
};

static void target(void *arg) {
    const struct input *in = arg;
    struct source s;
    source_parse(&s, (const char *)in->bytes, in->n, "fuzz.src");
    for (int i = 0; i < s.file_count; i++)
        if (strchr(s.file[i], '/') || !strcmp(s.file[i], "..")) abort();
    if (s.passphrase_file && strchr(s.passphrase_file, '/')) abort();
    if (s.sha256 && strlen(s.sha256) != 64) abort();
    source_magic(s.magic, in->bytes, in->n);
    source_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size};
    char message[2048] = "";
    int code = die_catch(target, &in, message, sizeof message);
    if (code && (code != EXIT_NO || !*message)) abort();
    return 0;
}
