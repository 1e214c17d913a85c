/* fuzz_archive.c - libFuzzer target: any bytes as an archive are refused with a message or
 * read whole, with good names only. What the source pins goes by the number of bytes, and
 * so does which call of the system or of libarchive fails, where one does. */
#include "convert/archive.h"
#include "convert/member_name.h"
#include "core/die.h"
#include "tests/fuzz/place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SOURCE "name x\nkind data\nfile x\nmanual none\n"
#define ZEROS "0" ZEROS_BUT_ONE
#define ZEROS_BUT_ONE "000000000000000000000000000000000000000000000000000000000000000"
static const char *const sources[] = {
    SOURCE,
    SOURCE "files 4\nunpacked 500\n",
    SOURCE "passphrase_file p.txt\n",
    SOURCE "magic rar zip\ncontent " ZEROS "\n",
    SOURCE "content " ZEROS "\npictures " ZEROS "\nfiles 2\nunpacked 300\n",
    SOURCE "files 1\nunpacked 232\n",
    SOURCE "pictures f" ZEROS_BUT_ONE "\n",
    SOURCE "passphrase_file none.txt\n",
    SOURCE "passphrase_file empty.txt\n",
};

static void target(void *arg) {
    const char *text = arg, *zeros = ZEROS;
    struct source s;
    struct archived m;
    char content[65];
    source_parse(&s, text, strlen(text), "fuzz.src");
    char *raw = xstrdup(place("raw"));
    struct reader *r = reader_open(&s, raw);
    if (s.files == 1) reader_hash_later(r);
    while (reader_next(r, &m)) {
        if (member_name_wrong(m.path)) abort();
        xfree(m.data);
    }
    if (s.pictures) reader_pictures(r, zeros);
    reader_end(r, content);
    source_free(&s);
    xfree(raw);
}

/* See die.h; 0: none, and calls are counted anew. */
static void let_fail(size_t n) {
    char number[32];
    snprintf(number, sizeof number, "%zu", n);
    if (setenv("FAIL_AT", number, 1) || (!n && fail_point())) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char message[2048] = "";
    place_put("empty.txt", "\n", 1);
    place_put("p.txt", "open sesame\n", 12);
    place_put("raw", data, size);
    size_t kind = size % 16, kinds = sizeof sources / sizeof *sources;
    const char *text = sources[kind < kinds ? kind : 0];
    let_fail(kind == 15 ? size / 16 % 64 : 0);
    int code = die_catch(target, (void *)(uintptr_t)text, message, sizeof message);
    let_fail(0);
    if (code && (code == EXIT_USAGE || !*message)) abort();
    return 0;
}
