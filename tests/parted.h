/* parted.h - a batch taken in parts beside its parts as batches of their own. */
#ifndef TESTS_PARTED_H
#define TESTS_PARTED_H

/* How far the gradient of a step that is taken in parts is from the mean of its parts'
 * gradients, each weighted by its pictures: relative L2 over all parameters; *loss: the
 * same of the losses. The network is one of tests/golden's, `part` pictures a part. */
double parted_distance(const char *name, const char *device, const char *precision,
                       int part, double *loss);
#endif
