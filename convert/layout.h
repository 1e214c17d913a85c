/* layout.h - which members of an archive are pictures, which masks, and which belong
 * together.
 *
 * A `format` (of a source, or of a conf, which goes before) is one of
 *   pairs IMAGE | MASK   two patterns over the last parts of a member's path, as in
 *                        `pairs Original/(*).tif | Ground Truth/(*).tif`, written without
 *                        the round brackets. A star stands for any letters but '/' and
 *                        matches no file that begins with '.'; both patterns hold as many,
 *                        and what they stand for, joined by '/', is the picture's name and
 *                        must be equal. `{image,images}` stands for either word, the first
 *                        that fits. A member that fits both patterns is a mask, as in
 *                        `pairs (*).png | (*)_mask.png`. An own data set needs no more.
 *   sun                  SUN-SEG (VPS, docs/DATA_DESCRIPTION.md): masks at
 *                        SPLIT/[Seen|Unseen/]GT/CLIP/NAME.png, frames at CASE/NAME.jpg in
 *                        the database's own tree, or at SPLIT/Frame/CLIP/NAME.jpg in the
 *                        reorganised one. CASE is `case7`, CLIP `case7_2`, or `case7`
 *                        alone: 38 cases have one clip and no underscore. Name CLIP/NAME,
 *                        group CASE, part SPLIT[/Seen|/Unseen].
 *   folders IMAGE        pictures without masks, in a folder for each class, at any depth:
 *                        the class is the folder a picture lies in. Such a set is fetched,
 *                        checked and counted (pack --describe), never packed.
 * Every other member is left alone. */
#ifndef CONVERT_LAYOUT_H
#define CONVERT_LAYOUT_H
#include "core/source.h"

enum role { ROLE_NONE, ROLE_IMAGE, ROLE_MASK, ROLES };
enum { LAYOUT_STARS = 8, LAYOUT_WAYS = 16 /* patterns that braces may stand for */ };
enum layout_kind { LAYOUT_PAIRS, LAYOUT_SUN, LAYOUT_FOLDERS };

struct layout {
    enum layout_kind kind;
    int ways[ROLES];
    char *pattern[ROLES][LAYOUT_WAYS]; /* without braces, in the order they are tried */
};
/* What a picture and its mask have in common, and what the pack says of them. Texts are the
 * caller's (place_free); name, group and part may be NULL. */
struct place {
    char *pair, *name, *group, *part;
};
/* `path` is the file that says `format` (NULL: says none), for messages. */
void layout_open(struct layout *layout, const char *format, const char *path);
void layout_close(struct layout *layout);
enum role layout_place(const struct layout *layout, const char *path, struct place *place);
void place_free(struct place *place);
/* SUN's official order of frames: case, clip, the three numbers of the official loader's
 * key, then bytes. `a10` comes after `a2`. */
int layout_sun_compare(const char *a, const char *b);
#endif
