/* lanes_rgb.c - the pass across for colour pictures: splits the weights once, then hands a
 * few rows at a time to the fastest way there is. Knows no filters. */
#include "lanes_rgb.h"
#include "die.h"
#include <string.h>

/* As many quads as the pixel with the most taps needs: often fewer than there is room for,
 * and as many for all, for a loop of one length is a loop without surprises. */
static int count_quads(const struct lanes_pass *p) {
    int taps = 1;
    for (int i = 0; i < p->width * p->room; i++)
        if (p->weight[i] && i % p->room >= taps) taps = i % p->room + 1;
    return (taps + RGB_TAPS - 1) / RGB_TAPS;
}

static uint8_t *split_all(const struct rgb_way *way, const struct lanes_pass *p,
                          int quads) {
    size_t all = size_mul((size_t)p->width, (size_t)quads, "resize");
    uint8_t *split = xaligned(size_mul(all, way->bytes, "resize")), *to = split;
    for (int i = 0; i < p->width; i++)
        for (int q = 0; q < quads; q++, to += way->bytes) {
            int weight[RGB_TAPS] = {0};
            for (int k = 0; k < RGB_TAPS && RGB_TAPS * q + k < p->room; k++)
                weight[k] = p->weight[i * p->room + RGB_TAPS * q + k];
            way->split(weight, to);
        }
    return split;
}

/* Rows as many as are a multiple of RGB_ROWS. */
static void step(const struct rgb_way *way, struct rgb_rows *r, size_t rows) {
    for (size_t y = 0; y < rows; y += RGB_ROWS) {
        way->rows(r);
        r->from += RGB_ROWS * 3 * (size_t)r->pass->in;
        r->to += RGB_ROWS * 3 * (size_t)r->pass->width;
    }
}

/* The last rows are done aside, where what lies behind them is ours and none is missing. */
void rgb_across(const struct rgb_way *way, const struct lanes_pass *p, const uint8_t *from,
                uint8_t *to) {
    size_t row = 3 * (size_t)p->in, out = 3 * (size_t)p->width, rows = (size_t)p->rows;
    int quads = count_quads(p);
    size_t behind = 3 * RGB_TAPS * (size_t)quads + 4; /* read behind a row's end */
    size_t aside = behind / row + 1 < rows ? behind / row + 1 : rows;
    aside += (rows - aside) % RGB_ROWS;
    size_t full = (aside + RGB_ROWS - 1) / RGB_ROWS * RGB_ROWS;
    uint8_t *weight = split_all(way, p, quads);
    uint8_t *last = xcalloc(size_add(full * row, behind, "resize"), 1);
    uint8_t *end = xmalloc(full * out);
    memcpy(last, from + (rows - aside) * row, aside * row);
    step(way, &(struct rgb_rows){p, quads, weight, from, to}, rows - aside);
    step(way, &(struct rgb_rows){p, quads, weight, last, end}, full);
    memcpy(to + (rows - aside) * out, end, aside * out);
    xfree(end);
    xfree(last);
    xfree(weight);
}

int lanes_across_rgb(const struct lanes_pass *p, const uint8_t *from, uint8_t *to) {
    const struct rgb_way *way = rgb_vnni.here() ? &rgb_vnni : &rgb_avx2;
    if (!way->here()) return 0;
    rgb_across(way, p, from, to);
    return 1;
}
