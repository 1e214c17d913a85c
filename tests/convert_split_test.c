/* convert_split_test.c - who trains and who validates. */
#include "convert/divide.h"
#include "core/rng.h"
#include "core/split.h"
#include "core/table.h"
#include "tests/test.h"

/* A pack of n pictures named 1..n in groups of the given sizes, 8 x 8 pixels of nothing. */
static void write_pack(int n, int groups, const int *size, const char *part) {
    struct bag_writer *w = bag_create("p.bag");
    uint64_t *index = xcalloc((size_t)n + 1, sizeof *index);
    int32_t *sides = xcalloc((size_t)n, 2 * sizeof *sides);
    uint32_t *run = xcalloc((size_t)n, sizeof *run);
    uint8_t *pixel = xcalloc((size_t)n, 192);
    char *name = xstrdup(""), *group = xstrdup("");
    for (int g = 0, i = 0; g < groups; g++)
        for (int k = 0; k < size[g]; k++, i++) {
            char *longer = xprintf("%s%d\n", name, i + 1);
            xfree(name);
            name = longer;
            longer = xprintf("%sg%d\n", group, g);
            xfree(group);
            group = longer;
            run[i] = 64, sides[2 * i] = sides[2 * i + 1] = 8,
            index[i + 1] = (uint64_t)i + 1;
        }
    bag_add(w, &(struct tensor){"orig_index", T_U64, 1, {n + 1}, index});
    bag_add(w, &(struct tensor){"orig_size", T_I32, 2, {n, 2}, sides});
    bag_add(w, &(struct tensor){"orig_rle", T_U32, 1, {n}, run});
    bag_add(w, &(struct tensor){"image", T_U8, 4, {n, 8, 8, 3}, pixel});
    bag_add(w, &(struct tensor){"mask", T_U8, 2, {n, 8}, pixel});
    bag_add(w, &(struct tensor){"name", T_U8, 1, {(int)strlen(name)}, name});
    bag_add(w, &(struct tensor){"group", T_U8, 1, {(int)strlen(group)}, group});
    if (part)
        bag_add(w, &(struct tensor){"part", T_U8, 1, {(int)strlen(part)}, (void *)part});
    bag_commit(w);
    xfree(index), xfree(sides), xfree(run), xfree(pixel), xfree(name), xfree(group);
}

static void divide_it(void *arg) {
    struct pack pack;
    pack_open(&pack, "p.bag");
    divide_write(arg, &pack, "s.tsv");
    pack_close(&pack);
}

/* The set of each picture, in the pack's order: 't' or 'v'. Caller frees. */
static char *sets(int n) {
    struct table t;
    char *text = xcalloc((size_t)n + 1, 1);
    table_read(&t, "s.tsv");
    assert_int_equal(t.rows, n);
    for (int i = 0; i < n; i++) {
        assert_int_equal(table_integer(&t, i, table_need(&t, "name")), i + 1);
        text[i] = *table_get(&t, i, table_need(&t, "set"));
    }
    table_free(&t);
    return text;
}

static int count(const char *text, char c) {
    int n = 0;
    for (; *text; text++) n += *text == c;
    return n;
}

static void the_random_split_is_the_papers(void **state) {
    (void)state;
    int order[612];
    for (uint64_t replicate = 0; replicate < 2; replicate++) {
        struct divide d = {.kind = "random", .replicate = replicate};
        write_pack(612, 1, (int[]){612}, NULL);
        divide_it(&d);
        char *set = sets(612);
        assert_int_equal(count(set, 't'), 489); /* floor(.8 x 612) */
        rng_permutation(42 + replicate, STREAM_SPLIT, 0, 612, order);
        for (int i = 0; i < 612; i++) assert_int_equal(set[order[i]], i < 489 ? 't' : 'v');
        xfree(set);
    }
}

static void groups_stay_whole_and_every_one_validates_once(void **state) {
    (void)state;
    static const int size[] = {25, 25, 17, 11, 25, 23, 25, 26, 22, 6};
    static const char *const folds[] = {"grouped-f0", "grouped-f1", "grouped-f2",
                                        "grouped-f3", "grouped-f4"};
    int validates[10] = {0}, pictures[5] = {0};
    write_pack(205, 10, size, NULL);
    for (int f = 0; f < 5; f++) {
        struct divide d = {.kind = folds[f]};
        divide_it(&d);
        char *set = sets(205);
        for (int g = 0, at = 0; g < 10; at += size[g++]) {
            for (int k = 1; k < size[g]; k++) assert_int_equal(set[at], set[at + k]);
            validates[g] += set[at] == 'v';
        }
        pictures[f] = count(set, 'v');
        xfree(set);
    }
    for (int g = 0; g < 10; g++) assert_int_equal(validates[g], 1);
    for (int f = 0; f < 5; f++)
        assert_in_range(pictures[f], 31, 51); /* 41 each, if it could be */
}

static void folds_differ_by_replicate(void **state) {
    (void)state;
    static const int size[] = {5, 5, 5, 5, 5, 5, 5, 5};
    struct divide a = {.kind = "grouped-f0"}, b = {.kind = "grouped-f0", .replicate = 1};
    write_pack(40, 8, size, NULL);
    divide_it(&a);
    char *first = sets(40);
    divide_it(&b);
    char *second = sets(40);
    assert_string_not_equal(first, second);
    xfree(first);
    xfree(second);
}

static void too_few_groups_are_refused(void **state) {
    (void)state;
    struct divide d = {.kind = "grouped-f0"};
    write_pack(40, 4, (int[]){10, 10, 10, 10}, NULL);
    assert_dies(EXIT_NO, "p.bag: 4 groups, wanted 5 or more", divide_it, &d);
    assert_false(file_exists("s.tsv"));
}

static void lists_decide_and_the_rest_is_the_other_set(void **state) {
    (void)state;
    struct divide d = {.kind = "official", .lists = 1, .list = {"val=v.txt"}};
    write_pack(6, 1, (int[]){6}, NULL);
    file_write("v.txt", "# a comment\n2\n5\n", 16);
    divide_it(&d);
    char *set = sets(6);
    assert_string_equal(set, "tvttvt");
    xfree(set);
    d = (struct divide){
        .kind = "official", .lists = 2, .list = {"val=v.txt", "train=t.txt"}};
    file_write("t.txt", "1\n3\n4\n", 6);
    assert_dies(EXIT_NO, "'6' is in no list", divide_it, &d);
    file_write("t.txt", "1\n3\n4\n6\n2\n", 10);
    assert_dies(EXIT_NO, "t.txt:5: '2' is listed twice", divide_it, &d);
    file_write("t.txt", "1\n3\n4\n6\n7\n", 10);
    assert_dies(EXIT_NO, "t.txt:5: '7' is not in p.bag", divide_it, &d);
    file_write("t.txt", "1\n3\n4\n6\n", 8);
    divide_it(&d);
}

static void suns_parts_are_a_split(void **state) {
    (void)state;
    struct divide d = {.kind = "official"};
    write_pack(3, 1, (int[]){3},
               "TrainDataset\nTestEasyDataset/Seen\nTestHardDataset/Unseen\n");
    divide_it(&d);
    char *set = sets(3);
    assert_string_equal(set, "tvv");
    xfree(set);
    write_pack(3, 1, (int[]){3}, "TrainDataset\n");
    assert_dies(EXIT_NO, "part has fewer than 3 lines", divide_it, &d);
    write_pack(3, 1, (int[]){3}, NULL);
    assert_dies(EXIT_NO, "no parts in it, wanted lists", divide_it, &d);
}

static void what_is_no_split_is_refused(void **state) {
    (void)state;
    static const struct {
        struct divide d;
        int code;
        const char *message;
    } cases[] = {
        {{.kind = "grouped-f5"}, EXIT_USAGE, "wanted random, grouped-f0"},
        {{.kind = "fair"}, EXIT_USAGE, "wanted random, grouped-f0"},
        {{.kind = "pranet"}, EXIT_USAGE, "wanted --list val=FILE"},
        {{.kind = "random", .lists = 1, .list = {"val=v"}},
         EXIT_USAGE,
         "official or pranet only"},
        {{.kind = "official", .lists = 1, .list = {"v"}},
         EXIT_USAGE,
         "wanted train=FILE or val=FILE"},
        {{.kind = "official", .lists = 1, .list = {"val=none.txt"}},
         EXIT_WORLD,
         "none.txt"},
        {{.kind = "random"}, EXIT_NO, "0 train and 1 validate, wanted some of both"},
    };
    write_pack(1, 1, (int[]){1}, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_dies(cases[i].code, cases[i].message, divide_it, (void *)&cases[i].d);
    assert_int_equal(count_entries("."), 1);
}

static void core_reads_what_was_written(void **state) {
    (void)state;
    struct divide d = {.kind = "random"};
    struct pack pack;
    struct split split;
    write_pack(40, 1, (int[]){40}, NULL);
    divide_it(&d);
    pack_open(&pack, "p.bag");
    split_open(&split, "s.tsv", &pack);
    assert_int_equal(split.train, 32);
    assert_int_equal(split.val, 8);
    split_close(&split);
    pack_close(&pack);
}

static void a_set_for_scoring_validates_whole(void **state) {
    (void)state;
    int size[] = {2, 3};
    struct divide d = {.kind = "all"};
    write_pack(5, 2, size, NULL);
    divide_it(&d);
    char *text = sets(5);
    assert_string_equal(text, "vvvvv");
    xfree(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_random_split_is_the_papers),
        TEST(groups_stay_whole_and_every_one_validates_once),
        TEST(folds_differ_by_replicate),
        TEST(too_few_groups_are_refused),
        TEST(lists_decide_and_the_rest_is_the_other_set),
        TEST(suns_parts_are_a_split),
        TEST(what_is_no_split_is_refused),
        TEST(core_reads_what_was_written),
        TEST(a_set_for_scoring_validates_whole),
    };
    return test_run(tests);
}
