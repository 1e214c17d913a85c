/* cudnn_descriptor.c - backend descriptors in a bunch; see cudnn_descriptor.h. It knows no
 * operation. */
#include "model/gpu/cudnn_descriptor.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

static void failed(struct bunch *b, cudnnStatus_t status) {
    char said[240] = "";
    if (status == CUDNN_STATUS_SUCCESS || b->status != CUDNN_STATUS_SUCCESS) return;
    b->status = status;
    cudnnGetLastErrorString(said, sizeof said);
    said[strcspn(said, "\n")] = 0;
    snprintf(b->why, sizeof b->why, "%s: %s", cudnnGetErrorString(status), said);
}

static int well(const struct bunch *b) {
    return b->status == CUDNN_STATUS_SUCCESS;
}

descriptor bunch_new(struct bunch *b, cudnnBackendDescriptorType_t type) {
    descriptor d = NULL;
    if (!well(b)) return NULL;
    assert(b->count < BUNCH);
    failed(b, cudnnBackendCreateDescriptor(type, &d));
    if (well(b)) b->item[b->count++] = d;
    return d;
}

void bunch_set(struct bunch *b, descriptor d, cudnnBackendAttributeName_t name,
               cudnnBackendAttributeType_t type, int64_t count, const void *values) {
    if (well(b)) failed(b, cudnnBackendSetAttribute(d, name, type, count, values));
}

void bunch_integer(struct bunch *b, descriptor d, cudnnBackendAttributeName_t name,
                   int64_t value) {
    bunch_set(b, d, name, CUDNN_TYPE_INT64, 1, &value);
}

void bunch_float(struct bunch *b, descriptor d, cudnnBackendAttributeName_t name,
                 float value) {
    bunch_set(b, d, name, CUDNN_TYPE_FLOAT, 1, &value);
}

void bunch_type(struct bunch *b, descriptor d, cudnnBackendAttributeName_t name,
                cudnnDataType_t value) {
    bunch_set(b, d, name, CUDNN_TYPE_DATA_TYPE, 1, &value);
}

void bunch_child(struct bunch *b, descriptor d, cudnnBackendAttributeName_t name,
                 descriptor child) {
    bunch_set(b, d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &child);
}

void bunch_finish(struct bunch *b, descriptor d) {
    if (well(b)) failed(b, cudnnBackendFinalize(d));
}

int64_t bunch_get(struct bunch *b, descriptor d, cudnnBackendAttributeName_t name,
                  cudnnBackendAttributeType_t type, int64_t room, void *values) {
    int64_t count = 0;
    if (well(b)) failed(b, cudnnBackendGetAttribute(d, name, type, room, &count, values));
    return well(b) ? count : 0;
}

descriptor bunch_keep(struct bunch *b) {
    return well(b) ? b->item[--b->count] : NULL;
}

void bunch_free(struct bunch *b) {
    while (b->count) cudnnBackendDestroyDescriptor(b->item[--b->count]);
    b->status = CUDNN_STATUS_SUCCESS;
    b->why[0] = 0;
}
