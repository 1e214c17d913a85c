/* fuzz_zip.c - libFuzzer target: PyTorch's zip on any bytes; what is accepted, libzip's
 * consistency check must accept too, with the same members. */
#include "convert/zip.h"
#include "core/die.h"
#include <stdlib.h>
#include <string.h>
#include <zip.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size;
    struct members members;
};

static void target(void *arg) {
    struct input *in = arg;
    members_open(&in->members, in->data, in->size, "fuzz.zip");
}

static int same_member(zip_t *z, const struct member *m) {
    zip_file_t *f = zip_fopen(z, m->name, 0);
    uint8_t *copy = malloc(m->size + 1);
    int same = f && copy && zip_fread(f, copy, m->size + 1) == (zip_int64_t)m->size &&
               !memcmp(copy, m->data, m->size);
    free(copy);
    if (f) zip_fclose(f);
    return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {.data = data, .size = size};
    char message[2048];
    if (die_catch(target, &in, message, sizeof message)) return 0;
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(data, size, 0, &error);
    zip_t *z = zip_open_from_source(source, ZIP_CHECKCONS | ZIP_RDONLY, &error);
    if (!z || zip_get_num_entries(z, 0) != in.members.count) abort();
    for (int i = 0; i < in.members.count; i++)
        if (!same_member(z, &in.members.member[i])) abort();
    zip_discard(z);
    members_close(&in.members);
    return 0;
}
