/* fuzz_source.c - libFuzzer target: any bytes as a source file are refused with a message or read;
 * what is read names no file outside its folder. A good source is the start. */
#include "core/die.h"
#include "core/source.h"
#include "tests/fuzz/patch.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char data_source[] =
    "name kvasir # a comment\nkind data\nfile a.zip\nfile b.tar.xz\nurl https://example.org/a\n"
    "url file:web/a%20b.zip\nmanual ask\nbytes 12\nsha256 unknown\nmagic zip 504b0304\nfiles 3\n"
    "content 0123456789012345678901234567890123456789012345678901234567890123\nunpacked 99\n"
    "passphrase_file p.txt\ngroups 4\nformat pairs a/*.png | b/*.png\nterms x\ncite y\nlicence z\n";
static const char weights_source[] =
    "name w\nkind weights\narm imagenet\nencoder vits\nfile w.pth\nmanual ask\nmap backbone\n"
    "mean 0.5 0.5 0.5\nstd 1 1 1e0\norder rgb\nrange 255\nmagic safetensors\n";

static void target(void *arg) {
    const struct good *in = arg;
    struct source s;
    source_parse(&s, (const char *)in->bytes, in->n, "fuzz.src");
    for (int i = 0; i < s.file_count; i++)
        if (strchr(s.file[i], '/') || !strcmp(s.file[i], "..")) abort();
    if (s.passphrase_file && strchr(s.passphrase_file, '/')) abort();
    if (s.sha256 && strlen(s.sha256) != 64) abort();
    source_magic(s.magic, in->bytes, in->n);
    source_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct good good[] = {
        {(const uint8_t *)data_source, sizeof data_source - 1},
        {(const uint8_t *)weights_source, sizeof weights_source - 1}};
    struct good in;
    char message[2048];
    uint8_t *bytes = patch(good, 2, data, size, &in.n);
    in.bytes = bytes;
    die_catch(target, &in, message, sizeof message);
    xfree(bytes);
    return 0;
}
