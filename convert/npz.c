/* npz.c - numpy's zip of arrays as a list of tensors.
 *
 * It reads floats; an array of anything else is refused, and so is a pickle inside. */
#include "convert/npz.h"
#include "convert/npy.h"
#include "convert/zip.h"
#include "core/die.h"
#include <string.h>
#include <zlib.h>

static const char ENDING[] = ".npy";

/* Bytes of all that must be inflated, within the budget. */
static size_t measure(const struct members *zip, size_t file, const char *path) {
    size_t all = 0;
    for (int i = 0; i < zip->count; i++)
        if (zip->member[i].deflated) all += zip->member[i].size; /* each below 4 GiB */
    if (all / NPZ_GROWTH > file)
        die_no("%s: %zu bytes when inflated, %d times the file's %zu is the limit; wanted "
               "an encoder's weights",
               path, all, (int)NPZ_GROWTH, file);
    return all;
}

static void inflate_member(const struct member *m, uint8_t *to, const char *path) {
    z_stream z = {.next_in = (Bytef *)(uintptr_t)m->data,
                  .avail_in = (uInt)m->packed,
                  .next_out = to,
                  .avail_out = (uInt)m->size,
                  .zalloc = NULL};
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        die_world("%s: zlib does not start; wanted memory for it", path);
    int end = inflate(&z, Z_FINISH);
    int whole = end == Z_STREAM_END && !z.avail_in && !z.avail_out;
    inflateEnd(&z);
    if (end == Z_MEM_ERROR) die_world("%s: zlib has no memory; close other programs", path);
    if (!whole)
        die_no("%s: member '%s' does not inflate to its %zu bytes; fetch it again", path,
               quoted(m->name), m->size);
    if (crc32(0, to, (uInt)m->size) != m->crc)
        die_no(
            "%s: member '%s': its CRC-32 does not match, wanted undamaged data; fetch it "
            "again",
            path, quoted(m->name));
}

/* The member's name without ".npy", into the room. */
static const char *array_name(const struct member *m, char **room, const char *path) {
    size_t n = strlen(m->name), end = sizeof ENDING - 1;
    if (n <= end || strcmp(m->name + n - end, ENDING))
        die_no("%s: zip member '%s', wanted arrays (.npy) only; re-save it with np.savez",
               path, quoted(m->name));
    char *name = memcpy(*room, m->name, n - end);
    name[n - end] = 0;
    *room += n - end + 1;
    return name;
}

void npz_open(struct npz *npz, const uint8_t *bytes, size_t n, const char *path) {
    struct members zip;
    size_t names = 0;
    memset(npz, 0, sizeof *npz);
    members_open_numpy(&zip, bytes, n, path);
    uint8_t *to = npz->inflated = xaligned(measure(&zip, n, path) + 1);
    for (int i = 0; i < zip.count; i++) names += strlen(zip.member[i].name) + 1;
    char *room = npz->names = xmalloc(names + 1);
    npz->count = zip.count;
    npz->tensor = xcalloc((size_t)zip.count + 1, sizeof *npz->tensor);
    for (int i = 0; i < zip.count; i++) {
        const struct member *m = &zip.member[i];
        const char *name = array_name(m, &room, path);
        const uint8_t *data = m->data;
        if (m->deflated) {
            inflate_member(m, to, path);
            data = to;
            to += m->size;
        }
        npy_parse(&npz->tensor[i], data, m->size, path, name);
        npz->tensor[i].name = name;
    }
    members_close(&zip);
}

void npz_close(struct npz *npz) {
    xfree(npz->tensor);
    xfree(npz->names);
    xfree(npz->inflated);
    memset(npz, 0, sizeof *npz);
}
