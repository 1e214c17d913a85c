/* plain_rar.h - writes RAR archives of stored members, always the same bytes, since nobody
 * may write them but their maker's program, and reading one is what a source asks for.
 *
 * Version 4: the block structure of technote.txt (unpacked in every rar's documentation),
 * names with '\' between parts as Windows' program writes them. Version 5: the RAR 5.0
 * archive format (rarlab.com/technote.htm), names with '/'. No compression: what is tested
 * is that members come through, not libarchive's decompressor. */
#ifndef TESTS_PLAIN_RAR_H
#define TESTS_PLAIN_RAR_H
#include "tests/torch_save.h"

struct plain_rar {
    struct bytes file;
    int version; /* 4 or 5 */
};
void plain_rar_begin(struct plain_rar *r, int version);
/* A name ending in '/' is a folder. */
void plain_rar_add(struct plain_rar *r, const char *name, const void *data, size_t n);
void plain_rar_end(struct plain_rar *r); /* file holds the archive */
#endif
