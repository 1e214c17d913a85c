/* bag_main.c - the tool `bag FILE [TENSOR]`: lists a bag, or prints one tensor's values. It
 * refuses what bag.c refuses, which makes it the checker too. */
#include "bag.h"
#include "die.h"
#include "table.h"
#include <getopt.h>
#include <string.h>
#include <inttypes.h>

static const char help[] =
    "usage: bag FILE [TENSOR]\n"
    "Lists the tensors and metadata of a bag (a safetensors file), or prints one tensor's\n"
    "values, a line for each run along its last dimension.\n"
    "  --help --version\n"
    "example: bag model.bag decoder.head.bias\n";

static void print_value(const struct tensor *t, size_t i) {
    switch (t->type) {
    case T_BOOL:
    case T_U8:
        printf("%d", ((const uint8_t *)t->data)[i]);
        break;
    case T_I8:
        printf("%d", ((const int8_t *)t->data)[i]);
        break;
    case T_I16:
        printf("%d", ((const int16_t *)t->data)[i]);
        break;
    case T_U16:
        printf("%d", ((const uint16_t *)t->data)[i]);
        break;
    case T_I32:
        printf("%" PRId32, ((const int32_t *)t->data)[i]);
        break;
    case T_U32:
        printf("%" PRIu32, ((const uint32_t *)t->data)[i]);
        break;
    case T_I64:
        printf("%" PRId64, ((const int64_t *)t->data)[i]);
        break;
    case T_U64:
        printf("%" PRIu64, ((const uint64_t *)t->data)[i]);
        break;
    case T_F16:
    case T_BF16:
    case T_F32: {
        const uint16_t *half = t->data;
        float x = t->type == T_F32   ? ((const float *)t->data)[i]
                  : t->type == T_F16 ? half_to_f32(half[i])
                                     : bfloat_to_f32(half[i]);
        printf("%.9g", (double)x);
        break;
    }
    default:
        printf("%s", number_text(((const double *)t->data)[i]));
    }
}

static void print_tensor(const struct bag *bag, const char *name) {
    const struct tensor *t = bag_find(bag, name);
    if (!t)
        die_usage("%s: no tensor %s, wanted one of its %d; list them with: bag FILE",
                  quoted(bag->path), quoted(name), bag->count);
    size_t n = tensor_count(t);
    size_t row = t->ndim && t->dim[t->ndim - 1] ? (size_t)t->dim[t->ndim - 1] : 1;
    for (size_t i = 0; i < n; i++) {
        print_value(t, i);
        putchar((i + 1) % row ? ' ' : '\n');
    }
}

static void list(const struct bag *bag) {
    for (int i = 0; i < bag->metas; i++)
        printf("# %s: %s\n", quoted(bag->meta[2 * i]), quoted(bag->meta[2 * i + 1]));
    for (int i = 0; i < bag->count; i++) {
        const struct tensor *t = &bag->tensor[i];
        printf("%-4s %-24s %12zu  %s\n", type_name(t->type), tensor_shape(t),
               tensor_bytes(t), quoted(t->name));
    }
}

int main(int argc, char **argv) {
    die_name("bag");
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {0}};
    int option = getopt_long(argc, argv, "", options, NULL);
    if (option == 'h') return fputs(help, stdout) < 0;
    if (option == 'v') return puts("repolyp bag 0.1") < 0;
    if (option != -1 || argc - optind < 1 || argc - optind > 2)
        die_usage("%d arguments, wanted FILE [TENSOR]; see bag --help", argc - optind);
    struct bag bag;
    bag_open(&bag, argv[optind]);
    if (argc - optind == 2)
        print_tensor(&bag, argv[optind + 1]);
    else
        list(&bag);
    bag_close(&bag);
    if (fflush(stdout) || ferror(stdout))
        die_world("stdout: writing failed; wanted room for it");
    return 0;
}
