/* convert_match_test.c - a checkpoint held against an encoder's list through a map: pieces
 * that make one tensor, axes that turn and melt together, and everything that does not fit,
 * by name. */
#include "tests/test.h"
#include "convert/match.h"
#include "convert/turn.h"
#include "core/bag.h"
#include <fcntl.h>

static const char LIST[] = "name\tshape\tneed\nb.count\t[]\tcounter\nb.extra\t[2]\textra\n"
                           "q.bias\t[6]\tyes\nq.weight\t[6,4]\tyes\nw\t[5,3,2,2]\tyes\n";
static const char MAP[] =
    "from\tto\tturn\tpart\n"
    "one/kernel\tq.weight\tfirst_last\t1/3\ntwo/kernel\tq.weight\tfirst_last\t2/3\n"
    "three/kernel\tq.weight\tfirst_last\t3/3\n"
    "one/bias\tq.bias\t-\t1/3\ntwo/bias\tq.bias\t-\t2/3\nthree/bias\tq.bias\t-\t3/3\n"
    "half/bias\tq.bias\t-\t1/4\nconv/kernel\tw\thwio\t-\n";

/* In big_vision's form: a query of 4 inputs, 2 heads of 1; a convolution of 2 x 2 x 3 x
 * 5. */
static float value[60];
static const struct tensor whole[] = {
    {"conv/kernel", T_F32, 4, {2, 2, 3, 5}, value}, {"one/bias", T_F32, 2, {2, 1}, value},
    {"one/kernel", T_F32, 3, {4, 2, 1}, value},     {"three/bias", T_F32, 2, {2, 1}, value},
    {"three/kernel", T_F32, 3, {4, 2, 1}, value},   {"two/bias", T_F32, 2, {1, 2}, value},
    {"two/kernel", T_F32, 3, {4, 1, 2}, value},
};
enum { WHOLE = sizeof whole / sizeof *whole };

static void save(const struct tensor *t, int n) {
    file_mkdir("names");
    file_write("names/little.tsv", LIST, sizeof LIST - 1);
    file_write("names/map.tsv", MAP, sizeof MAP - 1);
    struct bag_writer *w = bag_create("c.safetensors");
    for (int i = 0; i < n; i++) bag_add(w, &t[i]);
    bag_commit(w);
}

struct said {
    char line[200], missing[200], told[4000];
};

static void match(void *arg) {
    struct said *s = arg;
    struct match m;
    match_open(&m, "c.safetensors", "names", "little", "map");
    char *line = match_line(&m), *missing = match_missing(&m);
    snprintf(s->line, sizeof s->line, "%s", line);
    snprintf(s->missing, sizeof s->missing, "%s", missing);
    xfree(line);
    xfree(missing);
    match_close(&m);
}

/* Matches, what goes to stderr kept. */
static struct said matched(const struct tensor *t, int n) {
    struct said s = {{0}, {0}, {0}};
    save(t, n);
    int kept = dup(STDERR_FILENO), told_to = creat("told", 0600);
    dup2(told_to, STDERR_FILENO);
    match(&s);
    dup2(kept, STDERR_FILENO);
    close(told_to);
    close(kept);
    char *told = file_read("told", 3999, NULL);
    snprintf(s.told, sizeof s.told, "%s", told);
    xfree(told);
    return s;
}

static void says(const struct tensor *t, int n, const char *line, const char *missing,
                 const char *told) {
    struct said s = matched(t, n);
    assert_string_equal(s.line, line);
    assert_string_equal(s.missing, missing);
    if (!strstr(s.told, told)) fail_msg("said '%s', wanted '%s'", s.told, told);
}

static void pieces_make_one_tensor_and_axes_melt(void **state) {
    (void)state;
    says(whole, WHOLE, "loaded 3 of 3, 0 missing, 0 unexpected", "", "");
}

static void pieces_that_are_not_there_are_counted(void **state) {
    (void)state;
    says(whole, WHOLE - 1, "loaded 2 of 3, 1 missing, 0 unexpected", "q.weight",
         "missing 1 of the 3 parts of 'q.weight' [6,4]");
    says(whole, 2, "loaded 1 of 3, 2 missing, 0 unexpected", "q.bias q.weight",
         "missing 2 of the 3 parts of 'q.bias' [6]");
}

/* The tensor at `at` with other sizes. */
static void misshaped(int at, int ndim, int a, int b, int c, const char *told) {
    struct tensor t[WHOLE];
    memcpy(t, whole, sizeof t);
    t[at].ndim = ndim;
    t[at].dim[0] = a, t[at].dim[1] = b, t[at].dim[2] = c;
    struct said s = matched(t, WHOLE);
    if (!strstr(s.told, told)) fail_msg("said '%s', wanted '%s'", s.told, told);
    assert_non_null(strstr(s.line, "1 of another shape"));
}

static void a_piece_of_another_shape_is_named(void **state) {
    (void)state;
    misshaped(2, 3, 4, 3, 1, "'one/kernel' is [4,3,1], wanted [2,4], its axes turned");
    misshaped(2, 3, 4, 1, 1, "'one/kernel' is [4,1,1], wanted [2,4]");
    misshaped(2, 2, 2, 4, 1, "'one/kernel' is [2,4], wanted [2,4], its axes turned");
    misshaped(2, 3, 4, 2, 3, "'one/kernel' is [4,2,3]");
    misshaped(0, 3, 2, 2, 3, "'conv/kernel' is [2,2,3], wanted [5,3,2,2]");
    misshaped(1, 1, 3, 1, 1, "'one/bias' is [3], wanted [2]");
}

static void parts_that_do_not_divide_do_not_fit(void **state) {
    (void)state;
    struct tensor t[WHOLE];
    memcpy(t, whole, sizeof t);
    t[1] = (struct tensor){"half/bias", T_F32, 1, {1}, value};
    says(t, 2, "loaded 1 of 3, 1 missing, 0 unexpected, 1 of another shape",
         "q.bias q.weight", "'half/bias' is [1], wanted [6]");
}

static void twice(void *arg) {
    struct said s;
    save(arg, 2);
    match(&s);
}

static void a_place_taken_twice_is_refused(void **state) {
    (void)state;
    struct tensor same[] = {{"a/one/bias", T_F32, 1, {2}, value},
                            {"b/one/bias", T_F32, 1, {2}, value}},
                  other[] = {{"q.bias", T_F32, 1, {6}, value},
                             {"two/bias", T_F32, 1, {2}, value}};
    assert_dies(EXIT_NO, "'a/one/bias' and 'b/one/bias' are both 'q.bias'", twice, same);
    assert_dies(EXIT_NO, "'q.bias' and 'two/bias' are both 'q.bias'", twice, other);
}

static void extras_and_counters_may_be_absent_but_not_another(void **state) {
    (void)state;
    struct tensor t[WHOLE + 2];
    memcpy(t, whole, sizeof whole);
    t[WHOLE] = (struct tensor){"b.extra", T_F32, 1, {2}, value};
    says(t, WHOLE + 1, "loaded 4 of 4, 0 missing, 0 unexpected", "", "");
    t[WHOLE].dim[0] = 3;
    says(t, WHOLE + 1, "loaded 3 of 4, 0 missing, 0 unexpected, 1 of another shape", "",
         "'b.extra' is [3], wanted [2]");
    t[WHOLE] = (struct tensor){"b.other", T_F32, 1, {2}, value};
    t[WHOLE + 1] = (struct tensor){"head.bias", T_F32, 1, {2}, value};
    says(t, WHOLE + 2, "loaded 3 of 3, 0 missing, 1 unexpected", "",
         "1 tensors of the classifier head dropped");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(pieces_make_one_tensor_and_axes_melt),
        TEST(pieces_that_are_not_there_are_counted),
        TEST(a_piece_of_another_shape_is_named),
        TEST(parts_that_do_not_divide_do_not_fit),
        TEST(a_place_taken_twice_is_refused),
        TEST(extras_and_counters_may_be_absent_but_not_another),
    };
    return test_run(tests);
}
