/* cudnn_choose.c - one of cuDNN's plans for an operation: the stored one, made anew, else
 * the best of what the heuristics offer and cudnn_engine.c allows. What cannot be run when
 * it is timed is left out. */
#include "core/die.h"
#include "model/gpu/choose.h"
#include "model/gpu/library_struct.h"
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <string.h>

enum { CONFIGS = 64, CANDIDATES = 10, NAME = OPERATION_NAME + 16 };
static const size_t SCRATCH_LIMIT = (size_t)512 << 20;
static const char NONE[] = "none";

struct candidate {
    struct engine engine;
    struct executable made;
};

struct search {
    struct library *l;
    const struct operation *o;
    descriptor graph;
    struct candidate list[CANDIDATES];
    int count;
    char *why; /* the last refusal */
    size_t why_size;
};

/* ---- plans ---- */

static int64_t scratch_of(struct bunch *b, descriptor plan) {
    int64_t bytes = 0;
    bunch_get(b, plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1,
              &bytes);
    return bytes;
}

static void of_this_device(struct library *l, struct bunch *b, descriptor plan) {
    if (l->cudnn)
        bunch_set(b, plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1,
                  &l->cudnn);
    else
        bunch_child(b, plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, l->properties);
}

/* Finishes the bunch's newest descriptor as a plan; it is the caller's from then on. */
static int finish_plan(struct library *l, struct bunch *b, descriptor plan,
                       struct executable *e) {
    of_this_device(l, b, plan);
    bunch_finish(b, plan);
    e->scratch = (size_t)scratch_of(b, plan);
    e->plan = bunch_keep(b);
    return e->plan != NULL;
}

/* A plan of this configuration, if it is one and not greedy. */
static int make_plan(struct library *l, struct bunch *b, descriptor config,
                     struct executable *e) {
    descriptor plan = bunch_new(b, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    bunch_child(b, plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
    if (!finish_plan(l, b, plan, e)) return 0;
    if (e->scratch <= SCRATCH_LIMIT) return 1;
    executable_free(e);
    return 0;
}

/* The stored engine, asked again whether it may and can compute this operation on this
 * device. */
static int recall(struct library *l, const struct operation *o, const char *text,
                  struct executable *e) {
    struct bunch b = {.count = 0};
    struct engine engine;
    int good = 0;
    if (engine_parse(text, &engine)) {
        descriptor graph = operation_graph(&b, o, l->cudnn);
        descriptor config = graph ? engine_config(l, &b, graph, &engine) : NULL;
        good = config && make_plan(l, &b, config, e);
        e->engine = (int)engine.number;
    }
    bunch_free(&b);
    return good;
}

void executable_free(struct executable *e) {
    if (e->plan) cudnnBackendDestroyDescriptor(e->plan);
    e->plan = NULL;
}

/* Enqueues it; what cuDNN says. */
static cudnnStatus_t execute(struct library *l, const struct executable *e, void *const *at,
                             void *scratch) {
    struct bunch b = {.count = 0};
    int64_t id[AT_COUNT];
    void *memory[AT_COUNT];
    int n = 0;
    for (int i = 1; i < AT_COUNT; i++)
        if (at[i]) id[n] = i, memory[n++] = at[i];
    if (l->stream != l->device->stream) {
        l->stream = l->device->stream;
        cudnnStatus_t failed = cudnnSetStream(l->cudnn, l->stream);
        if (failed) cudnn_died(l, failed, "stream");
    }
    descriptor pack = bunch_new(&b, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    bunch_set(&b, pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, n,
              memory);
    bunch_set(&b, pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, n, id);
    bunch_set(&b, pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1,
              &scratch);
    bunch_finish(&b, pack);
    cudnnStatus_t status =
        b.status ? b.status : cudnnBackendExecute(l->cudnn, e->plan, pack);
    bunch_free(&b);
    return status;
}

void executable_run(struct library *l, const struct executable *e, void *const *at,
                    void *scratch) {
    cudnnStatus_t status = execute(l, e, at, scratch);
    if (status) cudnn_died(l, status, "convolution");
}

/* ---- candidates ---- */

static void consider(struct search *s, descriptor config) {
    struct bunch b = {.count = 0};
    descriptor engine = engine_of(&b, config);
    struct candidate c = {.made = {.seconds = 0}};
    int wanted = engine_allowed(s->l, &b, engine);
    if (wanted) engine_read(&b, config, engine, &c.engine);
    for (int i = 0; i < s->count; i++)
        wanted &= memcmp(&s->list[i].engine, &c.engine, sizeof c.engine) != 0;
    if (wanted) {
        c.made.engine = (int)c.engine.number;
        if (make_plan(s->l, &b, config, &c.made))
            s->list[s->count++] = c;
        else
            snprintf(s->why, s->why_size, "%s",
                     b.status ? b.why : "too much scratch wanted");
    }
    bunch_free(&b);
}

static void ask(struct search *s, cudnnBackendHeurMode_t mode) {
    struct bunch b = {.count = 0};
    descriptor config[CONFIGS];
    descriptor heuristic = bunch_new(&b, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    bunch_child(&b, heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, s->graph);
    bunch_set(&b, heuristic, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    if (s->l->properties)
        bunch_child(&b, heuristic, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, s->l->properties);
    bunch_finish(&b, heuristic);
    int64_t n = bunch_get(&b, heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                          CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, NULL);
    if (n > CONFIGS) n = CONFIGS;
    for (int i = 0; i < n; i++)
        config[i] = bunch_new(&b, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    if (n)
        n = bunch_get(&b, heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                      CUDNN_TYPE_BACKEND_DESCRIPTOR, n, config);
    for (int i = 0; i < n && s->count < CANDIDATES; i++) consider(s, config[i]);
    if (b.status) snprintf(s->why, s->why_size, "%s", b.why);
    bunch_free(&b);
}

/* ---- timing ---- */

struct trial {
    struct library *l;
    const struct executable *e;
    void *at[AT_COUNT];
    void *scratch;
};

static int try(void *arg) {
    struct trial *t = arg;
    cudnnStatus_t status = execute(t->l, t->e, t->at, t->scratch);
    if (status) cudaGetLastError(); /* a refused launch is not remembered */
    return status == CUDNN_STATUS_SUCCESS;
}

struct trials {
    struct search *s;
    struct trial trial;
};

static double seconds_of(void *arg, int i) {
    struct trials *all = arg;
    struct executable *e = &all->s->list[i].made;
    all->trial.e = e;
    return e->seconds = library_time(all->s->l, try, &all->trial);
}

static size_t round_up(size_t n) {
    return (n + 255) / 256 * 256;
}

/* Which is the quickest; -1: none could be run. */
static int time_all(struct search *s) {
    size_t offset[AT_COUNT + 1] = {0}, scratch = 0;
    for (int i = 1; i < AT_COUNT; i++)
        offset[i + 1] = offset[i] + round_up(operation_bytes(s->o, (enum operand)i));
    for (int i = 0; i < s->count; i++)
        if (s->list[i].made.scratch > scratch) scratch = s->list[i].made.scratch;
    char *arena = library_arena(s->l, offset[AT_COUNT] + scratch);
    struct trials all = {.s = s, .trial = {.l = s->l, .scratch = arena + offset[AT_COUNT]}};
    for (int k = 1; k < AT_COUNT; k++)
        if (operation_bytes(s->o, (enum operand)k)) all.trial.at[k] = arena + offset[k];
    return choose_quickest(s->count, seconds_of, &all);
}

/* ---- the door ---- */

static int search(struct search *s, struct executable *e, struct engine *chosen) {
    static const cudnnBackendHeurMode_t modes[] = {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B,
                                                   CUDNN_HEUR_MODE_FALLBACK};
    struct bunch b = {.count = 0};
    s->graph = operation_graph(&b, s->o, s->l->cudnn);
    if (!s->graph) snprintf(s->why, s->why_size, "%s", b.why);
    for (int i = 0; i < 3 && s->graph && s->count < CANDIDATES; i++) ask(s, modes[i]);
    bunch_free(&b);
    int best = s->count ? 0 : -1;
    if (s->l->device && s->count) best = time_all(s);
    for (int i = 0; i < s->count; i++)
        if (i != best) executable_free(&s->list[i].made);
    if (best < 0) {
        if (s->count) snprintf(s->why, s->why_size, "none of %d can be run", s->count);
        return 0;
    }
    *e = s->list[best].made;
    e->candidates = s->count;
    *chosen = s->list[best].engine;
    return 1;
}

int executable_choose(struct library *l, const struct operation *o, struct executable *e,
                      char *why, size_t size) {
    char name[OPERATION_NAME], key[NAME];
    size_t n;
    operation_name(o, name);
    snprintf(key, sizeof key, "%s%s", name, l->deterministic ? "" : " any order");
    *e = (struct executable){.seconds = 0};
    snprintf(why, size, "no engine of cuDNN's that is allowed");
    const char *stored = plan_file_find(l->plans, key, &n);
    if (stored && strcmp(stored, NONE) == 0) return 0;
    if (stored && recall(l, o, stored, e)) return 1;
    if (stored) warn("plan of '%s': not one that may compute it here; chosen anew", key);
    struct search s = {.l = l, .o = o, .why = why, .why_size = size};
    struct engine engine;
    int found = search(&s, e, &engine);
    char *text =
        found ? engine_text(&engine) : xstrdup(NONE); /* asking takes half a second */
    plan_file_add(l->plans, key, text, strlen(text));
    xfree(text);
    return found;
}
