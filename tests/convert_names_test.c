/* convert_names_test.c - maps of names and turned tensors: each rule of names.h, each
 * complaint about a map, each turn against the index formula of turn.h. */
#include "tests/test.h"
#include "convert/names.h"

/* ---- names ---- */

static void put(const char *path, const char *text) {
    file_write(path, text, strlen(text));
}

struct files {
    const char *list, *map, *conf, *encoder, *as;
};
static const char LIST[] =
    "name\tshape\na.weight\t[2,3]\nb\t[]\nc.num_batches_tracked\t[]\n";

static void open_names(void *arg) {
    const struct files *f = arg;
    struct names names;
    file_mkdir("names");
    put("names/little.tsv", f->list ? f->list : LIST);
    put("names/map.tsv", f->map ? f->map : "from\tto\n");
    put("names/map.conf", f->conf ? f->conf : "");
    names_open(&names, "names", f->encoder ? f->encoder : "little", f->as ? f->as : "map");
    names_close(&names);
}

static void lists_and_maps_that_are_wrong_are_refused(void **state) {
    (void)state;
    static const struct {
        struct files f;
        int code;
        const char *words;
    } all[] = {
        {{.list = "name\tshape\na\t3\n"}, EXIT_NO, "shape '3', wanted one like [64,3,7,7]"},
        {{.list = "name\tshape\na\t[3,]\n"}, EXIT_NO, "shape '[3,]'"},
        {{.list = "name\tshape\na\t[0]\n"}, EXIT_NO, "shape '[0]'"},
        {{.list = "name\tshape\na\t[-1]\n"}, EXIT_NO, "shape '[-1]'"},
        {{.list = "name\tshape\na\t[9999999999]\n"}, EXIT_NO, "shape '[9999999999]'"},
        {{.list = "name\tshape\na\t[3x]\n"}, EXIT_NO, "shape '[3x]'"},
        {{.list = "name\tshape\na\t[3\n"}, EXIT_NO, "shape '[3'"},
        {{.list = "name\tshape\na\t[3]]\n"}, EXIT_NO, "shape '[3]]'"},
        {{.list = "name\tshape\na\t[1,1,1,1,1,1,1,1,1]\n"}, EXIT_NO, "wanted one like"},
        {{.list = "name\tshape\nb\t[]\na\t[]\n"},
         EXIT_NO,
         "'a' after 'b', wanted names sorted"},
        {{.list = "name\tshape\na\t[]\na\t[]\n"}, EXIT_NO, "'a' after 'a'"},
        {{.list = "name\tshape\tneed\na\t[]\tmaybe\n"}, EXIT_NO, "need 'maybe'"},
        {{.map = "from\tto\tturn\na\tb\tround\n"}, EXIT_NO, "turn 'round'"},
        {{.map = "from\tto\tpart\na\tb\t2\n"}, EXIT_NO, "part '2'"},
        {{.map = "from\tto\tpart\na\tb\t2:3\n"}, EXIT_NO, "part '2:3'"},
        {{.map = "from\tto\tpart\na\tb\t0/3\n"}, EXIT_NO, "part '0/3'"},
        {{.map = "from\tto\tpart\na\tb\t3/2\n"}, EXIT_NO, "part '3/2'"},
        {{.map = "from\tto\tpart\na\tb\t1/1\n"}, EXIT_NO, "part '1/1'"},
        {{.map = "from\tto\tpart\na\tb\t1/5\n"}, EXIT_NO, "part '1/5'"},
        {{.map = "from\tto\na*b*\tc*\n"}, EXIT_NO, "at most one *"},
        {{.map = "from\tto\na\tc*\n"}, EXIT_NO, "at most one *"},
        {{.map = "from\tto\n\tc\n"}, EXIT_NO, "wanted two names"},
        {{.map = "from\tto\nc\t\n"}, EXIT_NO, "wanted two names"},
        {{.conf = "stride v2\n"}, EXIT_NO, "stride 'v2', wanted v1 or v15"},
        {{.conf = "bn_eps small\n"}, EXIT_NO, "bn_eps 'small'"},
        {{.conf = "bn_eps 0\n"}, EXIT_NO, "bn_eps '0'"},
        {{.conf = "colour red\n"}, EXIT_NO, "colour"},
        {{.as = "../map"}, EXIT_NO, "not a name of a list"},
        {{.encoder = ".little"}, EXIT_NO, "not a name of a list"},
        {{.encoder = "large"}, EXIT_WORLD, "absent, wanted a list of tensor names"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct files f = all[i].f;
        assert_dies(all[i].code, all[i].words, open_names, &f);
    }
}

static void a_list_says_what_is_needed(void **state) {
    (void)state;
    struct names names;
    file_mkdir("names");
    put("names/little.tsv", LIST);
    names_open(&names, "names", "little", NULL);
    assert_int_equal(names.count, 3);
    assert_int_equal(names_find(&names, "b"), 1);
    assert_int_equal(names_find(&names, "bb"), -1);
    assert_int_equal(names.wanted[1].need, NEED_YES);
    assert_int_equal(names.wanted[2].need, NEED_COUNTER);
    names_close(&names);
    put("names/little.tsv",
        "name\tshape\tneed\na\t[]\tyes\nb\t[2]\tcounter\nc\t[2,3]\textra\n");
    names_open(&names, "names", "little", NULL);
    assert_int_equal(names.wanted[0].need, NEED_YES);
    assert_int_equal(names.wanted[1].need, NEED_COUNTER);
    assert_int_equal(names.wanted[2].need, NEED_EXTRA);
    assert_int_equal(names.wanted[2].ndim, 2);
    names_close(&names);
    put("names/little.tsv", "name\tshape\n");
    names_open(&names, "names", "little", NULL);
    assert_int_equal(names_find(&names, "a"), -1);
    names_close(&names);
    assert_true(names_head("fc.bias") && names_head("head.weight"));
    assert_false(names_head("fcn") || names_head("headless"));
}

static void the_longest_match_renames(void **state) {
    (void)state;
    static const char map[] =
        "from\tto\tturn\tpart\nmodule\t-\t-\t-\nmodule.net\t-\t-\t-\n"
        "old\tnew\t-\t-\nstage_*/conv/kernel\tlayer*.conv.weight\thwio\t-\n"
        "/cls\tcls_token\t-\t-\nblock*\tlayers.*\t-\t-\n"
        "q/kernel\tqkv\tfirst_last\t2/3\n";
    static const struct {
        const char *name, *is;
        int turn, part, parts, merges;
    } all[] = {
        {"module.a.b", "a.b", 0, 0, 1, 0},
        {"module.net.a", "a", 0, 0, 1, 0},
        {"module", "module", 0, 0, 1, 0},
        {"modules.a", "modules.a", 0, 0, 1, 0},
        {"old.a", "new.a", 0, 0, 1, 0},
        {"older.a", "older.a", 0, 0, 1, 0},
        {"x/stage_12/conv/kernel", "layer12.conv.weight", TURN_HWIO, 0, 1, 1},
        {"stage_/conv/kernel", "stage_/conv/kernel", 0, 0, 1, 0},
        {"stage_1/conv/kernel/x", "stage_1/conv/kernel/x", 0, 0, 1, 0},
        {"cls", "cls_token", 0, 0, 1, 0},
        {"a/cls", "cls_token", 0, 0, 1, 0},
        {"block7.w", "layers.7.w", 0, 0, 1, 0},
        {"m/q/kernel", "qkv", TURN_FIRST_LAST, 1, 3, 1},
    };
    struct names names;
    file_mkdir("names");
    put("names/little.tsv", LIST);
    put("names/map.tsv", map);
    put("names/map.conf", "stride v1\nbn_eps 0.001\n");
    names_open(&names, "names", "little", "map");
    assert_string_equal(names.stride, "v1");
    assert_string_equal(names.bn_eps, "0.001");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct renamed r;
        names_map(&names, all[i].name, &r);
        assert_string_equal(r.name, all[i].is);
        assert_int_equal(r.turn, all[i].turn);
        assert_int_equal(r.part, all[i].part);
        assert_int_equal(r.parts, all[i].parts);
        assert_int_equal(r.merges, all[i].merges);
        xfree(r.name);
    }
    names_close(&names);
}

/* ---- turns ---- */

enum { H = 2, W = 3, I = 5, O = 7, ALL = H * W * I * O };

/* Whole, and in pieces of every length up to 9 from every place. */
static void reads(const struct tensor *t, enum turn turn, const float *want) {
    float got[ALL];
    turn_read(t, turn, 0, ALL, got);
    assert_memory_equal(got, want, sizeof got);
    for (size_t from = 0; from < ALL; from++)
        for (size_t n = 0; n < 10 && from + n <= ALL; n++) {
            turn_read(t, turn, from, n, got);
            assert_memory_equal(got, want + from, n * sizeof *got);
        }
}

static void turned_tensors_are_the_formulas(void **state) {
    (void)state;
    float x[ALL], hwio[ALL], first[ALL], last[ALL];
    double wide[ALL];
    uint16_t half[ALL];
    for (int i = 0; i < ALL; i++) wide[i] = x[i] = (float)(i - 100);
    for (int i = 0; i < ALL; i++) half[i] = half_from_f32(x[i]);
    for (int h = 0; h < H; h++)
        for (int w = 0; w < W; w++)
            for (int i = 0; i < I; i++)
                for (int o = 0; o < O; o++) {
                    float v = x[((h * W + w) * I + i) * O + o];
                    hwio[((o * I + i) * H + h) * W + w] = v;
                    first[((w * I + i) * O + o) * H + h] = v;
                    last[((o * H + h) * W + w) * I + i] = v;
                }
    struct tensor all[] = {{"x", T_F32, 4, {H, W, I, O}, x},
                           {"x", T_F64, 4, {H, W, I, O}, wide},
                           {"x", T_F16, 4, {H, W, I, O}, half}};
    for (int i = 0; i < 3; i++) {
        reads(&all[i], TURN_NONE, x);
        reads(&all[i], TURN_HWIO, hwio);
        reads(&all[i], TURN_FIRST_LAST, first);
        reads(&all[i], TURN_LAST_FIRST, last);
    }
    int dim[TENSOR_DIMS];
    struct tensor flat = {"x", T_F32, 1, {ALL}, x};
    assert_true(turn_dims(&all[0], TURN_HWIO, dim));
    assert_true(dim[0] == O && dim[1] == I && dim[2] == H && dim[3] == W);
    assert_false(turn_dims(&flat, TURN_HWIO, dim));
    assert_true(turn_dims(&flat, TURN_FIRST_LAST, dim) && dim[0] == ALL);
    reads(&flat, TURN_FIRST_LAST, x);
    assert_int_equal(turn_parse("last_first"), TURN_LAST_FIRST);
    assert_int_equal(turn_parse("sideways"), TURN_COUNT);
}

static void a_long_line_is_read_in_blocks(void **state) {
    (void)state;
    enum { N = 5000 };
    float *x = xmalloc(2 * N * sizeof *x), *got = xmalloc(2 * N * sizeof *got);
    for (int i = 0; i < 2 * N; i++) x[i] = (float)i;
    struct tensor t = {"x", T_F32, 2, {N, 2}, x};
    turn_read(&t, TURN_FIRST_LAST, 0, 2 * N, got);
    for (int i = 0; i < 2 * N; i++) assert_true(got[i] == x[i % N * 2 + i / N]);
    turn_read(&t, TURN_NONE, 0, 2 * N, got);
    assert_memory_equal(got, x, 2 * N * sizeof *x);
    xfree(x);
    xfree(got);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(lists_and_maps_that_are_wrong_are_refused),
        TEST(a_list_says_what_is_needed),
        TEST(the_longest_match_renames),
        TEST(turned_tensors_are_the_formulas),
        TEST(a_long_line_is_read_in_blocks),
    };
    return test_run(tests);
}
