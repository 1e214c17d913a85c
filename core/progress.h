/* progress.h - one line that says how far: done, rate, time left.
 *
 * On a terminal the line is redrawn at most ten times a second; elsewhere a line a minute
 * and one at the end. Nothing is printed for work that ends within two seconds. Wall-clock
 * time lives here and in host.tsv alone: it never reaches a result. */
#ifndef CORE_PROGRESS_H
#define CORE_PROGRESS_H
struct progress {
    const char *what, *unit; /* "training resnet50-imagenet-cvc", "pictures" */
    /* first: done at start, so that a resume's rate is true */
    double total, done, start, first, last;
    int shown;
};
/* total 0: how much there is to do is not known, nor when it ends; it may be set later. */
void progress_start(struct progress *p, const char *what, const char *unit, double total,
                    double done);
/* `note` (may be NULL) stands at the end of the line, as "loss 0.213". */
void progress_step(struct progress *p, double done, const char *note);
void progress_end(struct progress *p);
double seconds_now(void); /* monotonic */
#endif
