/* core_pack_test.c - packs and splits that disagree with themselves are refused;
 * metrics. */
#include "core/metric.h"
#include "core/pack.h"
#include "core/split.h"
#include "tests/test.h"

enum { N = 3, S = 8 };

/* A pack of three items, one thing of which may be wrong. */
struct plan {
    int image_side, mask_bytes, size_count, index_end, height;
    uint32_t run;
    const char *name, *group;
};
static const struct plan right = {S, S, N, 7, 2, 3, "2\n10\nb\n", "x\nx\ny\n"};

static void write_pack(const struct plan *p, const char *path) {
    static uint8_t image[N * 16 * 16 * 3], mask[N * 16];
    for (size_t i = 0; i < sizeof image; i++) image[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof mask; i++) mask[i] = (uint8_t)(i + 1);
    /* item 0: 2x3, "000111"; item 1: 1x4 "1001"; item 2: 2x2 "0000" */
    uint32_t rle[] = {3, p->run, 0, 1, 2, 1, 4};
    uint64_t index[] = {0, 2, 6, (uint64_t)p->index_end};
    int32_t size[] = {p->height, 3, 1, 4, 2, 2};
    struct bag_writer *w = bag_create(path);
    bag_add(w, &(struct tensor){"image", T_U8, 4, {N, p->image_side, S, 3}, image});
    bag_add(w, &(struct tensor){"mask", T_U8, 2, {N, p->mask_bytes}, mask});
    bag_add(w, &(struct tensor){"orig_rle", T_U32, 1, {7}, rle});
    bag_add(w, &(struct tensor){"orig_index", T_U64, 1, {N + 1}, index});
    bag_add(w, &(struct tensor){"orig_size", T_I32, 2, {p->size_count, 2}, size});
    const char *texts[2] = {p->name, p->group}, *names[2] = {"name", "group"};
    for (int i = 0; i < 2; i++)
        bag_add(
            w,
            &(struct tensor){
                names[i], T_U8, 1, {(int)strlen(texts[i])}, (void *)(uintptr_t)texts[i]});
    bag_commit(w);
}

static void opens(void *arg) {
    struct pack pack;
    write_pack(arg, "p.bag");
    pack_open(&pack, "p.bag");
    pack_close(&pack);
}

static void a_pack_gives_pictures_masks_and_names(void **state) {
    (void)state;
    struct pack pack;
    write_pack(&right, "p.bag");
    pack_open(&pack, "p.bag");
    assert_int_equal(pack.count, N);
    assert_int_equal(pack.side, S);
    assert_int_equal(pack_image(&pack, 1)[5], (S * S * 3 + 5) & 255);
    assert_int_equal(pack_mask(&pack, 2)[1], 2 * S + 2);
    assert_string_equal(pack.name[1], "10");
    assert_string_equal(pack.group[2], "y");
    assert_int_equal(pack_find(&pack, "b"), 2);
    assert_int_equal(pack_find(&pack, "c"), -1);
    uint8_t original[6];
    pack_original(&pack, 0, original);
    assert_memory_equal(original, "\0\0\0\1\1\1", 6);
    pack_original(&pack, 1, original);
    assert_memory_equal(original, "\1\0\0\1", 4);
    pack_original(&pack, 2, original);
    assert_memory_equal(original, "\0\0\0\0", 4);
    pack_close(&pack);
}

#define WRONG(field, value, message)                                                       \
    do {                                                                                   \
        struct plan plan = right;                                                          \
        plan.field = value;                                                                \
        assert_dies(EXIT_NO, message, opens, &plan);                                       \
    } while (0)

static void a_pack_that_disagrees_with_itself_is_refused(void **state) {
    (void)state;
    WRONG(image_side, 9, "pictures of 9 pixels, wanted a multiple of 8");
    WRONG(image_side, 16, "image's width is 8, wanted 16");
    WRONG(mask_bytes, 9, "mask's bytes an item is 9, wanted 8");
    WRONG(size_count, 2, "orig_size's count is 2, wanted 3");
    WRONG(index_end, 8, "orig_index's end is 8, wanted 7");
    WRONG(index_end, 5, "orig_index's end is 5, wanted 7");
    WRONG(run, 4, "sum of an item's runs is 7, wanted 6");
    WRONG(run, 0xffffffff, "sum of an item's runs");
    WRONG(height, 0, "original size 0x3");
    WRONG(height, -2, "original size -2x3");
    WRONG(height, 9000, "original size 9000x3, wanted 1 to 8192");
    WRONG(name, "a\nb\n", "name is 2, wanted 3");
    WRONG(name, "a\nb\nc\nd\n", "name is 4, wanted 3");
    WRONG(name, "a\nb\nc", "the last line has no end");
    WRONG(name, "a\nb\na\n", "name 'a' twice");
    WRONG(name, "a\nb\n\n", "an item without a name");
    WRONG(name, "a\nb\t\nc\n", "holds a tab");
    WRONG(name, "a\nb\x1b\nc\n", "control byte 0x1b");
    WRONG(group, "a\n", "group is 1, wanted 3");
}

struct trial {
    const struct pack *pack;
    const char *text;
};

static void splits(void *arg) {
    const struct trial *t = arg;
    struct split split;
    file_write("s.tsv", t->text, strlen(t->text));
    split_open(&split, "s.tsv", t->pack);
    split_close(&split);
}

static void a_split_sorts_items_into_three_sets(void **state) {
    (void)state;
    struct pack pack;
    struct split split;
    char hex[65];
    static const char text[] = "name\tgroup\tset\nb\ty\ttrain\n2\tx\tpick\n10\tx\tval\n";
    write_pack(&right, "p.bag");
    pack_open(&pack, "p.bag");
    file_write("s.tsv", text, sizeof text - 1);
    split_open(&split, "s.tsv", &pack);
    assert_int_equal(split.train, 1);
    assert_int_equal(split.train_item[0], 2);
    assert_int_equal(split.val_item[split.val - 1], 1);
    assert_int_equal(split.pick_item[split.pick - 1], 0);
    sha_bytes(text, sizeof text - 1, hex);
    assert_string_equal(split.sha256, hex);
    split_close(&split);
    pack_close(&pack);
}

static void splits_that_do_not_fit_the_pack_are_refused(void **state) {
    (void)state;
    struct pack pack;
    write_pack(&right, "p.bag");
    pack_open(&pack, "p.bag");
#define REFUSED(rows, message)                                                             \
    assert_dies(EXIT_NO, message, splits,                                                  \
                (&(struct trial){&pack, "name\tgroup\tset\n" rows}))
    REFUSED("c\tx\ttrain\n", "s.tsv:2: name 'c' is not in the pack");
    REFUSED("2\tx\ttrain\n2\tx\tval\n", "s.tsv:3: name '2' stands already in line 2");
    REFUSED("2\tx\ttest\n", "s.tsv:2: set 'test', wanted train, val or pick");
    REFUSED("2\ty\ttrain\n", "s.tsv:2: group 'y', wanted 'x'");
    assert_dies(EXIT_NO, "no column set", splits,
                (&(struct trial){&pack, "name\tgroup\n"}));
    pack_close(&pack);
}

static void names_sort_by_their_numbers(void **state) {
    (void)state;
    static const char *const sorted[] = {"",     "01",  "1",   "2",       "9z",
                                         "10",   "10a", "a2b", "a010b",   "a10b",
                                         "a10c", "b",   "b0",  "\xc3\xa9"};
    int n = sizeof sorted / sizeof *sorted;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            int order = name_compare(sorted[i], sorted[j]);
            int want = (i > j) - (i < j);
            assert_int_equal((order > 0) - (order < 0), want);
        }
}

static void dice_and_iou_follow_their_definitions(void **state) {
    (void)state;
    static const uint8_t a[] = {0, 1, 255, 1, 0}, b[] = {1, 1, 1, 0, 0};
    struct counts c = count_masks(a, b, 5);
    assert_int_equal(c.inter, 2);
    assert_int_equal(c.pred, 3);
    assert_int_equal(c.truth, 3);
    assert_near(dice(c), 4. / 6, 1e-16);
    assert_near(iou(c), 2. / 4, 0);
    assert_near(dice((struct counts){0, 0, 0}), 1, 0);
    assert_near(iou((struct counts){0, 0, 0}), 1, 0);
    assert_near(dice((struct counts){0, 5, 0}), 0, 0);
    assert_near(iou((struct counts){0, 0, 5}), 0, 0);
    struct counts large = {1ll << 40, 1ll << 41, 1ll << 40};
    assert_near(dice(large), 2 * iou(large) / (1 + iou(large)), 1e-16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_pack_gives_pictures_masks_and_names),
        TEST(a_pack_that_disagrees_with_itself_is_refused),
        TEST(a_split_sorts_items_into_three_sets),
        TEST(splits_that_do_not_fit_the_pack_are_refused),
        TEST(names_sort_by_their_numbers),
        TEST(dice_and_iou_follow_their_definitions),
    };
    return test_run(tests);
}
