/* cudnn.c - convolutions by cuDNN's plans; see library.h. The plan of a shape is made once
 * and lives as long as the library; adding to what is there (CONV_DX with sum) is a plan of
 * its own beside it. */
#include "core/die.h"
#include "model/gpu/library_struct.h"
#include <stdio.h>
#include <string.h>

struct convolution_plan {
    struct convolution_plan *next;
    struct operation operation;
    struct executable plain, adding;
    int exists, adds; /* 0: cuDNN has none */
    char about[96];
};

/* Where no plan adds, the result goes to scratch first and cuDNN adds it to what is
 * there. */
static size_t detour(const struct convolution_plan *p) {
    if (p->operation.part != CONV_DX || p->adds) return 0;
    return (operation_bytes(&p->operation, AT_DX) + 255) / 256 * 256;
}

static void describe(struct convolution_plan *p) {
    const struct executable *e = &p->plain;
    int at = snprintf(p->about, sizeof p->about, "engine %d", e->engine);
    if (e->candidates)
        at +=
            snprintf(p->about + at, sizeof p->about - (size_t)at, ", of %d", e->candidates);
    if (e->seconds > 0)
        snprintf(p->about + at, sizeof p->about - (size_t)at, " in %.1f us",
                 1e6 * e->seconds);
}

static int same(const struct operation *a, const struct operation *b) {
    return a->part == b->part && memcmp(&a->shape, &b->shape, sizeof a->shape) == 0;
}

const struct convolution_plan *library_convolution(struct library *l,
                                                   const struct convolution_shape *s,
                                                   enum convolution_part part) {
    struct operation o = {.part = part, .shape = *s, .precision = l->precision};
    char why[320];
    for (struct convolution_plan *p = l->convolution; p; p = p->next)
        if (same(&p->operation, &o)) return p->exists ? p : NULL;
    struct convolution_plan *p = xcalloc(1, sizeof *p);
    p->operation = o;
    p->next = l->convolution;
    l->convolution = p;
    /* cuDNN's fused engines are fp16's, of Ampere to Hopper. */
    if (part <= CONV_DW ||
        (l->precision == FP16 && l->capability >= 80 && l->capability <= 90))
        p->exists = executable_choose(l, &o, &p->plain, why, sizeof why);
    if (!p->exists && part <= CONV_DW) {
        char name[OPERATION_NAME];
        operation_name(&o, name);
        die_world("%s: no plan on %s: %s; another precision may have one", name, l->about,
                  why);
    }
    if (part == CONV_DX) {
        o.sum = 1;
        p->adds = executable_choose(l, &o, &p->adding, why, sizeof why);
    }
    describe(p);
    return p->exists ? p : NULL;
}

size_t convolution_scratch(const struct convolution_plan *p) {
    size_t plain = p->plain.scratch + detour(p);
    size_t adding = p->adds ? p->adding.scratch : 0;
    return plain > adding ? plain : adding;
}

const char *convolution_about(const struct convolution_plan *p) {
    return p->about;
}

/* out += more, both of dx's form. */
static void add(struct library *l, const struct convolution_plan *p, const void *more,
                void *out) {
    const struct convolution_shape *s = &p->operation.shape;
    cudnnTensorDescriptor_t form;
    cudnnDataType_t type = l->precision == FP16   ? CUDNN_DATA_HALF
                           : l->precision == BF16 ? CUDNN_DATA_BFLOAT16
                                                  : CUDNN_DATA_FLOAT;
    float one = 1;
    cudnnStatus_t status = cudnnCreateTensorDescriptor(&form);
    if (!status)
        status = cudnnSetTensor4dDescriptor(form, CUDNN_TENSOR_NHWC, type, s->N, s->C, s->H,
                                            s->W);
    if (!status) status = cudnnAddTensor(l->cudnn, &one, form, more, &one, form, out);
    if (status) cudnn_died(l, status, "addition");
    cudnnDestroyTensorDescriptor(form);
}

void convolution_run(struct library *l, const struct convolution_plan *p, const void *a,
                     const void *b, void *out, int sum, void *scratch) {
    void *at[AT_COUNT] = {NULL};
    char *temporary = scratch;
    enum convolution_part part = p->operation.part;
    at[part == CONV_Y ? AT_X : AT_DY] = (void *)a;
    at[part == CONV_DW ? AT_X : AT_W] = (void *)b;
    enum operand result = part == CONV_Y ? AT_Y : part == CONV_DX ? AT_DX : AT_DW;
    if (!sum || p->adds) {
        at[result] = out;
        executable_run(l, sum ? &p->adding : &p->plain, at, temporary + detour(p));
        return;
    }
    at[result] = temporary;
    executable_run(l, &p->plain, at, temporary + detour(p));
    add(l, p, temporary, out);
}

void convolution_run_fused(struct library *l, const struct convolution_plan *p,
                           const struct convolution_memory *m, void *scratch) {
    const struct {
        enum operand which;
        const void *memory;
    } all[] = {{AT_X, m->x},
               {AT_W, m->w},
               {AT_DY, m->dy},
               {AT_SCALE, m->scale},
               {AT_BIAS, m->bias},
               {AT_Y, m->y},
               {AT_DX, m->dx},
               {AT_DW, m->dw},
               {AT_MEAN, m->mean},
               {AT_INVSTD, m->invstd},
               {AT_GAMMA, m->gamma},
               {AT_BETA, m->beta},
               {AT_SUM, m->sum},
               {AT_SQUARES, m->squares},
               {AT_DGAMMA, m->dgamma},
               {AT_DBETA, m->dbeta},
               {AT_EQ_DY, m->eq_dy},
               {AT_EQ_X, m->eq_x},
               {AT_EQ_BIAS, m->eq_bias}};
    void *at[AT_COUNT] = {NULL};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        at[all[i].which] = (void *)all[i].memory;
    executable_run(l, &p->plain, at, scratch);
}

void convolutions_count(const struct library *l, int *chosen, int *recalled) {
    for (const struct convolution_plan *p = l->convolution; p; p = p->next) {
        if (p->exists) ++*(p->plain.candidates ? chosen : recalled);
        if (p->adds) ++*(p->adding.candidates ? chosen : recalled);
    }
}

void convolutions_free(struct library *l) {
    while (l->convolution) {
        struct convolution_plan *p = l->convolution;
        l->convolution = p->next;
        executable_free(&p->plain);
        executable_free(&p->adding);
        xfree(p);
    }
}
