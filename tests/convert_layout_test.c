/* convert_layout_test.c - each published set's layout, as its own source and conf say it,
 * in made-up archives with the real ones' quirks. */
#include "convert/layout.h"
#include "core/source.h"
#include "core/table.h"
#include "tests/published.h"
#include "tests/test.h"

static void write_text(const char *path, const char *text) {
    file_write(path, text, strlen(text));
}

static void wants_names(const char *bag, const char *const *names) {
    struct pack pack;
    int n = 0;
    pack_open(&pack, bag);
    for (; names[n]; n++) {
        assert_true(n < pack.count);
        assert_string_equal(pack.name[n], names[n]);
    }
    assert_int_equal(pack.count, n);
    pack_close(&pack);
}

/* ---- SUN-SEG: two trees, with and without Seen and Unseen, whole or not ---- */

static const struct clip {
    const char *name, *folder, *split, *level;
    int frames;
} clips[] = {{"case1_1", "case1", "TrainDataset", "", 2},
             {"case1_2", "case1", "TestEasyDataset", "Seen/", 2},
             {"case4", "case4", "TestHardDataset", "Unseen/", 3},
             {"case10_1", "case10", "TrainDataset", "", 1}};
enum { CLIPS = sizeof clips / sizeof *clips };

static char *stem(const struct clip *c, int frame) {
    return xprintf("%s_20181001100941_0U62372100109341_1_005_001-1_a%d_ayy_image%04d",
                   c->folder, frame ? 10 : 2, frame + 10 * (int)(c - clips) + 1);
}

/* Frames into `frames`, masks into `masks` (may be the same); reorganised or not. */
static void fill_sun(struct box *frames, struct box *masks, int levels, int tree) {
    for (int i = 0; i < CLIPS; i++)
        for (int f = 0; f < clips[i].frames; f++) {
            const struct clip *c = &clips[i];
            const char *level = levels ? c->level : "";
            char *name = stem(c, f);
            char *frame = tree ? xprintf("SUN-SEG/%s/%sFrame/%s/%s.jpg", c->split, level,
                                         c->name, name)
                               : xprintf("SUN-Positive/%s/%s.jpg", c->folder, name);
            char *mask = xprintf("SUN-SEG%s/%s/%sGT/%s/%s.png", tree ? "" : "-Annotation",
                                 c->split, level, c->name, name);
            char *edge = xprintf("SUN-SEG%s/%s/%sEdge/%s/%s.png", tree ? "" : "-Annotation",
                                 c->split, level, c->name, name);
            published_add(frames, frame, i + f);
            published_add(masks, mask, i + f + 2);
            published_add(masks, edge, 1);
            xfree(name);
            xfree(frame);
            xfree(mask);
            xfree(edge);
        }
}

static void pack_sun(int levels, int tree, const char *lines) {
    struct box frames = {0}, masks = {0};
    fill_sun(&frames, tree ? &frames : &masks, levels, tree);
    box_write(&frames, tree ? BOX_TAR : BOX_ZIP, "raw");
    if (!tree) box_write(&masks, BOX_ZIP, "raw2");
    published_write(tree ? "sun-tree" : "sun-masks", "sun", lines);
    box_free(&frames);
    box_free(&masks);
}

static void check_sun(const char *bag, int levels) {
    struct pack pack;
    static const char *const clip[] = {"case1_1", "case1_1", "case1_2", "case1_2",
                                       "case4",   "case4",   "case4",   "case10_1"};
    pack_open(&pack, bag);
    assert_int_equal(pack.count, 8);
    for (int i = 0; i < 8; i++) {
        assert_memory_equal(pack.name[i], clip[i], strlen(clip[i]));
        assert_int_equal(pack.name[i][strlen(clip[i])], '/');
        assert_memory_equal(pack.group[i], clip[i], strlen(pack.group[i]));
    }
    assert_string_equal(pack.group[7], "case10");
    const struct tensor *part = bag_find(&pack.bag, "part");
    const char *wanted = levels ? "TestHardDataset/Unseen\n" : "TestHardDataset\n";
    char *text = xprintf("%.*s", part->dim[0], (const char *)part->data);
    assert_non_null(strstr(text, wanted));
    xfree(text);
    pack_close(&pack);
}

static void suns_two_trees_are_one_set(void **state) {
    (void)state;
    for (int levels = 0; levels < 2; levels++) {
        pack_sun(levels, 0, "");
        published_pack(2, "out.bag");
        check_sun("out.bag", levels);
        pack_sun(levels, 1, "");
        published_pack(1, "tree.bag");
        check_sun("tree.bag", levels);
    }
}

static void write_counts(const char *changed) {
    char *text =
        xprintf("folder\tpictures\ncase1_1\t2\ncase1_2\t2\n%scase10_1\t1\n", changed);
    write_text("clips.tsv", text);
    xfree(text);
}

static void a_clip_that_is_short_is_named(void **state) {
    (void)state;
    const char *counts = "counts clips\n";
    write_counts("case4\t3\n");
    pack_sun(1, 0, counts);
    published_pack(2, "out.bag");
    write_counts("case4\t4\n");
    assert_dies(EXIT_NO, "x: case4 has 3 pictures, wanted 4 (1 of its folders",
                published_two, NULL);
    write_counts("case4\t3\ncase5\t7\n");
    assert_dies(EXIT_NO, "case5 is not there, wanted 7 pictures", published_two, NULL);
    write_counts("");
    assert_dies(EXIT_NO, "case4 is not in the list", published_two, NULL);
    /* A frame that did not come leaves its mask alone, and its clip short. */
    struct box frames = {0}, masks = {0};
    fill_sun(&frames, &masks, 1, 0);
    xfree(frames.file[5].name);
    frames.file[5].name = xstrdup("SUN-Positive/case4/README.txt");
    box_write(&frames, BOX_ZIP, "raw");
    write_counts("case4\t3\n");
    assert_dies(EXIT_NO, "case4 has 2 pictures, wanted 3", published_two, NULL);
    box_free(&frames);
    box_free(&masks);
}

/* ---- PraNet's packages, PolypGen, folders of classes ---- */

static const char *const sets[][2] = {{"cvc300", "CVC-300"},
                                      {"colondb", "CVC-ColonDB"},
                                      {"etis", "ETIS-LaribPolypDB"},
                                      {"pranetcvc", "CVC-ClinicDB"},
                                      {"pranetkvasir", "Kvasir"}};
enum { SETS = sizeof sets / sizeof *sets };

static void fill_pranet(struct box *box, const char *images, const char *masks) {
    for (int s = 0; s < SETS; s++)
        for (int i = 0; i <= s; i++) {
            char *name =
                xprintf("TestDataset/%s/%s/%d.png", sets[s][1], images, 10 * s + i);
            published_add(box, name, i);
            xfree(name);
            name = xprintf("TestDataset/%s/%s/%d.png", sets[s][1], masks, 10 * s + i);
            published_add(box, name, i + 1);
            xfree(name);
        }
}

static void pranets_five_sets_come_apart(void **state) {
    (void)state;
    static const char *const words[][2] = {{"images", "masks"}, {"image", "mask"}};
    for (int w = 0; w < 2; w++) {
        struct box box = {0};
        fill_pranet(&box, words[w][0], words[w][1]);
        box_write(&box, BOX_ZIP, "raw");
        for (int s = 0; s < SETS; s++) {
            char *name[SETS + 1] = {0};
            for (int i = 0; i <= s; i++) name[i] = xprintf("%d", 10 * s + i);
            published_write("pranet-test", sets[s][0], "");
            published_pack(1, "out.bag");
            wants_names("out.bag", (const char *const *)name);
            for (int i = 0; i <= s; i++) xfree(name[i]);
        }
        box_free(&box);
    }
}

static void a_set_with_another_number_of_pictures_is_refused(void **state) {
    (void)state;
    struct packing p = {.conf = "size 8\nresize bilinear\nmask_resize nearest\n"
                                "mask_threshold 127\norder numeric\ngroups none\n"
                                "pictures 3\n"};
    packing_pair(&p, "1");
    packing_pair(&p, "2");
    packing_write(&p);
    assert_dies(EXIT_NO, "x: 2 pictures with masks, wanted 3 (pictures in x.conf)",
                packing_run, &p);
    packing_pair(&p, "3");
    packing_write(&p);
    packing_run(&p);
    box_free(&p.box);
}

static void pranets_training_folder_has_two_names(void **state) {
    (void)state;
    static const char *const words[][2] = {{"image", "mask"}, {"images", "masks"}};
    for (int w = 0; w < 2; w++) {
        struct box box = {0};
        static const char *const stems[] = {"7", "12", "cju0qkwl35piu0993l0dewei2", NULL};
        for (int i = 0; stems[i]; i++) {
            char *name = xprintf("TrainDataset/%s/%s.png", words[w][0], stems[i]);
            published_add(&box, name, i);
            xfree(name);
            name = xprintf("TrainDataset/%s/%s.png", words[w][1], stems[i]);
            published_add(&box, name, i + 1);
            xfree(name);
        }
        box_write(&box, BOX_ZIP, "raw");
        published_write("pranet-train", "default", "");
        published_pack(1, "out.bag");
        wants_names("out.bag", stems);
        box_free(&box);
    }
}

static void polypgens_centres_are_groups(void **state) {
    (void)state;
    struct box box = {0};
    static const char *const pairs[][2] = {
        {"data_C1/images_C1/100H0050", "data_C1/masks_C1/100H0050_mask"},
        {"data_C3/images_C3/C3_EndoCV2021_00489_",
         "data_C3/masks_C3/C3_EndoCV2021_00489_mask"},
        {"data_C3/images_C3/C3_EndoCV2021_001", "data_C3/masks_C3/C3_EndoCV2021_001_mask"},
        {"data_C6/images_C6/EndoCV2021_C6_9", "data_C6/masks_C6/EndoCV2021_C6_9_mask"}};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 2; k++) {
            char *name = xprintf("PolypGen2021_MultiCenterData_v3/%s.jpg", pairs[i][k]);
            published_add(&box, name, i + k);
            xfree(name);
        }
    published_add(&box, "v3/data_C1/bbox_image_C1/957OLCV1_100H0002_mask_bbox.jpg", 0);
    published_add(&box, "v3/sequenceData/positive/seq1/images_seq1/0.jpg", 0);
    published_add(&box, "v3/sequenceData/positive/seq1/masks_seq1/0_mask.jpg", 0);
    published_add(&box, "v3/imagesAll_positive/100H0050.jpg", 0);
    box_add_text(&box, "v3/data_C1/.DS_Store", "x");
    box_write(&box, BOX_TAR_GZ, "raw");
    published_write("polypgen", "polypgen", "");
    published_pack(1, "out.bag");
    static const char *const names[] = {"1/100H0050", "3/C3_EndoCV2021_001",
                                        "3/C3_EndoCV2021_00489", "6/EndoCV2021_C6_9", NULL};
    wants_names("out.bag", names);
    struct pack pack;
    pack_open(&pack, "out.bag");
    assert_string_equal(pack.group[1], "3");
    pack_close(&pack);
    box_free(&box);
}

static void classes_are_counted_and_never_packed(void **state) {
    (void)state;
    struct box box = {0};
    published_add(&box, "NCT-CRC-HE-100K/ADI/ADI-AAAFLCLY.tif", 1);
    published_add(&box, "NCT-CRC-HE-100K/ADI/ADI-AAAKLNPQ.tif", 2);
    published_add(&box, "NCT/CRC/TUM/TUM-AAAHIKRS.tif", 3);
    published_add(&box, "BACK/BACK-AAAKLNPQ.tif", 4);
    box_write(&box, BOX_ZIP, "raw");
    published_write("nct-crc-he-100k", "default", "");
    assert_dies(EXIT_NO, "format folders has classes and no masks", published_one, NULL);
    struct layout layout;
    struct place place;
    layout_open(&layout, "folders *.tif", "x.src");
    assert_int_equal(layout_place(&layout, box.file[2].name, &place), ROLE_IMAGE);
    assert_string_equal(place.group, "TUM");
    place_free(&place);
    assert_int_equal(layout_place(&layout, "ADI/list.txt", &place), ROLE_NONE);
    layout_close(&layout);
    box_free(&box);
}

static void open_layout(void *arg) {
    struct layout layout;
    layout_open(&layout, arg, "x.src");
    layout_close(&layout);
}

static void a_format_that_cannot_be_meant_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *format, *message;
    } cases[] = {
        {"pairs a/*.png", "wanted `pairs IMAGE | MASK`"},
        {"pairs a/*{b.png | c/*.png", "wanted a '}' after each '{'"},
        {"pairs a/*}b.png | c/*.png", "wanted a '{' before each '}'"},
        {"pairs {a,{b,c}}/*.png | c/*.png", "no braces in braces"},
        {"pairs {a,b*}/*.png | c/*.png", "no star in braces"},
        {"pairs {a,b,c,d,e}{1,2,3,4}/*.png | c/*.png", "16 patterns at most"},
        {"pairs {a,b}/*.png | {b,c}/*.png", "two patterns that differ"},
        {"pairs a/b.png | c/*.png", "1 to 8 stars"},
        {"pairs a/*/*.png | c/*.png", "as many stars"},
        {"folders a.png", "1 to 8 stars"},
        {"frames", "wanted `pairs IMAGE | MASK`, `sun` or `folders IMAGE`"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_dies(EXIT_NO, cases[i].message, open_layout, (void *)cases[i].format);
}

static void the_projects_own_formats_can_be_meant(void **state) {
    (void)state;
    char *folder = file_join(test_home, "fetch/sources");
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int rars = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        struct source s;
        struct layout layout;
        if (e->d_name[0] == '.') continue;
        char *path = file_join(folder, e->d_name);
        source_read(&s, path);
        if (source_may_be(&s, "rar")) {
            assert_string_equal(s.name, "cvc");
            assert_non_null(s.content);
            rars++;
        }
        if (s.kind == SOURCE_DATA) {
            layout_open(&layout, s.format, path);
            layout_close(&layout);
        }
        source_free(&s);
        xfree(path);
    }
    assert_int_equal(rars, 1);
    closedir(dir);
    xfree(folder);
}

static void suns_list_is_the_published_one(void **state) {
    (void)state;
    char *path = file_join(test_home, "convert/names/sun-clips.tsv");
    struct table t;
    long frames = 0, cases = 0, whole = 0;
    table_read(&t, path);
    int name = table_need(&t, "folder"), count = table_need(&t, "pictures");
    for (int i = 0; i < t.rows; i++) {
        frames += table_integer(&t, i, count);
        if (!strchr(table_get(&t, i, name), '_')) {
            whole += table_integer(&t, i, count);
            cases++;
        }
    }
    assert_int_equal(t.rows, 285);
    assert_int_equal(frames, 49136);
    assert_int_equal(cases, 38); /* of one clip, called as the case alone */
    assert_int_equal(whole, 6896);
    table_free(&t);
    xfree(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(suns_two_trees_are_one_set),
        TEST(a_clip_that_is_short_is_named),
        TEST(pranets_five_sets_come_apart),
        TEST(a_set_with_another_number_of_pictures_is_refused),
        TEST(pranets_training_folder_has_two_names),
        TEST(polypgens_centres_are_groups),
        TEST(classes_are_counted_and_never_packed),
        TEST(a_format_that_cannot_be_meant_is_refused),
        TEST(the_projects_own_formats_can_be_meant),
        TEST(suns_list_is_the_published_one),
    };
    return test_run(tests);
}
