/* convert_phantom_test.c - the ways of the three real sets, on made-up ones that have them
 * all. */
#include "convert/layout.h"
#include "convert/pack.h"
#include "core/pack.h"
#include "tests/phantom_set.h"
#include "tests/test.h"

static void pack_phantom(const char *conf, int count, const char *const *name,
                         const char *const *archive, int threads) {
    const char *source[3];
    char *path[3];
    for (int i = 0; i < count; i++) source[i] = path[i] = xprintf("%s.src", name[i]);
    char *at = xprintf("%s/convert/demo/%s.conf", test_home, conf);
    struct pack_job job = {.conf = at,
                           .sources = count,
                           .source = source,
                           .raw = archive,
                           .out = "out.bag",
                           .threads = threads,
                           .names = "."};
    pack_make(&job);
    for (int i = 0; i < count; i++) xfree(path[i]);
    xfree(at);
}

static void cvcs_ways_are_understood(void **state) {
    (void)state;
    struct phantom phantom = {1, 40, "."};
    struct pack pack;
    const char *name[] = {"cvc"}, *raw[] = {"web/CVC-ClinicDB.tar.xz"};
    phantom_make(&phantom, "cvc");
    pack_phantom("cvc", 1, name, raw, 2);
    pack_open(&pack, "out.bag");
    assert_int_equal(pack.count, 40);
    for (int i = 0; i < 40; i++) {
        char *number = xprintf("%d", i + 1), *group = xprintf("%d", i / 5 + 1);
        assert_string_equal(pack.name[i], number);
        assert_string_equal(pack.group[i], group);
        xfree(number);
        xfree(group);
    }
    const uint8_t *rgb = pack_image(&pack, 0); /* tag 1 says grey; they are colours */
    assert_int_not_equal(rgb[3 * 5000], rgb[3 * 5000 + 1]);
    assert_string_equal(bag_need_meta(&pack.bag, "data"), "cvc");
    pack_close(&pack);
}

static void kvasirs_ways_are_understood(void **state) {
    (void)state;
    struct phantom phantom = {1, 40, "."};
    struct pack pack;
    const char *name[] = {"kvasir"}, *raw[] = {"web/kvasir-seg.zip"};
    phantom_make(&phantom, "kvasir");
    pack_phantom("kvasir", 1, name, raw, 2);
    pack_open(&pack, "out.bag");
    assert_int_equal(pack.count, 40);
    int differ = 0;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(strlen(pack.name[i]), 25);
        if (i) assert_true(strcmp(pack.name[i - 1], pack.name[i]) < 0);
        differ += pack.size[2 * i] != pack.size[0];
    }
    assert_true(differ > 10);
    pack_close(&pack);
}

static void suns_ways_are_understood(void **state) {
    (void)state;
    struct phantom phantom = {1, 40, "."};
    struct pack pack;
    const char *name[] = {"sun-frames-part1", "sun-frames-part2", "sun-masks"};
    const char *raw[] = {"sundatabase_positive_part1.zip", "sundatabase_positive_part2.zip",
                         "SUN-SEG-Annotation-v2.zip"};
    static const char *const clips[] = {"case1_1", "case1_2", "case3_1", "case3_2",
                                        "case4",   "case7_1", "case9",   "case10_1"};
    for (int i = 0; i < 3; i++) phantom_make(&phantom, name[i]);
    pack_phantom("sun", 3, name, raw, 2);
    pack_open(&pack, "out.bag");
    assert_int_equal(pack.count, 40);
    for (int i = 0; i < 40; i++) {
        size_t n = strlen(clips[i / 5]), length = strcspn(clips[i / 5], "_");
        assert_memory_equal(pack.name[i], clips[i / 5], n);
        assert_int_equal(pack.name[i][n], '/');
        assert_int_equal(strlen(pack.group[i]), length);
        assert_memory_equal(pack.group[i], clips[i / 5], length);
        const char *image = strstr(pack.name[i], "_image"); /* a10 after a2 */
        int second = i / 5 == 1 || i / 5 == 3;
        assert_int_equal(atoi(image + 6), i % 5 + 1 + 5 * second);
    }
    const struct tensor *part = bag_find(&pack.bag, "part");
    assert_memory_equal(part->data, "TrainDataset\n", 13);
    pack_close(&pack);
}

static void suns_members_are_told_apart(void **state) {
    (void)state;
    static const struct {
        const char *path;
        enum role role;
        const char *pair, *name, *group, *part;
    } cases[] = {
        {"SUN-Positive/case4/f-1.jpg", ROLE_IMAGE, "case4/f-1", NULL, NULL, NULL},
        {"SUN-SEG/TrainDataset/Frame/case1_2/f.jpg", ROLE_IMAGE, "case1/f", NULL, NULL,
         NULL},
        {"A/TrainDataset/GT/case1_2/f.png", ROLE_MASK, "case1/f", "case1_2/f", "case1",
         "TrainDataset"},
        {"A/TestEasyDataset/Seen/GT/case1_2/f.png", ROLE_MASK, "case1/f", "case1_2/f",
         "case1", "TestEasyDataset/Seen"},
        {"A/TestHardDataset/GT/case11/f.png", ROLE_MASK, "case11/f", "case11/f", "case11",
         "TestHardDataset"},
        {"GT/case11/f.png", ROLE_MASK, "case11/f", "case11/f", "case11", "-"},
        {"A/TrainDataset/Edge/case1_2/f.png", ROLE_NONE, NULL, NULL, NULL, NULL},
        {"A/TrainDataset/GT/case1_/f.png", ROLE_NONE, NULL, NULL, NULL, NULL},
        {"A/TrainDataset/GT/f.png", ROLE_NONE, NULL, NULL, NULL, NULL},
        {"case1/._f.jpg", ROLE_NONE, NULL, NULL, NULL, NULL},
        {"case/f.jpg", ROLE_NONE, NULL, NULL, NULL, NULL},
        {"f.jpg", ROLE_NONE, NULL, NULL, NULL, NULL},
    };
    struct layout layout = {.kind = LAYOUT_SUN};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct place place;
        assert_int_equal(layout_place(&layout, cases[i].path, &place), cases[i].role);
        if (cases[i].pair) assert_string_equal(place.pair, cases[i].pair);
        if (cases[i].name) assert_string_equal(place.name, cases[i].name);
        if (cases[i].group) assert_string_equal(place.group, cases[i].group);
        if (cases[i].part) assert_string_equal(place.part, cases[i].part);
        place_free(&place);
    }
}

static void suns_frames_are_put_in_time(void **state) {
    (void)state;
    static const char *const sorted[] = {
        "case2/x_001-1_a2_b_image0001",   "case2/x_001-1_a2_b_image0010",
        "case2/x_001-1_a10_b_image0002",  "case2/x_002-1_a1_b_image0001",
        "case2_1/x_001-1_a2_b_image0001", "case2_10/x_001-1_a2_b_image0001",
        "case10/x_001-1_a2_b_image0001",  "case10/y_001-1_a2_b_image0001"};
    for (size_t i = 1; i < sizeof sorted / sizeof *sorted; i++) {
        assert_true(layout_sun_compare(sorted[i - 1], sorted[i]) < 0);
        assert_true(layout_sun_compare(sorted[i], sorted[i - 1]) > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(cvcs_ways_are_understood),    TEST(kvasirs_ways_are_understood),
        TEST(suns_ways_are_understood),    TEST(suns_members_are_told_apart),
        TEST(suns_frames_are_put_in_time),
    };
    return test_run(tests);
}
