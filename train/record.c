/* record.c - what a run leaves behind: log.tsv, model.bag, host.tsv and, last, run.tsv.
 *
 * run.tsv holds only what must be the same when the run is repeated; whatever may differ
 * (time, device, threads) goes to host.tsv. It computes one statistic, the validation score
 * that chooses the checkpoint; nothing in a table comes from here. */
#include "core/die.h"
#include "core/progress.h"
#include "core/table.h"
#include "train.h"
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* sha256 over the sources of core, model and train, given by the Makefile. */
#ifndef SOURCES_SHA256
#define SOURCES_SHA256 "unknown"
#endif

/* ---- the log ---- */

void log_add(struct log *log, struct log_row row) {
    if (log->rows == log->room) {
        log->room = log->room ? 2 * log->room : 1024;
        log->row = xrealloc(log->row, log->room, sizeof *log->row);
    }
    log->row[log->rows++] = row;
}

void log_write(const struct log *log, const char *path) {
    static const char *const kinds[] = {"train", "val", "pick"};
    struct out *out = out_open(path);
    out_printf(out, "kind\tepoch\tstep\tloss\tlr\tdice\tiou\n");
    for (size_t i = 0; i < log->rows; i++) {
        const struct log_row *row = &log->row[i];
        int train = row->kind == LOG_TRAIN;
        out_printf(out, "%s\t%d\t%lld\t%s\t%s\t%s\t%s\n", kinds[row->kind], row->epoch,
                   (long long)row->step, number_text(row->score.loss),
                   train ? number_text(row->lr) : "na",
                   train ? "na" : number_text(row->score.dice),
                   train ? "na" : number_text(row->score.iou));
    }
    out_commit(out);
}

struct score score_of(const struct recipe *recipe, const struct counts *c,
                      const double *loss, int n) {
    struct score s = {0, 0, 0};
    struct counts sum = {0, 0, 0};
    for (int i = 0; i < n; i++) {
        s.loss += loss[i];
        s.dice += dice(c[i]);
        s.iou += iou(c[i]);
        sum.inter += c[i].inter;
        sum.pred += c[i].pred;
        sum.truth += c[i].truth;
    }
    s.loss /= n;
    s.dice = recipe->metric ? dice(sum) : s.dice / n;
    s.iou = recipe->metric ? iou(sum) : s.iou / n;
    return s;
}

/* ---- which run this is ---- */

static void add(struct run *run, const char *key, char *value) {
    run->identity[run->identities++] = (struct key){xstrdup(key), value};
}

static char *join(char **text, int n) {
    char *all = xstrdup(n ? "" : "none");
    for (int i = 0; i < n; i++) {
        char *longer = xprintf("%s%s%s", all, i ? " " : "", quoted(text[i]));
        xfree(all);
        all = longer;
    }
    return all;
}

char *machine_key(const char *device, int any_order) {
    int n = (int)strcspn(device, ":"), gpu = n == 3 && memcmp(device, "gpu", 3) == 0;
    return xprintf("%.*s%s", n, device, gpu && any_order ? ", any order" : "");
}

void identity_fill(struct run *run) {
    static const char *const precisions[] = {"fp32", "fp16", "bf16", "tf32"};
    const struct options *o = run->options;
    char hex[65], *text = recipe_text(&run->model.recipe);
    add(run, "cell", xstrdup(cell_name(&run->model.cell)));
    add(run, "seed", xprintf("%llu", (unsigned long long)o->seed));
    add(run, "overrides", join(o->overrides, o->override_count));
    sha_bytes(text, strlen(text), hex);
    add(run, "recipe", xstrdup(hex));
    sha_file(o->pack, hex);
    add(run, "pack", xstrdup(hex));
    add(run, "split", xstrdup(run->split.sha256));
    if (!strcmp(o->weights, "none"))
        strcpy(hex, "none");
    else
        sha_file(o->weights, hex);
    add(run, "weights", xstrdup(hex));
    add(run, "sources", xstrdup(SOURCES_SHA256));
    add(run, "machine", machine_key(o->device, o->any_order));
    add(run, "plans", xstrdup("auto")); /* the machine's to say */
    add(run, "precision", xstrdup(precisions[run->model.recipe.precision]));
    add(run, "fusions_off", xstrdup(o->fusions_off ? quoted(o->fusions_off) : "none"));
    xfree(text);
}

/* Sources are left out: a new program is no reason to train again (`make stale` lists such
 * runs). The machine counts only where one was asked for; the plans it chose never do, they
 * are not known before it chooses. */
char *identity_differs(const struct run *run, const char *path, char **found) {
    struct table t;
    table_read(&t, path);
    int key = table_need(&t, "key"), value = table_need(&t, "value");
    char *differs = NULL;
    for (int i = 0; i < run->identities && !differs; i++) {
        const struct key *want = &run->identity[i];
        if (!strcmp(want->key, "sources") || !strcmp(want->value, "auto")) continue;
        const char *has = "nothing";
        for (int row = 0; row < t.rows; row++)
            if (!strcmp(table_get(&t, row, key), want->key))
                has = table_get(&t, row, value);
        if (!strcmp(has, want->value)) continue;
        differs = xstrdup(want->key);
        *found = xstrdup(quoted(has));
    }
    table_free(&t);
    return differs;
}

/* ---- the files ---- */

static void put_key(struct out *out, const char *key, const char *value) {
    out_printf(out, "%s\t%s\n", key, value);
}

static void put_count(struct out *out, const char *key, int64_t value) {
    out_printf(out, "%s\t%lld\n", key, (long long)value);
}

static void put_score(struct out *out, const char *which, struct score score) {
    out_printf(out, "%s_dice\t%s\n", which, number_text(score.dice));
    out_printf(out, "%s_iou\t%s\n", which, number_text(score.iou));
    out_printf(out, "%s_loss\t%s\n", which, number_text(score.loss));
}

static struct score last_score(const struct log *log) {
    for (size_t i = log->rows; i-- > 0;)
        if (log->row[i].kind == LOG_VAL) return log->row[i].score;
    return (struct score){0, 0, 0};
}

static void write_run(const struct run *run, const char *path) {
    struct out *out = out_open(path);
    out_printf(out, "key\tvalue\n");
    for (int i = 0; i < run->identities; i++)
        put_key(out, run->identity[i].key, run->identity[i].value);
    put_key(out, "loaded", run->loaded);
    put_count(out, "side", run->model.side);
    put_count(out, "parameters", (int64_t)run->model.graph->weights);
    put_count(out, "train", run->sets.set[SET_TRAIN].count);
    put_count(out, "val", run->sets.set[SET_VAL].count);
    put_count(out, "pick", run->sets.set[SET_PICK].count);
    put_count(out, "epoch_steps", run->epoch_steps);
    put_count(out, "steps", run->step);
    put_count(out, "epochs", run->epoch);
    put_count(out, "best_epoch", run->best_epoch);
    put_score(out, "best", run->best);
    put_score(out, "last", last_score(&run->log));
    out_commit(out);
}

static void write_host(const struct run *run, const char *path, double seconds) {
    struct rusage usage;
    char date[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    getrusage(RUSAGE_SELF, &usage);
    double pictures = (double)run->steps_here * run->model.recipe.batch;
    struct out *out = out_open(path);
    out_printf(out, "key\tvalue\n");
    put_key(out, "device", run->backend->describe(run->machine));
    put_count(out, "threads", run->options->threads);
    out_printf(out, "seconds\t%.3f\n", seconds);
    put_count(out, "steps_here", run->steps_here); /* fewer than steps after a resume */
    out_printf(out, "pictures_per_second\t%.2f\n", seconds > 0 ? pictures / seconds : 0);
    put_count(out, "machine_bytes", (int64_t)run->backend->memory(run->machine));
    put_count(out, "peak_rss_kb", usage.ru_maxrss);
    put_key(out, "date", date);
    out_commit(out);
}

/* How pictures were brought to the network's size, for predict: the pack's conf says it. */
static char *pack_resize(const struct pack *pack) {
    const char *conf = bag_meta(&pack->bag, "conf"), *word = NULL;
    struct pairs pairs;
    if (!conf) return xstrdup("bilinear");
    pairs_parse(&pairs, conf, strlen(conf), pack->bag.map.path);
    word = pairs_get(&pairs, "resize");
    char *copy = xstrdup(word ? word : "bilinear");
    pairs_free(&pairs);
    return copy;
}

static void write_model(const struct run *run, const char *path) {
    char *epoch = xprintf("%d", run->best_epoch), *resize = pack_resize(&run->pack);
    char *seed = xprintf("%llu", (unsigned long long)run->options->seed);
    const char *extra[] = {"seed", seed, "epoch", epoch, "resize", resize, NULL};
    model_save(&run->model, run->backend, run->machine, path, extra);
    xfree(resize);
    xfree(seed);
    xfree(epoch);
}

void record_write(struct run *run, double seconds) {
    const char *dir = run->options->outdir;
    char *log = file_join(dir, "log.tsv"), *model = file_join(dir, "model.bag"),
         *host = file_join(dir, "host.tsv"), *last = file_join(dir, "run.tsv"),
         *resume = file_join(dir, "resume.bag");
    file_remove(last); /* an older run's: it must not stand beside a new model */
    log_write(&run->log, log);
    run->backend->exchange(run->machine);
    write_model(run, model);
    write_host(run, host, seconds);
    write_run(run, last);
    file_remove(resume);
    xfree(log);
    xfree(model);
    xfree(host);
    xfree(last);
    xfree(resume);
}
