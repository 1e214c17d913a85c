/* fetch_main.c - the tool `fetch`: a source file to a verified raw download.
 *
 * It unpacks nothing and reads no archive: what is in the file is convert's business. */
#include "core/die.h"
#include "core/file.h"
#include "fetch/cache.h"
#include "fetch/fetch.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: fetch [--mirror FOLDER]... [--pins FILE] [--terms FILE] [--absent FILE]\n"
    "             SOURCE.src OUT\n"
    "       fetch --check [--mirror FOLDER]... [--pins FILE] SOURCE.src OUT\n"
    "Brings the file SOURCE.src describes to OUT: from the first mirror folder that\n"
    "holds it, else from its addresses (file: is copied, https: downloaded, resumed and\n"
    "retried), else says how a person gets it (exit 3). Size, first bytes and sha256 are\n"
    "checked before OUT gets its name. What came over the net is kept in a cache that\n"
    "all checkouts share.\n"
    "\n"
    "  --mirror FOLDER  a folder with raw files, or https://... they lie under; repeats\n"
    "  --pins FILE      where no sha256 is published: what came the first time is written\n"
    "                   down there, and wanted from then on\n"
    "  --terms FILE     licence, terms and what to cite are told the first time only, and\n"
    "                   written down there\n"
    "  --absent FILE    if nobody has the file now: writes the reason to FILE and exits 0\n"
    "                   instead of 3, so that a chain can go on without it\n"
    "  --check          only looks, and prints NAME, STATE and WHERE with tabs between:\n"
    "                   present (at OUT), mirror, cached, fetchable or manual\n"
    "  --help, --version\n"
    "\n"
    "The environment:\n"
    "  OFFLINE=1        opens no socket\n"
    "  REPOLYP_CACHE    the cache's folder, empty for none; if not set:\n"
    "                   $XDG_CACHE_HOME/repolyp, else ~/.cache/repolyp\n"
    "  https_proxy, all_proxy, no_proxy, CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR:\n"
    "                   as with curl\n"
    "\n"
    "example: fetch --mirror ~/data fetch/sources/kvasir.src out/paper/raw/kvasir\n";

static const struct option OPTIONS[] = {
    {"mirror", required_argument, NULL, 'm'}, {"pins", required_argument, NULL, 'p'},
    {"terms", required_argument, NULL, 't'},  {"absent", required_argument, NULL, 'a'},
    {"check", no_argument, NULL, 'c'},        {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},      {NULL, 0, NULL, 0},
};

enum { MIRRORS = 64, NOTE = 8192 /* bytes */ };

struct call {
    struct fetch fetch;
    const char *source;
};

static void run(void *arg) {
    struct call *call = arg;
    struct source source;
    source_read(&source, call->source);
    fetch_run(&call->fetch, &source);
    source_free(&source);
}

static void check(const struct call *call) {
    struct source source;
    source_read(&source, call->source);
    char *line = fetch_look(&call->fetch, &source);
    puts(line);
    xfree(line);
    source_free(&source);
}

/* The note goes into the paper: without the last line, which may name a folder of this
 * machine. An equal one is left alone, so that nothing is made again for its new date. */
static void note(const char *path, const char *message) {
    const char *last = strrchr(message, '\n');
    char *line =
        xprintf("%.*s\n", (int)(last ? last - message : (long)strlen(message)), message);
    size_t n = 0;
    char *old = file_exists(path) ? file_read(path, NOTE, &n) : NULL;
    if (!old || n != strlen(line) || memcmp(old, line, n))
        file_write(path, line, strlen(line));
    xfree(old);
    xfree(line);
}

/* Only what may be different tomorrow is written down; a wrong file, a full disk stop the
 * chain. */
static void run_or_note(struct call *call, const char *absent) {
    char message[NOTE / 2];
    int gone = 0;
    call->fetch.gone = &gone;
    int code = die_catch(run, call, message, sizeof message);
    if (code == EXIT_NO) die_no("%s", message);
    if (code == EXIT_USAGE) die_usage("%s", message);
    if (code && !gone) die_world("%s", message);
    if (code) {
        warn("%s", message);
        note(absent, message);
    } else {
        file_remove(absent);
    }
}

static int is_set(const char *name) {
    const char *value = getenv(name);
    return value && *value && strcmp(value, "0");
}

int main(int argc, char **argv) {
    const char *mirror[MIRRORS], *absent = NULL;
    char *cache;
    struct call call = {.fetch = {.mirror = mirror, .most = fetch_most}};
    int option, only_check = 0;
    die_name("fetch");
    signal(SIGPIPE, SIG_IGN); /* a server that hangs up is an error like others */
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 'm':
            if (call.fetch.mirrors == MIRRORS)
                die_usage("--mirror: more than %d, wanted fewer", (int)MIRRORS);
            mirror[call.fetch.mirrors++] = optarg;
            break;
        case 'p':
            call.fetch.pins = optarg;
            break;
        case 't':
            call.fetch.terms = optarg;
            break;
        case 'a':
            absent = optarg;
            break;
        case 'c':
            only_check = 1;
            break;
        case 'h':
            fputs(HELP, stdout);
            return 0;
        case 'v':
            puts("repolyp fetch 0.1");
            return 0;
        default:
            die_usage("unknown option, see fetch --help");
        }
    }
    if (argc - optind != 2)
        die_usage("%d arguments, wanted SOURCE.src OUT; see fetch --help", argc - optind);
    if (only_check && absent) die_usage("--check and --absent, wanted one of them");
    call.source = argv[optind];
    call.fetch.out = argv[optind + 1];
    call.fetch.patience = patience_usual;
    call.fetch.offline = is_set("OFFLINE");
    call.fetch.cache = cache = cache_folder();
    if (only_check)
        check(&call);
    else if (absent)
        run_or_note(&call, absent);
    else
        run(&call);
    xfree(cache);
    return 0;
}
