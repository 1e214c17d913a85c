/* cudnn_descriptor.h - cuDNN's backend descriptors from C: made in a bunch, set, finished,
 * thrown away together.
 *
 * Like a stdio stream a bunch remembers its first failure and does nothing after it, so a
 * graph of twenty descriptors is built straight on and asked about once. What is set is
 * copied by cuDNN. */
#ifndef MODEL_GPU_CUDNN_DESCRIPTOR_H
#define MODEL_GPU_CUDNN_DESCRIPTOR_H
#include <cudnn.h>
#include <stddef.h>
#include <stdint.h>

typedef cudnnBackendDescriptor_t descriptor; /* cuDNN's own pointer, not a struct of ours */

enum { BUNCH = 320 };
struct bunch {
    descriptor item[BUNCH];
    int count;
    cudnnStatus_t status; /* the first failure's */
    char why[320];        /* and what cuDNN said of it; "" while all is well */
};

descriptor bunch_new(struct bunch *b, cudnnBackendDescriptorType_t type);
void bunch_set(struct bunch *b, descriptor d, cudnnBackendAttributeName_t name,
               cudnnBackendAttributeType_t type, int64_t count, const void *values);
/* Shorthands of bunch_set. */
void bunch_integer(struct bunch *b, descriptor d, cudnnBackendAttributeName_t name,
                   int64_t value);
void bunch_float(struct bunch *b, descriptor d, cudnnBackendAttributeName_t name,
                 float value);
void bunch_type(struct bunch *b, descriptor d, cudnnBackendAttributeName_t name,
                cudnnDataType_t value);
void bunch_child(struct bunch *b, descriptor d, cudnnBackendAttributeName_t name,
                 descriptor child);
void bunch_finish(struct bunch *b, descriptor d);
/* Values of an attribute, at most `room`; returns how many there are. Descriptors to be
 * filled must stand in `values` beforehand. */
int64_t bunch_get(struct bunch *b, descriptor d, cudnnBackendAttributeName_t name,
                  cudnnBackendAttributeType_t type, int64_t room, void *values);
/* Takes the newest descriptor out of the bunch: the caller destroys it. */
descriptor bunch_keep(struct bunch *b);
void bunch_free(struct bunch *b);
#endif
