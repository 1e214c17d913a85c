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

int survey_joins(const struct graph *g, int batch, const struct survey_device *device,
                 enum precision precision, int joined[SURVEY_JOINS]) {
    (void)g, (void)batch, (void)precision, (void)joined;
    die_world("%s: nothing joined: this build has no cuDNN", device->name);
}
