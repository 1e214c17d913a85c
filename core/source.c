/* source.c - reads a .src file and checks every value.
 *
 * It opens no download, knows no protocol and invents nothing: what is unknown stays so. */
#include "source.h"
#include "die.h"
#include "file.h"
#include <string.h>

static const char *const once[] = {"name",          "kind",
                                   "arm",           "encoder",
                                   "bytes",         "sha256",
                                   "sha256_begins", "md5",
                                   "content",       "pictures",
                                   "magic",         "unpacked",
                                   "files",         "passphrase_file",
                                   "licence",       "terms",
                                   "redistribute",  "mean",
                                   "std",           "order",
                                   "range",         "format",
                                   "map",           "groups",
                                   "counts",        NULL};
static const char *const many[] = {"file", "url", "manual", "cite", NULL};

enum { MAGIC_BYTES = 16 };
static const struct magic {
    const char *word;
    size_t at, n;
    const char *bytes;
} magics[] = {
    {"zip", 0, 4, "PK\3\4"},
    {"gzip", 0, 2, "\x1f\x8b"},
    {"xz", 0, 6,
     "\xfd"
     "7zXZ\0"},
    {"rar", 0, 6, "Rar!\x1a\7"},
    {"tar", 257, 5, "ustar"},
    {"hdf5", 0, 8, "\x89HDF\r\n\x1a\n"},
    {"safetensors", 8, 1, "{"}, /* after the header's length */
};
enum { MAGICS = sizeof magics / sizeof *magics };

static _Noreturn void refuse(const struct source *s, const struct pair *p,
                             const char *wanted) {
    die_no("%s:%d: %s is '%s', wanted %s", quoted(s->path), p->line, p->key,
           quoted(p->value), wanted);
}

static const struct pair *find(const struct source *s, const char *key) {
    for (int i = 0; i < s->pairs.count; i++)
        if (!strcmp(s->pairs.pair[i].key, key)) return &s->pairs.pair[i];
    return NULL;
}

/* NULL if the key is absent. */
static const char *text_of(const struct source *s, const char *key) {
    const struct pair *p = find(s, key);
    if (p && !*p->value)
        die_no("%s:%d: %s has no value, wanted one; or leave the line out", quoted(s->path),
               p->line, key);
    return p ? p->value : NULL;
}

static int64_t number_of(const struct source *s, const char *key) {
    const char *text = text_of(s, key);
    long value;
    if (!text || !strcmp(text, "unknown")) return -1;
    if (!integer_parse(text, &value) || value < 0)
        refuse(s, find(s, key), "a whole number from 0, or unknown");
    return value;
}

/* Hex digits, as many as `digits`; of a beginning, any number fewer. */
static const char *hash_of(const struct source *s, const char *key, size_t digits) {
    const char *text = text_of(s, key);
    if (!text || !strcmp(text, "unknown")) return NULL;
    size_t n = strlen(text);
    int begins = strstr(key, "_begins") != NULL;
    if (strspn(text, "0123456789abcdef") != n) {
        if (strspn(text, "0123456789abcdefABCDEF") == n)
            refuse(s, find(s, key), "lower-case hex digits; write it in lower case");
        refuse(s, find(s, key), "lower-case hex digits, or unknown");
    }
    if (begins ? n >= digits : n != digits)
        die_no("%s:%d: %s has %zu digits, wanted %s%zu; copy it again", quoted(s->path),
               find(s, key)->line, key, n, begins ? "fewer than " : "", digits);
    return text;
}

static const char *word_of(const struct source *s, const char *key) {
    const char *text = text_of(s, key),
               *letters = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
    if (text && (strspn(text, letters) != strlen(text) || *text == '.' || *text == '-'))
        refuse(s, find(s, key), "a word of lower-case letters, digits, '-', '_' and '.'");
    return text;
}

/* A name that cannot leave the folder it is looked for in. */
static void check_plain_name(const struct source *s, const struct pair *p) {
    if (strstr(p->value, "..") || p->value[0] == '.')
        refuse(s, p, "a file name without '..', not beginning with '.'");
    if (strpbrk(p->value, "/\\")) refuse(s, p, "a file name alone, without '/' or '\\'");
    if (!*p->value || strlen(p->value) > 255) refuse(s, p, "a file name of 1 to 255 bytes");
}

static void check_url(const struct source *s, const struct pair *p) {
    int https = !strncmp(p->value, "https://", 8), file = !strncmp(p->value, "file:", 5);
    if (!https && !file) refuse(s, p, "https://... or file:...");
    if (strpbrk(p->value, " \t")) refuse(s, p, "no blank in it; write %20");
    if (file && strstr(p->value, "..")) refuse(s, p, "a path without '..'");
}

static int hex_digits(const char *text, size_t n) {
    return strspn(text, "0123456789abcdef") >= n && n % 2 == 0 && n <= 2 * MAGIC_BYTES;
}

static const struct magic *magic_word(const char *text, size_t n) {
    for (int i = 0; i < MAGICS; i++)
        if (strlen(magics[i].word) == n && !memcmp(magics[i].word, text, n))
            return &magics[i];
    return NULL;
}

int source_may_be(const struct source *s, const char *word) {
    for (const char *at = s->magic; at && *at; at += strspn(at, " \t")) {
        size_t n = strcspn(at, " \t");
        if (strlen(word) == n && !memcmp(at, word, n)) return 1;
        at += n;
    }
    return 0;
}

static void check_magic(const struct source *s) {
    for (const char *at = s->magic; at && *at; at += strspn(at, " \t")) {
        size_t n = strcspn(at, " \t");
        if (!magic_word(at, n) && !hex_digits(at, n))
            refuse(
                s, find(s, "magic"),
                "words of zip gzip xz rar tar hdf5 safetensors, or up to 16 bytes in hex");
        at += n;
    }
    if (source_may_be(s, "rar") && !s->content && !s->pictures)
        refuse(s, find(s, "magic"), "content or pictures known where a .rar may be read");
}

static void check_three(const struct source *s, const char *key, const char *text) {
    int n = 0;
    for (const char *at = text; at && *at; n++, at += strspn(at, " \t")) {
        char word[64];
        double value;
        size_t length = strcspn(at, " \t");
        if (length >= sizeof word) refuse(s, find(s, key), "three numbers");
        memcpy(word, at, length);
        word[length] = 0;
        if (!number_parse(word, &value)) refuse(s, find(s, key), "three numbers");
        if (!strcmp(key, "std") && value <= 0) refuse(s, find(s, key), "numbers above 0");
        at += length;
    }
    if (text && n != 3) refuse(s, find(s, key), "three numbers");
}

static void add_line(const struct source *s, const struct pair *p, const char **list,
                     int *count) {
    if (!*p->value)
        die_no("%s:%d: %s has no value, wanted one; or leave the line out", quoted(s->path),
               p->line, p->key);
    if (*count == SOURCE_LINES)
        die_no("%s:%d: more than %d lines %s, wanted fewer", quoted(s->path), p->line,
               (int)SOURCE_LINES, p->key);
    list[(*count)++] = p->value;
}

static void take_lines(struct source *s) {
    for (int i = 0; i < s->pairs.count; i++) {
        const struct pair *p = &s->pairs.pair[i];
        if (!strcmp(p->key, "file")) {
            check_plain_name(s, p);
            add_line(s, p, s->file, &s->file_count);
        } else if (!strcmp(p->key, "url")) {
            check_url(s, p);
            add_line(s, p, s->url, &s->url_count);
        } else if (!strcmp(p->key, "manual")) {
            add_line(s, p, s->manual, &s->manual_count);
        } else if (!strcmp(p->key, "cite")) {
            add_line(s, p, s->cite, &s->cite_count);
        } else if (!strcmp(p->key, "passphrase_file")) {
            check_plain_name(s, p);
        }
    }
}

/* NULL-ended keys that the other kind has. */
static void refuse_keys(const struct source *s, enum source_kind kind,
                        const char *const *key) {
    for (int i = 0; s->kind == kind && key[i]; i++)
        if (find(s, key[i]))
            refuse(s, find(s, key[i]),
                   kind == SOURCE_DATA ? "no such line for kind data"
                                       : "no such line for kind weights");
}

static void take_weights(struct source *s) {
    static const char *const wanted[] = {"arm",   "encoder", "mean", "std",
                                         "order", "range",   NULL};
    s->arm = word_of(s, "arm");
    s->encoder = word_of(s, "encoder");
    s->map = word_of(s, "map");
    s->mean = text_of(s, "mean");
    s->std = text_of(s, "std");
    s->order = text_of(s, "order");
    s->range = text_of(s, "range");
    check_three(s, "mean", s->mean);
    check_three(s, "std", s->std);
    if (s->order && strcmp(s->order, "rgb") && strcmp(s->order, "bgr"))
        refuse(s, find(s, "order"), "rgb or bgr");
    if (s->range && strcmp(s->range, "1") && strcmp(s->range, "255"))
        refuse(s, find(s, "range"),
               "255 (values in 0..1 before mean and std) or 1 (in 0..255)");
    for (int i = 0; s->kind == SOURCE_WEIGHTS && wanted[i]; i++)
        if (!find(s, wanted[i]))
            die_no("%s: no key %s, wanted it for kind weights", quoted(s->path), wanted[i]);
    refuse_keys(s, SOURCE_DATA, wanted);
}

static void take_data(struct source *s) {
    static const char *const keys[] = {"passphrase_file", "groups", "pictures", "counts",
                                       "unpacked",        "files",  NULL};
    s->unpacked = number_of(s, "unpacked");
    s->files = number_of(s, "files");
    s->groups = number_of(s, "groups");
    s->pictures = hash_of(s, "pictures", 64);
    s->counts = word_of(s, "counts");
    s->passphrase_file = text_of(s, "passphrase_file");
    refuse_keys(s, SOURCE_WEIGHTS, keys);
}

static void take_values(struct source *s) {
    const char *kind = pairs_need(&s->pairs, "kind");
    pairs_need(&s->pairs, "name");
    s->name = word_of(s, "name");
    if (strcmp(kind, "data") && strcmp(kind, "weights"))
        refuse(s, find(s, "kind"), "data or weights");
    s->kind = strcmp(kind, "data") ? SOURCE_WEIGHTS : SOURCE_DATA;
    s->bytes = number_of(s, "bytes");
    s->sha256 = hash_of(s, "sha256", 64);
    s->sha256_begins = hash_of(s, "sha256_begins", 64);
    s->md5 = hash_of(s, "md5", 32);
    s->content = hash_of(s, "content", 64);
    s->magic = text_of(s, "magic");
    s->format = text_of(s, "format");
    s->licence = text_of(s, "licence");
    s->terms = text_of(s, "terms");
    s->redistribute = text_of(s, "redistribute");
    if (s->redistribute && strcmp(s->redistribute, "yes") && strcmp(s->redistribute, "no"))
        refuse(s, find(s, "redistribute"), "yes or no");
    take_lines(s);
    take_data(s);
    take_weights(s);
    check_magic(s);
    if ((s->url_count || s->manual_count || s->kind == SOURCE_DATA) && !s->file_count)
        die_no("%s: no key file, wanted the name of the download", quoted(s->path));
    if (s->file_count && !s->url_count && !s->manual_count)
        die_no("%s: neither url nor manual, wanted a line that says where %s comes from",
               quoted(s->path), s->file[0]);
}

void source_parse(struct source *s, const char *text, size_t n, const char *path) {
    *s = (struct source){.path = xstrdup(path)};
    pairs_parse(&s->pairs, text, n, path);
    pairs_check(&s->pairs, once, many);
    take_values(s);
}

void source_read(struct source *s, const char *path) {
    size_t n;
    char *text = file_read(path, 1 << 20, &n);
    source_parse(s, text, n, path);
    xfree(text);
}

void source_free(struct source *s) {
    pairs_free(&s->pairs);
    xfree(s->path);
    *s = (struct source){0};
}

static int hex_value(char c) {
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

int source_magic(const char *magic, const uint8_t *head, size_t n) {
    if (!magic) return 1;
    for (const char *at = magic; *at; at += strspn(at, " \t")) {
        size_t length = strcspn(at, " \t"), i = 0;
        const struct magic *m = magic_word(at, length);
        if (m && m->at + m->n <= n && !memcmp(head + m->at, m->bytes, m->n)) return 1;
        while (!m && i < length / 2 && i < n &&
               head[i] == hex_value(at[2 * i]) * 16 + hex_value(at[2 * i + 1]))
            i++;
        if (!m && i == length / 2) return 1;
        at += length;
    }
    return 0;
}
