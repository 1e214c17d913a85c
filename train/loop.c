/* loop.c - epochs and steps, the choice of the checkpoint, and the stops: a signal, the
 * clock, a loss that is no number. It computes nothing: the machine does. */
#include "core/die.h"
#include "core/progress.h"
#include "core/rng.h"
#include "core/table.h"
#include "train.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A handler may do nothing but this; the loop looks at it after every step. */
static volatile sig_atomic_t stop;

static void on_signal(int signal) {
    (void)signal;
    stop = 1;
}

void run_catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    static const int signals[] = {SIGTERM, SIGINT, SIGUSR1};
    sigemptyset(&action.sa_mask);
    stop = 0;
    for (int i = 0; i < 3; i++) sigaction(signals[i], &action, NULL);
}

/* ---- stops ---- */

/* Names the pictures of a batch, at most eight: a loss that is no number often has a
 * picture's fault. */
static char *batch_names(const struct run *run, int step) {
    const struct recipe *r = &run->model.recipe;
    int n = run->sets.set[SET_TRAIN].count;
    int *order = xcalloc((size_t)n, sizeof *order),
        *item = xcalloc((size_t)r->batch, sizeof *item);
    int64_t *position = xcalloc((size_t)r->batch, sizeof *position);
    rng_permutation(run->options->seed, STREAM_ORDER, (uint32_t)run->epoch, n, order);
    int count = batch_of(r, order, n, step, item, position);
    char *names = xstrdup("");
    for (int i = 0; i < count && i < 8; i++) {
        int pack = run->sets.item[SET_TRAIN][item[i]];
        char *longer = xprintf("%s%s%s", names, i ? " " : "", quoted(run->pack.name[pack]));
        xfree(names);
        names = longer;
    }
    if (count > 8) names = xprintf("%s and %d more", names, count - 8);
    xfree(order);
    xfree(item);
    xfree(position);
    return names;
}

static _Noreturn void not_finite(const struct run *run, double loss) {
    die_world(
        "%s: step %lld (epoch %d): the loss is %g; its batch: %s; lower lr (now %s) or "
        "look at these pictures; no result was written, the last checkpoint stands",
        cell_name(&run->model.cell), (long long)run->step + 1, run->epoch, loss,
        batch_names(run, run->at), number_text(run->model.recipe.lr));
}

static _Noreturn void interrupted(const struct run *run) {
    if (run->step) resume_write(run);
    die_world("%s: interrupted after step %lld of %lld; run the same command to resume",
              run->options->outdir, (long long)run->step, (long long)run->total);
}

/* ---- validation ---- */

static struct score score_set(const struct run *run, enum set set) {
    size_t n = (size_t)run->sets.set[set].count;
    struct counts *counts = xcalloc(n, sizeof *counts);
    double *loss = xcalloc(n, sizeof *loss);
    run->backend->score(run->machine, set, counts, loss);
    struct score s = score_of(&run->model.recipe, counts, loss, (int)n);
    xfree(loss);
    xfree(counts);
    if (!isfinite(s.loss))
        die_world("%s: epoch %d: the validation loss is %g; lower lr (now %s); nothing was "
                  "written, the last checkpoint stands",
                  cell_name(&run->model.cell), run->epoch, s.loss,
                  number_text(run->model.recipe.lr));
    return s;
}

/* The only use train makes of the validation set is here: to choose which epoch's model is
 * kept, as the paper did. `pick heldout` chooses on pictures that are in neither set. */
static void validate(struct run *run) {
    enum { VAL, LAST, LOSS, HELDOUT };
    int pick = run->model.recipe.pick;
    struct score val = score_set(run, SET_VAL);
    double choice = pick == LAST ? run->epoch : pick == LOSS ? -val.loss : val.dice;
    log_add(&run->log, (struct log_row){LOG_VAL, run->epoch, run->step, 0, val});
    if (pick == HELDOUT) {
        struct score held = score_set(run, SET_PICK);
        log_add(&run->log, (struct log_row){LOG_PICK, run->epoch, run->step, 0, held});
        choice = held.dice;
    }
    if (run->best_epoch && choice <= run->best_choice)
        return; /* the first of equals stays */
    run->best_epoch = run->epoch;
    run->best_choice = choice;
    run->best = val;
    run->backend->keep(run->machine);
}

/* ---- steps ---- */

struct pace {
    struct progress progress;
    double started, saved;
    int chunk; /* steps to ask for at once: about a quarter of a second's */
};

static void show(struct run *run, struct pace *pace, double loss) {
    char note[80];
    int n = snprintf(note, sizeof note, "epoch %d loss %.4f", run->epoch, loss);
    if (run->best_epoch)
        snprintf(note + n, sizeof note - (size_t)n, " best dice %.4f", run->best.dice);
    progress_step(&pace->progress, (double)run->step, note);
}

/* The size of a chunk depends on the clock, what is computed does not. */
static void train_chunk(struct run *run, struct pace *pace, int last) {
    int want = last - run->at < pace->chunk ? last - run->at : pace->chunk;
    long left = run->options->stop_after - (long)run->steps_here;
    if (run->options->stop_after && left < want) want = (int)left;
    double *loss = xcalloc((size_t)want + 1, sizeof *loss), before = seconds_now();
    int done = run->backend->train(run->machine, (uint32_t)run->epoch, run->at,
                                   run->at + want, loss, &stop);
    for (int i = 0; i < done; i++) {
        run->at++;
        run->step++;
        run->steps_here++;
        double lr = rate_of(&run->model.recipe, run->step, 0);
        log_add(&run->log,
                (struct log_row){LOG_TRAIN, run->epoch, run->step, lr, {loss[i], 0, 0}});
    }
    if (done < want && !isfinite(loss[done])) not_finite(run, loss[done]);
    if (done) show(run, pace, loss[done - 1]);
    double each = (seconds_now() - before) / (done ? done : 1);
    pace->chunk = each > .25 ? 1 : each * 1000 < .25 ? 1000 : (int)(.25 / each);
    xfree(loss);
}

static void train_epoch(struct run *run, struct pace *pace) {
    int64_t left = run->total - run->step;
    int last = run->epoch_steps - run->at < left ? run->epoch_steps : run->at + (int)left;
    while (run->at < last) {
        if (stop ||
            (run->options->stop_after && run->steps_here >= run->options->stop_after))
            interrupted(run);
        train_chunk(run, pace, last);
        if (seconds_now() - pace->saved < run->model.recipe.checkpoint_seconds) continue;
        resume_write(run);
        pace->saved = seconds_now();
    }
}

void run_train(struct run *run) {
    enum { REESTIMATE = 2 };
    struct pace pace = {.chunk = 1};
    char *what = xprintf("training %s", cell_name(&run->model.cell));
    if (!resume_read(run) && run->model.recipe.bn == REESTIMATE)
        run->backend->estimate(run->machine);
    pace.started = pace.saved = seconds_now();
    progress_start(&pace.progress, what, "steps", (double)run->total, (double)run->step);
    for (;;) {
        train_epoch(run, &pace);
        validate(run);
        if (run->step >= run->total) break;
        run->epoch++;
        run->at = 0;
    }
    progress_end(&pace.progress);
    record_write(run, seconds_now() - pace.started);
    xfree(what);
}
