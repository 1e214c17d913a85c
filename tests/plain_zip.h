/* plain_zip.h - writes a zip of stored members, encrypted if wanted, always the same bytes.
 *
 * APPNOTE.TXT sections 4.3 and 6.1 (traditional encryption, as SUN's archives have it). No
 * program's writer is used because those draw the encryption header by chance. */
#ifndef TESTS_PLAIN_ZIP_H
#define TESTS_PLAIN_ZIP_H
#include "tests/torch_save.h"

struct plain_zip {
    struct bytes file, directory;
    int count;
    int wide; /* local headers have their sizes in 64 bits, as numpy writes them */
    const char *passphrase; /* NULL: not encrypted */
};
/* A member as its headers shall say it is: method, checksum and size once unpacked. */
struct plain_member {
    const char *name;
    const void *data;
    size_t n;
    unsigned method, flags;
    uint32_t crc, size;
};
void plain_zip_put(struct plain_zip *z, const struct plain_member *m);
/* A stored member, told truly. A name ending in '/' is a folder. */
void plain_zip_add(struct plain_zip *z, const char *name, const void *data, size_t n);
void plain_zip_end(struct plain_zip *z); /* file holds the zip; frees the directory */
#endif
