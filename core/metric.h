/* metric.h - Dice and IoU from integer counts; nothing else computes a metric.
 *
 * I = pixels in both, P = predicted, T = in the ground truth. Both empty: 1 (nothing to
 * find, nothing found); one empty: 0. */
#ifndef CORE_METRIC_H
#define CORE_METRIC_H
#include <stdint.h>
struct counts {
    int64_t inter, pred, truth;
};
double dice(struct counts c); /* 2I / (P + T) */
double iou(struct counts c);  /* I / (P + T - I) */
/* Counts of two byte masks (0 or not) of n pixels. */
struct counts count_masks(const uint8_t *pred, const uint8_t *truth, int64_t n);
#endif
