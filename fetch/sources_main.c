/* sources_main.c - the tool `sources`: what there is to fetch, in a table for people.
 *
 * It fetches nothing, opens no socket, and reads no download. */
#include "core/die.h"
#include "core/file.h"
#include "fetch/cache.h"
#include "fetch/fetch.h"
#include "fetch/pins.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char HELP[] =
    "usage: sources [--mirror FOLDER]... [--raw FOLDER] [--pins FILE] SOURCE.src...\n"
    "Prints a line a source: is it here, how large, how is it known to be right, on which\n"
    "terms. Data sets first, then weights; sources without a file are left out.\n"
    "\n"
    "  --mirror FOLDER  a folder with raw files; repeats\n"
    "  --raw FOLDER     where fetch puts them, under their sources' names\n"
    "  --pins FILE      fetch's pins of files whose checksum nobody publishes\n"
    "  --help, --version\n"
    "\n"
    "example: sources --raw out/paper/raw fetch/sources/*.src\n";

static const struct option OPTIONS[] = {
    {"mirror", required_argument, NULL, 'm'}, {"raw", required_argument, NULL, 'r'},
    {"pins", required_argument, NULL, 'p'},   {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},      {NULL, 0, NULL, 0},
};

enum { MIRRORS = 64, NAME = 0, STATE, SIZE, KNOWN, TERMS, COLUMNS };
struct row {
    enum source_kind kind;
    char *cell[COLUMNS];
};

static const char *const key =
    "\n"
    "present: fetched   mirror: in a folder of MIRROR   cached: fetched before, elsewhere\n"
    "fetchable: make gets it   manual: a person gets it; make out/paper/raw/NAME says how\n"
    "sha256, files, md5: pinned in its source   first use: its publisher tells no checksum,\n"
    "what comes first is pinned   pinned: so it was\n";

/* What makes it the right file. */
static char *known_by(const struct source *s, const char *pins) {
    char sha256[65];
    if (s->sha256) return xstrdup("sha256");
    if (s->content || s->pictures) return xstrdup("files");
    if (s->md5) return xstrdup("md5");
    if (pins && pins_find(pins, s, sha256)) return xstrdup("pinned");
    if (s->sha256_begins) return xprintf("sha256 %s...", s->sha256_begins);
    return xstrdup("first use");
}

static char *size_text(double bytes) {
    if (bytes < 0) return xstrdup("unknown");
    if (bytes < 1e6) return xprintf("%.0f kB", bytes / 1e3);
    return bytes < 1e10 ? xprintf("%.1f MB", bytes / 1e6) : xprintf("%.1f GB", bytes / 1e9);
}

static char *terms_text(const struct source *s) {
    int no = s->redistribute && !strcmp(s->redistribute, "no");
    return xprintf("%s%s", s->licence ? s->licence : "not stated",
                   no ? "; not to be passed on" : "");
}

/* `look`: name, state and where, divided by tabs. */
static void fill(struct row *row, const struct source *s, const char *look,
                 const char *pins) {
    const char *state = strchr(look, '\t') + 1, *where = strchr(state, '\t') + 1;
    int n = (int)(where - 1 - state);
    int here = !strncmp(state, "present", 7) || !strncmp(state, "mirror", 6) ||
               !strncmp(state, "cached", 6);
    row->kind = s->kind;
    row->cell[NAME] = xstrdup(s->name);
    row->cell[STATE] = xprintf("%.*s", n, state);
    row->cell[SIZE] = size_text(here ? (double)file_size(where) : (double)s->bytes);
    row->cell[KNOWN] = known_by(s, pins);
    row->cell[TERMS] = terms_text(s);
}

static void print(const struct row *row, int rows, enum source_kind kind,
                  const char *heading) {
    const char *head[COLUMNS] = {heading, "state", "size", "known by", "terms"};
    int width[COLUMNS] = {0}, any = 0;
    for (int i = 0; i < rows; i++) any |= row[i].kind == kind;
    if (!any) return;
    for (int c = 0; c < COLUMNS; c++) width[c] = (int)strlen(head[c]);
    for (int i = 0; i < rows; i++)
        for (int c = 0; c < COLUMNS; c++)
            if ((int)strlen(row[i].cell[c]) > width[c])
                width[c] = (int)strlen(row[i].cell[c]);
    for (int i = -1; i < rows; i++) {
        const char *const *cell = i < 0 ? head : (const char *const *)row[i].cell;
        if (i >= 0 && row[i].kind != kind) continue;
        printf("%-*s  %-*s  %*s  %-*s  %s\n", width[NAME], cell[NAME], width[STATE],
               cell[STATE], width[SIZE], cell[SIZE], width[KNOWN], cell[KNOWN],
               cell[TERMS]);
    }
}

static void list(struct fetch *f, const char *raw, char *const *path, int n) {
    struct row *row = xcalloc((size_t)n, sizeof *row);
    int rows = 0;
    for (int i = 0; i < n; i++) {
        struct source s;
        source_read(&s, path[i]);
        char *out = raw ? file_join(raw, s.name) : xstrdup("");
        f->out = out;
        if (s.file_count) {
            char *look = fetch_look(f, &s);
            fill(&row[rows++], &s, look, f->pins);
            xfree(look);
        }
        xfree(out);
        source_free(&s);
    }
    print(row, rows, SOURCE_DATA, "data");
    if (rows && row[0].kind != row[rows - 1].kind) putchar('\n');
    print(row, rows, SOURCE_WEIGHTS, "weights");
    printf("%s", key);
    for (int i = 0; i < rows; i++)
        for (int c = 0; c < COLUMNS; c++) xfree(row[i].cell[c]);
    xfree(row);
}

int main(int argc, char **argv) {
    const char *mirror[MIRRORS], *raw = NULL;
    struct fetch fetch = {.mirror = mirror};
    char *cache = cache_folder();
    int option;
    die_name("sources");
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 'm':
            if (fetch.mirrors == MIRRORS)
                die_usage("--mirror: more than %d, wanted fewer", (int)MIRRORS);
            mirror[fetch.mirrors++] = optarg;
            break;
        case 'r':
            raw = optarg;
            break;
        case 'p':
            fetch.pins = optarg;
            break;
        case 'h':
            fputs(HELP, stdout);
            return 0;
        case 'v':
            puts("repolyp sources 0.1");
            return 0;
        default:
            die_usage("unknown option, see sources --help");
        }
    }
    if (optind == argc) die_usage("no argument, wanted SOURCE.src...; see sources --help");
    fetch.cache = cache;
    list(&fetch, raw, argv + optind, argc - optind);
    xfree(cache);
    return 0;
}
