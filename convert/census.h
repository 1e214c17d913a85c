/* census.h - how many files of which kind lie in which folder, and whether that is
 * right. */
#ifndef CONVERT_CENSUS_H
#define CONVERT_CENSUS_H
#include "convert/layout.h"

struct folder {
    char *name;
    int files[ROLES];
};
struct census {
    struct folder *folder; /* [count]; after census_sort each name once, 2 before 10 */
    int count, room;
};
/* `name` has n bytes and is copied. */
void census_add(struct census *c, const char *name, size_t n, enum role role);
void census_sort(struct census *c);
/* NULL if every folder holds as many pictures as the table `list` says (columns folder,
 * pictures), and no other folder is there; else what is wrong, the first five folders by
 * name. Sorts. Caller frees. */
char *census_wrong(struct census *c, const char *list);
void census_free(struct census *c);
#endif
