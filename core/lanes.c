/* lanes.c - multiply and add, compiled twice: AVX2 multiplies eight 32-bit integers at
 * once, SSE2 has no such instruction. The processor chooses when the program starts.
 * Knows no filters. */
#include "lanes.h"
#include "die.h"
#include <string.h>

/* Static, because clang gives a cloned function another name outside its file. */
#define TWICE static __attribute__((target_clones("avx2", "default")))

enum { LANES = 8, STRIDE = 4 /* samples kept a colour pixel */ };

/* A vector of GCC's; the compiler splits it where the machine's are shorter. */
typedef int wide __attribute__((vector_size(4 * LANES)));

TWICE void widen(const uint8_t *restrict from, size_t n, int *restrict to) {
    for (size_t i = 0; i < n; i++) to[i] = from[i];
}

/* For each i < n: sum[i][l] = sum over k < room with k % LANES == l of
 * sample[first[i] + k] * weight[i][k]. room is a multiple of LANES. */
TWICE void weigh_row(const int *sample, const int *first, const int *weight, size_t room,
                     int n, int (*sum)[LANES]) {
    for (int i = 0; i < n; i++, weight += room) {
        wide total = {0}, s, w;
        for (size_t k = 0; k < room; k += LANES) {
            memcpy(&s, sample + first[i] + k, sizeof s);
            memcpy(&w, weight + k, sizeof w);
            total += s * w;
        }
        memcpy(sum[i], &total, sizeof total);
    }
}

TWICE void add_row_any(const uint8_t *restrict sample, int weight, size_t n,
                       int *restrict sum) {
    for (size_t i = 0; i < n; i++) sum[i] += sample[i] * weight;
}

static uint8_t to_byte(int sum) {
    int x = (sum + (1 << (LANES_BITS - 1))) >> LANES_BITS; /* down below zero too */
    return (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
}

TWICE void sums_to_bytes_any(const int *restrict sum, size_t n, uint8_t *restrict to) {
    for (size_t i = 0; i < n; i++) to[i] = to_byte(sum[i]);
}

TWICE uint8_t least_any(const uint8_t *from, size_t n) {
    uint8_t least = 255;
    for (size_t i = 0; i < n; i++) least = from[i] < least ? from[i] : least;
    return least;
}

TWICE uint8_t greatest_any(const uint8_t *from, size_t n) {
    uint8_t greatest = 0;
    for (size_t i = 0; i < n; i++) greatest = from[i] > greatest ? from[i] : greatest;
    return greatest;
}

TWICE void luma_any(const uint8_t *restrict rgb, size_t n, uint8_t *restrict grey) {
    for (size_t i = 0; i < n; i++, rgb += 3) /* Pillow, Convert.c */
        grey[i] =
            (uint8_t)((19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 0x8000) >> 16);
}

uint8_t least_byte(const uint8_t *from, size_t n) {
    return least_any(from, n);
}

uint8_t greatest_byte(const uint8_t *from, size_t n) {
    return greatest_any(from, n);
}

void luma(const uint8_t *rgb, size_t n, uint8_t *grey) {
    luma_any(rgb, n, grey);
}

void add_row(const uint8_t *sample, int weight, size_t n, int *sum) {
    add_row_any(sample, weight, n, sum);
}

void sums_to_bytes(const int *sum, size_t n, uint8_t *to) {
    sums_to_bytes_any(sum, n, to);
}

/* A row of n pixels with STRIDE samples a colour pixel: four bytes are moved at once, of
 * which the last belongs to the next pixel and meets no lane that counts. */
static void spread_row(const uint8_t *restrict from, int channels, size_t n,
                       uint8_t *restrict to) {
    if (channels == 1) memcpy(to, from, n);
    for (size_t x = 0; x + 1 < n && channels == 3; x++) memcpy(to + 4 * x, from + 3 * x, 4);
    if (channels == 3) memcpy(to + 4 * (n - 1), from + 3 * (n - 1), 3);
}

/* The lanes' sums to n pixels: lane l holds channel l % STRIDE of colour, the rest of
 * grey. */
static void sums_to_pixels(int (*sum)[LANES], int n, int channels, uint8_t *pixel) {
    for (int i = 0; i < n; i++, pixel += channels) {
        if (channels == 3)
            for (int c = 0; c < 3; c++) pixel[c] = to_byte(sum[i][c] + sum[i][c + STRIDE]);
        for (int l = 1; l < LANES && channels == 1; l++) sum[i][0] += sum[i][l];
        if (channels == 1) pixel[0] = to_byte(sum[i][0]);
    }
}

void lanes_across(const struct lanes_pass *p, int channels, const uint8_t *from,
                  uint8_t *to) {
    int stride = channels == 3 ? STRIDE : 1, width = p->width;
    size_t room = ((size_t)(p->room * stride) + LANES - 1) / LANES * LANES;
    int *weight = xcalloc(size_mul((size_t)width, room, "resize"), sizeof *weight);
    int *first = xcalloc((size_t)width, sizeof *first);
    for (int i = 0; i < width; i++) {
        first[i] = p->first[i] * stride;
        for (int k = 0; k < p->room * stride; k++)
            weight[(size_t)i * room + (size_t)k] = p->weight[i * p->room + k / stride];
    }
    /* with a tail, because the last taps may reach past the end, with weight zero */
    size_t row = (size_t)p->in * (size_t)stride;
    uint8_t *spread = xcalloc(row, 1);
    int *sample = xcalloc(row + room, sizeof *sample);
    int(*sum)[LANES] = xcalloc((size_t)width, sizeof *sum);
    for (int y = 0; y < p->rows; y++) {
        spread_row(from + (size_t)y * (size_t)p->in * (size_t)channels, channels,
                   (size_t)p->in, spread);
        widen(spread, row, sample);
        weigh_row(sample, first, weight, room, width, sum);
        sums_to_pixels(sum, width, channels, to + (size_t)y * (size_t)(width * channels));
    }
    xfree(sum);
    xfree(sample);
    xfree(spread);
    xfree(first);
    xfree(weight);
}
