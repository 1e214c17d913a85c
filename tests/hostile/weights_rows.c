/* weights_rows.c - checkpoints: other formats under the name, members that torch.save never
 * wrote, and values no network has. */
#include "core/die.h"
#include "tests/hostile/hostile.h"
#include "tests/hostile/sets.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "WHERE WHAT": v(ariance) or w(eight); nan, inf, -inf, negative. */
static void value(struct stage *s, const char *arg, enum kind kind) {
    struct honest h;
    honest_draw(s, &h);
    int at = (int)draw(s, arg[0] == 'v' ? 2 : 6), negative = !strcmp(arg + 2, "negative");
    float *x = arg[0] == 'v' ? &h.var[at] : &h.conv[at];
    *x = negative ? -(float)draw_between(s, 1, 999) / 8 : strtof(arg + 2, NULL);
    if (kind == PTH)
        torch_save(&s->hostile, draw_word(s), h.tensor, 2);
    else
        safetensors_save(&s->hostile, h.tensor, 2);
    if (negative)
        snprintf(s->fragment, sizeof s->fragment,
                 "'bn.running_var': variance %d is negative (%g)", at, (double)*x);
    else
        snprintf(s->fragment, sizeof s->fragment, "'%s': value %d is not finite",
                 arg[0] == 'v' ? "bn.running_var" : "conv.weight", at);
}
static void value_pth(struct stage *s, const char *arg) {
    value(s, arg, PTH);
}
static void value_safetensors(struct stage *s, const char *arg) {
    value(s, arg, SAFETENSORS);
}

/* A double that no float holds. */
static void too_large(struct stage *s, const char *arg) {
    (void)arg;
    struct honest h;
    double var[2] = {1, 1e39 + 1e300 * draw(s, 2)};
    honest_draw(s, &h);
    h.tensor[1].type = T_F64;
    h.tensor[1].data = var;
    torch_save(&s->hostile, draw_word(s), h.tensor, 2);
}

/* A checkpoint of one tensor, or of others. */
static void misfit(struct stage *s, const char *arg) {
    struct honest h;
    honest_draw(s, &h);
    struct tensor tensor[3] = {h.tensor[0], h.tensor[1], h.tensor[1]};
    int n = *arg == 'm' ? 1 : *arg == 'u' ? 3 : 2;
    tensor[2].name = draw_word(s);
    if (*arg == 's') tensor[0].dim[0] = 3, tensor[0].dim[1] = 2;
    if (*arg == 'i') tensor[1].type = T_I32;
    torch_save(&s->hostile, draw_word(s), tensor, n);
}

/* "NAME=TEXT": a member besides, or instead, of those of torch.save. */
static void member(struct stage *s, const char *arg) {
    static const char pickle[] = "\x80\2}.";
    char name[64];
    const char *equals = strchr(arg, '='), *top = draw_word(s);
    snprintf(name, sizeof name, "%.*s", (int)(equals - arg), arg);
    int has = !strcmp(name, "byteorder");
    struct stored m[] = {{"data.pkl", pickle, sizeof pickle - 1},
                         {"byteorder", "little", 6},
                         {"version", "3\n", 2},
                         {name, equals + 1, strlen(equals + 1)}};
    if (has) m[1] = m[3];
    torch_zip(&s->hostile, top, m, has ? 3 : 4);
}

static void without(struct stage *s, const char *arg) {
    static const char pickle[] = "\x80\2}.";
    struct stored pkl[] = {{"data.pkl", pickle, sizeof pickle - 1}},
                  version[] = {{"version", "3\n", 2}};
    torch_zip(&s->hostile, draw_word(s), *arg == 'p' ? version : pkl, 1);
}

static void tar(struct stage *s, const char *arg) {
    (void)arg;
    static char block[1024];
    memset(block, 0, sizeof block);
    snprintf(block, 100, "%s", draw_word(s));
    memcpy(block + 257, "ustar", 5);
    bytes_add(&s->hostile, block, sizeof block);
}

static void begins(struct stage *s, const char *arg) {
    put(&s->hostile, arg);
    put(&s->hostile, draw_word(s));
}

static void stacked(struct stage *s, const char *arg) {
    (void)arg;
    bytes_add(&s->hostile, "\200\2\212\12\154\374\234\106\371\40\152\250\120\31.", 15);
    draw_bytes(s, &s->hostile, 50 + draw(s, 100));
}

static void bare(struct stage *s, const char *arg) {
    (void)arg;
    bytes_add(&s->hostile, "\200\2}.", 4);
    draw_bytes(s, &s->hostile, draw(s, 3));
}

#define NO EXIT_NO
static const struct row rows[] = {
    {36, "PyTorch's old form in a tar", PTH, NO, "PyTorch's pre-1.6 format (a tar)", tar,
     NULL},
    {36, "PyTorch's old form, stacked pickles", PTH, NO, "pre-1.6 format (stacked pickles)",
     stacked, NULL},
    {36, "a bare pickle", PTH, NO, "a bare pickle", bare, NULL},
    {36, "TorchScript", PTH, NO, "a TorchScript file", member, "code/a.py=import os"},
    {36, "TorchScript's constants", PTH, NO, "a TorchScript file", member,
     "constants.pkl=x"},
    {39, "a big-endian checkpoint", PTH, NO, "'byteorder' says 'big', wanted 'little'",
     member, "byteorder=big"},
    {39, "a checkpoint in an order nobody knows", PTH, NO, "'byteorder' says '\\x1b[2J'",
     member, "byteorder=\x1b[2J"},
    {0, "a checkpoint with a library in it", PTH, NO, "wanted only what torch.save writes",
     member,
     "evil.so=\x7f"
     "ELF"},
    {0, "a checkpoint with a storage of no number", PTH, NO,
     "wanted only what torch.save writes", member, "data/0x=abc"},
    {0, "a checkpoint without a pickle", PTH, NO, "no member 'data.pkl'", without, "p"},
    {0, "a checkpoint without a version", PTH, NO, "no member 'version'", without, "v"},
    {45, "a checkpoint with a NaN", PTH, NO, "", value_pth, "w nan"},
    {45, "a checkpoint with an infinity", PTH, NO, "", value_pth, "w inf"},
    {45, "a checkpoint with a negative infinity", PTH, NO, "", value_pth, "w -inf"},
    {45, "a checkpoint with a variance that is no number", PTH, NO, "", value_pth, "v nan"},
    {45, "a checkpoint with a negative variance", PTH, NO, "", value_pth, "v negative"},
    {45, "a safetensors file with a NaN", SAFETENSORS, NO, "", value_safetensors, "w nan"},
    {45, "a safetensors file with an infinity", SAFETENSORS, NO, "", value_safetensors,
     "w inf"},
    {45, "a safetensors file with a negative variance", SAFETENSORS, NO, "",
     value_safetensors, "v negative"},
    {45, "a double that is infinite as a float", PTH, NO,
     "is not finite in F32 (stored as F64)", too_large, NULL},
    {0, "a checkpoint that lacks a tensor", PTH, NO,
     "loaded 1 of 2, 1 missing, 0 unexpected", misfit, "m"},
    {0, "a checkpoint with a tensor too many", PTH, NO,
     "loaded 2 of 2, 0 missing, 1 unexpected", misfit, "u"},
    {0, "a checkpoint with a tensor of another shape", PTH, NO, "1 of another shape",
     misfit, "s"},
    {0, "a checkpoint with whole numbers for weights", PTH, NO, "holds I32, wanted F32",
     misfit, "i"},
    {19, "a web page for a checkpoint", PTH, NO, "a web page", begins,
     "<!doctype html><title>Sign in</title>"},
    {19, "a web page after blanks", PTH, NO, "a web page", begins, "\r\n\t <html>"},
    {9, "bytes that a terminal obeys", PTH, NO, "begins with '\\x1b[2J", begins, "\33[2J"},
    {18, "an empty checkpoint", PTH, EXIT_WORLD, "an empty file", put_nothing, NULL},
};
const struct rows weights_rows = {"weights", rows, sizeof rows / sizeof *rows};
