/* source.h - a download, described: what it is, where it lies, and how to know it is right.
 *
 * A .src file holds `key value` lines (core/table.h). `-` means: may be absent.
 *
 * | key             | value                                                                |
 * |-----------------|----------------------------------------------------------------------|
 * | name            | [a-z0-9.-]+, as in messages and in what is made of it                |
 * | kind            | data or weights                                                      |
 * | arm             | - weights: imagenet, radimagenet, histo, random ...                  |
 * | encoder         | - weights: resnet50, vits, vitt                                      |
 * | file            | - name in a mirror folder; repeated: other containers of the same    |
 * | url             | - https:... or file:...; repeated: tried in this order. file:NAME is |
 * |                 |   relative to the folder of the .src file, file:///NAME is absolute  |
 * | manual          | - how a person gets the file; repeated: further lines                |
 * | bytes           | - size of the download, or unknown                                   |
 * | sha256          | - of the download, 64 lower-case hex digits, or unknown              |
 * | sha256_begins   | - its first digits, where a publisher promises no more: checked      |
 * | md5             | - of the download, as its publisher states it: checked besides       |
 * | content         | - sha256 over the sorted lines "sha256(member) path\n", or unknown   |
 * | pictures        | - data: the same over the layout's pictures and masks alone, lines   |
 * |                 |   "sha256(member) image|mask name\n": folders around them and files  |
 * |                 |   beside them (a readme) do not count (convert/collect.h)            |
 * | magic           | - how the file begins: words of source_magic, or hex; any of them    |
 * | unpacked        | - bytes of all members, or unknown                                   |
 * | files           | - number of members that are files, or unknown                       |
 * | passphrase_file | - name of the file, in a mirror folder, with the archive's passphrase
 * |
 * | licence terms   | - one line each                                                      |
 * | cite            | - what to cite; repeated: further works                              |
 * | redistribute    | - yes or no: `no` keeps pictures made of it out of what is published |
 * | mean std        | - weights: three numbers each                                        |
 * | order           | - weights: rgb or bgr                                                |
 * | range           | - weights: 255 or 1, see model/model.h                               |
 * | format          | - data: the layout (convert/layout.h); weights: container            |
 * | map             | - weights: convert/names/MAP.tsv                                     |
 * | groups          | - data: number of groups the set must have, or unknown               |
 * | counts          | - data: convert/names/COUNTS.tsv, pictures each folder must have     |
 *
 * An unknown key, a key twice, a wrong value: die_no, each with its own message. So is
 * magic `rar` where neither content nor pictures is known: that reader is trusted with
 * known files alone. */
#ifndef CORE_SOURCE_H
#define CORE_SOURCE_H
#include "table.h"
#include <stddef.h>
#include <stdint.h>

enum source_kind { SOURCE_DATA, SOURCE_WEIGHTS };
enum { SOURCE_LINES = 16 }; /* of file, url, manual, cite each */

/* All text is borrowed until source_free, and NULL if absent. A text that may be `unknown`
 * is NULL then too; a number is -1. */
struct source {
    struct pairs pairs;
    char *path;
    enum source_kind kind;
    const char *name, *arm, *encoder;
    int file_count, url_count, manual_count, cite_count;
    const char *file[SOURCE_LINES], *url[SOURCE_LINES], *manual[SOURCE_LINES];
    const char *cite[SOURCE_LINES];
    int64_t bytes, unpacked, files, groups;
    const char *sha256, *sha256_begins, *md5, *content, *pictures, *magic, *passphrase_file;
    const char *licence, *terms, *redistribute;
    const char *mean, *std, *order, *range, *format, *map, *counts;
};
void source_read(struct source *s, const char *path);
void source_parse(struct source *s, const char *text, size_t n, const char *path);
void source_free(struct source *s);

/* Whether `head`, the first n bytes of a file (SOURCE_HEAD are enough), is what `magic`
 * wants: one of its words zip gzip xz rar tar hdf5 safetensors, or of its hex strings.
 * NULL: all is. */
int source_magic(const char *magic, const uint8_t *head, size_t n);
enum { SOURCE_HEAD = 512 };
/* Whether `magic` names this word. */
int source_may_be(const struct source *s, const char *word);
#endif
