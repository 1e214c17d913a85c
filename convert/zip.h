/* zip.h - the members of a PyTorch file's zip, read where they lie.
 *
 * PyTorch stores members as they are and 64-byte aligned (torch.save since 1.6), so a member is a
 * span of the mapped file. libraries disagree on which of a zip's two headers to believe; here
 * the central directory and the local headers must tell one story (APPNOTE.TXT, sections 4.3-4.5):
 *   - one end record, at the very end; a ZIP64 end record only if it says the same;
 *   - the members, with their headers and descriptors, tile the file from byte 0 up to the central
 *     directory: nothing in front, between, overlapping or behind;
 *   - method 0, flags within {bit 3 descriptor, bit 11 UTF-8}, compressed = uncompressed size,
 *     local name = central name, CRC-32 right;
 *   - names of printable ASCII, at most 255 bytes, no '\', no empty, "." or ".." part, none twice.
 * Everything else is refused with die_no. At most 100,000 members of less than 4 GiB each. */
#ifndef CONVERT_ZIP_H
#define CONVERT_ZIP_H
#include <stddef.h>
#include <stdint.h>

struct zip_member {
    const char *name;    /* borrowed until zip_close */
    const uint8_t *data; /* borrowed from the bytes given to zip_open */
    size_t size;
};
struct zip {
    int count;
    struct zip_member *member; /* sorted by name, by bytes */
    char *names;               /* owns the names */
};
enum { ZIP_MEMBERS = 100000, ZIP_NAME = 255 };

/* `bytes` stays the caller's; `path` only names it in messages. */
void zip_open(struct zip *zip, const uint8_t *bytes, size_t n, const char *path);
void zip_close(struct zip *zip);
const struct zip_member *zip_find(const struct zip *zip, const char *name); /* NULL if absent */
#endif
