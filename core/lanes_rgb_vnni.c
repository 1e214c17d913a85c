/* lanes_rgb_vnni.c - rows of colour with the products of bytes of AVX-512's VNNI,
 * thirty-two added at once: a weight of 22 fraction bits goes in three digits of eight
 * bits, so that nothing is lost. Vectors are of 256 bits: those of 512 were slower on a Zen
 * 4. */
#include "lanes_rgb.h"
#include <immintrin.h>
#include <string.h>

#define VNNI static __attribute__((target("avx2,avx512f,avx512vl,avx512vnni")))
#define INLINE VNNI inline __attribute__((always_inline))

enum { DIGITS = 3, PIXELS = 4, ROUND = 1 << (LANES_BITS - 1), HALF = RGB_ROWS / 2 };

/* A digit of four taps' weights for red, for green, for blue, and nothing. */
struct quad {
    int8_t digit[DIGITS][4 * RGB_TAPS];
};

/* weight = digit 0 + digit 1 << 8 + digit 2 << 16, each in -128..127. */
static void split(const int weight[RGB_TAPS], uint8_t *to) {
    struct quad q = {0};
    for (int k = 0; k < RGB_TAPS; k++)
        for (int c = 0; c < 3; c++) {
            int left = weight[k];
            for (int d = 0; d < DIGITS; d++) {
                q.digit[d][RGB_TAPS * c + k] = (int8_t)left;
                left = (left - (int8_t)left) / 256;
            }
        }
    memcpy(to, &q, sizeof q);
}

INLINE __m256i both_lanes(const void *sixteen) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(sixteen));
}

/* One output pixel of two rows at a time: a lane of four sums is a row. */
INLINE void pixel(const uint8_t *from, size_t row, const struct quad *quad, int quads,
                  __m256i out[HALF]) {
    const __m256i order = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1));
    __m256i sum[HALF][DIGITS];
    for (int h = 0; h < HALF; h++)
        for (int d = 0; d < DIGITS; d++) sum[h][d] = _mm256_setzero_si256();
    for (int k = 0; k < quads; k++, from += 3 * RGB_TAPS)
        for (int h = 0; h < HALF; h++) {
            const uint8_t *upper = from + 2 * (size_t)h * row, *lower = upper + row;
            __m256i bytes = _mm256_inserti128_si256(
                _mm256_castsi128_si256(_mm_loadu_si128((const void *)upper)),
                _mm_loadu_si128((const void *)lower), 1);
            bytes = _mm256_shuffle_epi8(bytes, order);
            for (int d = 0; d < DIGITS; d++)
                sum[h][d] =
                    _mm256_dpbusd_epi32(sum[h][d], bytes, both_lanes(quad[k].digit[d]));
        }
    for (int h = 0; h < HALF; h++) {
        __m256i all = _mm256_add_epi32(sum[h][0], _mm256_set1_epi32(ROUND));
        all = _mm256_add_epi32(all, _mm256_slli_epi32(sum[h][1], 8));
        all = _mm256_add_epi32(all, _mm256_slli_epi32(sum[h][2], 16));
        out[h] = _mm256_srai_epi32(all, LANES_BITS);
    }
}

/* PIXELS of two rows, twelve bytes a lane and four zeros. Packing keeps to the lanes. */
INLINE __m256i pack(__m256i a, __m256i b, __m256i c, __m256i d) {
    const __m256i dense = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    __m256i words = _mm256_packs_epi32(a, b), more = _mm256_packs_epi32(c, d);
    return _mm256_shuffle_epi8(_mm256_packus_epi16(words, more), dense);
}

/* Four bytes more are written than PIXELS have, where others are written afterwards. */
INLINE void walk(const struct rgb_rows *r, int quads) {
    int width = r->pass->width, last = width - 1;
    size_t row = 3 * (size_t)r->pass->in, out = 3 * (size_t)width;
    const struct quad *quad = (const void *)r->weight;
    for (int i = 0; i < width; i += PIXELS) {
        __m256i p[PIXELS][HALF];
        uint8_t lane[RGB_ROWS][16], *to = r->to + 3 * (size_t)i;
        for (int k = 0; k < PIXELS; k++) {
            int at = i + k < last ? i + k : last;
            const uint8_t *from = r->from + 3 * (size_t)r->pass->first[at];
            __builtin_prefetch(from + (size_t)(RGB_ROWS + k) * row); /* of the next rows */
            pixel(from, row, quad + at * quads, quads, p[k]);
        }
        for (int h = 0; h < HALF; h++)
            _mm256_storeu_si256((void *)lane[2 * h],
                                pack(p[0][h], p[1][h], p[2][h], p[3][h]));
        size_t left = 3 * (size_t)(width - i);
        for (int y = 0; y < RGB_ROWS; y++, to += out)
            if (left >= 16)
                memcpy(to, lane[y], 16);
            else
                memcpy(to, lane[y], left < 3 * PIXELS ? left : 3 * PIXELS);
    }
}

/* The compiler is told how many quads there are where they are few. */
VNNI void rows(const struct rgb_rows *r) {
    switch (r->quads) {
    case 1:
        walk(r, 1);
        break;
    case 2:
        walk(r, 2);
        break;
    case 3:
        walk(r, 3);
        break;
    case 4:
        walk(r, 4);
        break;
    default:
        walk(r, r->quads);
    }
}

static int here(void) {
    return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vl");
}

const struct rgb_way rgb_vnni = {here, sizeof(struct quad), split, rows};
