/* convert_weights_test.c - checkpoints to bags: PyTorch's own small files against what
 * PyTorch says is in them, hostile safetensors, and every complaint about a checkpoint that
 * does not fit. */
#include "tests/test.h"
#include "tests/torch_save.h"
#include "convert/checkpoint.h"
#include "convert/names.h"
#include "convert/weights.h"

static void open_checkpoint(void *path) {
    struct checkpoint c;
    checkpoint_open(&c, path);
    checkpoint_close(&c);
}

/* checkpoints/NAME is what checkpoints/NAME.expected.safetensors says, bit for bit. */
static void same_as_expected(const char *name, const char *end) {
    char file[64], expected[64];
    snprintf(file, sizeof file, "checkpoints/%s%s", name, end);
    snprintf(expected, sizeof expected, "checkpoints/%s.expected.safetensors", name);
    struct checkpoint c;
    struct bag bag;
    checkpoint_open(&c, golden(file));
    bag_open(&bag, golden(expected));
    assert_int_equal(c.count, bag.count);
    for (int i = 0; i < c.count; i++) {
        const struct tensor *t = &c.tensor[i], *want = bag_find(&bag, t->name);
        assert_non_null(want);
        assert_int_equal(t->type, want->type);
        assert_string_equal(tensor_shape(t), tensor_shape(want));
        if (tensor_bytes(t)) assert_memory_equal(t->data, want->data, tensor_bytes(t));
    }
    bag_close(&bag);
    checkpoint_close(&c);
}

static void every_type_and_stride_of_a_torch_file_reads_as_torch_does(void **state) {
    (void)state;
    same_as_expected("plain", ".pth");
}

static void a_training_checkpoint_is_descended_into(void **state) {
    (void)state;
    same_as_expected("nested", ".pth");
}

static void parameters_and_modules_read_as_their_tensors(void **state) {
    (void)state;
    same_as_expected("parameter", ".pth");
    same_as_expected("module", ".pth");
}

static void files_of_pytorch_that_are_no_state_dict_are_refused(void **state) {
    (void)state;
    assert_dies(EXIT_NO, "PyTorch's pre-1.6 format (stacked pickles)", open_checkpoint,
                (void *)golden("checkpoints/legacy.pth"));
    assert_dies(EXIT_NO, "a list, wanted a dict of tensors", open_checkpoint,
                (void *)golden("checkpoints/list.pth"));
    assert_dies(EXIT_NO, "TorchScript", open_checkpoint,
                (void *)golden("checkpoints/script.pth"));
    assert_dies(EXIT_WORLD, "absent.pth", open_checkpoint, "absent.pth");
}

/* ---- the tool's work, on an encoder of three tensors ---- */

static const char LIST[] =
    "name\tshape\nbn1.num_batches_tracked\t[]\nbn1.running_var\t[2]\n"
    "conv1.weight\t[2,1,1,3]\n";
static const char MAP[] = "from\tto\nbackbone.0\tconv1\nbackbone.1\tbn1\nmodule\t-\n"
                          "backbone\tless\n";
static const char SOURCE[] =
    "name imagenet-little\nkind weights\narm imagenet\nencoder little\n"
    "file little.pth\nurl file:little.pth\nmean 0.1 0.2 0.3\nstd 1 1 1\n"
    "order bgr\nrange 1\n";

static float conv[6] = {1, -2, 3.5f, 0.1f, -5, 6}, var[2] = {1, 2}, head[1] = {9};
static int64_t batches[1] = {7};
static struct tensor little[] = {
    {"conv1.weight", T_F32, 4, {2, 1, 1, 3}, conv},
    {"bn1.running_var", T_F32, 1, {2}, var},
    {"bn1.num_batches_tracked", T_I64, 0, {0}, batches},
    {"fc.bias", T_F32, 1, {1}, head},
};

struct job {
    const char *more; /* lines of the source file */
    int partial;
};

static void setting(void) {
    file_mkdir("names");
    file_write("names/little.tsv", LIST, sizeof LIST - 1);
    file_write("names/renamed.tsv", MAP, sizeof MAP - 1);
}

static void save(const struct tensor *tensor, int count) {
    struct bytes b = {0};
    torch_save(&b, "archive", tensor, count);
    file_write("little.pth", b.data, b.n);
    xfree(b.data);
}

static void convert(void *arg) {
    const struct job *job = arg;
    struct source source;
    char *text = xprintf("%s%s", SOURCE, job->more);
    source_parse(&source, text, strlen(text), "little.src");
    weights_convert(&source, "names", "little.pth", job->partial, "out.bag");
    source_free(&source);
    xfree(text);
}

static void refused(const struct tensor *tensor, int count, const char *more,
                    const char *fragment) {
    struct job job = {more, 0};
    setting();
    save(tensor, count);
    file_remove("out.bag");
    assert_dies(EXIT_NO, fragment, convert, &job);
    assert_false(file_exists("out.bag"));
}

static void converted(const struct tensor *tensor, int count, const char *more, int partial,
                      const char *loaded) {
    struct job job = {more, partial};
    struct bag bag;
    setting();
    save(tensor, count);
    convert(&job);
    bag_open(&bag, "out.bag");
    assert_string_equal(bag_need_meta(&bag, "loaded"), loaded);
    bag_close(&bag);
}

static void
a_bag_holds_the_encoders_tensors_sorted_and_says_where_they_are_from(void **state) {
    (void)state;
    struct bag bag;
    char sha256[65];
    converted(little, 4, "", 0, "loaded 3 of 3, 0 missing, 0 unexpected");
    bag_open(&bag, "out.bag");
    assert_int_equal(bag.count, 2);
    assert_string_equal(bag.tensor[0].name, "bn1.running_var");
    assert_string_equal(bag.tensor[1].name, "conv1.weight");
    assert_string_equal(tensor_shape(&bag.tensor[1]), "[2,1,1,3]");
    assert_memory_equal(bag.tensor[1].data, conv, sizeof conv);
    static const char *const meta[] = {"arm",     "imagenet",
                                       "encoder", "little",
                                       "source",  "imagenet-little",
                                       "mean",    "0.1 0.2 0.3",
                                       "std",     "1 1 1",
                                       "order",   "bgr",
                                       "range",   "1",
                                       "format",  "repolyp weights 1"};
    for (size_t i = 0; i < sizeof meta / sizeof *meta; i += 2)
        assert_string_equal(bag_need_meta(&bag, meta[i]), meta[i + 1]);
    sha_file("little.pth", sha256);
    assert_string_equal(bag_need_meta(&bag, "sha256"), sha256);
    assert_null(bag_meta(&bag, "missing"));
    bag_close(&bag);
}

static void num_batches_tracked_may_be_absent(void **state) {
    (void)state;
    converted(little, 2, "", 0, "loaded 2 of 2, 0 missing, 0 unexpected");
}

static void the_order_of_the_file_does_not_change_the_bag(void **state) {
    (void)state;
    struct tensor turned[] = {little[1], little[0]};
    struct bag a, b;
    converted(little, 2, "", 0, "loaded 2 of 2, 0 missing, 0 unexpected");
    assert_int_equal(rename("out.bag", "first.bag"), 0);
    converted(turned, 2, "", 0, "loaded 2 of 2, 0 missing, 0 unexpected");
    bag_open(&a, "first.bag");
    bag_open(&b, "out.bag");
    assert_string_equal(bag_need_meta(&a, "content"), bag_need_meta(&b, "content"));
    assert_string_not_equal(bag_need_meta(&a, "sha256"), bag_need_meta(&b, "sha256"));
    bag_close(&a);
    bag_close(&b);
}

static void renamed_prefixes_become_the_encoders(void **state) {
    (void)state;
    struct tensor renamed[] = {little[0], little[1], little[2]};
    renamed[0].name = "backbone.0.weight";
    renamed[1].name = "backbone.1.running_var";
    renamed[2].name = "module.bn1.num_batches_tracked";
    converted(renamed, 3, "map renamed\n", 0, "loaded 3 of 3, 0 missing, 0 unexpected");
    refused(renamed, 3, "", "loaded 0 of 2, 2 missing, 3 unexpected");
    renamed[1] = little[0];
    refused(renamed, 3, "map renamed\n",
            "'backbone.0.weight' and 'conv1.weight' are both 'conv1.weight'");
}

static void what_does_not_fit_is_refused_and_nothing_is_written(void **state) {
    (void)state;
    struct tensor other[] = {little[0], little[1], little[2]};
    refused(little, 1, "", "loaded 1 of 2, 1 missing, 0 unexpected");
    other[2].name = "conv2.weight";
    refused(other, 3, "", "loaded 2 of 2, 0 missing, 1 unexpected");
    other[2] = little[2];
    other[0].dim[0] = 1, other[0].dim[3] = 6;
    refused(other, 3, "", "loaded 2 of 3, 0 missing, 0 unexpected, 1 of another shape");
    other[0] = little[0];
    other[0].type = T_I32;
    refused(other, 3, "", "'conv1.weight' holds I32, wanted F32");
}

static void a_partial_load_writes_what_is_there_and_names_what_is_not(void **state) {
    (void)state;
    struct bag bag;
    converted(little, 1, "", 1, "loaded 1 of 2, 1 missing, 0 unexpected");
    bag_open(&bag, "out.bag");
    assert_int_equal(bag.count, 1);
    assert_string_equal(bag_need_meta(&bag, "missing"), "bn1.running_var");
    bag_close(&bag);
}

static void values_that_are_no_weights_are_refused_by_name(void **state) {
    (void)state;
    static float nan[2] = {1, NAN}, inf[2] = {1, INFINITY}, negative[2] = {1, -0.5f};
    static double large[2] = {1, 1e300};
    struct tensor bad[] = {little[0], little[1]};
    bad[1].data = nan;
    refused(bad, 2, "", "'bn1.running_var': value 1 is not finite in F32 (stored as F32)");
    bad[1].data = inf;
    refused(bad, 2, "", "'bn1.running_var': value 1 is not finite");
    bad[1].data = negative;
    refused(bad, 2, "", "'bn1.running_var': variance 1 is negative (-0.5)");
    bad[1].data = large;
    bad[1].type = T_F64;
    refused(bad, 2, "", "'bn1.running_var': value 1 is not finite in F32 (stored as F64)");
}

static void half_precision_and_double_become_single(void **state) {
    (void)state;
    struct checkpoint c;
    struct bag bag;
    checkpoint_open(&c, golden("checkpoints/halves.safetensors"));
    bag_open(&bag, golden("checkpoints/halves.expected.safetensors"));
    for (int i = 0; i < c.count; i++) {
        const struct tensor *want = bag_find(&bag, c.tensor[i].name);
        float value[40];
        assert_non_null(want);
        tensor_to_f32(&c.tensor[i], value);
        assert_memory_equal(value, want->data, sizeof value);
    }
    bag_close(&bag);
    checkpoint_close(&c);
}

static void a_file_that_is_not_the_pinned_one_is_refused(void **state) {
    (void)state;
    static const char wrong[] =
        "0000000000000000000000000000000000000000000000000000000000000000";
    char line[128];
    snprintf(line, sizeof line, "sha256 %s\n", wrong);
    refused(little, 4, line, "wanted 00000000");
    snprintf(line, sizeof line, "content %s\n", wrong);
    refused(little, 4, line, "content is ");
}

static void a_source_without_a_file_makes_a_bag_of_metadata(void **state) {
    (void)state;
    static const char text[] = "name random-vitt\nkind weights\narm random\nencoder vitt\n"
                               "mean 0.5 0.5 0.5\nstd 0.5 0.5 0.5\norder rgb\nrange 255\n";
    struct source source;
    struct bag bag;
    source_parse(&source, text, sizeof text - 1, "random-vitt.src");
    weights_convert(&source, "names", NULL, 0, "out.bag");
    bag_open(&bag, "out.bag");
    assert_int_equal(bag.count, 0);
    assert_string_equal(bag_need_meta(&bag, "arm"), "random");
    bag_close(&bag);
    source_free(&source);
}

static void the_projects_lists_of_tensors_are_whole(void **state) {
    (void)state;
    static const struct {
        const char *encoder;
        int count, counters, extras;
        size_t parameters; /* with running statistics; torchvision's and timm's count */
    } row[] = {{"resnet50", 318, 53, 53, 23561152},
               {"vits", 150, 0, 0, 21665664},
               {"vitt", 150, 0, 0, 5524416}};
    char *folder = xprintf("%s/convert/names", test_home);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct names names;
        size_t sum = 0;
        int counters = 0, extras = 0;
        names_open(&names, folder, row[i].encoder, NULL);
        for (int k = 0; k < names.count; k++) {
            struct tensor t = {.ndim = names.wanted[k].ndim};
            memcpy(t.dim, names.wanted[k].dim, sizeof t.dim);
            counters += names.wanted[k].need == NEED_COUNTER;
            extras += names.wanted[k].need == NEED_EXTRA;
            if (names.wanted[k].need == NEED_YES) sum += tensor_count(&t);
        }
        assert_int_equal(names.count - extras, row[i].count);
        assert_int_equal(counters, row[i].counters);
        assert_int_equal(extras, row[i].extras);
        assert_int_equal(sum, row[i].parameters);
        names_close(&names);
    }
    xfree(folder);
}

/* ---- safetensors that lie ---- */

static void parse_bytes(void *arg) {
    const struct bytes *b = arg;
    struct checkpoint c;
    checkpoint_parse(&c, b->data, b->n, "hostile.safetensors");
    checkpoint_close(&c);
}

static void refused_header(const char *header, size_t n, size_t data) {
    struct bytes b = {0};
    bytes_u64(&b, n);
    bytes_add(&b, header, n);
    for (size_t i = 0; i < data; i++) bytes_add(&b, "", 1);
    assert_dies(EXIT_NO, "", parse_bytes, &b);
    xfree(b.data);
}

static void safetensors_that_lie_are_refused(void **state) {
    (void)state;
#define T(name, shape, from, to)                                                           \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":[" shape "],\"data_offsets\":[" from "," to \
    "]}"
#define LIES(header, data) refused_header("{" header "}", sizeof("{" header "}") - 1, data)
    struct bytes b = {0};
    bytes_u64(&b, (uint64_t)1 << 63);
    bytes_add(&b, "{}", 2);
    assert_dies(EXIT_NO, "hostile.safetensors: ", parse_bytes, &b);
    xfree(b.data);
    LIES(T("a", "1", "0", "4") "," T("b", "1", "8", "12"), 12); /* hole */
    LIES(T("a", "2", "0", "8") "," T("b", "1", "4", "8"), 8);   /* overlap */
    LIES(T("a", "2", "0", "8"), 4);                             /* past the end */
    LIES(T("a", "1", "0", "4"), 8);                             /* bytes left over */
    LIES(T("a", "1", "0", "4") "," T("a", "1", "4", "8"), 8);   /* twice */
    LIES(T("a", "4611686018427387905", "0", "4"), 4);           /* times 4 wraps to 4 */
    LIES(T("a", "65536,65536,65536,65536,2", "0", "0"), 0);     /* product wraps to 0 */
    LIES(T("a", "1", "9007199254740993", "9007199254740997"), 4);
    LIES(T("a", "-1", "0", "4"), 4);
    LIES(T("a", "1", "-4", "0"), 4);
    LIES(T("a", "1", "0", "4.0"), 4);
    LIES("\"a\\u0000\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}", 4);
    LIES("\"a\xff\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}", 4);
    LIES("\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}", 4);
    LIES("\"__metadata__\":{\"a\":1}", 0);
    char *deep = xmalloc(100001);
    memset(deep, '[', 100001);
    deep[0] = '{';
    refused_header(deep, 100001, 0);
    xfree(deep);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_type_and_stride_of_a_torch_file_reads_as_torch_does),
        TEST(a_training_checkpoint_is_descended_into),
        TEST(parameters_and_modules_read_as_their_tensors),
        TEST(files_of_pytorch_that_are_no_state_dict_are_refused),
        TEST(a_bag_holds_the_encoders_tensors_sorted_and_says_where_they_are_from),
        TEST(num_batches_tracked_may_be_absent),
        TEST(the_order_of_the_file_does_not_change_the_bag),
        TEST(renamed_prefixes_become_the_encoders),
        TEST(what_does_not_fit_is_refused_and_nothing_is_written),
        TEST(a_partial_load_writes_what_is_there_and_names_what_is_not),
        TEST(values_that_are_no_weights_are_refused_by_name),
        TEST(half_precision_and_double_become_single),
        TEST(a_file_that_is_not_the_pinned_one_is_refused),
        TEST(a_source_without_a_file_makes_a_bag_of_metadata),
        TEST(the_projects_lists_of_tensors_are_whole),
        TEST(safetensors_that_lie_are_refused),
    };
    return test_run(tests);
}
