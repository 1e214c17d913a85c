/* convert_pack_test.c - from archives to packs: pairs, order, groups, sizes, and every
 * refusal. */
#include "core/resize.h"
#include "tests/packing.h"
#include "tests/test.h"

static void write_text(const char *path, const char *text) {
    file_write(path, text, strlen(text));
}

static void pack_ok(struct packing *p) {
    packing_write(p);
    packing_run(p);
}

static void refuses(struct packing *p, const char *message) {
    packing_write(p);
    assert_dies(EXIT_NO, message, packing_run, p);
    assert_false(file_exists("out.bag"));
    assert_int_equal(count_entries("."), 3); /* x.src, x.conf, raw: nothing half written */
    box_free(&p->box);
    remove("raw");
}

static void numbers_are_put_in_their_order(void **state) {
    (void)state;
    struct packing p = {0};
    struct pack pack;
    const char *names[] = {"10", "9", "2", "100"}, *sorted[] = {"2", "9", "10", "100"};
    for (int i = 0; i < 4; i++) packing_pair(&p, names[i]);
    pack_ok(&p);
    pack_open(&pack, "out.bag");
    assert_int_equal(pack.count, 4);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(pack.name[i], sorted[i]);
        assert_string_equal(pack.group[i], sorted[i]);
    }
    pack_close(&pack);
    box_free(&p.box);
}

static void bytes_order_is_an_order_too(void **state) {
    (void)state;
    struct packing p = {
        .conf = "size 8\nresize bilinear\nmask_resize nearest\nmask_threshold 127\n"
                "order bytes\ngroups none\n"};
    struct pack pack;
    const char *names[] = {"10", "9", "2"}, *sorted[] = {"10", "2", "9"};
    for (int i = 0; i < 3; i++) packing_pair(&p, names[i]);
    pack_ok(&p);
    pack_open(&pack, "out.bag");
    for (int i = 0; i < 3; i++) assert_string_equal(pack.name[i], sorted[i]);
    pack_close(&pack);
    box_free(&p.box);
}

static void masks_are_kept_at_both_sizes(void **state) {
    (void)state;
    struct packing p = {0};
    struct pack pack;
    uint8_t original[12 * 16];
    packing_pair(&p, "1"); /* mask white from row 6 of 12 on: half of it at any size */
    pack_ok(&p);
    pack_open(&pack, "out.bag");
    assert_int_equal(pack.side, 8);
    assert_int_equal(pack.size[0], 12);
    assert_int_equal(pack.size[1], 16);
    const uint8_t *bits = pack_mask(&pack, 0);
    for (int y = 0; y < 8; y++) assert_int_equal(bits[y], y < 4 ? 0 : 0xff);
    pack_original(&pack, 0, original);
    for (int i = 0; i < 12 * 16; i++) assert_int_equal(original[i], i / 16 >= 6);
    pack_close(&pack);
    box_free(&p.box);
}

/* Grey 127 is background, 128 polyp; picture and mask resized each by its own filter. */
static void the_threshold_and_the_filters_are_the_confs(void **state) {
    (void)state;
    struct packing p = {0};
    struct pack pack;
    struct image mask = {16, 8, 1, xmalloc(128)}, picture = {16, 8, 1, xcalloc(128, 1)};
    size_t n;
    for (int i = 0; i < 128; i++) {
        mask.pixel[i] = i % 16 < 8 ? 127 : 128;
        picture.pixel[i] = i % 2 ? 200 : 0;
    }
    uint8_t *bytes = image_encode_png(&picture, &n);
    box_add(&p.box, "i/1.png", bytes, n);
    bytes = image_encode_png(&mask, &n);
    box_add(&p.box, "m/1.png", bytes, n);
    pack_ok(&p);
    pack_open(&pack, "out.bag");
    for (int y = 0; y < 8; y++) assert_int_equal(pack_mask(&pack, 0)[y], 0xf0);
    uint8_t original[128];
    pack_original(&pack, 0, original);
    for (int i = 0; i < 128; i++) assert_int_equal(original[i], i % 16 >= 8);
    struct image small;
    image_to_rgb(&picture);
    resize(&picture, 8, 8, FILTER_BILINEAR, &small);
    assert_memory_equal(pack_image(&pack, 0), small.pixel, 8 * 8 * 3);
    image_free(&small);
    pack_close(&pack);
    image_free(&picture);
    image_free(&mask);
    box_free(&p.box);
}

static void what_does_not_belong_is_left_alone(void **state) {
    (void)state;
    struct packing p = {0};
    struct pack pack;
    packing_pair(&p, "1");
    box_add_text(&p.box, "notes.json", "{}");
    box_add_text(&p.box, "i/._1.png", "what a Mac leaves behind");
    box_add_text(&p.box, "i/1.txt", "text");
    pack_ok(&p);
    pack_open(&pack, "out.bag");
    assert_int_equal(pack.count, 1);
    pack_close(&pack);
    box_free(&p.box);
}

static void two_stars_make_names_with_folders_and_groups(void **state) {
    (void)state;
    struct packing p = {
        .format = "pairs c*/*.png | c*_masks/*_mask.png",
        .conf = "size 8\nresize bicubic\nmask_resize bilinear\nmask_threshold 127\n"
                "order numeric\ngroups folder\n",
        .source = "groups 2\n"};
    struct pack pack;
    for (int i = 0; i < 4; i++) {
        char *path = xprintf("data/c%d/f%d.png", i / 2 + 1, i);
        packing_add(&p, path, 10, 9, 4);
        xfree(path);
        path = xprintf("data/c%d_masks/f%d_mask.png", i / 2 + 1, i);
        packing_add(&p, path, 10, 9, 5);
        xfree(path);
    }
    pack_ok(&p);
    pack_open(&pack, "out.bag");
    assert_int_equal(pack.count, 4);
    assert_string_equal(pack.name[3], "2/f3");
    assert_string_equal(pack.group[3], "2");
    pack_close(&pack);
    box_free(&p.box);
}

static void a_picture_alone_is_refused(void **state) {
    (void)state;
    struct packing p = {0};
    packing_pair(&p, "1");
    packing_add(&p, "i/2.png", 16, 12, 3);
    refuses(&p, "1 of 3 pictures and masks stand alone, wanted pairs");
    p = (struct packing){0};
    packing_pair(&p, "1");
    packing_add(&p, "m/2.png", 16, 12, 3);
    packing_add(&p, "m/3.png", 16, 12, 3);
    refuses(&p, "2 of 4 pictures and masks stand alone, wanted pairs");
}

static void a_mask_of_another_size_is_refused(void **state) {
    (void)state;
    struct packing p = {0};
    packing_pair(&p, "1");
    packing_add(&p, "i/2.png", 16, 12, 3);
    packing_add(&p, "m/2.png", 12, 16, 3);
    refuses(&p,
            "raw: m/2.png: mask of 12x16, wanted 16x12 as its picture raw: i/2.png has");
}

static void two_of_a_name_are_refused(void **state) {
    (void)state;
    struct packing p = {0};
    packing_pair(&p, "1");
    packing_add(&p, "other/i/1.png", 16, 12, 3);
    refuses(&p, "raw: i/1.png and raw: other/i/1.png: two pictures of the name '1'");
    p = (struct packing){0};
    packing_pair(&p, "1");
    packing_add(&p, "other/m/1.png", 16, 12, 3);
    refuses(&p, "raw: m/1.png and raw: other/m/1.png: two masks of the name '1'");
}

static void a_picture_that_is_none_is_refused(void **state) {
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        struct packing p = {.threads = threads};
        for (int i = 0; i < 30; i++) {
            char *name = xprintf("%d", i);
            packing_pair(&p, name);
            xfree(name);
        }
        for (int i = 5; i < 20; i += 7) {
            char *name = xprintf("i/x%d.png", i);
            box_add_text(&p.box, name, "no picture");
            xfree(name);
        }
        packing_pair(&p, "last");
        refuses(&p,
                "raw: i/x5.png: not a picture"); /* the first, with any number of threads */
    }
}

static void a_set_without_a_picture_is_refused(void **state) {
    (void)state;
    struct packing p = {.format = "pairs images/*.png | masks/*.png"};
    packing_pair(&p, "1");
    refuses(&p, "raw: none of its 2 files is a picture or a mask by 'pairs images/*.png | "
                "masks/*.png'");
}

static void a_format_that_is_none_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"zip",
                                      "pairs a/*.png",
                                      "pairs a.png | b.png",
                                      "pairs a/*.png | b/*/*.png",
                                      "pairs a/*.png | a/*.png",
                                      "pairs a* | b*** ********"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct packing p = {.format = bad[i]};
        packing_pair(&p, "1");
        refuses(&p, "x.src: format is '");
    }
}

static void groups_come_from_a_table_or_not_at_all(void **state) {
    (void)state;
    static const char conf[] =
        "size 8\nresize bilinear\nmask_resize nearest\nmask_threshold 127\n"
        "order numeric\ngroups sub/g.tsv\n";
    struct packing p = {.conf = conf, .source = "groups 2\n"};
    struct pack pack;
    for (int i = 1; i <= 4; i++) {
        char *name = xprintf("%d", i);
        packing_pair(&p, name);
        xfree(name);
    }
    write_text("sub/g.tsv", "first\tlast\tgroup\n1\t2\ta\n3\t4\tb\n");
    pack_ok(&p);
    pack_open(&pack, "out.bag");
    assert_string_equal(pack.group[1], "a");
    assert_string_equal(pack.group[2], "b");
    pack_close(&pack);
    write_text("sub/g.tsv", "name\tgroup\n1\ta\n2\ta\n3\ta\n4\ta\n");
    assert_dies(EXIT_NO, "x: 1 groups, wanted 2 (groups in x.src)", packing_run, &p);
    write_text("sub/g.tsv", "first\tlast\tgroup\n1\t2\ta\n");
    assert_dies(EXIT_NO, "sub/g.tsv: no group for '3'", packing_run, &p);
    write_text("sub/g.tsv", "first\tlast\tgroup\n1\t4\ta\n3\t4\tb\n");
    assert_dies(EXIT_NO, "sub/g.tsv:3: '3' has a group in line 2 already", packing_run, &p);
    box_free(&p.box);
}

static void every_key_of_a_conf_is_wanted_and_checked(void **state) {
    (void)state;
    static const struct {
        const char *conf, *message;
    } cases[] = {
        {"resize bilinear\nmask_resize nearest\nmask_threshold 127\norder bytes\ngroups "
         "none\n",
         "no key size"},
        {"size 12\nresize bilinear\nmask_resize nearest\nmask_threshold 127\norder "
         "bytes\ngroups none\n",
         "size is '12', wanted a multiple of 8"},
        {"size 8\nresize lanczos\nmask_resize nearest\nmask_threshold 127\norder "
         "bytes\ngroups none\n",
         "resize is 'lanczos', wanted nearest, bilinear or bicubic"},
        {"size 8\nresize nearest\nmask_resize nearest\nmask_threshold 255\norder "
         "bytes\ngroups none\n",
         "mask_threshold is '255'"},
        {"size 8\nresize nearest\nmask_resize nearest\nmask_threshold 1\norder any\ngroups "
         "none\n",
         "order is 'any'"},
        {"size 8\nresize nearest\nmask_resize nearest\nmask_threshold 1\norder "
         "bytes\ngroups all\n",
         "groups is 'all'"},
        {"size 8\nresize nearest\nmask_resize nearest\nmask_threshold 1\norder "
         "official\ngroups none\n",
         "wanted format sun"},
        {"size 8\nresize nearest\nmask_resize nearest\nmask_threshold 1\norder "
         "bytes\ngroups case\n",
         "wanted a layout with cases"},
        {"size 8\nsize 8\nresize nearest\nmask_resize nearest\nmask_threshold 1\norder "
         "bytes\n"
         "groups none\n",
         "key size stands already"},
        {"colour red\n", "unknown key colour"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct packing p = {.conf = cases[i].conf};
        packing_pair(&p, "1");
        refuses(&p, cases[i].message);
    }
}

static void assert_same_files(const char *a, const char *b) {
    size_t n, m;
    char *x = file_read(a, 1 << 26, &n), *y = file_read(b, 1 << 26, &m);
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n);
    xfree(x);
    xfree(y);
}

static void a_pack_does_not_know_its_container_or_its_threads(void **state) {
    (void)state;
    struct packing p = {0};
    for (int i = 0; i < 100; i++) {
        char *name = xprintf("%d", i * 37 % 100);
        packing_pair(&p, name);
        xfree(name);
    }
    pack_ok(&p);
    rename("out.bag", "zip1.bag");
    p.threads = 4;
    packing_run(&p);
    assert_same_files("out.bag", "zip1.bag");
    p.container = BOX_TAR_XZ;
    pack_ok(&p);
    assert_same_files("out.bag", "zip1.bag");
    box_free(&p.box);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(numbers_are_put_in_their_order),
        TEST(bytes_order_is_an_order_too),
        TEST(masks_are_kept_at_both_sizes),
        TEST(the_threshold_and_the_filters_are_the_confs),
        TEST(what_does_not_belong_is_left_alone),
        TEST(two_stars_make_names_with_folders_and_groups),
        TEST(a_picture_alone_is_refused),
        TEST(a_mask_of_another_size_is_refused),
        TEST(two_of_a_name_are_refused),
        TEST(a_picture_that_is_none_is_refused),
        TEST(a_set_without_a_picture_is_refused),
        TEST(a_format_that_is_none_is_refused),
        TEST(groups_come_from_a_table_or_not_at_all),
        TEST(every_key_of_a_conf_is_wanted_and_checked),
        TEST(a_pack_does_not_know_its_container_or_its_threads),
    };
    return test_run(tests);
}
