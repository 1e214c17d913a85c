/* fuzz_archive.c - libFuzzer target: any bytes as an archive are refused with a message or
 * read whole, with good names only. What the source pins goes by the number of bytes. */
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
};

static void target(void *arg) {
    const char *text = arg, *zeros = ZEROS;
    struct source s;
    struct archived m;
    char content[65];
    source_parse(&s, text, strlen(text), "fuzz.src");
    char *raw = xstrdup(place("raw"));
    struct reader *r = reader_open(&s, raw);
    while (reader_next(r, &m)) {
        if (member_name_wrong(m.path)) abort();
        xfree(m.data);
    }
    if (s.pictures) reader_pictures(r, zeros);
    reader_end(r, content);
    source_free(&s);
    xfree(raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char message[2048] = "";
    place_put("p.txt", "open sesame\n", 12);
    place_put("raw", data, size);
    const char *text = sources[size % (sizeof sources / sizeof *sources)];
    int code = die_catch(target, (void *)(uintptr_t)text, message, sizeof message);
    if (code && (code == EXIT_USAGE || !*message)) abort();
    return 0;
}
