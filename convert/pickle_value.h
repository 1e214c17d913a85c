/* pickle_value.h - what pickle.c's machine builds with: values, and the rules they must
 * keep.
 *
 * Functions that return text return NULL if all is well, else what was found (a
 * constant). */
#ifndef CONVERT_PICKLE_VALUE_H
#define CONVERT_PICKLE_VALUE_H
#include "convert/pickle.h"

struct value *pickle_value(struct pickle *pickle); /* zeroed; owned by the pickle */
void value_append(struct value *container, struct value *item);
/* Looks a global up in the closed list; 0 if it is not there. */
int value_global(struct value *v, const uint8_t *module, size_t modules,
                 const uint8_t *name, size_t names);
/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks) */
const char *value_rebuild_tensor(struct value *v, const struct value *args);
/* _rebuild_parameter(tensor, requires_grad, hooks): *v becomes the tensor. */
const char *value_rebuild_parameter(struct value **v, const struct value *args);
/* The persistent id ("storage", class, key, location, elements). */
const char *value_storage(struct value *v, const struct value *id);
/* No cycle, at most PICKLE_DEPTH deep, at most PICKLE_VALUES when expanded. */
const char *value_check(struct value *root);
const char *pickle_opcode(uint8_t op); /* an opcode's name in pickletools, "unknown" */
#endif
