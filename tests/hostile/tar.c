/* tar.c - writes blocks of 512 bytes; judges nothing. */
#include "tests/hostile/tar.h"
#include "core/die.h"
#include <stdio.h>
#include <string.h>

enum { BLOCK = 512 };

static void pad(struct bytes *b) {
    while (b->n % BLOCK) bytes_add(b, "", 1);
}

void tar_put(struct bytes *b, const struct tarred *t) {
    char head[BLOCK + 1] = {0}, text[24];
    unsigned sum = 0;
    memcpy(head, t->name, strlen(t->name) < 100 ? strlen(t->name) : 100);
    snprintf(head + 100, 8, "%07o", (t->mode ? t->mode : 0644) & 07777);
    snprintf(head + 108, 8, "%07o", 0);
    snprintf(head + 116, 8, "%07o", 0);
    snprintf(text, sizeof text, "%011zo", t->n);
    memcpy(head + 124, t->size ? t->size : text, 12);
    snprintf(head + 136, 12, "%011o", 0);
    memset(head + 148, ' ', 8);
    head[156] = t->type ? t->type : '0';
    if (t->link) memcpy(head + 157, t->link, strlen(t->link));
    memcpy(head + 257,
           "ustar\0"
           "00",
           8);
    for (int i = 0; i < BLOCK; i++) sum += (unsigned char)head[i];
    snprintf(head + 148, 8, "%06o", sum);
    bytes_add(b, head, BLOCK);
    if (t->n) bytes_add(b, t->data, t->n);
    pad(b);
}

void tar_end(struct bytes *b) {
    for (int i = 0; i < 2 * BLOCK; i++) bytes_add(b, "", 1);
}

void tar_pax(struct bytes *b, const char *key, const char *value) {
    size_t n = strlen(key) + strlen(value) + 3, all = n + 1;
    char length[24];
    while ((size_t)snprintf(length, sizeof length, "%zu", all) + n != all)
        all = n + (size_t)snprintf(length, sizeof length, "%zu", all);
    char *record = xprintf("%s %s=%s\n", length, key, value);
    tar_put(b, &(struct tarred){.name = "pax", .type = 'x', .data = record, .n = all});
    xfree(record);
}
