/* convert_sun_test.c - SUN-SEG's names, one by one: which paths are frames, which masks,
 * which order frames have. */
#include "convert/layout.h"
#include "tests/test.h"

static void suns_folders_are_cases_and_clips_and_nothing_else(void **state) {
    (void)state;
    static const struct {
        const char *path;
        enum role role;
        const char *pair;
    } all[] = {
        {"F/case1/a.jpg", ROLE_IMAGE, "case1/a"},
        {"F/case1_12/a.jpg", ROLE_IMAGE, "case1/a"},
        {"F/GT/case100_2/a.png", ROLE_MASK, "case100/a"},
        {"GT/case1/a.png", ROLE_MASK, "case1/a"},
        {"F/case1/a.png", ROLE_NONE, NULL}, /* no truth without GT */
        {"F/GT/case1/a.jpg", ROLE_IMAGE, "case1/a"},
        {"F/case/a.jpg", ROLE_NONE, NULL},
        {"F/cases/a.jpg", ROLE_NONE, NULL},
        {"F/case1_/a.jpg", ROLE_NONE, NULL},
        {"F/case1_x/a.jpg", ROLE_NONE, NULL},
        {"F/case1_2x/a.jpg", ROLE_NONE, NULL},
        {"F/case1x/a.jpg", ROLE_NONE, NULL},
        {"F/case1/.a.jpg", ROLE_NONE, NULL},
        {"F/case1/jpg", ROLE_NONE, NULL},
        {"case1.jpg", ROLE_NONE, NULL},
    };
    struct layout layout;
    layout_open(&layout, "sun", "x");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct place place;
        enum role role = layout_place(&layout, all[i].path, &place);
        if (role != all[i].role) fail_msg("%s: role %d", all[i].path, role);
        if (all[i].pair) assert_string_equal(place.pair, all[i].pair);
        place_free(&place);
    }
    layout_close(&layout);
}

static void suns_frames_are_in_the_loaders_order(void **state) {
    (void)state;
    static const char *const order[] = {
        "case2_1/x_7-b_a1_image1",  "case2_1/x_7-b_a1_image10", "case2_1/x_7-b_a2_image1",
        "case2_1/x_10-b_a1_image1", "case2_2/x_1-b_a1_image1",  "case10/x_1-b_a1_image1"};
    int n = sizeof order / sizeof *order;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++) {
            int is = layout_sun_compare(order[i], order[k]);
            if ((is > 0) - (is < 0) != (i > k) - (i < k))
                fail_msg("%s and %s: %d", order[i], order[k], is);
        }
    assert_true(layout_sun_compare("nothing", "else") > 0);
    assert_true(layout_sun_compare("caseA/-", "case1/-") < 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(suns_folders_are_cases_and_clips_and_nothing_else),
        TEST(suns_frames_are_in_the_loaders_order),
    };
    return test_run(tests);
}
