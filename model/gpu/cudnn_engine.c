/* cudnn_engine.c - which of cuDNN's engines may compute, and an engine as a line of text,
 * from which it is made anew; see library_struct.h. It ranks nothing and runs nothing.
 *
 * Compilers at run time are not used: a start must not wait for one. Refused are engines
 * that by cuDNN's own notes give other bits each time, sum in less than float, go through
 * FFT or Winograd's transforms (digits lost; in float its smallest tiles lose none that
 * matter), and in fp32 those on tensor cores, which read 10 bits of mantissa. */
#include "core/die.h"
#include "model/gpu/library_struct.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int exact_enough(const struct library *l, cudnnBackendNumericalNote_t note) {
    int is_float = l->precision != FP16 && l->precision != BF16;
    switch (note) {
    case CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC:
        return !l->deterministic;
    case CUDNN_NUMERICAL_NOTE_WINOGRAD:
        return is_float;
    case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
        return !is_float;
    case CUDNN_NUMERICAL_NOTE_TENSOR_CORE:
        return l->precision != FP32;
    case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION:
    case CUDNN_NUMERICAL_NOTE_FFT:
    case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6:
    case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13:
        return 0;
    default:
        return 1;
    }
}

int engine_allowed(const struct library *l, struct bunch *b, descriptor engine) {
    cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
    cudnnBackendBehaviorNote_t ways[CUDNN_BEHAVIOR_NOTE_TYPE_COUNT];
    int good = 1;
    int64_t n =
        bunch_get(b, engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                  CUDNN_NUMERICAL_NOTE_TYPE_COUNT, notes);
    for (int64_t i = 0; i < n; i++) good &= exact_enough(l, notes[i]);
    n = bunch_get(b, engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE,
                  CUDNN_BEHAVIOR_NOTE_TYPE_COUNT, ways);
    for (int64_t i = 0; i < n; i++)
        good &= ways[i] != CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION;
    return good && b->status == CUDNN_STATUS_SUCCESS;
}

descriptor engine_of(struct bunch *b, descriptor config) {
    descriptor engine = bunch_new(b, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    bunch_get(b, config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
              &engine);
    return engine;
}

void engine_read(struct bunch *b, descriptor config, descriptor engine, struct engine *e) {
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

char *engine_text(const struct engine *e) {
    char *text = xprintf("engine %lld", (long long)e->number);
    for (int i = 0; i < e->knobs; i++) {
        char *longer = xprintf("%s %d=%lld", text, (int)e->knob[i], (long long)e->value[i]);
        xfree(text);
        text = longer;
    }
    return text;
}

int engine_parse(const char *text, struct engine *e) {
    int at = 0, knob;
    long long value;
    memset(e, 0, sizeof *e);
    if (sscanf(text, "engine %lld%n", &value, &at) != 1) return 0;
    for (e->number = value; text[at]; e->knobs++) {
        int more = 0;
        text += at;
        if (e->knobs == KNOBS || sscanf(text, " %d=%lld%n", &knob, &value, &more) != 2)
            return 0;
        at = more;
        e->knob[e->knobs] = (cudnnBackendKnobType_t)knob;
        e->value[e->knobs] = value;
    }
    return 1;
}

descriptor engine_config(const struct library *l, struct bunch *b, descriptor graph,
                         const struct engine *e) {
    descriptor engine = bunch_new(b, CUDNN_BACKEND_ENGINE_DESCRIPTOR), knob[KNOBS];
    bunch_child(b, engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph);
    bunch_integer(b, engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, e->number);
    if (l->properties) bunch_child(b, engine, CUDNN_ATTR_ENGINE_DEVICEPROP, l->properties);
    bunch_finish(b, engine);
    if (!engine_allowed(l, b, engine)) return NULL;
    for (int i = 0; i < e->knobs; i++) {
        knob[i] = bunch_new(b, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
        bunch_set(b, knob[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1,
                  &e->knob[i]);
        bunch_integer(b, knob[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, e->value[i]);
        bunch_finish(b, knob[i]);
    }
    descriptor config = bunch_new(b, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    bunch_child(b, config, CUDNN_ATTR_ENGINECFG_ENGINE, engine);
    if (e->knobs)
        bunch_set(b, config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                  CUDNN_TYPE_BACKEND_DESCRIPTOR, e->knobs, knob);
    bunch_finish(b, config);
    return b->status == CUDNN_STATUS_SUCCESS ? config : NULL;
}
