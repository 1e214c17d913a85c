/* libzip.c - asks libzip; it judges nothing but sameness. */
#include "tests/libzip.h"
#include <stdlib.h>
#include <string.h>
#include <zip.h>

static zip_t *open_bytes(const uint8_t *bytes, size_t n, int flags) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes, n, 0, &error);
    zip_t *z = source ? zip_open_from_source(source, ZIP_RDONLY | flags, &error) : NULL;
    if (source && !z) zip_source_free(source);
    zip_error_fini(&error);
    return z;
}

static int same_bytes(zip_t *z, const struct member *m) {
    zip_file_t *f = zip_fopen(z, m->name, 0);
    uint8_t *copy = malloc(m->size + 1);
    int same = f && copy && zip_fread(f, copy, m->size + 1) == (zip_int64_t)m->size &&
               !memcmp(copy, m->data, m->size);
    free(copy);
    if (f) zip_fclose(f);
    return same;
}

static const char *member_differs(zip_t *z, const struct member *m) {
    zip_stat_t st;
    if (zip_stat(z, m->name, 0, &st)) return "no such member";
    if (st.size != m->size || st.comp_size != m->packed) return "a member of another size";
    if (m->deflated) return st.crc == m->crc ? NULL : "another CRC-32";
    return same_bytes(z, m) ? NULL : "a member's bytes";
}

const char *libzip_differs(const uint8_t *bytes, size_t n, const struct members *zip) {
    zip_t *z = open_bytes(bytes, n, ZIP_CHECKCONS);
    if (!z) return "libzip refuses it";
    const char *why = zip_get_num_entries(z, 0) == zip->count ? NULL : "other members";
    for (int i = 0; i < zip->count && !why; i++) why = member_differs(z, &zip->member[i]);
    zip_discard(z);
    return why;
}

const char *libzip_counts_other(const uint8_t *bytes, size_t n, size_t members) {
    zip_t *z = open_bytes(bytes, n, 0);
    if (!z) return "libzip refuses it";
    int same = (size_t)zip_get_num_entries(z, 0) == members;
    zip_discard(z);
    return same ? NULL : "another number of members";
}
