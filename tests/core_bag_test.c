/* core_bag_test.c - bags: what is written is read, every lie in a header is refused. */
#include "core/bag.h"
#include "core/rng.h"
#include "tests/test.h"

/* A header (its length counted, unless told) and zeros behind it. */
struct lie {
    const char *header;
    size_t data;
    const char *message;
    uint64_t length; /* 0: the header's own */
};

static void parses_lie(void *arg) {
    const struct lie *lie = arg;
    size_t n = strlen(lie->header);
    uint64_t length = lie->length ? lie->length : n;
    uint8_t *bytes = xcalloc(8 + n + lie->data, 1);
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(length >> 8 * i);
    memcpy(bytes + 8, lie->header, n);
    struct bag bag;
    bag_parse(&bag, bytes, 8 + n + lie->data, "lie.bag");
    bag_close(&bag);
    xfree(bytes);
}

#define ONE(shape, offsets)                                                                \
    "{\"a\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define U8(name, from, to)                                                                 \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[" from "," to "]}"

static void honest_headers_are_read(void **state) {
    (void)state;
    static const struct lie honest[] = {
        {"{}", 0, "", 0},
        {"{}   ", 0, "", 0},
        {ONE("[]", "[0,4]"), 4, "", 0},
        {ONE("[2,3]", "[0,24]"), 24, "", 0},
        {ONE("[0,3]", "[0,0]"), 0, "", 0},
        {"{" U8("b", "4", "8") "," U8("a", "0", "4") "}", 8, "", 0},
        {"{\"__metadata__\":{\"k\":\"v\"}}", 0, "", 0},
        {"{\"odd\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
         "\"none\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[1,1]}} ",
         1, "", 0},
    };
    for (size_t i = 0; i < sizeof honest / sizeof *honest; i++)
        parses_lie((void *)(uintptr_t)&honest[i]);
}

static const struct lie lies[] = {
    {"{}", 0, "header of 9223372036854775808 bytes", 1ull << 63},
    {"{}", 0, "header of 3 bytes in a file of 10", 3},
    {"{}", 17 << 20, "header of 16777217 bytes", (16 << 20) + 1},
    {" {}", 0, "not one JSON object", 0},
    {"[]", 0, "not one JSON object", 0},
    {"{}\n", 0, "not one JSON object", 0},
    {"{}}", 0, "wanted JSON", 0},
    {"{\"a\":}", 0, "wanted JSON", 0},
    {"{}", 4, "4 bytes of data, wanted 0", 0},
    {ONE("[1]", "[0,4]"), 3, "bytes 0 to 4, wanted them from 0 and at most to 3", 0},
    {ONE("[1]", "[0,4]"), 5, "5 bytes of data, wanted 4", 0},
    {ONE("[1]", "[4,8]"), 8, "bytes 4 to 8, wanted them from 0", 0},
    {ONE("[2]", "[0,4]"), 4, "4 bytes, wanted 8 for F32 [2]", 0},
    {ONE("[1]", "[4,0]"), 4, "bytes 4 to 0", 0},
    {"{" U8("a", "0", "4") "," U8("b", "5", "9") "}", 9, "bytes 5 to 9, wanted them from 4",
     0},
    {"{" U8("a", "0", "4") "," U8("b", "3", "7") "}", 7, "bytes 3 to 7, wanted them from 4",
     0},
    {"{" U8("a", "0", "4") "," U8("b", "0", "4") "}", 4, "bytes 0 to 4, wanted them from 4",
     0},
    {ONE("[-1]", "[0,4]"), 4, "shape holds something else", 0},
    {ONE("[1]", "[-4,0]"), 4, "data_offsets holds something else", 0},
    {ONE("[1.0]", "[0,4]"), 4, "shape holds something else", 0},
    {ONE("[1]", "[0,4.0]"), 4, "data_offsets holds something else", 0},
    {ONE("[1]", "[0,4e0]"), 4, "data_offsets holds something else", 0},
    {ONE("[\"1\"]", "[0,4]"), 4, "shape holds something else", 0},
    {ONE("[2147483648]", "[0,4]"), 4, "shape holds something else", 0},
    {ONE("[1]", "[0,9007199254740993]"), 4, "bytes 0 to 9007199254740993", 0},
    {ONE("[1]", "[0,9223372036854775808]"), 4, "wanted JSON", 0},
    {ONE("[2147483647,2147483647,2147483647]", "[0,4]"), 4, "overflows", 0},
    {ONE("[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "at most 8 dimensions", 0},
    {ONE("[1]", "[0,4,8]"), 4, "data_offsets of two numbers", 0},
    {ONE("[1]", "0"), 4, "data_offsets of two numbers", 0},
    {ONE("{}", "[0,4]"), 4, "wanted dtype, shape", 0},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 4, "wanted dtype, shape", 0},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"x\":1}}", 4,
     "nothing else", 0},
    {"{\"a\":{\"dtype\":\"F8\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, "dtype 'F8'", 0},
    {"{\"a\":{\"dtype\":4,\"shape\":[],\"data_offsets\":[0,4]}}", 4, "dtype ''", 0},
    {"{\"a\":7}", 0, "wanted dtype, shape", 0},
    {"{\"\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, "without a name",
     0},
    {"{" U8("a", "0", "4") "," U8("a", "0", "4") "}", 4, "duplicate", 0},
    {"{" U8("a", "0", "4") "," U8("\\u0061", "4", "8") "}", 8, "duplicate", 0},
    {"{\"a\\u0000\":7}", 0, "wanted JSON", 0},
    {"{\"\xff\":7}", 0, "wanted JSON", 0},
    {"{\"\\ud800\":7}", 0, "wanted JSON", 0},
    {"{\"__metadata__\":[]}", 0, "__metadata__ is not an object", 0},
    {"{\"__metadata__\":{\"k\":1}}", 0, "metadata k is not a text", 0},
    {"{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}", 0, "duplicate", 0},
};

static void every_lie_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        assert_dies(EXIT_NO, lies[i].message, parses_lie, (void *)(uintptr_t)&lies[i]);
}

static void headers_that_would_cost_memory_are_refused(void **state) {
    (void)state;
    enum { N = 100000, MANY = 6000000 };
    char *header = xmalloc(MANY + 1);
    struct lie lie = {header, 0, "nested 4 deep", 0};
    memset(header, '[', N);
    header[0] = '{', header[N - 1] = '}', header[N] = 0;
    assert_dies(EXIT_NO, lie.message, parses_lie, &lie);
    for (int i = 0; i < MANY; i++) header[i] = i % 2 ? ',' : '0';
    memcpy(header, "{\"\":[", 5);
    memcpy(header + MANY - 2, "]}", 3);
    assert_dies(EXIT_NO, "commas, wanted at most", parses_lie, &lie);
    memset(header + 3, '[', MANY - 9); /* inside a text brackets cost nothing */
    memcpy(header, "{\"__metadata__\":{\"\\\"\":\"", 23);
    memcpy(header + MANY - 3, "\"}}", 4);
    parses_lie(&lie);
    xfree(header);
}

static void reads_bytes(void *arg) {
    struct bag bag;
    bag_open(&bag, arg);
    bag_close(&bag);
}

static void write_small(const char *path) {
    float x[6] = {0, 1, -2, 3.5f, 1e-30f, 6};
    struct bag_writer *w = bag_create(path);
    bag_add_meta(w, "source", "a \"b\" \\ \n \xc3\xa9");
    bag_add(w, &(struct tensor){"odd", T_U8, 1, {3}, "abc"});
    bag_add(w, &(struct tensor){"f.w\t", T_F32, 2, {2, 3}, x});
    bag_add(w, &(struct tensor){"scalar", T_F64, 0, {0}, &(double){0.1}});
    bag_add_meta(w, "second", "");
    bag_begin(w, "pieces", T_I32);
    bag_write(w, &(int32_t){7}, 4);
    bag_write(w, &(int32_t){-8}, 4);
    bag_end(w, 2, (int[]){2, 1});
    bag_commit(w);
}

static void what_is_written_is_read(void **state) {
    (void)state;
    struct bag bag;
    write_small("a.bag");
    bag_open(&bag, "a.bag");
    assert_int_equal(bag.count, 4);
    assert_string_equal(bag_need_meta(&bag, "source"), "a \"b\" \\ \n \xc3\xa9");
    assert_string_equal(bag_meta(&bag, "second"), "");
    assert_null(bag_meta(&bag, "third"));
    const struct tensor *t = bag_need(&bag, "f.w\t", T_F32, 2);
    assert_string_equal(tensor_shape(t), "[2,3]");
    assert_int_equal(tensor_count(t), 6);
    assert_int_equal(tensor_bytes(t), 24);
    assert_true(((const float *)t->data)[3] == 3.5f);
    t = bag_need(&bag, "pieces", T_I32, -1);
    assert_int_equal(((const int32_t *)t->data)[1], -8);
    double x;
    tensor_to_f64(bag_need(&bag, "scalar", T_F64, 0), &x);
    assert_near(x, 0.1, 0);
    assert_null(bag_find(&bag, "absent"));
    bag_close(&bag);
}

static void needs_absent(void *arg) {
    bag_need(arg, "absent\x1b", T_F32, 1);
}
static void needs_type(void *arg) {
    bag_need(arg, "odd", T_F32, 1);
}
static void needs_ndim(void *arg) {
    bag_need(arg, "odd", T_U8, 2);
}
static void needs_meta(void *arg) {
    bag_need_meta(arg, "third");
}
static void needs_float(void *arg) {
    float x[9];
    tensor_to_f32(bag_find(arg, "odd"), x);
}

static void a_need_not_met_names_bag_and_tensor(void **state) {
    (void)state;
    struct bag bag;
    write_small("a.bag");
    bag_open(&bag, "a.bag");
    assert_dies(EXIT_NO, "a.bag: no tensor absent\\x1b", needs_absent, &bag);
    assert_dies(EXIT_NO, "a.bag: tensor odd: type U8, wanted F32", needs_type, &bag);
    assert_dies(EXIT_NO, "a.bag: tensor odd: shape [3], wanted 2 dimensions", needs_ndim,
                &bag);
    assert_dies(EXIT_NO, "a.bag: no metadata third", needs_meta, &bag);
    assert_dies(EXIT_NO, "tensor odd: type U8, wanted a float", needs_float, &bag);
    bag_close(&bag);
}

static void the_same_calls_give_the_same_bytes(void **state) {
    (void)state;
    char a[65], b[65];
    write_small("a.bag");
    write_small("b.bag");
    sha_file("a.bag", a);
    sha_file("b.bag", b);
    assert_string_equal(a, b);
}

static void a_bag_cut_anywhere_is_refused(void **state) {
    (void)state;
    write_small("a.bag");
    size_t n;
    char *bytes = file_read("a.bag", 1 << 20, &n);
    for (size_t k = 0; k < n; k++) {
        file_write("cut.bag", bytes, k);
        assert_dies(EXIT_NO, "cut.bag: ", reads_bytes, "cut.bag");
    }
    xfree(bytes);
    assert_dies(EXIT_WORLD, "absent.bag", reads_bytes, "absent.bag");
}

/* More data than wait in memory, and so many names that the header outgrows its room. */
static void write_large(const char *path, int tensors) {
    struct bag_writer *w = bag_create(path);
    uint32_t block[1 << 10];
    for (int i = 0; i < tensors; i++) {
        char name[40];
        snprintf(name, sizeof name, "layer.%d", i);
        bag_begin(w, name, T_U32);
        for (uint32_t k = 0; k < 1 << 10; k++) block[k] = (uint32_t)i << 10 | k;
        bag_write(w, block, sizeof block);
        bag_end(w, 1, (int[]){1 << 10});
    }
    bag_commit(w);
}

static void large_bags_are_streamed_and_shifted(void **state) {
    (void)state;
    static const int counts[] = {1025, 5000};
    for (int c = 0; c < 2; c++) {
        struct bag bag;
        write_large("a.bag", counts[c]);
        bag_open(&bag, "a.bag");
        assert_int_equal(bag.count, counts[c]);
        long start = (const uint8_t *)bag.tensor[0].data - bag.map.data;
        assert_int_equal(start % 64, 0);
        assert_true(c ? start > 262144 : start == 262144);
        for (int i = 0; i < bag.count; i++) {
            const uint32_t *data = bag.tensor[i].data;
            assert_int_equal(data[0], i << 10);
            assert_int_equal(data[1023], i << 10 | 1023);
        }
        bag_close(&bag);
    }
}

static void adds_twice(void *arg) {
    struct bag_writer *w = bag_create("a.bag");
    for (int i = 0; i < 2; i++) bag_add(w, &(struct tensor){arg, T_U8, 1, {1}, "x"});
    bag_commit(w);
}

static void adds_too_few(void *arg) {
    struct bag_writer *w = bag_create("a.bag");
    bag_begin(w, arg, T_F32);
    bag_write(w, "abcd", 4);
    bag_end(w, 1, (int[]){2});
}

static void adds_foreign_text(void *arg) {
    struct bag_writer *w = bag_create("a.bag");
    bag_add_meta(w, arg, "\xff");
}

static void the_writer_refuses_what_the_reader_would(void **state) {
    (void)state;
    assert_dies(EXIT_NO, "tensor x twice", adds_twice, "x");
    assert_dies(EXIT_NO, "tensor x: 4 bytes in 1 dimensions, wanted 8", adds_too_few, "x");
    assert_dies(EXIT_NO, "'\\xff', wanted UTF-8", adds_foreign_text, "x");
    assert_int_equal(count_entries("."), 0);
    bag_drop(bag_create("a.bag"));
    assert_int_equal(count_entries("."), 0);
}

static void writes_small(void *arg) {
    write_small(arg);
}

static void writing_survives_every_failure(void **state) {
    (void)state;
    int code = EXIT_WORLD, n = 0;
    while (code == EXIT_WORLD) {
        char text[16], message[300];
        snprintf(text, sizeof text, "%d", ++n);
        setenv("FAIL_AT", text, 1);
        code = die_catch(writes_small, "a.bag", message, sizeof message);
        unsetenv("FAIL_AT");
        assert_true(code == 0 || (code == EXIT_WORLD && *message));
        /* once renamed the file is there and whole, though its folder could not be
         * synced */
        int entries = count_entries(".");
        assert_int_equal(entries, file_exists("a.bag"));
        if (entries) reads_bytes("a.bag");
        if (code) file_remove("a.bag");
        assert_true(n < 1000);
    }
    assert_int_equal(code, 0);
    assert_true(n > 20);
}

static void halves_round_to_nearest_even(void **state) {
    (void)state;
    static const struct {
        float x;
        uint16_t half, bfloat;
    } known[] = {
        {0.0f, 0x0000, 0x0000},
        {-0.0f, 0x8000, 0x8000},
        {1.0f, 0x3c00, 0x3f80},
        {-2.0f, 0xc000, 0xc000},
        {65504.0f, 0x7bff, 0x4780},
        {65519.996f, 0x7bff, 0x4780},
        {65520.0f, 0x7c00, 0x4780},
        {1e30f, 0x7c00, 0x714a},
        {0x1p-24f, 0x0001, 0x3380},
        {0x1p-25f, 0x0000, 0x3300},
        {0x1.000002p-25f, 0x0001, 0x3300},
        {0x1.8p-24f, 0x0002, 0x33c0},
        {0x1.ffcp-15f, 0x0400, 0x3880},
        {0x1.004p0f, 0x3c01, 0x3f80},
        {0x1.002p0f, 0x3c00, 0x3f80},
        {0x1.006p0f, 0x3c02, 0x3f80},
        {0x1.01p0f, 0x3c04, 0x3f80},
        {0x1.03p0f, 0x3c0c, 0x3f82},
        {INFINITY, 0x7c00, 0x7f80},
        {3.4e38f, 0x7c00, 0x7f80},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_int_equal(half_from_f32(known[i].x), known[i].half);
        assert_int_equal(bfloat_from_f32(known[i].x), known[i].bfloat);
    }
    uint16_t half[3] = {0x3c00, 0xc000, 0x0001};
    double wide[3];
    tensor_to_f64(&(struct tensor){"h", T_F16, 1, {3}, half}, wide);
    assert_true(wide[0] == 1 && wide[1] == -2 && wide[2] == 0x1p-24);
    tensor_to_f64(&(struct tensor){"b", T_BF16, 1, {2}, half}, wide);
    assert_true(wide[0] == 0x1p-7 && wide[1] == -2);
    tensor_to_f64(&(struct tensor){"d", T_F64, 1, {0}, half}, wide);
    assert_true(wide[1] == -2);
    assert_true(isnan(half_to_f32(half_from_f32(NAN))) &&
                isnan(bfloat_to_f32(bfloat_from_f32(NAN))));
    for (uint32_t h = 0; h < 1 << 16; h++) { /* every half and bfloat comes back */
        bool nan_half = (h & 0x7fff) > 0x7c00, nan_bfloat = (h & 0x7fff) > 0x7f80;
        if (!nan_half) assert_int_equal(half_from_f32(half_to_f32((uint16_t)h)), h);
        if (!nan_bfloat) assert_int_equal(bfloat_from_f32(bfloat_to_f32((uint16_t)h)), h);
    }
    assert_true(half_to_f32(0x3555) == 0x1.554p-2f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(honest_headers_are_read),
        TEST(every_lie_is_refused),
        TEST(headers_that_would_cost_memory_are_refused),
        TEST(what_is_written_is_read),
        TEST(a_need_not_met_names_bag_and_tensor),
        TEST(the_same_calls_give_the_same_bytes),
        TEST(a_bag_cut_anywhere_is_refused),
        TEST(large_bags_are_streamed_and_shifted),
        TEST(the_writer_refuses_what_the_reader_would),
        TEST(writing_survives_every_failure),
        TEST(halves_round_to_nearest_even),
    };
    return test_run(tests);
}
