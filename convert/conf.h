/* conf.h - convert/NAME.conf: everything that changes a pack but its raw files.
 *
 * | key            | value                                                                |
 * |----------------|----------------------------------------------------------------------|
 * | size           | side of the square pictures, a multiple of 8                         |
 * | resize         | filter of the pictures: nearest bilinear bicubic (Pillow's)          |
 * | mask_resize    | filter of the masks, applied to their grey values, then the threshold|
 * | mask_threshold | polyp where grey > it, 0..254; at the original size too              |
 * | order          | numeric (2 before 10), bytes, or official (layout sun: order in time)|
 * | groups         | none (each picture its own), folder (name up to its last '/'), case  |
 * |                | (layout sun), or FILE.tsv beside the conf: `first last group` for    |
 * |                | numbered names, or `name group`                                      |
 * | format         | of all its sources, in the place of their own (layout.h): for a      |
 * |                | download that holds several sets; may be absent                      |
 * | pictures       | how many the set must have; may be absent                            |
 * Every other key is required, an unknown one is die_no. */
#ifndef CONVERT_CONF_H
#define CONVERT_CONF_H
#include "core/resize.h"

enum order { ORDER_NUMERIC, ORDER_BYTES, ORDER_OFFICIAL };
struct conf {
    int size;
    enum filter resize, mask_resize;
    int mask_threshold;
    enum order order;
    char *groups; /* the word, or the path of the table */
    int group_table;
    char *format; /* NULL: the sources' own */
    char *path;
    int pictures; /* -1: any number */
    char *name;   /* the file's, without folder and ".conf": the data set's name */
    char *text;   /* `key value` lines in the order above, for the pack's metadata */
};
/* `name`: the data set's, in the place of the file's (a conf for any set); may be NULL. */
void conf_read(struct conf *conf, const char *path, const char *name);
void conf_free(struct conf *conf);
#endif
