/* attempt.c - a judgement, and what is said of the failures. */
#include "fetch/attempt.h"
#include "core/die.h"
#include "fetch/address.h"
#include "fetch/pins.h"
#include "fetch/verify.h"
#include <string.h>

int attempt_judge(struct attempt *a, const struct seen *seen, const char *from, int local) {
    const struct source *s = a->source;
    const char *pins = a->fetch->pins;
    int code = verify(s, seen, local, a->why, sizeof a->why);
    if (code) return code;
    if (local && verify_by_content(s) && s->sha256 && strcmp(s->sha256, seen->sha256))
        warn("%s: another container than the publisher's; pack checks the files in it",
             quoted(from));
    if (!pins || s->sha256 || verify_by_content(s)) return 0;
    return pins_check(pins, s, seen, a->why, sizeof a->why);
}

void attempt_fail(struct attempt *a, const char *from, int code) {
    xfree(a->from);
    a->from = xstrdup(address_shown(from));
    a->code = code;
    a->failures++;
}
