/* scorer.h - a trained model ready to answer: what eval and predict share. */
#ifndef EVAL_SCORER_H
#define EVAL_SCORER_H
#include "model/model.h"

struct scorer {
    struct bag bag;
    struct model model;
    const struct backend *backend;
    struct machine *machine;
};
/* Opens the model's bag and the machine and puts the parameters in. Forward only: no
 * gradients. plans: where a gpu keeps its plans; NULL: nowhere. batch 0: as many
 * pictures at once as training took. */
void scorer_open(struct scorer *s, const char *path, const char *device, int threads,
                 int batch, const char *plans);
void scorer_close(struct scorer *s);
#endif
