/* archive.h - the members of a zip or tar archive, one by one, in memory.
 *
 * libarchive is given two formats (zip with a seekable file; tar, plain or under gzip or
 * xz) and never touches the disk. A third, RAR, is given to it for a file that begins as
 * one and whose source both names `rar` in magic and pins the files in it (content or
 * pictures): that reader has had more holes than the others together, and one set is
 * published in no other form; it looks at no CRC of stored members, so the pin must. Every
 * rule is die_no naming archive and member:
 *   - plain files only; directories are skipped; links, devices, fifos refused;
 *   - names: UTF-8, no control byte, no '\', no leading '/', no empty, "." or ".." part,
 *     parts of at most 255 bytes, at most 16 deep, none twice even after ASCII case
 *     folding;
 *   - a member at most 64 MiB and as long as it says; all at most 200 times the archive;
 *   - as many members and bytes as the source says (files, unpacked), and its `content`;
 *     or, where the source pins `pictures`, those pictures and masks, with twice as many
 *     files and bytes in all at most: a readme, another form of the same beside them;
 *   - libarchive's warnings are errors: a CRC mismatch is one, told after the bytes.
 * An empty archive file is die_world. A passphrase is read from the file named by the
 * source's passphrase_file, beside the archive. */
#ifndef CONVERT_ARCHIVE_H
#define CONVERT_ARCHIVE_H
#include "core/source.h"

enum {
    MEMBER_BYTES = 64 << 20,
    MEMBER_PART = 255, /* bytes of one part of a name */
    MEMBER_DEPTH = 16, /* parts */
    MEMBER_COUNT = 2000000,
    ARCHIVE_RATIO = 200,
};

struct archived {
    const char *path; /* borrowed until the next reader_next */
    uint8_t *data;    /* the caller's: xfree; complete and checked */
    size_t size;
    char *sha256; /* 64 digits, no zero behind; borrowed until reader_end */
};

/* Path of the passphrase's file beside `raw`; NULL if the source names none. Caller
 * frees. */
char *archive_passphrase(const struct source *source, const char *raw);

struct reader;
/* `source` and `raw` are borrowed until reader_end. */
struct reader *reader_open(const struct source *source, const char *raw);
int reader_next(struct reader *r, struct archived *m); /* 0: no more */
/* From here on members come without their hash: whoever takes one calls archived_hash with
 * its bytes, in any thread, before reader_end, to which the hashes belong. */
void reader_hash_later(struct reader *r);
void archived_hash(const uint8_t *data, size_t size, char *sha256);
int64_t reader_bytes(const struct reader *r); /* of all members so far */
/* Before reader_end, by who knows the layout: the hash source.h calls `pictures`. */
void reader_pictures(struct reader *r, const char pictures[65]);
/* Checks names, counts and content. `content` (65 bytes) receives the files' hash; if they
 * are not all the pinned ones, but the pictures are, the hash the source pins. Frees r. */
void reader_end(struct reader *r, char *content);
#endif
