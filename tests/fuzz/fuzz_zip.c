/* fuzz_zip.c - libFuzzer target: PyTorch's zip and numpy's on any bytes; what is accepted,
 * libzip's consistency check must accept too, with the same members. */
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

static void torch(void *arg) {
    struct input *in = arg;
    members_open(&in->members, in->data, in->size, "fuzz.zip");
}

static void numpy(void *arg) {
    struct input *in = arg;
    members_open_numpy(&in->members, in->data, in->size, "fuzz.zip");
}

static int same_member(zip_t *z, const struct member *m) {
    zip_stat_t st;
    if (zip_stat(z, m->name, 0, &st) || st.size != m->size || st.comp_size != m->packed ||
        st.crc != m->crc)
        return 0;
    if (m->deflated) return 1; /* whether it inflates is the reader's to say */
    zip_file_t *f = zip_fopen(z, m->name, 0);
    uint8_t *copy = malloc(m->size + 1);
    int same = f && copy && zip_fread(f, copy, m->size + 1) == (zip_int64_t)m->size &&
               !memcmp(copy, m->data, m->size);
    free(copy);
    if (f) zip_fclose(f);
    return same;
}

static void give(void (*target)(void *), const uint8_t *data, size_t size) {
    struct input in = {.data = data, .size = size};
    char message[2048] = "";
    int code = die_catch(target, &in, message, sizeof message);
    if (code && (code != EXIT_NO || !*message)) abort();
    if (code) return;
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(data, size, 0, &error);
    zip_t *z = zip_open_from_source(source, ZIP_CHECKCONS | ZIP_RDONLY, &error);
    if (!z || zip_get_num_entries(z, 0) != in.members.count) abort();
    for (int i = 0; i < in.members.count; i++) {
        const struct member *m = &in.members.member[i];
        if (members_find(&in.members, m->name) != m || !same_member(z, m)) abort();
    }
    zip_discard(z);
    members_close(&in.members);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    give(torch, data, size);
    give(numpy, data, size);
    return 0;
}
