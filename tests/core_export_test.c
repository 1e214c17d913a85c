/* core_export_test.c - export.c on models of the right names and small shapes: what is
 * folded, counted, refused. That PyTorch loads real ones: tests/export.sh. */
#include "tests/test.h"
#include "core/export.h"
#include "core/table.h"

static const char RECIPE[] =
    "encoder.stride_position v15\nencoder.first_dilated no\nencoder.output_stride 16\n"
    "encoder.last_norm yes\nbn_eps 0.00001\n";

struct wrong {
    const char *recipe, *cell, *lacks, *to;
};

static void add(struct bag_writer *w, const char *name, float value) {
    float x[2] = {value, 2 * value};
    bag_add(w, &(struct tensor){name, T_F32, 1, {2}, x});
}

/* A ResNet-50 of two numbers a tensor, by the stored list; its first convolution and one
 * shortcut are biased. */
static void make(const char *path, const struct wrong *is) {
    struct table t;
    table_read(&t, golden("names.tsv"));
    struct bag_writer *w = bag_create(path);
    bag_add_meta(w, "format", "repolyp model 1");
    bag_add_meta(w, "cell", is->cell);
    bag_add_meta(w, "side", "224");
    bag_add_meta(w, "recipe", is->recipe);
    for (int i = 0; i < t.rows; i++) {
        const char *name = table_get(&t, i, 1);
        if (strcmp(table_get(&t, i, 0), "resnet50") || strstr(name, "num_batches"))
            continue;
        if (is->lacks && !strcmp(name, is->lacks)) continue;
        char *ours = xprintf("encoder.%s", name);
        add(w, ours, (float)(i % 64));
        xfree(ours);
    }
    add(w, "encoder.conv1.bias", 3);
    add(w, "encoder.layer2.0.downsample.0.bias", 5);
    add(w, "encoder.layer4.2.conv3.bias", 7);
    add(w, "decoder.head.bias", 1);
    bag_commit(w);
    table_free(&t);
}

static double first(const struct bag *bag, const char *name) {
    double x[2];
    tensor_to_f64(bag_need(bag, name, T_F32, 1), x);
    assert_true(x[1] == 2 * x[0]);
    return x[0];
}

static void biases_are_folded_and_batches_counted(void **state) {
    (void)state;
    static const struct {
        const char *bn;
        double bias;
    } means[] = {{"bn1", 3},          {"layer2.0.downsample.1", 5}, {"layer4.2.bn3", 7},
                 {"layer4.2.bn2", 0}, {"layer1.0.downsample.1", 0}, {"layer1.0.bn1", 0}};
    struct bag model, out;
    make("model.bag", &(struct wrong){RECIPE, "resnet50-imagenet-cvc", NULL, NULL});
    bag_open(&model, "model.bag");
    char *line = bag_export("torchvision", &model, "out");
    assert_non_null(
        strstr(line, "resnet50(replace_stride_with_dilation=[False, False, True])"));
    xfree(line);
    bag_open(&out, "out");
    assert_int_equal(out.count, 318);
    assert_string_equal(bag_meta(&out, "format"), "pt");
    assert_null(bag_find(&out, "conv1.bias"));
    for (size_t i = 0; i < sizeof means / sizeof *means; i++) {
        char *mean = xprintf("%s.running_mean", means[i].bn),
             *ours = xprintf("encoder.%s", mean),
             *count = xprintf("%s.num_batches_tracked", means[i].bn);
        assert_true(first(&out, mean) == first(&model, ours) - means[i].bias);
        assert_int_equal(*(int64_t *)bag_need(&out, count, T_I64, 0)->data, 0);
        xfree(mean);
        xfree(ours);
        xfree(count);
    }
    bag_close(&out);
    bag_close(&model);
}

static void the_line_of_python_follows_the_stride(void **state) {
    (void)state;
    static const struct {
        int stride;
        const char *says;
    } all[] = {{8, "[False, True, True]"}, {32, "[False, False, False]"}};
    for (int i = 0; i < 2; i++) {
        struct bag model;
        char *recipe = xprintf("encoder.stride_position v15\nencoder.first_dilated no\n"
                               "encoder.output_stride %d\nbn_eps 1e-5\n",
                               all[i].stride);
        make("model.bag", &(struct wrong){recipe, "resnet50-imagenet-cvc", NULL, NULL});
        bag_open(&model, "model.bag");
        char *line = bag_export("torchvision", &model, "out");
        assert_non_null(strstr(line, all[i].says));
        xfree(line);
        bag_close(&model);
        xfree(recipe);
    }
}

static void export_odd(void *arg) {
    struct bag model;
    struct bag_writer *w = bag_create("odd.bag");
    float x[3] = {1, 2, 3};
    bag_add_meta(w, "cell", "resnet50-imagenet-cvc");
    bag_add_meta(w, "recipe", RECIPE);
    bag_add(w, &(struct tensor){"encoder.bn1.running_mean", T_F32, 1, {2}, x});
    bag_add(w, &(struct tensor){"encoder.conv1.bias", T_F32, 1, {3}, x});
    bag_commit(w);
    bag_open(&model, "odd.bag");
    xfree(bag_export(arg, &model, "refused"));
}

static void a_bias_of_another_shape_is_refused(void **state) {
    (void)state;
    assert_dies(EXIT_NO, "encoder.conv1.bias is [3], wanted [2]", export_odd,
                "torchvision");
    assert_false(file_exists("refused"));
}

static void try_export(void *arg) {
    const struct wrong *is = arg;
    struct bag model;
    make("model.bag", is);
    bag_open(&model, "model.bag");
    xfree(bag_export(is->to, &model, "refused"));
}

static void what_would_not_be_the_same_is_refused(void **state) {
    (void)state;
    static const char cell[] = "resnet50-imagenet-cvc",
                      v1[] = "encoder.stride_position v1\nencoder.first_dilated no\n"
                             "bn_eps 0.00001\nencoder.output_stride 16\n",
                      dilated[] = "encoder.stride_position v15\nencoder.first_dilated yes\n"
                                  "bn_eps 0.00001\nencoder.output_stride 16\n",
                      eps[] = "encoder.stride_position v15\nencoder.first_dilated no\n"
                              "bn_eps 0.001\nencoder.output_stride 16\n";
    static const struct {
        struct wrong is;
        int code;
        const char *words;
    } all[] = {
        {{v1, cell, NULL, "torchvision"}, EXIT_NO, "encoder.stride_position v1"},
        {{dilated, cell, NULL, "torchvision"}, EXIT_NO, "encoder.first_dilated yes"},
        {{eps, cell, NULL, "torchvision"}, EXIT_NO, "bn_eps 0.001"},
        {{RECIPE, cell, NULL, "smp"}, EXIT_NO, "encoder.first_dilated no"},
        {{RECIPE, cell, NULL, "timm"}, EXIT_NO, "its encoder is resnet50"},
        {{RECIPE, "vits-imagenet-cvc", NULL, "smp"}, EXIT_NO, "its encoder is vits"},
        {{RECIPE, cell, "layer3.1.conv2.weight", "torchvision"}, EXIT_NO, "317 tensors"},
        {{RECIPE, cell, NULL, "keras"}, EXIT_USAGE, "wanted timm, torchvision or smp"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char said[1024];
        struct wrong is = all[i].is;
        int code = die_catch(try_export, &is, said, sizeof said);
        if (code != all[i].code || !strstr(said, all[i].words))
            fail_msg("%s: exit %d, said '%s'", all[i].words, code, said);
        assert_false(file_exists("refused"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(biases_are_folded_and_batches_counted),
        TEST(the_line_of_python_follows_the_stride),
        TEST(a_bias_of_another_shape_is_refused),
        TEST(what_would_not_be_the_same_is_refused),
    };
    return test_run(tests);
}
