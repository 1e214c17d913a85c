/* convert_zip_test.c - hostile containers: PyTorch zips with two stories, and other
 * formats.
 *
 * The outside truth is libzip: whatever is accepted here, its consistency check accepts
 * too, with the same names and bytes. Models: CVE-2025-54368, Fifield's overlap,
 * libarchive's ZIP64 lies. */
#include "tests/test.h"
#include "tests/pickled.h"
#include "tests/torch_save.h"
#include "convert/checkpoint.h"
#include "convert/zip.h"
#include "core/die.h"
#include <stdlib.h>
#include <string.h>
#include <zip.h>
#include <zlib.h>

static const char pickle[] = PROTO "}X\1\0\0\0a" GOOD "s.";

static struct bytes good(void) {
    return torch_wrap(pickle, sizeof pickle - 1);
}

static void parse(void *arg) {
    const struct bytes *b = arg;
    struct checkpoint c;
    checkpoint_parse(&c, b->data, b->n, "hostile.pth");
    checkpoint_close(&c);
}

static void refused(struct bytes *b, int code, const char *fragment) {
    assert_dies(code, fragment, parse, b);
    xfree(b->data);
}

/* Place of the k-th occurrence of a text. */
static size_t place(const struct bytes *b, const char *text, size_t n, int k) {
    for (size_t i = 0; i + n <= b->n; i++)
        if (!memcmp(b->data + i, text, n) && k-- == 0) return i;
    fail_msg("no such bytes");
    return 0;
}
enum { LOCAL, CENTRAL, LOCATOR, END64, END };
static size_t header(const struct bytes *b, int which, int k) {
    static const char *const sign[] = {"PK\3\4", "PK\1\2", "PK\6\7", "PK\6\6", "PK\5\6"};
    return place(b, sign[which], 4, k);
}

/* One byte of a good file changed: `add` is added to the byte `at` bytes after a header. */
static void changed(int which, int k, size_t at, int add, const char *fragment) {
    struct bytes b = good();
    b.data[header(&b, which, k) + at] += (uint8_t)add;
    refused(&b, EXIT_NO, fragment);
}

static void headers_that_disagree_are_refused(void **state) {
    (void)state;
    changed(LOCAL, 0, 30, 1, "another name in its local header");
    changed(LOCAL, 2, 26, 1, "another name in its local header");
    changed(LOCAL, 2, 28, 1, "an extra field in its header");
    changed(LOCAL, 2, 8, 8, "other version, flags, method or date");
    changed(LOCAL, 2, 6, 1, "other version, flags, method or date");
    changed(LOCAL, 2, 4, 1, "other version, flags, method or date");
    changed(LOCAL, 2, 12, 1, "other version, flags, method or date");
    changed(LOCAL, 2, 14, 1, "another size or CRC in its local header");
    changed(LOCAL, 2, 18, 1, "another size or CRC in its local header");
    changed(LOCAL, 2, 22, 1, "another size or CRC in its local header");
    changed(LOCAL, 2, 0, 1, "no local header at its place");
    changed(CENTRAL, 2, 0, 1, "no central header");
    changed(CENTRAL, 2, 8, 1, "encrypted");
    changed(CENTRAL, 2, 8, 16, "unknown flags");
    changed(CENTRAL, 2, 10, 8, "compressed, wanted");
    changed(CENTRAL, 2, 20, 2, "compressed and uncompressed size differ");
    changed(CENTRAL, 2, 28, 1, "");
    changed(CENTRAL, 2, 34, 1, "on another disk");
    changed(CENTRAL, 2, 42, 1, "no local header at its place");
    changed(CENTRAL, 2, 44, 255, "needs 30 bytes");
}

static void a_size_that_lies_is_refused(void **state) {
    (void)state;
    struct bytes b = good();
    size_t at = header(&b, CENTRAL, 2);
    b.data[at + 20] = b.data[at + 24] = 4; /* data/0 has 8 */
    refused(&b, EXIT_NO, "a data descriptor that disagrees");
    b = good();
    memset(b.data + header(&b, CENTRAL, 2) + 20, 255, 8);
    refused(&b, EXIT_NO, "4 GiB or more");
    b = good();
    memset(b.data + header(&b, CENTRAL, 2) + 20, 127, 8);
    refused(&b, EXIT_NO, "a member's data at byte");
}

static void damaged_data_is_refused(void **state) {
    (void)state;
    struct bytes b = good();
    b.data[place(&b, (const char *)torch_floats, 8, 0)] ^= 1;
    refused(&b, EXIT_NO, "'archive/data/0': its CRC-32 does not match");
}

static void a_name_is_plain_and_comes_once(void **state) {
    (void)state;
    static const char *const bad[] = {
        "../../../x.pkl", "/etc/passwd.pk", "data//0.pickle", "data\\0", "a\33[31m.pickle",
        "data/./0",       "data/..",        "da\xc3\xa9",     "x/",      ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct stored member[] = {{bad[i], torch_floats, 8}};
        struct bytes b = {0};
        torch_zip(&b, i < 2 ? ".." : "archive", member, 1);
        refused(&b, EXIT_NO, "wanted a plain relative name");
    }
    struct stored twice[] = {{"version", "3\n", 2}, {"version", "3\n", 2}};
    struct bytes b = {0};
    torch_zip(&b, "archive", twice, 2);
    refused(&b, EXIT_NO, "listed twice");
}

static void no_byte_lies_outside_the_members(void **state) {
    (void)state;
    struct bytes b = good(), c = {0};
    bytes_add(&b, "x", 1);
    refused(&b, EXIT_NO, "bytes after the zip's end");
    b = good();
    bytes_add(&c, "PK\3\4", 4); /* so that the format is still told as zip */
    bytes_add(&c, b.data, b.n);
    refused(&c, EXIT_NO, "");
    memset(&c, 0, sizeof c);
    bytes_add(&c, b.data, b.n);
    bytes_add(&c, b.data + header(&b, END, 0), 22);
    refused(&c, EXIT_NO, "2 zip end records");
    memset(&c, 0, sizeof c);
    size_t central = header(&b, CENTRAL, 0);
    bytes_add(&c, b.data, central);
    bytes_add(&c, "gap", 3);
    bytes_add(&c, b.data + central, b.n - central);
    c.data[header(&c, END, 0) + 16] += 3; /* the directory's place, in all three records */
    c.data[header(&c, END64, 0) + 48] += 3;
    c.data[header(&c, LOCATOR, 0) + 8] += 3;
    refused(&c, EXIT_NO, "wanted the central directory at");
    xfree(b.data);
}

static void overlapping_members_are_refused(void **state) {
    (void)state;
    struct stored member[] = {{"data/0", torch_floats, 8}, {"data/0", torch_floats, 8}};
    struct bytes b = {0};
    torch_zip(&b, "archive", member, 2);
    size_t second = header(&b, CENTRAL, 1);
    memset(b.data + second + 42, 0, 4); /* both at the first one's place */
    refused(&b, EXIT_NO, "overlaps the member before it");
}

static void a_zip_cut_anywhere_is_refused(void **state) {
    (void)state;
    struct bytes b = good();
    for (size_t n = 4; n < b.n; n++) {
        struct bytes cut = {.data = b.data, .n = n};
        assert_dies(EXIT_NO, "hostile.pth: ", parse, &cut);
    }
    xfree(b.data);
}

static void zip64_records_must_agree(void **state) {
    (void)state;
    changed(LOCATOR, 0, 4, 1, "ZIP64 end record and its locator disagree");
    changed(LOCATOR, 0, 8, 1, "ZIP64 end record and its locator disagree");
    changed(LOCATOR, 0, 16, 1, "ZIP64 end record and its locator disagree");
    changed(END64, 0, 4, 1, "ZIP64 end record and its locator disagree");
    changed(END64, 0, 24, 1, "ZIP64 end record and its locator disagree");
    changed(END64, 0, 40, 1, "32-bit and 64-bit end records disagree");
    changed(END64, 0, 48, 1, "32-bit and 64-bit end records disagree");
    changed(END, 0, 8, 1, "several disks");
    changed(END, 0, 12, 1, "32-bit and 64-bit end records disagree");
}

static void put32(struct bytes *b, uint64_t x) {
    bytes_u32(b, (uint32_t)x);
}

/* A zip whose last member of n bytes has this descriptor behind it, all places told
 * rightly. */
static struct bytes described(size_t n, const struct bytes *descriptor) {
    struct stored member[] = {{"version", "3\n", 2}, {"data/0", torch_floats, n}};
    struct bytes b = {0}, out = {0};
    torch_zip(&b, "archive", member, 2);
    b.data[header(&b, LOCAL, 1) + 6] |= 8;
    b.data[header(&b, CENTRAL, 1) + 8] |= 8;
    size_t central = header(&b, CENTRAL, 0), had = n ? 16 : 0;
    bytes_add(&out, b.data, central - had);
    bytes_add(&out, descriptor->data, descriptor->n);
    bytes_add(&out, b.data + central, b.n - central);
    uint8_t moved = (uint8_t)(descriptor->n - had); /* places are below 256 */
    out.data[header(&out, END, 0) + 16] += moved;
    out.data[header(&out, END64, 0) + 48] += moved;
    uint8_t *locator = out.data + header(&out, LOCATOR, 0) + 8;
    locator[1] += (uint8_t)((uint8_t)(locator[0] + moved) < moved);
    locator[0] += moved;
    xfree(b.data);
    return out;
}

struct opened {
    struct bytes bytes;
    struct members zip;
};
static void open_zip(void *arg) {
    struct opened *o = arg;
    members_open(&o->zip, o->bytes.data, o->bytes.n, "changed.pth");
}

static void descriptors_of_both_widths_are_read_and_held_to_the_directory(void **state) {
    (void)state;
    static const struct {
        size_t n;              /* bytes of the member */
        int crc, packed, size; /* what the descriptor says too much; -1: no descriptor */
        int wide;
        const char *words; /* NULL: accepted */
    } all[] = {
        {8, 0, 0, 0, 0, NULL},
        {8, 0, 0, 0, 1, NULL},
        {0, 0, 0, 0, 0, NULL},
        {0, 0, 0, 0, 1, NULL},
        {0, -1, 0, 0, 0, NULL},
        {8, 1, 0, 0, 1, "a data descriptor that disagrees, wanted the directory's CRC"},
        {8, 0, 1, 0, 1, "a data descriptor that disagrees, wanted the directory's CRC"},
        {8, 0, 0, 1, 1, "a data descriptor that disagrees, wanted the directory's sizes"},
        {0, 1, 0, 0, 0, "a data descriptor that disagrees, wanted the directory's CRC"},
        {0, 0, 0, 1, 1, "zip members end at byte"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct bytes d = {0};
        uint32_t crc = all[i].n ? (uint32_t)crc32(0, (const Bytef *)torch_floats, 8) : 0;
        bytes_add(&d, "PK\7\10", 4);
        bytes_u32(&d, crc + (uint32_t)all[i].crc);
        void (*put)(struct bytes *, uint64_t) = all[i].wide ? bytes_u64 : put32;
        put(&d, all[i].n + (uint64_t)all[i].packed);
        put(&d, all[i].n + (uint64_t)all[i].size);
        if (all[i].crc < 0) d.n = 0;
        struct opened o = {.bytes = described(all[i].n, &d)};
        char message[512] = "";
        int code = die_catch(open_zip, &o, message, sizeof message);
        if (all[i].words ? code != EXIT_NO || !strstr(message, all[i].words) : code)
            fail_msg("%zu: exit %d \"%s\"", i, code, message);
        if (!code) members_close(&o.zip);
        xfree(o.bytes.data);
        xfree(d.data);
    }
}

static void members_are_those_torch_save_writes(void **state) {
    (void)state;
    struct stored other[] = {{"data.pkl", pickle, sizeof pickle - 1}, {"evil.so", "x", 1}};
    struct stored script[] = {{"data.pkl", pickle, sizeof pickle - 1},
                              {"code/a.py", "x", 1}};
    struct stored big[] = {{"data.pkl", pickle, sizeof pickle - 1},
                           {"byteorder", "big", 3},
                           {"version", "3\n", 2}};
    struct stored bare[] = {{"version", "3\n", 2}};
    struct stored lost[] = {{"data.pkl", pickle, sizeof pickle - 1}, {"version", "3\n", 2}};
    struct bytes b = {0};
    torch_zip(&b, "archive", other, 2);
    refused(&b, EXIT_NO, "zip member 'archive/evil.so'");
    memset(&b, 0, sizeof b);
    torch_zip(&b, "archive", script, 2);
    refused(&b, EXIT_NO, "a TorchScript file");
    memset(&b, 0, sizeof b);
    torch_zip(&b, "archive", big, 3);
    refused(&b, EXIT_NO, "'byteorder' says 'big', wanted 'little'");
    memset(&b, 0, sizeof b);
    torch_zip(&b, "archive", bare, 1);
    refused(&b, EXIT_NO, "no member 'data.pkl'");
    memset(&b, 0, sizeof b);
    torch_zip(&b, "archive", lost, 2);
    refused(&b, EXIT_NO, "no member 'data/0'");
}

static void other_formats_are_refused_by_name(void **state) {
    (void)state;
    static char tar[1024];
    memcpy(tar + 257, "ustar", 5);
    const struct {
        const char *bytes;
        size_t n;
        const char *fragment;
    } row[] = {
        {tar, sizeof tar, "PyTorch's pre-1.6 format (a tar)"},
        {"\200\2\212\12\154\374\234\106\371\40\152\250\120\31.", 15,
         "pre-1.6 format (stacked pickles)"},
        {"\200\2}.", 4, "a bare pickle"},
        {"\211HDF\r\n\032\n", 8, "h5 hostile.pth NEW.bag"},
        {"<!doctype html><title>Sign in</title>", 37, "a web page"},
        {"\n <html>", 8, "a web page"},
        {"\33[2Jhello", 9, "begins with '\\x1b[2Jhello'"},
        {"PK\3\4", 4, "too short for a zip file"},
        {"PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\7\0\0\0arr.npy", 37,
         "no zip end record"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct bytes b = {0};
        bytes_add(&b, row[i].bytes, row[i].n);
        refused(&b, EXIT_NO, row[i].fragment);
    }
    struct bytes b = {0};
    refused(&b, EXIT_WORLD, "an empty file");
}

/* 1 if libzip opens the bytes strictly and finds the members that we found. */
static int libzip_agrees(const struct bytes *b, const struct members *ours) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(b->data, b->n, 0, &error);
    zip_t *z = zip_open_from_source(source, ZIP_CHECKCONS | ZIP_RDONLY, &error);
    if (!z) {
        zip_source_free(source);
        return 0;
    }
    int agree = zip_get_num_entries(z, 0) == ours->count;
    for (int i = 0; agree && i < ours->count; i++) {
        const struct member *m = &ours->member[i];
        zip_file_t *f = zip_fopen(z, m->name, 0);
        uint8_t *copy = malloc(m->size + 1);
        agree = f && copy && zip_fread(f, copy, m->size + 1) == (zip_int64_t)m->size &&
                !memcmp(copy, m->data, m->size);
        free(copy);
        if (f) zip_fclose(f);
    }
    zip_discard(z);
    return agree;
}

static void whatever_is_accepted_libzip_accepts_too(void **state) {
    (void)state;
    struct opened o = {.bytes = good()};
    int accepted = 0, total = 0;
    char message[512];
    for (size_t at = 0; at < o.bytes.n; at++)
        for (int bit = 0; bit < 8; bit++, total++) {
            o.bytes.data[at] ^= (uint8_t)(1 << bit);
            if (die_catch(open_zip, &o, message, sizeof message) == 0) {
                accepted++;
                if (!libzip_agrees(&o.bytes, &o.zip))
                    fail_msg("libzip refuses: byte %zu bit %d", at, bit);
                members_close(&o.zip);
            }
            o.bytes.data[at] ^= (uint8_t)(1 << bit);
        }
    assert_true(accepted > 0); /* padding, dates, versions carry no story */
    assert_true(accepted < total / 2);
    open_zip(&o);
    assert_true(libzip_agrees(&o.bytes, &o.zip));
    members_close(&o.zip);
    xfree(o.bytes.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(headers_that_disagree_are_refused),
        TEST(a_size_that_lies_is_refused),
        TEST(damaged_data_is_refused),
        TEST(a_name_is_plain_and_comes_once),
        TEST(no_byte_lies_outside_the_members),
        TEST(overlapping_members_are_refused),
        TEST(a_zip_cut_anywhere_is_refused),
        TEST(zip64_records_must_agree),
        TEST(descriptors_of_both_widths_are_read_and_held_to_the_directory),
        TEST(members_are_those_torch_save_writes),
        TEST(other_formats_are_refused_by_name),
        TEST(whatever_is_accepted_libzip_accepts_too),
    };
    return test_run(tests);
}
