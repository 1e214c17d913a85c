/* core_resize_test.c - the resampler against Pillow's bytes and PyTorch's doubles. */
#include "core/bag.h"
#include "core/lanes_rgb.h"
#include "core/resize.h"
#include "core/rng.h"
#include "tests/test.h"

/* The tensor `kind.K`; false if there is none. */
static bool tensor_of(const struct bag *bag, const char *kind, int k,
                      const struct tensor **t) {
    char name[64];
    snprintf(name, sizeof name, "%s.%d", kind, k);
    return (*t = bag_find(bag, name)) != NULL;
}

static struct image view(const struct tensor *t) {
    return (struct image){t->dim[1], t->dim[0], t->dim[2], t->data};
}

static void every_filter_gives_pillows_bytes(void **state) {
    (void)state;
    static const char *const names[] = {"nearest", "bilinear", "bicubic"};
    struct bag bag;
    const struct tensor *in, *want;
    int cases = 0;
    bag_open(&bag, golden("pillow.safetensors"));
    for (int k = 0; tensor_of(&bag, "picture", k, &in); k++)
        for (int f = 0; f < 3; f++)
            for (int i = 0; i < 20; i++) {
                char kind[40];
                struct image from = view(in), out;
                snprintf(kind, sizeof kind, "resize.%s.%d", names[f], k);
                if (!tensor_of(&bag, kind, i, &want))
                    continue; /* not alike in every Pillow */
                resize(&from, want->dim[1], want->dim[0], (enum filter)f, &out);
                assert_int_equal(tensor_bytes(want),
                                 (size_t)(out.width * out.height * in->dim[2]));
                assert_memory_equal(out.pixel, want->data, tensor_bytes(want));
                image_free(&out);
                cases++;
            }
    assert_true(cases >= 80);
    bag_close(&bag);
}

static void luma_is_pillows(void **state) {
    (void)state;
    struct bag bag;
    const struct tensor *in, *want;
    int cases = 0;
    bag_open(&bag, golden("pillow.safetensors"));
    for (int k = 0; tensor_of(&bag, "picture", k, &in); k++) {
        if (!tensor_of(&bag, "luma", k, &want)) continue;
        struct image copy;
        image_make(&copy, in->dim[1], in->dim[0], 3, "copy");
        memcpy(copy.pixel, in->data, tensor_bytes(in));
        image_to_grey(&copy);
        assert_memory_equal(copy.pixel, want->data, tensor_bytes(want));
        image_to_rgb(&copy);
        for (int i = 0; i < copy.width * copy.height; i++)
            for (int c = 0; c < 3; c++)
                assert_int_equal(copy.pixel[3 * i + c], ((const uint8_t *)want->data)[i]);
        image_free(&copy);
        cases++;
    }
    assert_true(cases >= 2);
    bag_close(&bag);
}

/* PyTorch in float64. Ours returns floats from the bilinear form: half a unit in the
 * last place of the largest logit, 2^-20 for values under 16; doubles from the bicubic
 * one. */
static void planes_are_interpolated_as_pytorch_does(void **state) {
    (void)state;
    struct bag bag;
    const struct tensor *in, *want;
    int cases = 0;
    bag_open(&bag, golden("pillow.safetensors"));
    for (int k = 0; tensor_of(&bag, "plane", k, &in); k++)
        for (int how = 0; how < 3; how++)
            for (int i = 0; i < 20; i++) {
                char kind[40] = "bicubic.0";
                float from[400], got[400];
                double exact[400];
                if (how < 2)
                    snprintf(kind, sizeof kind, "bilinear.%d.%d", k, how);
                else
                    snprintf(kind, sizeof kind, "bicubic.%d", k);
                if (!tensor_of(&bag, kind, i, &want)) continue;
                int height = in->dim[0], width = in->dim[1], h = want->dim[0],
                    w = want->dim[1];
                tensor_to_f32(in, from);
                if (how < 2)
                    resize_plane(from, height, width, got, h, w, how);
                else
                    resize_bicubic(in->data, height, width, exact, h, w);
                for (int p = 0; p < h * w && how < 2; p++) exact[p] = (double)got[p];
                assert_near(largest_off(exact, want->data, (size_t)(h * w)), 0,
                            how < 2 ? 0x1p-20 : 1e-13);
                cases++;
            }
    assert_int_equal(cases, 45);
    bag_close(&bag);
}

/* What Pillow does, as plainly as it can be said, on sizes no golden has. */
static int plain_byte(double x) {
    return x < 0 ? 0 : x > 255 ? 255 : (int)(x + 0.5);
}

static void shrinking_by_whole_numbers_averages(void **state) {
    (void)state;
    struct image in, out;
    image_make(&in, 640, 1, 1, "row");
    for (int i = 0; i < 640; i++)
        in.pixel[i] = (uint8_t)rng_u32(1, STREAM_SPLIT, 0, (uint64_t)i);
    resize(&in, 320, 1, FILTER_BILINEAR, &out);
    for (int i = 1; i < 319; i++) { /* the triangle over four inputs: 1 3 3 1 */
        const uint8_t *p = in.pixel + 2 * i - 1;
        assert_near(out.pixel[i], plain_byte((p[0] + 3 * p[1] + 3 * p[2] + p[3]) / 8.), 0);
    }
    image_free(&out);
    resize(&in, 640, 7, FILTER_BICUBIC, &out);
    for (int y = 0; y < 7; y++) assert_memory_equal(out.pixel + 640 * y, in.pixel, 640);
    image_free(&out);
    resize(&in, 640, 1, FILTER_BICUBIC, &out);
    assert_memory_equal(out.pixel, in.pixel, 640);
    image_free(&out);
    image_free(&in);
}

static void filters_have_names(void **state) {
    (void)state;
    assert_int_equal(filter_parse("nearest"), FILTER_NEAREST);
    assert_int_equal(filter_parse("bilinear"), FILTER_BILINEAR);
    assert_int_equal(filter_parse("bicubic"), FILTER_BICUBIC);
    assert_int_equal(filter_parse("lanczos"), -1);
}

/* One channel of one pixel, as lanes.h defines it. */
static int by_definition(const struct lanes_pass *p, int channels, const uint8_t *from,
                         int y, int i, int c) {
    int64_t sum = 1 << (LANES_BITS - 1);
    for (int k = 0; k < p->room; k++) {
        int x = p->first[i] + k, weight = p->weight[i * p->room + k];
        if (x < p->in) sum += (int64_t)weight * from[(y * p->in + x) * channels + c];
    }
    sum >>= LANES_BITS;
    return (int)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* Every way across, at odd sizes, with weights of both signs and bytes at both ends. */
static void each_way_across_is_the_definition(void **state) {
    (void)state;
    const struct rgb_way *const fast[] = {&rgb_avx2, &rgb_vnni};
    for (int run = 0; run < 60; run++) {
        int in = 1 + (int)(rng_u64(1, STREAM_ORDER, 0, (uint64_t)run) % 50),
            rows = 1 + run % 13, width = 1 + run % 11, room = 1 + run % 21;
        int *first = xcalloc((size_t)width, sizeof *first),
            *weight = xcalloc((size_t)(width * room), sizeof *weight);
        uint8_t *from = xmalloc((size_t)(3 * in * rows)),
                *to = xmalloc((size_t)(3 * width * rows));
        for (int i = 0; i < 3 * in * rows; i++) {
            uint64_t draw = rng_u64(2, STREAM_ORDER, (uint64_t)run, (uint64_t)i);
            from[i] = draw % 3 ? (uint8_t)(draw >> 8) : draw % 2 ? 255 : 0;
        }
        for (int i = 0; i < width; i++) {
            first[i] =
                (int)(rng_u64(3, STREAM_ORDER, (uint64_t)run, (uint64_t)i) % (uint64_t)in);
            for (int k = 0; k < room && first[i] + k < in; k++)
                weight[i * room + k] = ((int)(rng_u64(4, STREAM_ORDER, (uint64_t)run,
                                                      (uint64_t)(i * room + k)) >>
                                              42) -
                                        (k % 2 ? 1 << 21 : 0)) /
                                       room;
        }
        struct lanes_pass pass = {in, rows, width, room, first, weight};
        for (int way = 0; way < 5; way++) {
            int channels = way == 0 ? 1 : 3;
            if (way < 2)
                lanes_across(&pass, channels, from, to);
            else if (way == 2 ? !lanes_across_rgb(&pass, from, to) : !fast[way - 3]->here())
                continue; /* a processor without AVX2, or without VNNI */
            else if (way > 2)
                rgb_across(fast[way - 3], &pass, from, to);
            for (int i = 0; i < rows * width * channels; i++)
                assert_int_equal(to[i],
                                 by_definition(&pass, channels, from, i / channels / width,
                                               i / channels % width, i % channels));
        }
        xfree(first);
        xfree(weight);
        xfree(from);
        xfree(to);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_way_across_is_the_definition),
        TEST(every_filter_gives_pillows_bytes),
        TEST(luma_is_pillows),
        TEST(planes_are_interpolated_as_pytorch_does),
        TEST(shrinking_by_whole_numbers_averages),
        TEST(filters_have_names),
    };
    return test_run(tests);
}
