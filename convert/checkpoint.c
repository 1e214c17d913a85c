/* checkpoint.c - which container a checkpoint came in, by its first bytes.
 *
 * It reads none of them itself. */
#include "convert/checkpoint.h"
#include "core/die.h"
#include <string.h>

static int begins(const uint8_t *bytes, size_t n, const char *magic, size_t length) {
    return n >= length && !memcmp(bytes, magic, length);
}

/* The first member of an .npz is some array's .npy. */
static int first_is_npy(const uint8_t *bytes, size_t n) {
    if (n < 30) return 0;
    size_t length = (size_t)bytes[26] | (size_t)bytes[27] << 8;
    return length >= 4 && length <= n - 30 && !memcmp(bytes + 30 + length - 4, ".npy", 4);
}

static enum container sniff(const uint8_t *bytes, size_t n) {
    if (begins(bytes, n, "PK\3\4", 4)) return first_is_npy(bytes, n) ? NPZ : ZIP;
    if (begins(bytes, n, "\211HDF\r\n\032\n", 8)) return HDF5;
    if (n > 8 && bytes[8] == '{')
        return SAFETENSORS; /* before PICKLE: its length may begin 80 02 */
    /* PROTO 2, LONG1 of ten bytes: torch/serialization.py's MAGIC_NUMBER */
    if (begins(bytes, n, "\200\2\212\012\154\374\234\106\371\040\152\250\120\031", 14))
        return STACKED;
    if (n >= 512 && n % 512 == 0 && !memcmp(bytes + 257, "ustar", 5)) return TAR;
    if (begins(bytes, n, "\200", 1) && n > 1 && bytes[1] <= 5) return PICKLE;
    size_t at = 0;
    while (at < n && at < 64 && strchr(" \t\r\n", bytes[at]) && bytes[at]) at++;
    if (at < n && bytes[at] == '<') return PAGE;
    return UNKNOWN;
}

static _Noreturn void refuse(enum container kind, const uint8_t *bytes, size_t n,
                             const char *path) {
    static const char resave[] = "re-save it with today's PyTorch: "
                                 "torch.save(torch.load(FILE, weights_only=True), NEW)";
    switch (kind) {
    case STACKED:
    case TAR:
        die_no(
            "%s: this is PyTorch's pre-1.6 format (%s), wanted its zip form, safetensors "
            "or .npz; %s",
            path, kind == TAR ? "a tar" : "stacked pickles", resave);
    case PICKLE:
        die_no("%s: a bare pickle, wanted PyTorch's zip form or safetensors; %s", path,
               resave);
    case HDF5:
        die_no("%s: a Keras (HDF5) file, wanted a bag made of it first: h5 %s NEW.bag",
               path, path);
    case PAGE:
        die_no("%s: a web page, wanted a checkpoint; download the file itself", path);
    default:
        die_no(
            "%s: begins with '%s', wanted PyTorch's zip form, safetensors or .npz; fetch "
            "it again",
            path, quoted_bytes(bytes, n < 16 ? n : 16));
    }
}

void checkpoint_parse(struct checkpoint *c, const uint8_t *bytes, size_t n,
                      const char *path) {
    memset(c, 0, sizeof *c);
    if (!n) die_world("%s: an empty file, wanted a checkpoint; fetch it again", path);
    c->kind = sniff(bytes, n);
    switch (c->kind) {
    case ZIP:
        pth_open(&c->pth, bytes, n, path);
        c->count = c->pth.count;
        c->tensor = c->pth.tensor;
        break;
    case NPZ:
        npz_open(&c->npz, bytes, n, path);
        c->count = c->npz.count;
        c->tensor = c->npz.tensor;
        break;
    case SAFETENSORS:
        bag_parse(&c->bag, bytes, n, path);
        c->count = c->bag.count;
        c->tensor = c->bag.tensor;
        break;
    default:
        refuse(c->kind, bytes, n, path);
    }
}

void checkpoint_open(struct checkpoint *c, const char *path) {
    struct map map;
    map_open(&map, path);
    checkpoint_parse(c, map.data, map.size, path);
    c->map = map;
}

void checkpoint_close(struct checkpoint *c) {
    if (c->kind == SAFETENSORS) bag_close(&c->bag);
    if (c->kind == ZIP) pth_close(&c->pth);
    if (c->kind == NPZ) npz_close(&c->npz);
    if (c->map.path) map_close(&c->map);
}
