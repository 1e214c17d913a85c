/* cell.c - reads and writes the name of a cell; refuses encoders nobody built. */
#include "cell.h"
#include "die.h"
#include <stdio.h>
#include <string.h>

static const char *const encoders[] = {"resnet50", "vits", "vitt"};

static _Noreturn void refuse(const char *text) {
    die_usage(
        "%s: not a cell, wanted ENCODER-PRETRAINING-DATASET with encoder resnet50, vits or "
        "vitt and small letters and digits, as resnet50-imagenet-kvasir",
        quoted(text));
}

/* One part of [a-z0-9]+ ended by `end`; returns what follows the part. */
static const char *part(const char *text, const char *at, char end, char out[32]) {
    size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789");
    if (n == 0 || n > 31 || at[n] != end) refuse(text);
    memcpy(out, at, n);
    out[n] = 0;
    return at + n + (end != 0);
}

void cell_parse(struct cell *cell, const char *text) {
    const char *at = part(text, text, '-', cell->encoder);
    at = part(text, at, '-', cell->pretrain);
    part(text, at, 0, cell->data);
    for (size_t i = 0; i < sizeof encoders / sizeof *encoders; i++)
        if (!strcmp(cell->encoder, encoders[i])) return;
    refuse(text);
}

const char *cell_name(const struct cell *cell) {
    static _Thread_local char buffer[8][sizeof(struct cell) + 2];
    static _Thread_local int turn;
    char *out = buffer[turn++ % 8];
    snprintf(out, sizeof buffer[0], "%s-%s-%s", cell->encoder, cell->pretrain, cell->data);
    return out;
}
