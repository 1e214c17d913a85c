/* cell.h - a cell of Table 1 is a name: "encoder-pretraining-dataset". */
#ifndef CORE_CELL_H
#define CORE_CELL_H

struct cell {
    char encoder[32];  /* resnet50 vits vitt */
    char pretrain[32]; /* random imagenet radimagenet histo, or a user's own */
    char data[32];     /* cvc kvasir sun, or a user's own */
};
/* Three parts of [a-z0-9]+, known encoder; die_usage naming the text, the wanted form and
 * an example. */
void cell_parse(struct cell *cell, const char *text);
const char *cell_name(const struct cell *cell); /* one of eight static buffers in turn */
#endif
