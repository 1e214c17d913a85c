/* cudnn_choose.c - one of cuDNN's plans for an operation: the stored one, else the best of what the heuristics
 * offer and we allow. Compilers at run time are not used: a start must not wait for one.
 *
 * Refused are engines that by cuDNN's own notes give other bits each time, sum in less than float, go
 * through FFT or Winograd's transforms (digits lost; in float its smallest tiles lose none that matter), and
 * in fp32 those on tensor cores, which read 10 bits of mantissa. */
#include "core/die.h"
#include "model/gpu/library_struct.h"
#include <stdio.h>
#include <string.h>

enum { CONFIGS = 64, KNOBS = 48, CANDIDATES = 10, NAME = OPERATION_NAME + 16 };
static const size_t SCRATCH_LIMIT = (size_t)512 << 20;
static const char NONE[] = "none";

/* An engine and how its knobs stand. */
struct engine {
    int64_t number;
    int knobs;
    cudnnBackendKnobType_t knob[KNOBS];
    int64_t value[KNOBS];
};

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

/* ---- what an engine is ---- */

static descriptor engine_of(struct bunch *b, descriptor config) {
    descriptor engine = bunch_new(b, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    bunch_get(b, config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
              &engine);
    return engine;
}

static int allowed(const struct search *s, struct bunch *b, descriptor engine) {
    cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
    cudnnBackendBehaviorNote_t ways[CUDNN_BEHAVIOR_NOTE_TYPE_COUNT];
    enum precision p = s->l->precision;
    int is_float = p != FP16 && p != BF16;
    int64_t n =
        bunch_get(b, engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                  CUDNN_NUMERICAL_NOTE_TYPE_COUNT, notes);
    for (int64_t i = 0; i < n; i++) {
        cudnnBackendNumericalNote_t note = notes[i];
        if ((note == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC && s->l->deterministic) ||
            note == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION ||
            note == CUDNN_NUMERICAL_NOTE_FFT ||
            (note == CUDNN_NUMERICAL_NOTE_WINOGRAD && !is_float) ||
            note == CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6 ||
            note == CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13 ||
            (note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS && is_float) ||
            (note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE && p == FP32))
            return 0;
    }
    n = bunch_get(b, engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE,
                  CUDNN_BEHAVIOR_NOTE_TYPE_COUNT, ways);
    for (int64_t i = 0; i < n; i++)
        if (ways[i] == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) return 0;
    return b->status == CUDNN_STATUS_SUCCESS;
}

static void read_engine(struct bunch *b, descriptor config, descriptor engine,
                        struct engine *e) {
    descriptor knob[KNOBS];
    memset(e, 0, sizeof *e);
    bunch_get(b, engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &e->number);
    for (int i = 0; i < KNOBS; i++)
        knob[i] = bunch_new(b, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
    e->knobs = (int)bunch_get(b, config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                              CUDNN_TYPE_BACKEND_DESCRIPTOR, KNOBS, knob);
    for (int i = 0; i < e->knobs; i++) {
        bunch_get(b, knob[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1,
                  &e->knob[i]);
        bunch_get(b, knob[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, 1,
                  &e->value[i]);
    }
}

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

static int load(struct library *l, const char *json, size_t n, struct executable *e) {
    struct bunch b = {.count = 0};
    const char *number = strstr(json, "\"engineId\":");
    descriptor plan = bunch_new(&b, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    bunch_set(&b, plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
              (int64_t)n, json);
    int good = finish_plan(l, &b, plan, e);
    if (number) sscanf(number, "\"engineId\":%d", &e->engine);
    bunch_free(&b);
    return good;
}

static void store(struct library *l, const char *name, const struct executable *e) {
    struct bunch b = {.count = 0};
    int64_t n = bunch_get(&b, e->plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                          CUDNN_TYPE_CHAR, 0, NULL);
    char *json = xcalloc((size_t)n + 1, 1);
    n = bunch_get(&b, e->plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                  CUDNN_TYPE_CHAR, n, json);
    if (b.status == CUDNN_STATUS_SUCCESS) plan_file_add(l->plans, name, json, (size_t)n);
    xfree(json);
    bunch_free(&b);
}

void executable_free(struct executable *e) {
    if (e->plan) cudnnBackendDestroyDescriptor(e->plan);
    e->plan = NULL;
}

void executable_run(struct library *l, const struct executable *e, void *const *at,
                    void *scratch) {
    struct bunch b = {.count = 0};
    int64_t id[AT_COUNT];
    void *memory[AT_COUNT];
    int n = 0;
    for (int i = 1; i < AT_COUNT; i++)
        if (at[i]) id[n] = i, memory[n++] = at[i];
    if (l->stream != l->device->stream) {
        l->stream = l->device->stream;
        cudnnStatus_t status = cudnnSetStream(l->cudnn, l->stream);
        if (status) cudnn_died(l, status, "stream");
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
    if (status) cudnn_died(l, status, "convolution");
    bunch_free(&b);
}

/* ---- candidates ---- */

static void consider(struct search *s, descriptor config) {
    struct bunch b = {.count = 0};
    descriptor engine = engine_of(&b, config);
    struct candidate c = {.made = {.seconds = 0}};
    int wanted = allowed(s, &b, engine);
    if (wanted) read_engine(&b, config, engine, &c.engine);
    for (int i = 0; i < s->count; i++)
        wanted &= memcmp(&s->list[i].engine, &c.engine, sizeof c.engine) != 0;
    if (wanted) {
        descriptor plan = bunch_new(&b, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
        bunch_child(&b, plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
        c.made.engine = (int)c.engine.number;
        if (!finish_plan(s->l, &b, plan, &c.made))
            snprintf(s->why, s->why_size, "%s", b.why);
        else if (c.made.scratch > SCRATCH_LIMIT)
            executable_free(&c.made);
        else
            s->list[s->count++] = c;
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

static void try(void *arg) {
    struct trial *t = arg;
    executable_run(t->l, t->e, t->at, t->scratch);
}

static size_t round_up(size_t n) {
    return (n + 255) / 256 * 256;
}

static void time_all(struct search *s) {
    size_t offset[AT_COUNT + 1] = {0}, scratch = 0;
    for (int i = 1; i < AT_COUNT; i++)
        offset[i + 1] = offset[i] + round_up(operation_bytes(s->o, (enum operand)i));
    for (int i = 0; i < s->count; i++)
        if (s->list[i].made.scratch > scratch) scratch = s->list[i].made.scratch;
    char *arena = library_arena(s->l, offset[AT_COUNT] + scratch);
    for (int i = 0; i < s->count; i++) {
        struct trial t = {.l = s->l, .e = &s->list[i].made};
        for (int k = 1; k < AT_COUNT; k++)
            if (operation_bytes(s->o, (enum operand)k)) t.at[k] = arena + offset[k];
        t.scratch = arena + offset[AT_COUNT];
        s->list[i].made.seconds = library_time(s->l, try, &t);
    }
}

/* ---- the door ---- */

static int search(struct search *s, struct executable *e) {
    static const cudnnBackendHeurMode_t modes[] = {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B,
                                                   CUDNN_HEUR_MODE_FALLBACK};
    struct bunch b = {.count = 0};
    s->graph = operation_graph(&b, s->o);
    if (!s->graph) snprintf(s->why, s->why_size, "%s", b.why);
    for (int i = 0; i < 3 && s->graph && s->count < CANDIDATES; i++) ask(s, modes[i]);
    bunch_free(&b);
    int best = 0;
    if (s->l->device && s->count > 1) time_all(s);
    for (int i = 1; i < s->count; i++)
        if (s->list[i].made.seconds < s->list[best].made.seconds) best = i;
    for (int i = 0; i < s->count; i++)
        if (i != best) executable_free(&s->list[i].made);
    if (s->count == 0) return 0;
    *e = s->list[best].made;
    e->candidates = s->count;
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
    const char *json = plan_file_find(l->plans, key, &n);
    if (json && strcmp(json, NONE) == 0) return 0;
    if (json && load(l, json, n, e)) return 1;
    if (json) warn("plan of '%s': not one that this cuDNN takes; chosen anew", key);
    struct search s = {.l = l, .o = o, .why = why, .why_size = size};
    int found = search(&s, e);
    if (found)
        store(l, key, e);
    else
        plan_file_add(l->plans, key, NONE, strlen(NONE)); /* asking takes half a second */
    return found;
}
