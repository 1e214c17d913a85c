/* survey_none.c - the survey of a build without cuDNN: there is none. See survey.h. */
#include "model/gpu/survey.h"
#include "core/die.h"

int survey_possible(void) {
    return 0;
}

void survey(const struct graph *g, const int *batch, int batches,
            const struct survey_device *device, enum precision precision, const char *plans,
            struct survey_count *count) {
    (void)g, (void)batch, (void)batches, (void)precision, (void)plans, (void)count;
    die_world("%s: no plans: this build has no cuDNN", device->name);
}
