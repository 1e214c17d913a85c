/* resize.h - where an output place of a bilinear resize reads along one axis. */
#ifndef MODEL_CPU_RESIZE_H
#define MODEL_CPU_RESIZE_H

struct between {
    int low, high; /* source places */
    float weight;  /* of the second */
};
struct between between(int out_place, int in, int out, int align);
#endif
