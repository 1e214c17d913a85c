/* choose.h - the quickest of several ways, by timing. */
#ifndef MODEL_GPU_CHOOSE_H
#define MODEL_GPU_CHOOSE_H

/* Which of n has the least seconds(arg, i), the first of equals; negative seconds are of
 * one that cannot be run. -1: none can. */
int choose_quickest(int n, double (*seconds)(void *arg, int i), void *arg);
#endif
