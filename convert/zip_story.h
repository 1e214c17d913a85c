/* zip_story.h - a zip's headers must tell one story before anything is read by them.
 *
 * Libraries disagree on which of a zip's headers to believe: a reader of the directory and
 * a reader from the front see other members (CVE-2025-54368), and members may share bytes
 * (D. Fifield, "A better zip bomb", WOOT 2019). Of the zips that people make with any tool
 * this wants (APPNOTE.TXT, 4.3 to 4.5):
 *   - one end record, at the very end, alone on its disk, right before it the directory it
 *     counts; ZIP64's records only if they say the same;
 *   - each member's local header where the directory says, with the same name, method,
 *     flags, and the same checksum and sizes where it has any;
 *   - members side by side from byte 0 to the directory: no overlap, nothing in front, and
 *     between two no more than the first one's data descriptor;
 *   - stored or deflated, or under AES; no second name in an extra field.
 * All else is die_no naming archive and member. What the data are is the reader's
 * business. */
#ifndef CONVERT_ZIP_STORY_H
#define CONVERT_ZIP_STORY_H
#include <stddef.h>
#include <stdint.h>

/* Returns the number of members. */
size_t zip_story_check(const uint8_t *bytes, size_t n, const char *path);
#endif
