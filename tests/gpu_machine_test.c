/* gpu_machine_test.c - the GPU program around the kernels, on reduced networks: the same
 * bytes in any order of threads and after a resume, short batches and parts of batches, the
 * loss scale's life on the device, and what is refused. On the emulated device (MODE=emu),
 * and on a real one by `make test-gpu`; what only the emulator can play (little memory) is
 * left out there. Whole runs by the tool itself: gpu_train.sh. */
#include "tests/test.h"
#include "tests/trial_gpu.h"
#include "model/gpu/machine.h"
#include "tests/parted.h"
#include "tests/whole.h"

static int emulated(void) {
    char why[256], name[64];
    if (!device_count(why, sizeof why)) fail_msg("no device: %s", why);
    device_identity(0, name);
    return strstr(name, "emulated") != NULL;
}

/* ---- states ---- */

static void save(const struct whole *w, const char *path) {
    struct bag_writer *bag = bag_create(path);
    w->backend->save(w->machine, bag);
    bag_commit(bag);
}

static void load(const struct whole *w, const char *path) {
    struct bag bag;
    bag_open(&bag, path);
    w->backend->load(w->machine, &bag);
    bag_close(&bag);
}

static int same_state(const char *a, const char *b) {
    struct bag one, two;
    bag_open(&one, a);
    bag_open(&two, b);
    int same = one.count == two.count;
    for (int i = 0; same && i < one.count; i++) {
        const struct tensor *x = &one.tensor[i],
                            *y = bag_need(&two, x->name, x->type, x->ndim);
        same = tensor_bytes(x) == tensor_bytes(y) &&
               !memcmp(x->data, y->data, tensor_bytes(x));
    }
    bag_close(&one);
    bag_close(&two);
    return same;
}

struct scalars {
    double steps, scale, good;
};
static struct scalars scalars_of(const struct whole *w) {
    struct bag bag;
    struct scalars s;
    save(w, "now.bag");
    bag_open(&bag, "now.bag");
    memcpy(&s, bag_need(&bag, "state.scalars", T_F64, 1)->data, sizeof s);
    bag_close(&bag);
    return s;
}

/* The machine's own state with other scalars. */
static void set_scalars(const struct whole *w, struct scalars s) {
    struct bag bag;
    save(w, "now.bag");
    bag_open(&bag, "now.bag");
    struct bag_writer *out = bag_create("changed.bag");
    for (int i = 0; i < bag.count; i++) {
        struct tensor t = bag.tensor[i];
        if (!strcmp(t.name, "state.scalars")) t.data = &s;
        bag_add(out, &t);
    }
    bag_commit(out);
    bag_close(&bag);
    load(w, "changed.bag");
}

static double step(const struct whole *w, int epoch) {
    double loss;
    w->backend->train(w->machine, (uint32_t)epoch, 0, 1, &loss, NULL);
    return loss;
}

/* ---- the same bytes ---- */

/* Each machine would choose otherwise than the one before it, as timing may on a device:
 * what the first one chose holds. */
static void open_three(struct whole *w, const char *name, const char *precision) {
    static int opened;
    setenv("EMU_WAY", opened++ % 2 ? "0" : "1", 1);
    whole_open_parts(w, name, precision, "gpu", 3, 0, "plans.bag");
    unsetenv("EMU_WAY");
}

/* Three steps, each of a part of three pictures and one of one; `stop` resumes in a new
 * machine. */
static void three_steps(const char *name, const char *precision, const char *order,
                        int stop, const char *path) {
    struct whole w;
    if (order) setenv("EMU_SEED", order, 1); /* on a device orders differ by themselves */
    open_three(&w, name, precision);
    for (int i = 0; i < 3; i++) {
        if (i && i == stop) {
            save(&w, "stop.bag");
            whole_close(&w);
            open_three(&w, name, precision);
            load(&w, "stop.bag");
        }
        step(&w, i);
    }
    save(&w, path);
    whole_close(&w);
    unsetenv("EMU_SEED");
}

static void a_state_is_the_same_bytes_in_any_order_of_threads(void **state) {
    (void)state;
    three_steps("resnet.plain", "fp16", NULL, 0, "once.bag");
    for (int i = 1; i <= 3; i++) {
        const char order[] = {(char)('0' + i), 0};
        three_steps("resnet.plain", "fp16", order, 0, "again.bag");
        if (!same_state("once.bag", "again.bag")) fail_msg("other bytes in order %d", i);
    }
}

static void a_resumed_state_is_the_same_bytes(void **state) {
    (void)state;
    static const char *const precisions[] = {"fp32", "fp16", "bf16"};
    for (int p = 0; p < 2 + gpu_has(BF16); p++) {
        three_steps("vit.plain", precisions[p], NULL, 0, "whole.bag");
        for (int stop = 1; stop < (p == 1 ? 3 : 2); stop++) {
            three_steps("vit.plain", precisions[p], NULL, stop, "parts.bag");
            if (!same_state("whole.bag", "parts.bag"))
                fail_msg("%s: other bytes when resumed after step %d", precisions[p], stop);
        }
    }
}

/* ---- batches ---- */

/* Tolerance: the machine's for losses in fp32, 1e-4 (gpu_model_test). */
static void a_short_last_batch_is_a_step_like_any(void **state) {
    (void)state;
    static const char *const devices[] = {"ref", "gpu"};
    double loss[2][2];
    for (int d = 0; d < 2; d++) {
        struct whole w;
        whole_open_parts(&w, "vit.smp", "fp32", devices[d], 3, 1, NULL);
        assert_int_equal(w.backend->train(w.machine, 1, 0, 2, loss[d], NULL), 2);
        whole_close(&w);
    }
    for (int i = 0; i < 2; i++) assert_near(loss[1][i] / loss[0][i], 1, 1e-4);
    assert_true(fabs(loss[0][0] / loss[0][1] - 1) > 1e-3);
}

/* Both sides compute the same parts; what differs is the rounding of their sum: float's,
 * 2^-24 a term, and then the storage type's, 2^-11 and 2^-8. */
static void the_gradient_of_a_batch_in_parts_is_the_mean_of_theirs(void **state) {
    (void)state;
    static const struct {
        const char *precision;
        double most;
    } rows[] = {{"fp32", 0x1p-22}, {"fp16", 0x1p-11}, {"bf16", 0x1p-8}};
    for (int i = 0; i < 2 + gpu_has(BF16); i++)
        for (int part = i ? 3 : 2; part <= 3; part++) { /* 2 2 | 3 1 */
            double loss,
                off = parted_distance("vit.plain", "gpu", rows[i].precision, part, &loss);
            if (!(off <= rows[i].most && loss <= 0x1p-22))
                fail_msg("%s, parts of %d: gradient %g, loss %g away, wanted %g at most",
                         rows[i].precision, part, off, loss, rows[i].most);
        }
}

/* ---- the loss scale ---- */

static void put_all(const struct whole *w, const char *name, float value) {
    const struct param *p = &w->graph->param[graph_param(w->graph, name)];
    struct tensor t = {
        p->name, T_F32, 1, {(int)p->count}, xmalloc(p->count * sizeof(float))};
    for (size_t i = 0; i < p->count; i++) ((float *)t.data)[i] = value;
    w->backend->put(w->machine, &t);
    xfree(t.data);
}

/* A head this steep makes gradients a hundred times larger. */
static void open_steep(struct whole *w) {
    whole_open_as(w, "vit.plain", "fp16", "gpu", NULL, NULL);
    put_all(w, "decoder.head.weight", 30);
}

/* Tokens that are all zero come out of a layer norm as its bias, whatever its weight; that
 * weight, and the norm's 1 / sqrt(eps) = 1000, multiply their gradient: the loss is a
 * number, the gradient none. */
static void open_endless(struct whole *w) {
    whole_open_as(w, "vit.plain", "fp16", "gpu", NULL, NULL);
    put_all(w, "encoder.patch_embed.proj.weight", 0);
    put_all(w, "encoder.patch_embed.proj.bias", 0);
    put_all(w, "encoder.cls_token", 0);
    put_all(w, "encoder.pos_embed", 0);
    put_all(w, "encoder.blocks.0.norm1.weight", 1e30f);
}

static void an_overflow_skips_the_step_and_halves_the_scale(void **state) {
    (void)state;
    struct whole w;
    int skipped = 0;
    open_steep(&w);
    set_scalars(&w, (struct scalars){7, 65536, 1999});
    const double loss = step(&w, 0);
    assert_true(isfinite(loss));
    while (scalars_of(&w).steps == 7) {
        const struct scalars s = scalars_of(&w);
        skipped++;
        assert_true(s.scale == ldexp(65536, -skipped) && s.good == 0);
        assert_true(skipped < 16);
        if (skipped == 1) save(&w, "skipped.bag");
        assert_true(step(&w, 0) == loss); /* nothing was learnt */
    }
    assert_in_range(skipped, 1, 15);
    const struct scalars s = scalars_of(&w);
    assert_true(s.steps == 8 && s.scale == ldexp(65536, -skipped) && s.good == 1);
    assert_true(step(&w, 0) != loss);
    /* skipped as a whole: the state is the one before, but for the scale and the count of
     * good steps */
    struct bag before, after;
    bag_open(&before, "changed.bag");
    bag_open(&after, "skipped.bag");
    for (int i = 0; i < before.count; i++) {
        const struct tensor *x = &before.tensor[i], *y = bag_find(&after, x->name);
        if (strcmp(x->name, "state.scalars") && strcmp(x->name, "state.buffers"))
            assert_memory_equal(x->data, y->data, tensor_bytes(x));
    }
    bag_close(&before);
    bag_close(&after);
    whole_close(&w);
}

static void the_scale_doubles_after_2000_good_steps_up_to_65536(void **state) {
    (void)state;
    struct whole w;
    whole_open_as(&w, "vit.plain", "fp16", "gpu", NULL, NULL);
    set_scalars(&w, (struct scalars){1999, 1024, 1998});
    step(&w, 0);
    assert_true(scalars_of(&w).scale == 1024 && scalars_of(&w).good == 1999);
    step(&w, 0);
    assert_true(scalars_of(&w).scale == 2048 && scalars_of(&w).good == 0);
    set_scalars(&w, (struct scalars){1999, 65536, 1999});
    step(&w, 0);
    assert_true(scalars_of(&w).scale == 65536 && scalars_of(&w).good == 0);
    whole_close(&w);
}

static void train_on(void *w) {
    for (int epoch = 0; epoch < 4; epoch++) step(w, epoch);
}

static void a_scale_that_no_step_survives_is_told(void **state) {
    (void)state;
    struct whole w;
    open_endless(&w);
    step(&w, 0); /* die_catch frees what is allocated within: the step is captured before */
    set_scalars(&w, (struct scalars){5, ldexp(1, -14), 9});
    assert_dies(EXIT_WORLD, "step 5: gradients overflow fp16 at every loss scale", train_on,
                &w);
    assert_true(scalars_of(&w).steps == 5 && scalars_of(&w).scale == ldexp(1, -17));
    whole_close(&w);
}

static void a_loss_that_is_no_number_ends_training_unlearnt(void **state) {
    (void)state;
    static const char *const precisions[] = {"fp32", "fp16"};
    for (int p = 0; p < 2; p++) {
        struct whole w;
        double losses[2];
        whole_open_as(&w, "vit.plain", precisions[p], "gpu", NULL, NULL);
        step(&w, 0);
        put_all(&w, "encoder.norm.bias", NAN);
        const struct scalars before = scalars_of(&w);
        assert_int_equal(w.backend->train(w.machine, 1, 0, 1, losses, NULL), 0);
        assert_true(isnan(losses[0]));
        const struct scalars after = scalars_of(&w);
        assert_memory_equal(&before, &after, sizeof before);
        whole_close(&w);
    }
}

/* ---- what is refused ---- */

struct opening {
    int part;
    struct whole w;
};
static void open_on_gpu(void *opening) {
    struct opening *o = opening;
    if (o->part)
        whole_open_parts(&o->w, "resnet.smp", "fp32", "gpu", o->part, 0, NULL);
    else
        whole_open_as(&o->w, "resnet.smp", "fp32", "gpu", NULL, NULL);
}

static void too_little_memory_is_told_with_the_parts_that_fit(void **state) {
    (void)state;
    struct opening o = {.part = 0};
    if (!emulated()) return; /* a device of little memory is the emulator's alone */
    open_on_gpu(&o);
    const size_t all = o.w.backend->memory(o.w.machine),
                 activations = o.w.machine->arena_bytes;
    whole_close(&o.w);
    char *little = xprintf("%zu", all - activations / 8), *tiny = xprintf("%zu", all / 10);
    setenv("EMU_MEMORY", little, 1);
    assert_dies(EXIT_WORLD, "--set accumulate=2 takes the batch of 4 in parts of 2",
                open_on_gpu, &o);
    o.part = 2; /* as told */
    open_on_gpu(&o);
    assert_true(isfinite(step(&o.w, 0)));
    whole_close(&o.w);
    setenv("EMU_MEMORY", tiny, 1);
    assert_dies(EXIT_WORLD, "no part of a batch would fit", open_on_gpu, &o);
    unsetenv("EMU_MEMORY");
    xfree(little);
    xfree(tiny);
}

static void limits_call(void *graph) {
    gpu_limits(graph);
}

static void graphs_that_no_kernel_computes_are_refused(void **state) {
    (void)state;
    const struct attr attr = {.plane = {0, 1, 2}};
    struct graph *g = graph_new();
    int x = add_input(g, 32, &attr);
    add_conv(g, x, "grouped",
             (struct convolution){.out = 3, .kernel = 3, .groups = 3, .pad = -1});
    assert_dies(EXIT_NO, "groups of a convolution of the picture itself: 3", limits_call,
                g);
    graph_free(g);
    g = graph_new();
    add_input(g, 18, &attr);
    assert_dies(EXIT_NO, "pixels of a picture: 324, wanted a multiple of 8", limits_call,
                g);
    graph_free(g);
    for (int d = 128; d <= 132; d += 4) {
        g = graph_new();
        x = add_conv(g, add_input(g, 32, &attr), "patch",
                     (struct convolution){.out = 2 * d, .kernel = 16, .stride = 16});
        x = add_linear(g, add_tokens(g, x, "cls", "pos"), "qkv", 6 * d, INIT_TRUNC);
        add_attention(g, x, 2);
        if (d == 128)
            gpu_limits(g);
        else
            assert_dies(EXIT_NO, "values a head: 132, wanted 128", limits_call, g);
        graph_free(g);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_state_is_the_same_bytes_in_any_order_of_threads),
        TEST(a_resumed_state_is_the_same_bytes),
        TEST(a_short_last_batch_is_a_step_like_any),
        TEST(the_gradient_of_a_batch_in_parts_is_the_mean_of_theirs),
        TEST(an_overflow_skips_the_step_and_halves_the_scale),
        TEST(the_scale_doubles_after_2000_good_steps_up_to_65536),
        TEST(a_scale_that_no_step_survives_is_told),
        TEST(a_loss_that_is_no_number_ends_training_unlearnt),
        TEST(too_little_memory_is_told_with_the_parts_that_fit),
        TEST(graphs_that_no_kernel_computes_are_refused),
    };
    return test_run(tests);
}
