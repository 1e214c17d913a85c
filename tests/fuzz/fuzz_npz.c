/* fuzz_npz.c - libFuzzer target: numpy's zip of arrays on any bytes; what is accepted
 * libzip reads too, and each array's elements are the last bytes of its member. Bytes that
 * begin like no zip are given as an array, alone and in a zip: changed bytes seldom get
 * past a CRC-32. */
#include "convert/npy.h"
#include "convert/npz.h"
#include "core/die.h"
#include "tests/plain_zip.h"
#include <stdlib.h>
#include <string.h>
#include <zip.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size;
    struct npz npz;
};

static void target(void *arg) {
    struct input *in = arg;
    npz_open(&in->npz, in->data, in->size, "fuzz.npz");
}

static void array(void *arg) {
    const struct input *in = arg;
    struct tensor t;
    npy_parse(&t, in->data, in->size, "fuzz.npz", "a");
    if ((const uint8_t *)t.data + tensor_bytes(&t) != in->data + in->size) abort();
}

static int same_elements(zip_t *z, const struct tensor *t) {
    char name[300];
    zip_stat_t st;
    size_t n = tensor_bytes(t);
    snprintf(name, sizeof name, "%s.npy", t->name);
    zip_file_t *f = zip_fopen(z, name, 0);
    if (!f || zip_stat(z, name, 0, &st) || st.size < n) return 0;
    uint8_t *copy = malloc(st.size + 1);
    int same = copy && zip_fread(f, copy, st.size + 1) == (zip_int64_t)st.size &&
               !memcmp(copy + st.size - n, t->data, n);
    free(copy);
    zip_fclose(f);
    return same;
}

/* Whether it is accepted. */
static int is_good(void (*reader)(void *), struct input *in) {
    char message[2048] = "";
    int code = die_catch(reader, in, message, sizeof message);
    if (code && (code != EXIT_NO || !*message)) abort();
    return !code;
}

static int give(const uint8_t *data, size_t size) {
    struct input in = {.data = data, .size = size};
    if (!is_good(target, &in)) return 0;
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(data, size, 0, &error);
    zip_t *z = zip_open_from_source(source, ZIP_CHECKCONS | ZIP_RDONLY, &error);
    if (!z || zip_get_num_entries(z, 0) != in.npz.count) abort();
    for (int i = 0; i < in.npz.count; i++)
        if (!same_elements(z, &in.npz.tensor[i])) abort();
    zip_discard(z);
    npz_close(&in.npz);
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct plain_zip z = {.wide = (int)(size % 2)};
    struct input in = {.data = data, .size = size};
    if (size > 1 && !memcmp(data, "PK", 2)) {
        give(data, size);
        return 0;
    }
    int good = is_good(array, &in);
    plain_zip_add(&z, "a.npy", data, size);
    plain_zip_end(&z);
    if (give(z.file.data, z.file.n) && !good) abort();
    xfree(z.file.data);
    return 0;
}
