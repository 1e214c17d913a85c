/* train.c - the program behind train's options: is there anything to do, then do it. */
#include "core/die.h"
#include "train.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static void write_initial(struct run *run) {
    char *seed = xprintf("%llu", (unsigned long long)run->options->seed);
    const char *extra[] = {"seed", seed, "epoch", "0", NULL};
    model_save(&run->model, run->backend, run->machine, run->options->init_only, extra);
    xfree(seed);
}

/* 1: OUTDIR holds this very run. Another run's is said, and trained over: whether that is
 * wanted, the caller (Make) decided by calling. */
static int stands(const struct run *run) {
    const char *dir = run->options->outdir;
    char *path = file_join(dir, "run.tsv"), *found = NULL;
    int same = 0;
    if (file_exists(path)) {
        char *key = identity_differs(run, path, &found);
        same = key == NULL;
        if (key)
            warn("%s: made with another %s (%s); training again over it", path, key, found);
        else
            warn("%s: this very run stands already; nothing to do (delete it to train "
                 "again)",
                 path);
        xfree(key);
        xfree(found);
    }
    /* Make asked because of a time. Contents have answered; a new time keeps it from asking
     * again. */
    if (same && utimensat(AT_FDCWD, path, NULL, 0))
        warn("%s: its time cannot be set; make will ask again", path);
    xfree(path);
    if (same) { /* killed between writing run.tsv and removing the checkpoint */
        char *resume = file_join(dir, "resume.bag");
        file_remove(resume);
        xfree(resume);
    }
    return same;
}

void train(const struct options *options) {
    struct run run;
    run_open(&run, options);
    if (options->init_only || !stands(&run)) {
        run_start(&run);
        if (options->init_only)
            write_initial(&run);
        else
            run_train(&run);
    }
    run_close(&run);
}
