/* choose.c - see choose.h. */
#include "model/gpu/choose.h"

int choose_quickest(int n, double (*seconds)(void *arg, int i), void *arg) {
    double least = 0;
    int best = -1;
    for (int i = 0; i < n; i++) {
        double s = seconds(arg, i);
        if (s < 0 || (best >= 0 && s >= least)) continue;
        least = s;
        best = i;
    }
    return best;
}
