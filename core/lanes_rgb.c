/* lanes_rgb.c - the pass across for colour pictures with AVX2, which multiplies and adds
 * sixteen 16-bit integers at once: a weight of 22 fraction bits goes in two halves, so that
 * nothing is lost. Knows no filters. */
#include "die.h"
#include "lanes.h"
#include <immintrin.h>
#include <string.h>

#define AVX2 static __attribute__((target("avx2")))

enum { LOW = 11, ROUND = 1 << (LANES_BITS - 1), TAPS = 4, ROWS = 4, PAD = 16 };

/* Four taps' weights as multiply-add wants them: taps 0 and 1 for red, green, blue, nothing;
 * then taps 2 and 3. */
struct quad {
    int16_t high[4 * TAPS], low[4 * TAPS];
};

/* What a pixel needs: its own taps alone, for most have fewer than there is room for. */
struct plan {
    int quads; /* a pixel */
    struct quad *quad;
    int *count; /* [width] of its quads that are not zero */
};

/* weight = high << LOW plus low, 0 <= low < 1 << LOW. */
static void plan_make(struct plan *plan, const struct lanes_pass *p) {
    size_t width = (size_t)p->width;
    plan->quads = (p->room + TAPS - 1) / TAPS;
    size_t all = size_mul(width, (size_t)plan->quads, "resize");
    plan->quad = xaligned(size_mul(all, sizeof *plan->quad, "resize"));
    plan->count = xcalloc(width, sizeof *plan->count);
    memset(plan->quad, 0, all * sizeof *plan->quad);
    for (int i = 0; i < p->width; i++)
        for (int k = 0; k < p->room; k++) {
            struct quad *q = &plan->quad[i * plan->quads + k / TAPS];
            int weight = p->weight[i * p->room + k];
            if (weight) plan->count[i] = k / TAPS + 1;
            for (int c = 0; c < 3; c++) {
                int at = k % TAPS / 2 * 8 + 2 * c + k % 2;
                q->high[at] = (int16_t)(weight >> LOW);
                q->low[at] = (int16_t)(weight & ((1 << LOW) - 1));
            }
        }
}

/* One output pixel of `rows` rows, `row` bytes from one to the next. */
AVX2 inline __attribute__((always_inline)) void pixel(const uint8_t *from, size_t row,
                                                      int rows, const struct quad *quad,
                                                      int quads, uint32_t *to) {
    const __m128i order =
        _mm_setr_epi8(0, 3, 1, 4, 2, 5, -1, -1, 6, 9, 7, 10, 8, 11, -1, -1);
    __m256i high[ROWS], low[ROWS];
    for (int r = 0; r < ROWS; r++) high[r] = low[r] = _mm256_setzero_si256();
    for (int k = 0; k < quads; k++) {
        const __m256i wh = _mm256_load_si256((const void *)quad[k].high),
                      wl = _mm256_load_si256((const void *)quad[k].low);
        for (int r = 0; r < rows; r++) {
            const uint8_t *at = from + (size_t)r * row + 3 * TAPS * (size_t)k;
            __m128i bytes = _mm_shuffle_epi8(_mm_loadu_si128((const void *)at), order);
            __m256i sample = _mm256_cvtepu8_epi16(bytes);
            high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(sample, wh));
            low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(sample, wl));
        }
    }
    for (int r = 0; r < rows; r++) {
        __m256i both = _mm256_add_epi32(_mm256_slli_epi32(high[r], LOW), low[r]);
        __m128i sum =
            _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
        sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(ROUND)), LANES_BITS);
        sum = _mm_packs_epi32(sum, sum);
        to[r] = (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
    }
}

/* Up to ROWS rows. The fourth byte of a pixel is the next one's first, written after it. */
AVX2 void rows_across(const struct lanes_pass *p, const struct plan *plan, int rows,
                      const uint8_t *from, uint8_t *to) {
    size_t row = 3 * (size_t)p->in, out = 3 * (size_t)p->width;
    for (int i = 0; i < p->width; i++) {
        uint32_t rgb[ROWS];
        const uint8_t *at = from + 3 * (size_t)p->first[i];
        const struct quad *quad = plan->quad + i * plan->quads;
        if (rows == ROWS)
            pixel(at, row, ROWS, quad, plan->count[i], rgb);
        else
            pixel(at, row, rows, quad, plan->count[i], rgb);
        for (int r = 0; r < rows; r++)
            memcpy(to + (size_t)r * out + 3 * (size_t)i, &rgb[r], i + 1 < p->width ? 4 : 3);
    }
}

int lanes_across_rgb(const struct lanes_pass *p, const uint8_t *from, uint8_t *to) {
    if (!__builtin_cpu_supports("avx2")) return 0;
    struct plan plan;
    size_t row = 3 * (size_t)p->in, out = 3 * (size_t)p->width;
    size_t behind = 3 * (size_t)TAPS + PAD;
    int y = 0;
    plan_make(&plan, p);
    /* The last rows are read where what lies behind them is ours. */
    for (; (size_t)(p->rows - y) * row >= ROWS * row + behind; y += ROWS)
        rows_across(p, &plan, ROWS, from + (size_t)y * row, to + (size_t)y * out);
    size_t rest = (size_t)(p->rows - y) * row;
    uint8_t *last = xcalloc(size_add(rest, behind, "resize"), 1);
    memcpy(last, from + (size_t)y * row, rest);
    for (int at = y; at < p->rows; at += ROWS)
        rows_across(p, &plan, p->rows - at < ROWS ? p->rows - at : ROWS,
                    last + (size_t)(at - y) * row, to + (size_t)at * out);
    xfree(last);
    xfree(plan.quad);
    xfree(plan.count);
    return 1;
}
