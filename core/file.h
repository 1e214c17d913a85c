/* file.h - files that are complete or absent, and their sha256.
 *
 * A file with its final name is complete, always: it is written aside (".name.PID.tmp" in
 * the same folder), flushed, synced, closed, renamed, and the folder synced. */
#ifndef CORE_FILE_H
#define CORE_FILE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Writing. Every failure is die_world naming the path and the system's reason, and unlinks
 * the temporary; so does dying for any other reason between open and commit. A folder that
 * is not there is made. A temporary is locked (flock) while it is written; one that nobody
 * holds, left by a process that was killed, is removed by the next to write the same
 * name. */
struct out {
    FILE *stream; /* for fprintf; errors are caught at commit */
    char *path;
    char *temporary;
    size_t unwritten; /* bytes since the disk was last asked to begin */
    int held; /* a second descriptor of the temporary: its lock lasts until the rename */
};
struct out *out_open(const char *path);
void out_write(struct out *out, const void *bytes, size_t n);
void out_printf(struct out *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Overwrites n bytes at `offset` of what was written so far; the position returns to the
 * end. */
void out_patch(struct out *out, size_t offset, const void *bytes, size_t n);
/* Reads n bytes back from `offset` of what was written so far; the position returns to the
 * end. */
void out_read_back(struct out *out, size_t offset, void *bytes, size_t n);
size_t out_tell(struct out *out);
void out_commit(struct out *out); /* frees out */
void out_drop(struct out *out);   /* removes the temporary, frees out */

/* A whole text or byte string to a file, atomically. */
void file_write(const char *path, const void *bytes, size_t n);
/* A whole file in memory, with a zero byte after the end. Caller frees. die_world if it
 * cannot be read, die_no if longer than `limit`. */
char *file_read(const char *path, size_t limit, size_t *n);
bool file_exists(const char *path);
size_t file_size(const char *path); /* die_world if absent or not a plain file */
/* Makes `path` and the folders above it, like mkdir -p. */
void file_mkdir(const char *path);
/* Removes path if there; die_world on any other failure. */
void file_remove(const char *path);
/* "folder/name": caller frees. */
char *file_join(const char *folder, const char *name);
/* Last component: borrowed from path. */
const char *file_base(const char *path);

/* Reading by memory map, read-only. An empty file has data == NULL, size 0. */
struct map {
    const uint8_t *data; /* borrowed until map_close */
    size_t size;
    char *path;
};
void map_open(struct map *map, const char *path);
void map_close(struct map *map);

/* sha256 as 64 lower-case hex digits and a zero byte. */
struct sha;
struct sha *sha_open(void);
void sha_add(struct sha *sha, const void *bytes, size_t n);
void sha_close(struct sha *sha, char hex[65]); /* frees sha */
/* The same for md5, 32 digits: of no worth against malice, but some publishers tell no
 * other. */
struct sha *md5_open(void);
void sha_bytes(const void *bytes, size_t n, char hex[65]);
void sha_file(const char *path, char hex[65]);
#endif
