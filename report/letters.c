/* letters.c - a stroke font and its pen. Not a text system: one line, left to right, one
 * weight.
 *
 * A letter is its width and its strokes. A stroke is a row of points, each a sign for x
 * ('0' = 0, '1' = 1 ... ':' = 10) and one for y ('a' = 0, the capitals' top; 'e' the small
 * letters' top; 'm' = 12, the baseline; 'q' the depth of g and p). Strokes are parted by
 * blanks. */
#include "report/letters.h"
#include <math.h>
#include <string.h>

enum { CAPITAL = 12, GAP = 3, BLANK = 5 };

static const struct letter {
    char sign;
    int width;
    const char *strokes;
} letters[] = {
    {'A', 8, "0m4a8m 1j7j"},
    {'B', 7, "0a0m 0a4a6b6e4f0f 4f6g7h7k6l4m0m"},
    {'C', 7, "7c5a3a1c0e0i1k3m5m7k"},
    {'D', 7, "0a0m 0a4a6c7e7i6k4m0m"},
    {'E', 6, "6a0a0m6m 0f5f"},
    {'F', 6, "6a0a0m 0f5f"},
    {'G', 7, "7c5a3a1c0e0i1k3m5m7k7g4g"},
    {'H', 7, "0a0m 7a7m 0f7f"},
    {'I', 2, "1a1m"},
    {'J', 5, "5a5j4l3m2m0k"},
    {'K', 7, "0a0m 7a0h 3e7m"},
    {'L', 6, "0a0m6m"},
    {'M', 8, "0m0a4j8a8m"},
    {'N', 7, "0m0a7m7a"},
    {'O', 8, "3a5a7c8e8i7k5m3m1k0i0e1c3a"},
    {'P', 7, "0m0a4a6b7d6f4g0g"},
    {'Q', 8, "3a5a7c8e8i7k5m3m1k0i0e1c3a 5j8m"},
    {'R', 7, "0m0a4a6b7d6f4g0g 3g7m"},
    {'S', 6, "6c4a2a0c0d2f4g6i6k4m2m0k"},
    {'T', 8, "0a8a 4a4m"},
    {'U', 7, "0a0j1l3m4m6l7j7a"},
    {'V', 8, "0a4m8a"},
    {'W', 10, "0a2m5c8m:a"},
    {'X', 7, "0a7m 7a0m"},
    {'Y', 8, "0a4g8a 4g4m"},
    {'Z', 7, "0a7a0m7m"},
    {'a', 6, "6g4e2e0g0k2m4m6k 6e6m"},
    {'b', 6, "0a0m 0g2e4e6g6k4m2m0k"},
    {'c', 6, "6g4e2e0g0k2m4m6k"},
    {'d', 6, "6a6m 6g4e2e0g0k2m4m6k"},
    {'e', 6, "0i6i6g4e2e0g0k2m4m6k"},
    {'f', 4, "4a3a2c2m 0e4e"},
    {'g', 6, "6g4e2e0g0k2m4m6k 6e6o4q2q0p"},
    {'h', 6, "0a0m 0g2e4e6g6m"},
    {'i', 2, "1e1m 1a1b"},
    {'j', 3, "2e2o1q0q 2a2b"},
    {'k', 6, "0a0m 6e0j 2h6m"},
    {'l', 2, "1a1m"},
    {'m', 10, "0e0m 0g2e3e5g5m 5g7e8e:g:m"},
    {'n', 6, "0e0m 0g2e4e6g6m"},
    {'o', 6, "2e4e6g6k4m2m0k0g2e"},
    {'p', 6, "0e0q 0g2e4e6g6k4m2m0k"},
    {'q', 6, "6e6q 6g4e2e0g0k2m4m6k"},
    {'r', 4, "0e0m 0g2e4e"},
    {'s', 5, "5f4e1e0f0h1i4i5j5l4m1m0l"},
    {'t', 4, "2b2k3m4m 0e4e"},
    {'u', 6, "0e0k2m4m6k 6e6m"},
    {'v', 6, "0e3m6e"},
    {'w', 8, "0e2m4g6m8e"},
    {'x', 6, "0e6m 6e0m"},
    {'y', 6, "0e3m 6e3m2p0q"},
    {'z', 5, "0e5e0m5m"},
    {'0', 6, "2a4a6c6k4m2m0k0c2a"},
    {'1', 6, "1c3a3m"},
    {'2', 6, "0c2a4a6c6e0m6m"},
    {'3', 6, "0b2a4a6c6d4f2f 4f6h6k4m2m0l"},
    {'4', 6, "5m5a0i6i"},
    {'5', 6, "6a1a0f2e4e6g6k4m2m0l"},
    {'6', 6, "5b4a2a0c0k2m4m6k6h4f2f0h"},
    {'7', 6, "0a6a2m"},
    {'8', 6, "2a4a6c6d4f2f0d0c2a 2f0h0k2m4m6k6h4f"},
    {'9', 6, "6e4g2g0e0c2a4a6c6k4m2m1l"},
    {'.', 2, "1l1m"},
    {',', 2, "1l1m0o"},
    {':', 2, "1e1f 1l1m"},
    {'-', 5, "0h4h"},
    {'_', 6, "0n6n"},
    {'/', 5, "5a0o"},
    {'(', 3, "3a1d1k3n"},
    {')', 3, "0a2d2k0n"},
    {'+', 6, "0h6h 3e3k"},
    {'=', 6, "0f6f 0j6j"},
    {'%', 8, "8a0m 1a2a3b3d2e1e0d0b1a 6i7i8j8l7m6m5l5j6i"},
};
static const struct letter box = {0, 6, "0a6a6m0m0a"};

static const struct letter *find(char sign) {
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (letters[i].sign == sign) return &letters[i];
    return &box;
}

static int advance(char sign) {
    return sign == ' ' ? BLANK : find(sign)->width + GAP;
}

int letters_width(const char *text, double height) {
    int units = 0;
    for (; *text; text++) units += advance(*text);
    return (int)ceil(units * height / CAPITAL);
}

/* Distance of (x, y) from the segment a-b. */
static double distance(double x, double y, const double a[2], const double b[2]) {
    double u = b[0] - a[0], v = b[1] - a[1], length = u * u + v * v;
    double t = length > 0 ? ((x - a[0]) * u + (y - a[1]) * v) / length : 0;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    double p = x - a[0] - t * u, q = y - a[1] - t * v;
    return sqrt(p * p + q * q);
}

/* Distance of (x, y), in the letter's units, from its nearest stroke. */
static double nearest(const struct letter *letter, double x, double y) {
    double least = 1e9;
    for (const char *s = letter->strokes; s[0] && s[1]; s += 2) {
        if (*s == ' ') s++;
        if (!s[2] || s[2] == ' ') continue;
        double a[2] = {s[0] - '0', s[1] - 'a'}, b[2] = {s[2] - '0', s[3] - 'a'};
        double d = distance(x, y, a, b);
        if (d < least) least = d;
    }
    return least;
}

static void blend(struct image *image, int x, int y, double share, unsigned colour) {
    if (share <= 0 || x < 0 || y < 0 || x >= image->width || y >= image->height) return;
    uint8_t *p = image->pixel + 3 * ((size_t)y * (size_t)image->width + (size_t)x);
    for (int c = 0; c < 3; c++) {
        double to = colour >> (16 - 8 * c) & 255;
        p[c] = (uint8_t)(p[c] + share * (to - p[c]) + .5);
    }
}

static void draw(struct image *image, const struct letter *letter, double left,
                 int baseline, double unit, unsigned colour) {
    double pen = .075 * CAPITAL * unit; /* half the stroke's width, pixels */
    int x0 = (int)floor(left - 2), x1 = (int)ceil(left + 11 * unit + 2);
    for (int y = (int)floor(baseline - 13 * unit); y <= baseline + 5 * unit; y++)
        for (int x = x0; x <= x1; x++) {
            double d = unit * nearest(letter, (x + .5 - left) / unit,
                                      CAPITAL + (y + .5 - baseline) / unit);
            double share = pen + .5 - d;
            blend(image, x, y, share > 1 ? 1 : share, colour);
        }
}

void letters_draw(struct image *image, const char *text, int x, int y, double height,
                  unsigned colour) {
    double unit = height / CAPITAL, left = x;
    for (; *text; text++) {
        if (*text != ' ') draw(image, find(*text), left, y, unit, colour);
        left += advance(*text) * unit;
    }
}
