/* lanes_rgb_avx2.c - rows of colour with AVX2, which multiplies and adds sixteen 16-bit
 * integers at once: a weight of 22 fraction bits goes in two halves, so that nothing is
 * lost. */
#include "lanes_rgb.h"
#include <immintrin.h>
#include <string.h>

#define AVX2 static __attribute__((target("avx2")))

enum { LOW = 11, ROUND = 1 << (LANES_BITS - 1) };

/* Four taps' weights: taps 0 and 1 for red, green, blue, nothing; then taps 2 and 3. */
struct quad {
    int16_t high[4 * RGB_TAPS], low[4 * RGB_TAPS];
};

/* weight = high << LOW plus low, 0 <= low < 1 << LOW. */
static void split(const int weight[RGB_TAPS], uint8_t *to) {
    struct quad q = {0};
    for (int k = 0; k < RGB_TAPS; k++)
        for (int c = 0; c < 3; c++) {
            int at = k / 2 * 8 + 2 * c + k % 2;
            q.high[at] = (int16_t)(weight[k] >> LOW);
            q.low[at] = (int16_t)(weight[k] & ((1 << LOW) - 1));
        }
    memcpy(to, &q, sizeof q);
}

/* One output pixel of RGB_ROWS rows, `row` bytes from one to the next. */
AVX2 inline __attribute__((always_inline)) void pixel(const uint8_t *from, size_t row,
                                                      const struct quad *quad, int quads,
                                                      uint32_t to[RGB_ROWS]) {
    const __m128i order =
        _mm_setr_epi8(0, 3, 1, 4, 2, 5, -1, -1, 6, 9, 7, 10, 8, 11, -1, -1);
    __m256i high[RGB_ROWS], low[RGB_ROWS];
    for (int r = 0; r < RGB_ROWS; r++) high[r] = low[r] = _mm256_setzero_si256();
    for (int k = 0; k < quads; k++) {
        const __m256i wh = _mm256_load_si256((const void *)quad[k].high),
                      wl = _mm256_load_si256((const void *)quad[k].low);
        for (int r = 0; r < RGB_ROWS; r++) {
            const uint8_t *at = from + (size_t)r * row + 3 * RGB_TAPS * (size_t)k;
            __m128i bytes = _mm_shuffle_epi8(_mm_loadu_si128((const void *)at), order);
            __m256i sample = _mm256_cvtepu8_epi16(bytes);
            high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(sample, wh));
            low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(sample, wl));
        }
    }
    for (int r = 0; r < RGB_ROWS; r++) {
        __m256i both = _mm256_add_epi32(_mm256_slli_epi32(high[r], LOW), low[r]);
        __m128i sum =
            _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
        sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(ROUND)), LANES_BITS);
        sum = _mm_packs_epi32(sum, sum);
        to[r] = (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
    }
}

/* The fourth byte of a pixel is the next one's first, written after it. */
AVX2 void rows(const struct rgb_rows *r) {
    const struct lanes_pass *p = r->pass;
    const struct quad *quad = (const void *)r->weight;
    size_t row = 3 * (size_t)p->in, out = 3 * (size_t)p->width;
    for (int i = 0; i < p->width; i++, quad += r->quads) {
        uint32_t rgb[RGB_ROWS];
        pixel(r->from + 3 * (size_t)p->first[i], row, quad, r->quads, rgb);
        for (int y = 0; y < RGB_ROWS; y++)
            memcpy(r->to + (size_t)y * out + 3 * (size_t)i, &rgb[y],
                   i + 1 < p->width ? 4 : 3);
    }
}

static int here(void) {
    return __builtin_cpu_supports("avx2");
}

const struct rgb_way rgb_avx2 = {here, sizeof(struct quad), split, rows};
