/* zip.h - the members of a PyTorch file's or numpy file's zip, read where they lie.
 *
 * PyTorch stores members as they are and 64-byte aligned (torch.save since 1.6), so a
 * member is a span of the mapped file; numpy stores them too (np.savez) or deflates them
 * (np.savez_compressed). Libraries disagree on which of a zip's two headers
 * to believe; here the central directory and the local headers must tell one story
 * (APPNOTE.TXT, sections 4.3 to 4.5):
 *   - one end record, at the very end; a ZIP64 end record only if it says the same;
 *   - the members, with their headers and descriptors, tile the file from byte 0 up to the
 *     central directory: nothing in front, between, overlapping or behind;
 *   - method 0, flags within {bit 3 descriptor, bit 11 UTF-8}, compressed = uncompressed
 *     size, local header = central header, CRC-32 right;
 *   - names of printable ASCII, at most 255 bytes, no '\', no empty, "." or ".." part, none
 *     twice.
 * A numpy file may differ in two things: method 8 (its CRC-32 is then the reader's to
 * check, behind the inflating), and sizes in a ZIP64 extra field of the local header, as
 * Python's zipfile writes them when it is told to (force_zip64).
 * Everything else is refused with die_no. At most 100,000 members below 4 GiB each. */
#ifndef CONVERT_ZIP_H
#define CONVERT_ZIP_H
#include <stddef.h>
#include <stdint.h>

struct member {
    const char *name;    /* borrowed until members_close */
    const uint8_t *data; /* borrowed from the bytes given to members_open */
    size_t size;         /* bytes when inflated */
    size_t packed;       /* bytes at `data`: as many, unless it is deflated */
    int deflated;        /* numpy's only: raw deflate, CRC-32 `crc` not checked yet */
    uint32_t crc;
};
struct members {
    int count;
    struct member *member; /* sorted by name, by bytes */
    char *names;           /* owns the names */
};
enum { ZIP_MEMBERS = 100000, ZIP_NAME = 255 };

/* `bytes` stays the caller's; `path` only names it in messages. */
void members_open(struct members *zip, const uint8_t *bytes, size_t n, const char *path);
void members_open_numpy(struct members *zip, const uint8_t *bytes, size_t n,
                        const char *path);
void members_close(struct members *zip);
const struct member *members_find(const struct members *zip,
                                  const char *name); /* NULL if absent */
#endif
