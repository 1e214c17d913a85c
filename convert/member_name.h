/* member_name.h - what a member of an archive may be called. */
#ifndef CONVERT_MEMBER_NAME_H
#define CONVERT_MEMBER_NAME_H

/* NULL if the name is good, else what is wanted. */
const char *member_name_wrong(const char *name);
/* 0 if equal after folding ASCII letters; orders as strcmp of the folded names does. */
int member_name_fold_compare(const char *a, const char *b);
#endif
