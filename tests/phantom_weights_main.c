/* phantom_weights_main.c - made-up checkpoints for the demo, full size, real containers.
 *
 *     phantom_weights [NAME] OUTDIR
 * writes NAME.src and the file it speaks of, or all four: imagenet-resnet50 and
 * radimagenet-resnet50 (torch.save's zip, the second with RadImageNet's `backbone.N`
 * names), imagenet-vits and radimagenet-vits (safetensors). The values are drawn as
 * torchvision and timm initialise, with first layers such as training leaves: oriented
 * gratings and, in the imagenet arm only, coloured ones. Kept in half precision, as real
 * files are not: half the bytes, and the converter's widening is used.
 *
 * Nothing here was trained: a result from these files says nothing of any pretraining. */
#include "tests/phantom_net.h"
#include "tests/torch_save.h"
#include "core/die.h"
#include "core/file.h"
#include <stdlib.h>
#include <string.h>

struct phantom {
    const char *name, *arm, *encoder, *file, *map;
    const char *mean, *std, *order;
    int colour, head;
};

static const struct phantom phantoms[] = {
    {"imagenet-resnet50", "imagenet", "resnet50", "resnet50-0676ba61.pth", NULL,
     "0.485 0.456 0.406", "0.229 0.224 0.225", "rgb", 1, 1},
    {"radimagenet-resnet50", "radimagenet", "resnet50", "radimagenet-resnet50.pt",
     "backbone", "0.5 0.5 0.5", "0.5 0.5 0.5", "bgr", 0, 0},
    {"imagenet-vits", "imagenet", "vits",
     "vit_small_patch16_224.augreg_in21k_ft_in1k.safetensors", NULL, "0.5 0.5 0.5",
     "0.5 0.5 0.5", "rgb", 1, 1},
    {"radimagenet-vits", "radimagenet", "vits", "RadioDino-s16.safetensors", NULL,
     "0.485 0.456 0.406", "0.229 0.224 0.225", "rgb", 0, 0},
};

/* torchvision's name -> the child's number in nn.Sequential(*children), as RadImageNet's
 * file. */
static char *backbone_name(const char *name) {
    static const char *const from[] = {"conv1.",  "bn1.",    "layer1.",
                                       "layer2.", "layer3.", "layer4."};
    static const int to[] = {0, 1, 4, 5, 6, 7};
    for (int i = 0; i < 6; i++)
        if (!strncmp(name, from[i], strlen(from[i])))
            return xprintf("backbone.%d.%s", to[i], name + strlen(from[i]));
    return xstrdup(name);
}

/* F32 tensors become F16; num_batches_tracked stays I64. */
static void halve(struct net *net) {
    for (int i = 0; i < net->count; i++) {
        struct tensor *t = &net->tensor[i];
        if (t->type != T_F32) continue;
        size_t n = tensor_count(t);
        const float *from = t->data;
        uint16_t *to = xaligned(2 * n + 1);
        for (size_t k = 0; k < n; k++) to[k] = half_from_f32(from[k]);
        xfree(t->data);
        t->data = to;
        t->type = T_F16;
    }
}

static void write_pth(const struct net *net, const struct phantom *p, const char *path) {
    struct bytes b = {0};
    struct tensor *t = xcalloc((size_t)net->count, sizeof *t);
    for (int i = 0; i < net->count; i++) {
        t[i] = net->tensor[i];
        if (p->map) t[i].name = backbone_name(t[i].name);
    }
    torch_save(&b, "archive", t, net->count);
    file_write(path, b.data, b.n);
    for (int i = 0; p->map && i < net->count; i++) xfree((char *)t[i].name);
    xfree(t);
    xfree(b.data);
}

static void write_safetensors(const struct net *net, const char *path) {
    struct bag_writer *w = bag_create(path);
    bag_add_meta(w, "format", "pt");
    for (int i = 0; i < net->count; i++) bag_add(w, &net->tensor[i]);
    bag_commit(w);
}

static void write_source(const struct phantom *p, const char *folder, const char *path) {
    char sha256[65], *name = xprintf("%s.src", p->name), *source = file_join(folder, name);
    sha_file(path, sha256);
    struct out *out = out_open(source);
    out_printf(out, "# Made up by tests/phantom_weights_main.c for the demo: nothing here "
                    "was trained.\n");
    out_printf(out, "name %s\nkind weights\narm %s\nencoder %s\n", p->name, p->arm,
               p->encoder);
    out_printf(out, "file %s\nurl file:%s\n", p->file, p->file);
    out_printf(out, "bytes %zu\nsha256 %s\n", file_size(path), sha256);
    int zip = !strstr(p->file, ".safetensors");
    out_printf(out, "magic %s\nformat %s\n", zip ? "zip" : "safetensors",
               zip ? "pth" : "safetensors");
    if (p->map) out_printf(out, "map %s\n", p->map);
    out_printf(out, "mean %s\nstd %s\norder %s\nrange 255\n", p->mean, p->std, p->order);
    out_printf(out, "licence MIT\n");
    out_commit(out);
    xfree(source);
    xfree(name);
}

static void make(const struct phantom *p, uint64_t seed, const char *folder) {
    struct net net = {.seed = seed, .colour = p->colour};
    if (!strcmp(p->encoder, "resnet50"))
        net_resnet50(&net, p->head);
    else
        net_vits(&net, p->head);
    halve(&net);
    char *path = file_join(folder, p->file);
    if (strstr(p->file, ".safetensors"))
        write_safetensors(&net, path);
    else
        write_pth(&net, p, path);
    write_source(p, folder, path);
    xfree(path);
    net_free(&net);
}

int main(int argc, char **argv) {
    int made = 0;
    die_name("phantom_weights");
    if (argc < 2 || argc > 3 || argv[1][0] == '-')
        die_usage("wanted phantom_weights [NAME] OUTDIR, as phantom_weights imagenet-vits "
                  "phantoms");
    file_mkdir(argv[argc - 1]);
    for (size_t i = 0; i < sizeof phantoms / sizeof *phantoms; i++)
        if (argc == 2 || !strcmp(argv[1], phantoms[i].name)) {
            make(&phantoms[i], 1 + i, argv[argc - 1]);
            made = 1;
        }
    if (!made)
        die_usage("no phantom named '%s', wanted one like imagenet-vits", quoted(argv[1]));
    return 0;
}
