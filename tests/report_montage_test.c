/* report_montage_test.c - the picture grid and its letters, on a pack made here. */
#include "report/letters.h"
#include "report/montage.h"
#include "test.h"

enum { SIDE = 16, PICTURES = 5 };

/* A pack of five pictures; picture i's truth is the first 32 pixels, a mask's prediction
 * the first 8(i+1) of them: Dice rises with i. */
static void make_pack(const char *redistribute) {
    uint8_t image[PICTURES][SIDE * SIDE * 3],
        mask[PICTURES][SIDE * SIDE / 8] = {{0}}, pred[PICTURES][SIDE * SIDE / 8] = {{0}};
    uint32_t rle[3 * PICTURES];
    uint64_t index[PICTURES + 1];
    int32_t size[PICTURES][2];
    for (int i = 0; i < PICTURES; i++) {
        memset(image[i], 40 * i, sizeof image[i]);
        memset(mask[i], 255, 5);
        memset(pred[i], 255, (size_t)i + 1);
        rle[3 * i] = 0;
        rle[3 * i + 1] = 40;
        rle[3 * i + 2] = SIDE * SIDE - 40;
        index[i] = 3 * (uint64_t)i;
        size[i][0] = size[i][1] = SIDE;
    }
    index[PICTURES] = 3 * PICTURES;
    static const char names[] = "1.tif\n2.tif\n3.tif\n10.tif\n20.tif\n",
                      groups[] = "a\na\na\nb\nb\n";
    struct bag_writer *w = bag_create("pack.bag");
    bag_add_meta(w, "data", "cvc");
    if (redistribute) bag_add_meta(w, "redistribute", redistribute);
    bag_add_meta(w, "source", "made up");
    bag_add(w, &(struct tensor){"image", T_U8, 4, {PICTURES, SIDE, SIDE, 3}, image});
    bag_add(w, &(struct tensor){"mask", T_U8, 2, {PICTURES, SIDE * SIDE / 8}, mask});
    bag_add(w, &(struct tensor){"orig_rle", T_U32, 1, {3 * PICTURES}, rle});
    bag_add(w, &(struct tensor){"orig_index", T_U64, 1, {PICTURES + 1}, index});
    bag_add(w, &(struct tensor){"orig_size", T_I32, 2, {PICTURES, 2}, size});
    bag_add(w, &(struct tensor){"name", T_U8, 1, {sizeof names - 1}, (void *)names});
    bag_add(w, &(struct tensor){"group", T_U8, 1, {sizeof groups - 1}, (void *)groups});
    bag_commit(w);
    char sha[65];
    sha_file("pack.bag", sha);
    w = bag_create("masks.bag");
    bag_add_meta(w, "cell", "vits-imagenet-cvc");
    bag_add_meta(w, "pack", sha);
    bag_add(w, &(struct tensor){"pred", T_U8, 2, {PICTURES, SIDE * SIDE / 8}, pred});
    bag_add(w, &(struct tensor){"name", T_U8, 1, {sizeof names - 1}, (void *)names});
    bag_commit(w);
}

static void a_montage_is_the_same_picture_twice(void **state) {
    (void)state;
    struct block block = {.arms = 1};
    struct names names;
    struct image one, two;
    make_pack(NULL);
    char sha[65];
    sha_file("pack.bag", sha);
    names_read(&names, NULL);
    pack_open(&block.pack, "pack.bag");
    masks_open(&block.arm[0], "masks.bag", &block.pack, sha);
    montage(&block, 1, &names, &one);
    montage(&block, 1, &names, &two);
    size_t bytes = 3 * (size_t)one.width * (size_t)one.height;
    assert_memory_equal(one.pixel, two.pixel, bytes);
    /* first shown is the lower quartile of Dice: the second picture, of grey 40 */
    assert_int_equal(one.pixel[3 * (100 * (size_t)one.width + 100)], 40);
    image_free(&one);
    image_free(&two);
    masks_close(&block.arm[0]);
    pack_close(&block.pack);
}

/* Colours that only pictures have on the sheet: greys and tints that no letter is drawn
 * in. */
static int has_pixel(const struct image *sheet, int r, int g, int b) {
    for (size_t i = 0; i < (size_t)sheet->width * (size_t)sheet->height; i++) {
        const uint8_t *p = sheet->pixel + 3 * i;
        if (p[0] == r && p[1] == g && p[2] == b) return 1;
    }
    return 0;
}

static void a_set_that_may_not_be_passed_on_is_not_shown(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct block block = {.arms = 1};
        struct names names;
        struct image sheet;
        char sha[65];
        make_pack(i == 0 ? NULL : i == 1 ? "yes" : "no");
        sha_file("pack.bag", sha);
        names_read(&names, NULL);
        pack_open(&block.pack, "pack.bag");
        masks_open(&block.arm[0], "masks.bag", &block.pack, sha);
        block.restricted = i == 3;
        montage(&block, 1, &names, &sheet);
        assert_int_equal(has_pixel(&sheet, 40, 40, 40), i != 2); /* the second picture */
        assert_true(i == 2 ? sheet.height < 100 : sheet.height > 500);
        image_free(&sheet);
        masks_close(&block.arm[0]);
        pack_close(&block.pack);
    }
}

static void open_masks(void *sha) {
    struct pack pack;
    struct masks masks;
    pack_open(&pack, "pack.bag");
    masks_open(&masks, "masks.bag", &pack, sha);
}

static void masks_of_another_pack_are_refused(void **state) {
    (void)state;
    make_pack(NULL);
    assert_dies(EXIT_NO, "predicted from another pack", open_masks, "0");
}

static void letters_are_drawn_inside_their_width(void **state) {
    (void)state;
    uint8_t pixel[40 * 300 * 3];
    struct image image = {300, 40, 3, pixel};
    memset(pixel, 255, sizeof pixel);
    static const char text[] = "Dice 0.123 (g)";
    letters_draw(&image, text, 10, 30, 12, 0);
    int first = 300, last = -1;
    for (int x = 0; x < 300; x++)
        for (int y = 0; y < 40; y++)
            if (pixel[3 * (y * 300 + x)] < 128) {
                if (x < first) first = x;
                last = x;
            }
    assert_true(first >= 8 && first <= 12);
    assert_true(last > 100 && last <= 10 + letters_width(text, 12));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_montage_is_the_same_picture_twice),
        TEST(a_set_that_may_not_be_passed_on_is_not_shown),
        TEST(masks_of_another_pack_are_refused),
        TEST(letters_are_drawn_inside_their_width),
    };
    return test_run(tests);
}
