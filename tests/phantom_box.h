/* phantom_box.h - files on their way into an archive, and the source that describes it. */
#ifndef TESTS_PHANTOM_BOX_H
#define TESTS_PHANTOM_BOX_H
#include "tests/plain_zip.h"

struct boxed {
    char *name;
    uint8_t *data;
    size_t n;
};
struct box {
    struct boxed *file;
    int count, room;
};
/* Takes `data` over; folders (names ending in '/') have NULL. */
void box_add(struct box *box, const char *name, uint8_t *data, size_t n);
void box_add_text(struct box *box, const char *name, const char *text);
void box_free(struct box *box);
void box_zip(const struct box *box, const char *passphrase, const char *path);
void box_tar_xz(const struct box *box, const char *path);
/* The containers sets circulate in. */
enum container { BOX_ZIP, BOX_TAR, BOX_TAR_GZ, BOX_TAR_XZ, BOX_RAR4, BOX_RAR5, CONTAINERS };
void box_write(const struct box *box, enum container container, const char *path);
/* The archive's lines in its source: bytes, sha256, content, unpacked, files. */
void box_describe(const struct box *box, const char *path, struct out *source);
#endif
