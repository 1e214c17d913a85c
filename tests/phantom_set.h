/* phantom_set.h - made-up data sets with the formats and quirks of the real ones. */
#ifndef TESTS_PHANTOM_SET_H
#define TESTS_PHANTOM_SET_H
#include "tests/plain_zip.h"

struct phantom {
    uint64_t seed;
    int pictures;       /* a set; a multiple of 5 */
    const char *folder; /* where NAME.src goes, and what it speaks of */
};
/* Makes NAME.src and its archive, cvc, kvasir, sun-frames-part1, sun-frames-part2 or
 * sun-masks; 0 if `name` is none of them.
 *
 * cvc     web/CVC-ClinicDB.tar.xz, by a file: address: N.tif under Original/ and under
 *         `Ground Truth/`, RGB under photometric tag 1, a quarter of the masks with soft
 *         edges; 5 frames a sequence
 * kvasir  web/kvasir-seg.zip, by a file: address: pictures and masks as JPEG, of many sizes,
 *         names of 25 characters, kavsir_bboxes.json, here and there an inset
 * sun-*   by hand only, found in `folder` as mirror: two encrypted zips of frames with
 *         sun-password.txt, one of masks with Seen/Unseen, Edge and lists; cases of one
 *         clip have no underscore */
int phantom_make(const struct phantom *p, const char *name);
extern const char *const phantom_names[]; /* NULL-ended */
#endif
