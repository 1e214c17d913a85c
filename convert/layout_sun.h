/* layout_sun.h - one member's place in SUN-SEG (convert/layout.h says which are
 * pictures). */
#ifndef CONVERT_LAYOUT_SUN_H
#define CONVERT_LAYOUT_SUN_H
#include "convert/layout.h"

enum role layout_sun_place(const char *path, struct place *place);
#endif
