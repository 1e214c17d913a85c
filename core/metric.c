/* metric.c - Dice and IoU; refuses nothing, decides only what two empty masks are worth. */
#include "metric.h"

/* [dice */
double dice(struct counts c) {
    if (c.pred + c.truth == 0) return 1;
    return 2.0 * (double)c.inter / (double)(c.pred + c.truth);
}

double iou(struct counts c) {
    int64_t together = c.pred + c.truth - c.inter;
    return together == 0 ? 1 : (double)c.inter / (double)together;
}
/* dice] */

struct counts count_masks(const uint8_t *pred, const uint8_t *truth, int64_t n) {
    struct counts c = {0, 0, 0};
    for (int64_t i = 0; i < n; i++) {
        c.pred += pred[i] != 0;
        c.truth += truth[i] != 0;
        c.inter += pred[i] && truth[i];
    }
    return c;
}
