/* bag_main.c - the tool `bag FILE [TENSOR]`: lists a bag, or prints one tensor's values, or
 * writes a trained model as another program's state dict. It refuses what bag.c refuses,
 * which makes it the checker too. */
#include "bag.h"
#include "die.h"
#include "export.h"
#include "table.h"
#include <getopt.h>
#include <string.h>
#include <inttypes.h>

static const char help[] =
    "usage: bag FILE [TENSOR]\n"
    "       bag --export timm|torchvision|smp MODEL OUT.safetensors\n"
    "Lists the tensors and metadata of a bag (a safetensors file), or prints one tensor's\n"
    "values, a line for each run along its last dimension.\n"
    "  --export WHAT   writes a trained model as a state dict for load_state_dict(strict=True)\n"
    "                  and says what builds the network: timm (a ViT encoder), torchvision (a\n"
    "                  ResNet-50 encoder), smp (all of a model of preset smp)\n"
    "  --help --version\n"
    "example: bag model.bag decoder.head.bias\n"
    "example: bag --export timm model.bag encoder.safetensors\n";

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

static void export(const char *to, const char *model, const char *out) {
    struct bag bag;
    bag_open(&bag, model);
    char *line = bag_export(to, &bag, out);
    printf("%s\n", line);
    xfree(line);
    bag_close(&bag);
}

static void show(const char *path, const char *tensor) {
    struct bag bag;
    bag_open(&bag, path);
    if (tensor)
        print_tensor(&bag, tensor);
    else
        list(&bag);
    bag_close(&bag);
}

int main(int argc, char **argv) {
    die_name("bag");
    static const struct option options[] = {{"export", required_argument, NULL, 'e'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {0}};
    const char *to = NULL;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (c) {
        case 'e':
            to = optarg;
            break;
        case 'h':
            return fputs(help, stdout) < 0;
        case 'v':
            return puts("repolyp bag 0.1") < 0;
        default:
            die_usage("unknown option; see bag --help");
        }
    int n = argc - optind;
    char **argument = argv + optind;
    if (to ? n != 2 : n < 1 || n > 2)
        die_usage("%d arguments, wanted %s; see bag --help", n,
                  to ? "MODEL OUT" : "FILE [TENSOR]");
    if (to)
        export(to, argument[0], argument[1]);
    else
        show(argument[0], n == 2 ? argument[1] : NULL);
    return 0;
}
